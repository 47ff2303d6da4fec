"""Means, ranks and wins are those counted by hand."""

import re

import numpy as np
import pandas as pd
import pytest

from skdeepad.benchmark import by_dataset, published_table, summarize, write_report
from skdeepad.benchmark._protocols import MIN_ROWS, adbench
from skdeepad.benchmark._summary import LEAKY, leaky_datasets, significance


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


def test_differences_from_a_reference_by_hand():
    summary = summarize(RESULTS, reference="A").loc[list("ABC")]
    # B: 0, 10 and 5 more than A; C: -25, 0 (it counts as A, the worst that finished) and 9.
    assert summary["difference"].tolist() == pytest.approx([0, 5, -16 / 3])
    # Of three values, a resample has one alone with a probability of 1/27, above 2.5 %.
    assert summary["difference_low"].tolist() == [0, 0, -25]
    assert summary["difference_high"].tolist() == [0, 10, 9]
    assert summary["difference_leak_free"].tolist() == pytest.approx([0, 5, -12.5])
    assert summary["won"].tolist() == [1.5, 2.5, 1]  # d2, where C failed, is lost
    # Of two values above 0, the signs are the least likely with a probability of 2/4.
    assert summary["p_value"].tolist() == pytest.approx([np.nan, 0.5, 1], nan_ok=True)
    others = summary.drop(columns=summary.columns.difference(summarize(RESULTS).columns))
    assert others.equals(summarize(RESULTS).loc[list("ABC")])


def test_differences_count_failures_as_means_do():
    ignored = summarize(RESULTS, failures="ignore", reference="C").loc[list("ABC")]
    assert ignored["difference"].tolist() == pytest.approx([8, 10.5, 0])  # of d1 and d3
    assert ignored["difference_low"].tolist() == [-9, -4, 0]
    assert ignored["difference_high"].tolist() == [25, 25, 0]
    assert ignored["won"].tolist() == [2, 2, 1.5]
    dropped = summarize(RESULTS, failures="drop", reference="C").loc[list("ABC")]
    assert dropped["difference"].tolist() == pytest.approx([8, 10.5, 0])
    assert dropped["won"].tolist() == [1, 1, 1]


def test_one_data_set_has_a_difference_but_no_interval_and_no_p_value():
    summary = summarize(RESULTS[RESULTS["dataset"] == "d3"], reference="A")
    assert summary.loc["C", "difference"] == 9
    assert summary.loc["C", "won"] == 1
    undefined = ["difference_low", "difference_high", "difference_leak_free", "p_value"]
    assert summary[undefined].isna().all(axis=None)


def test_two_data_sets_bound_the_interval():
    summary = summarize(RESULTS[RESULTS["dataset"] != "d2"], reference="A")
    assert summary.loc["C", ["difference_low", "difference_high"]].tolist() == [-25, 9]
    assert summary.loc["B", "p_value"] == 1  # d1 is a tie


def test_a_detector_or_a_reference_that_finished_nothing_has_no_difference():
    results = pd.concat([RESULTS, rows({(d, "D"): [None] for d in ("d1", "d2", "d3")})])
    columns = ["difference", "difference_low", "difference_high", "p_value"]
    of_d = summarize(results, reference="A").loc["D"]
    assert of_d[columns].isna().all()
    assert of_d["won"] == 0
    assert summarize(results, reference="D")[columns].isna().all(axis=None)
    nothing_left = summarize(results, failures="drop", reference="A")
    assert nothing_left[columns].isna().all(axis=None)


def test_p_values_and_intervals_of_many_data_sets():
    # All ten differences are above 0: the test's exact p-value is 2 / 2 ** 10.
    gains = np.arange(1.0, 11)
    values = {(f"d{i}", "A"): [50.0] for i in range(10)}
    values |= {(f"d{i}", "B"): [50 + gain] for i, gain in enumerate(gains)}
    of_b = summarize(rows(values), reference="A").loc["B"]
    assert of_b["p_value"] == pytest.approx(2 / 2**10)
    error = gains.std() / np.sqrt(10)
    assert of_b["difference_low"] == pytest.approx(5.5 - 1.96 * error, abs=0.2)
    assert of_b["difference_high"] == pytest.approx(5.5 + 1.96 * error, abs=0.2)
    assert of_b.equals(summarize(rows(values), reference="A").loc["B"])


def test_a_reference_must_be_a_detector_of_the_results():
    with pytest.raises(ValueError, match=r"reference='IForest' is no detector .*\['A', 'B', 'C'\]"):
        summarize(RESULTS, reference="IForest")


def best_cells(html):
    """First table of the page: column to detectors in bold."""
    table = html[html.index("<thead>") : html.index("</table>")]
    columns = re.findall(r"<span>(.*?)</span>", table)
    rows = [re.findall(r"<t[hd](.*?)>(.*?)</t[hd]>", row) for row in table.split("<tr>")[2:]]
    return {
        column.replace("\N{NO-BREAK SPACE}", " "): [
            row[0][1] for row in rows if "best" in row[i][0]
        ]
        for i, column in enumerate(columns)
    }


@pytest.mark.parametrize("failures", ["worst", "ignore"])
def test_a_mean_over_fewer_data_sets_is_never_the_best(tmp_path, failures):
    results = rows(
        {("d1", "A"): [80], ("d1", "B"): [99], ("d2", "A"): [60], ("d2", "B"): [None]},
        twin_share={"d2": 0.5},
    )
    html = write_report(results, tmp_path, failures).read_text(encoding="utf-8")
    best = best_cells(html)
    assert best["mean, %"] == best["median, %"] == best["mean without †, %"] == ["A"]
    assert sorted(best["wins"]) == ["A", "B"]
    assert {"worst": "counts for its means with the least", "ignore": "cannot be compared"}[
        failures
    ] in html
    html = write_report(results, tmp_path, "drop").read_text(encoding="utf-8")
    assert best_cells(html)["mean, %"] == ["B"]  # d1 alone, for both
    assert "left out for all" in html


def test_no_difference_over_fewer_data_sets_is_the_best(tmp_path):
    results = rows(
        {
            **{("d1", "A"): [80], ("d1", "B"): [99], ("d1", "a_b"): [70]},
            **{("d2", "A"): [60], ("d2", "B"): [None], ("d2", "a_b"): [50]},
        },
    )
    html = write_report(results, tmp_path, reference="a_b").read_text(encoding="utf-8")
    best = best_cells(html)
    assert best["difference, points (95 % interval)"] == best["sets won"] == ["A"]
    assert best["p value"] == []
    assert "10.00<small>10.0 to 10.0</small>" in html
    assert "Differences are from a_b, with a 95 % bootstrap interval" in html
    assert "Differences are from a_b" in (tmp_path / "summary.md").read_text(encoding="utf-8")


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


@pytest.mark.parametrize("n_rows", [50, MIN_ROWS - 1])
def test_sets_that_are_resampled_to_more_rows_are_leaky(n_rows):
    X = np.random.default_rng(0).normal(size=(n_rows, 2))
    shares = [adbench(X, np.arange(n_rows) < 10, seed).twin_share for seed in (1, 2, 3)]
    assert min(shares) > 0.4 > LEAKY


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
