"""Every run leaves one row, whatever happens to it, and is not run again."""

import os
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import IsolationForest
from sklearn.svm import OneClassSVM

from skdeepad.benchmark import Norm, run_benchmark
from skdeepad.benchmark._execute import COSTS, KEY, SIZES
from skdeepad.benchmark._results import read_rows

FORESTS = {name: name for name in ("IsolationForest", "pyod.IForest")}


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    y = np.arange(60) < 6
    return {"toy": (rng.normal(size=(60, 2)) + 2 * y[:, None], y.astype(int))}


def detector(how):
    """A detector that does something in fit; a local class, which travels to workers whole."""

    class Scripted(Norm):
        def fit(self, X, y=None):
            how(X, y)
            return super().fit(X)

    return Scripted()


def run(detectors, data, **options):
    return run_benchmark(detectors, data, **{"verbose": False, "seeds": [1, 2]} | options)


def test_a_run_is_a_row(data):
    results = run("Norm", data, protocols=["adbench", "clean"])
    assert results["status"].tolist() == ["ok"] * 4
    assert not results.duplicated(list(KEY)).any()
    assert results[[*SIZES, *COSTS]].notna().all(axis=None)
    assert results["roc_auc"].between(70, 100).all()
    assert results.iloc[0][list(SIZES)[:3]].tolist() == [700, 300, 2]


def test_a_run_depends_on_its_seed_alone(data):
    state = np.random.get_state()[1].copy()
    once, again = (run(FORESTS, data)["roc_auc"].tolist() for _ in range(2))
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert once == again
    assert once[0] != once[2]


def test_labels_are_never_shown(data):
    def no_labels(X, y):
        assert y is None

    assert run(detector(no_labels), data)["status"].eq("ok").all()


def test_a_failing_detector_is_a_row(data):
    def fail(X, y):
        raise RuntimeError("two\nlines")

    results = run({"bad": detector(fail), "good": Norm()}, data)
    bad = results[results["detector"] == "bad"]
    assert bad["error"].tolist() == ["RuntimeError: two lines"] * 2
    assert bad["roc_auc"].isna().all()
    assert bad["n_train"].eq(700).all()
    assert results["status"].tolist() == ["error", "ok"] * 2


def test_a_slow_detector_is_a_row(data):
    def sleep(X, y):
        time.sleep(5)

    results = run({"slow": detector(sleep), "good": Norm()}, data, time_limit=0.2, seeds=1)
    assert results["status"].tolist() == ["timeout", "ok"]
    assert results["error"][0] == "stopped after time_limit=0.2 s"


def test_a_detector_that_kills_its_process_is_a_row(data):
    def die(X, y):
        os._exit(7)

    results = run({"deadly": detector(die)} | FORESTS, data, n_jobs=2, seeds=1)
    assert results["status"].tolist() == ["error", "ok", "ok"]
    assert results["error"][0].startswith("TerminatedWorkerError")
    here = run(FORESTS, data, seeds=1)  # and workers give what this process gives
    assert results["roc_auc"].tolist()[1:] == here["roc_auc"].tolist()


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
def test_only_what_is_missing_is_run(data, tmp_path, name):
    ran, output = tmp_path / "ran", tmp_path / "deep" / name

    def count(X, y):
        with ran.open("a") as file:
            file.write("x")

    def interrupt(X, y):
        count(X, y)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run({"one": detector(count), "two": detector(interrupt)}, data, output=output)
    assert ran.read_text() == "xx"
    detectors = {"one": detector(count), "two": detector(count)}
    results = run(detectors, data, output=output)
    assert ran.read_text() == "xxxxx"  # three of four were missing
    pd.testing.assert_frame_equal(results, run(detectors, data, output=output), check_dtype=False)
    assert ran.read_text() == "xxxxx"
    run(detectors, data, output=output, seeds=[1, 2, 3])
    assert ran.read_text() == "xxxxxxx"


