"""Means, ranks and wins are those counted by hand."""

import numpy as np
import pandas as pd
import pytest

from skdeepad.benchmark import by_dataset, published_table, summarize
from skdeepad.benchmark._summary import leaky_datasets, significance


def rows(values, twin_share=None, protocol="adbench"):
    """Result rows from {(dataset, detector): [metric of each seed]}; None is a failed run."""
    return pd.DataFrame(
        {
            "dataset": dataset,
            "detector": detector,
            "params": "",
            "protocol": protocol,
            "seed": seed,
            "twin_share": (twin_share or {}).get(dataset, 0.0),
            "roc_auc": np.nan if value is None else value,
            "fit_time": 1.0,
            "score_time": 0.5,
            "peak_memory_mb": 2.0,
            "status": "error" if value is None else "ok",
            "error": "",
            "versions": "{}",
        }
        for (dataset, detector), seeds in values.items()
        for seed, value in enumerate(seeds)
    )


RESULTS = rows(
    {
        ("d1", "A"): [80, 90],  # 85
        ("d1", "B"): [85, 85],  # 85, a tie
        ("d1", "C"): [50, 70],  # 60
        ("d2", "A"): [60, 60],
        ("d2", "B"): [70, None],  # 70 from the seed that ran
        ("d2", "C"): [None, None],
        ("d3", "A"): [90, 90],
        ("d3", "B"): [95, 95],
        ("d3", "C"): [99, 99],
    },
    twin_share={"d1": 0.04, "d3": 0.06},
)


def test_seeds_are_averaged_by_data_set():
    table = by_dataset(RESULTS)
    assert table.loc["d1"].tolist() == [85, 85, 60]
    assert table.loc["d2", "B"] == 70
    assert np.isnan(table.loc["d2", "C"])


def test_summary_by_hand():
    summary = summarize(RESULTS)
    assert summary.index.tolist() == ["B", "A", "C"]
    assert summary["mean_rank"].tolist() == [
        pytest.approx((1.5 + 1 + 2) / 3),
        pytest.approx((1.5 + 2 + 3) / 3),
        pytest.approx((3 + 3 + 1) / 3),
    ]
    assert summary["wins"].tolist() == [2, 1, 1]
    assert summary["mean"].tolist() == pytest.approx([250 / 3, 235 / 3, 159 / 2])
    assert summary["mean_leak_free"].tolist() == pytest.approx([155 / 2, 145 / 2, 60])
    assert summary["n_datasets"].tolist() == [3, 3, 2]
    assert summary["n_failed"].tolist() == [1, 0, 2]


def test_sets_with_many_twins_are_leaky():
    assert leaky_datasets(RESULTS) == ["d3"]


def test_protocols_are_not_mixed():
    both = pd.concat([RESULTS, RESULTS.assign(protocol="clean")])
    with pytest.raises(ValueError, match="protocol=None: choose one of"):
        summarize(both)
    assert summarize(both, protocol="clean").equals(summarize(RESULTS))
    with pytest.raises(ValueError, match="metric='auc'"):
        summarize(RESULTS, "auc")


def test_detectors_are_told_apart_only_where_they_differ():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(30, 3)), columns=list("abc"))
    p_value, pairs = significance(table)
    assert p_value > 0.05
    assert (pairs == 1).all(axis=None)
    table["c"] += 5
    p_value, pairs = significance(table)
    assert p_value < 1e-6
    assert pairs.loc["a", "c"] < 1e-3
    assert pairs.loc["a", "b"] > 0.05


def test_published_tables_are_whole():
    for metric, mean in (("roc_auc", 76.17), ("average_precision", 38.78)):
        table = published_table(metric)
        assert table.shape == (47, 14)
        assert table["IForest"].mean() == pytest.approx(mean, abs=0.005)
    with pytest.raises(ValueError, match="metric='f1'"):
        published_table("f1")
