"""Means, ranks and wins are those counted by hand."""

import re

import numpy as np
import pandas as pd
import pytest

from skdeepad.benchmark import by_dataset, published_table, summarize, write_report
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
    # On d2, which C did not finish, it counts as the worst of the others, A.
    assert summary["mean"].tolist() == pytest.approx([250 / 3, 235 / 3, 219 / 3])
    assert summary["median"].tolist() == [85, 85, 60]
    assert summary["mean_leak_free"].tolist() == pytest.approx([155 / 2, 145 / 2, 60])
    assert summary["n_datasets"].tolist() == [3, 3, 2]
    assert summary["n_failed"].tolist() == [1, 0, 2]


def test_failures_may_be_ignored_or_drop_the_data_set_for_all():
    ignored = summarize(RESULTS, failures="ignore").loc[list("ABC")]
    assert ignored["mean"].tolist() == pytest.approx([235 / 3, 250 / 3, 159 / 2])
    assert ignored["mean_leak_free"].tolist() == pytest.approx([145 / 2, 155 / 2, 60])
    dropped = summarize(RESULTS, failures="drop").loc[list("ABC")]
    assert dropped["mean"].tolist() == pytest.approx([175 / 2, 180 / 2, 159 / 2])
    assert dropped["mean_leak_free"].tolist() == pytest.approx([85, 85, 60])
    assert dropped["mean_rank"].tolist() == pytest.approx([(1.5 + 3) / 2, (1.5 + 2) / 2, 2])
    assert dropped["n_datasets"].tolist() == [3, 3, 2]
    with pytest.raises(ValueError, match="failures='skip': pass 'worst', 'drop' or 'ignore'"):
        summarize(RESULTS, failures="skip")


def test_a_detector_that_finished_nothing_has_no_mean():
    results = pd.concat([RESULTS, rows({(d, "D"): [None] for d in ("d1", "d2", "d3")})])
    summary = summarize(results)
    assert np.isnan(summary.loc["D", "mean"])
    assert summary.loc["C", "mean"] == pytest.approx(219 / 3)
    assert summary.loc["D", "n_datasets"] == 0


def best_cells(html):
    """First table of the page: column to detectors in bold."""
    table = html[html.index("<thead>") : html.index("</table>")]
    columns = re.findall(r"<th>(.*?)</th>", table)
    lines = [re.findall(r"<td(.*?)>(.*?)</td>", row) for row in table.split("<tr>")[2:]]
    return {
        column: [line[0][1] for line in lines if "best" in line[i][0]]
        for i, column in enumerate(columns)
    }


@pytest.mark.parametrize("failures", ["worst", "ignore"])
def test_a_mean_over_fewer_data_sets_is_never_the_best(tmp_path, failures):
    results = rows(
        {("d1", "A"): [80], ("d1", "B"): [99], ("d2", "A"): [60], ("d2", "B"): [None]},
    )
    html = write_report(results, tmp_path, failures).read_text(encoding="utf-8")
    best = best_cells(html)
    assert best["mean"] == best["median"] == best["mean leak free"] == ["A"]
    assert sorted(best["wins"]) == ["A", "B"]
    assert {"worst": "counts for its means with the least", "ignore": "cannot be compared"}[
        failures
    ] in html
    html = write_report(results, tmp_path, "drop").read_text(encoding="utf-8")
    assert best_cells(html)["mean"] == ["B"]  # d1 alone, for both
    assert "left out for all" in html


def test_names_do_not_break_tables_in_markdown(tmp_path):
    labels = {"A": "a|b", "B": "two\nlines", "C": "*x* <b>"}
    results = RESULTS.assign(
        detector=RESULTS["detector"].map(labels), dataset=RESULTS["dataset"] + "|x"
    )
    write_report(results, tmp_path)
    lines = (tmp_path / "summary.md").read_text(encoding="utf-8").splitlines()
    tables = [line for line in lines if line.startswith("|")]
    assert len(tables) == (2 + 3) + (2 + 3)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables[:5]} == {12}
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables[5:]} == {5}
    text = "\n".join(lines)
    assert r"a\|b" in text
    assert "two lines" in text
    assert r"\*x\* \<b\>" in text


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


def test_the_page_has_a_dark_mode_and_each_table_scrolls_by_itself(tmp_path):
    html = write_report(RESULTS, tmp_path).read_text(encoding="utf-8")
    assert "color-scheme: light dark" in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert html.count("<table>") == html.count('<div class="wide"><table>') == 4
    assert re.search(r"\.wide \{[^}]*overflow-x: auto", html)
    assert re.search(r"img \{[^}]*background: #fff", html)