def test_a_line_that_was_cut_off_is_run_again(data, tmp_path):
    output = tmp_path / "results.csv"
    first = run("Norm", data, output=output)
    output.write_bytes(output.read_bytes()[:-30])
    assert len(read_rows(output)) == 1
    again = run("Norm", data, output=output)
    assert len(read_rows(output)) == 2
    assert first["roc_auc"].tolist() == again["roc_auc"].tolist()


def test_failed_runs_are_repeated_on_request_only(data, tmp_path):
    flag = tmp_path / "mended"

    def fail_at_first(X, y):
        if not flag.exists():
            raise RuntimeError('a "quoted", comma')

    flaky, output = detector(fail_at_first), tmp_path / "results.csv"
    for retry_errors, status in ((False, "error"), (False, "error"), (True, "ok")):
        results = run({"a": flaky}, data, output=output, retry_errors=retry_errors)
        assert results["status"].eq(status).all()
        flag.touch()
    assert len(read_rows(output)) == 2


def test_other_parameters_are_another_run(data, tmp_path):
    output = tmp_path / "results.csv"
    for contamination in (0.1, 0.2):
        run({"norm": Norm(contamination=contamination)}, data, output=output)
    assert [row["params"] for row in read_rows(output)] == ["", "", *["contamination=0.2"] * 2]


def test_metrics_may_be_functions(data):
    def top_is_anomaly(y_true, y_score):
        return y_true[np.argmin(y_score)]

    results = run("Norm", data, metrics={"top": top_is_anomaly}, seeds=7)
    assert results["top"].tolist() == [100.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocols": "adbensh"}, "protocols='adbensh'"),
        ({"metrics": "auc"}, "metrics='auc'"),
        ({"backend": "threads"}, "backend='threads'"),
        ({"output": "results.xls"}, r"output='results\.xls'"),
    ],
)
def test_wrong_options_are_named(data, options, message):
    with pytest.raises(ValueError, match=message):
        run("Norm", data, **options)


def test_an_estimator_without_scores_is_a_row(data):
    class Mute(BaseEstimator):
        def fit(self, X, y=None):
            return self

    assert run({"mute": Mute()}, data)["error"].str.contains("decision_function").all()


def test_a_row_stands_for_what_was_run_and_not_for_its_name(data, tmp_path):
    output, seeds = tmp_path / "results.csv", 1
    forest = run({"det": IsolationForest()}, data, output=output, seeds=seeds)
    svm = run({"det": OneClassSVM()}, data, output=output, seeds=seeds)
    assert svm["roc_auc"][0] != forest["roc_auc"][0]
    X, y = data["toy"]
    other = run({"det": IsolationForest()}, {"toy": (X - y[:, None], y)}, output=output, seeds=1)
    assert other["roc_auc"][0] != forest["roc_auc"][0]
    again = run({"det": IsolationForest()}, data, output=output, seeds=seeds)
    assert again["fit_time"][0] == forest["fit_time"][0]


def test_metrics_that_a_row_lacks_are_computed(data, tmp_path):
    output = tmp_path / "results.csv"
    run("Norm", data, output=output, metrics="roc_auc")
    results = run("Norm", data, output=output, metrics="average_precision")
    assert results["average_precision"].notna().all()


def test_a_detector_that_catches_errors_is_stopped_in_time(data):
    def stubborn(X, y):
        for _ in range(50):
            try:
                time.sleep(0.2)
            except Exception:
                continue

    results = run({"stubborn": detector(stubborn)}, data, time_limit=0.3, seeds=1)
    assert results["status"].tolist() == ["timeout"]


def test_seeds_are_integers_of_any_kind_and_each_given_once(data):
    assert run("Norm", data, seeds=np.int64(1))["seed"].tolist() == [1]
    with pytest.raises(ValueError, match=r"seeds=\[1, 1\] holds one of them twice"):
        run("Norm", data, seeds=[1, 1])
