"""Every run leaves one row, whatever happens to it, and is not run again."""

import os
import re
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
from skdeepad.benchmark._summary import metric_names

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

    results = run({"slow": detector(sleep)}, data, time_limit=0.2, seeds=1)
    assert results["status"].tolist() == ["timeout"]
    assert results["error"][0] == "stopped after time_limit=0.2 s"


def test_a_detector_that_kills_its_process_is_a_row(data):
    def die(X, y):
        os._exit(7)

    results = run(FORESTS | {"deadly": detector(die)}, data, n_jobs=2, seeds=1)
    assert results["status"].tolist() == ["ok", "ok", "error"]
    assert results["error"][2] == "the worker process ended with exit status 7"
    here = run(FORESTS, data, seeds=1)  # and workers give what this process gives
    assert results["roc_auc"].tolist()[:2] == here["roc_auc"].tolist()


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


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
def test_failed_runs_that_nobody_asks_for_stay(data, tmp_path, name):
    output = tmp_path / name
    run({"good": Norm(), "bad": "AutoEncoder(lr=-1)"}, data, output=output)
    run({"good": Norm()}, data, output=output, retry_errors=True)
    run({"bad": "AutoEncoder(lr=-1)"}, data, output=output, retry_errors=True, seeds=1)
    rows = read_rows(output)
    assert [row["detector"] for row in rows] == ["good", "bad"] * 2
    assert [row["status"] for row in rows] == ["ok", "error"] * 2


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
        ({"protocols": []}, r"protocols=\[\]: pass at least one, such as 'adbench'"),
        ({"protocols": None}, "protocols=None is unknown"),
        (
            {"protocols": ["clean", "clean"]},
            r"protocols=\['clean', 'clean'\] holds one of them twice",
        ),
        ({"metrics": "auc"}, "metrics='auc'"),
        ({"metrics": None}, r"metrics=None: pass some of \['roc_auc', "),
        ({"metrics": [["roc_auc"]]}, r"metrics holds the label \['roc_auc'\], which is no str"),
        ({"metrics": {1: "roc_auc"}}, "metrics holds the label 1, which is no str"),
        ({"metrics": {"a": ["roc_auc"]}}, r"metrics=\['roc_auc'\] is unknown"),
        ({"retry_errors": "no"}, "retry_errors='no': pass True or False"),
        ({"retry_errors": None}, "retry_errors=None"),
        ({"backend": "threads"}, "backend='threads'"),
        ({"output": "results.xls"}, r"output='results\.xls'"),
        ({"time_limit": -1}, "time_limit=-1: pass a positive finite number of seconds or None"),
        ({"time_limit": 0}, "time_limit=0"),
        ({"time_limit": float("nan")}, "time_limit=nan"),
        ({"time_limit": float("inf")}, "time_limit=inf"),
        ({"time_limit": "60"}, "time_limit='60'"),
        ({"n_jobs": 0}, "n_jobs=0: pass a positive integer, a negative one"),
        ({"n_jobs": 1.5}, "n_jobs=1.5"),
        ({"n_jobs": True}, "n_jobs=True"),
        ({"seeds": -1}, r"seeds=-1: pass an integer from 0 to 2\*\*32 - 1"),
        ({"seeds": [1, 2**32]}, r"seeds=\[1, 4294967296\]"),
        ({"seeds": 1.5}, "seeds=1.5"),
        ({"seeds": "12"}, "seeds='12'"),
        ({"seeds": []}, r"seeds=\[\]"),
    ],
)
def test_wrong_options_are_named_before_anything_runs(data, options, message, tmp_path):
    def never(X, y):
        (tmp_path / "ran").touch()

    options = {"output": tmp_path / "out" / "results.csv"} | options
    with pytest.raises(ValueError, match=message):
        run(detector(never), data, **options)
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "out" / "results.csv").exists()


@pytest.mark.parametrize("empty", [[], {}, ()], ids=repr)
def test_nothing_to_run_is_refused(data, empty):
    with pytest.raises(ValueError, match=re.escape(f"detectors={empty!r}: pass at least one")):
        run(empty, data)
    with pytest.raises(ValueError, match=re.escape(f"datasets={empty!r}: pass at least one")):
        run("Norm", empty)


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


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
def test_metrics_that_a_row_lacks_are_computed_and_join_the_others(data, tmp_path, name):
    output, metrics = tmp_path / name, ["roc_auc", "average_precision"]
    first = run("Norm", data, output=output, metrics=metrics[0])
    second = run("Norm", data, output=output, metrics=metrics[1])
    both = run("Norm", data, output=output, metrics=metrics)
    assert both["roc_auc"].tolist() == first["roc_auc"].tolist()
    assert both["average_precision"].tolist() == second["average_precision"].tolist()
    assert both["fit_time"].tolist() == second["fit_time"].tolist()  # it was not run again
    assert len(read_rows(output)) == 2


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
def test_a_metric_that_is_nan_was_measured(data, tmp_path, name):
    measured, output = [], tmp_path / name

    def undefined(y_true, y_score):
        measured.append(1)
        return np.nan

    for metrics in ({"u": undefined}, {"u": undefined}, "roc_auc", {"u": undefined}):
        results = run("Norm", data, output=output, metrics=metrics, seeds=1)
    assert len(measured) == 1
    assert results["u"].isna().all()


def test_results_hold_what_was_asked_for_and_the_file_keeps_the_rest(data, tmp_path):
    output = tmp_path / "results.csv"
    run("Norm", data, output=output, metrics=["roc_auc", "precision_at_n"])
    written = pd.read_csv(output).assign(note="looked at")
    written.to_csv(output, index=False)
    results = run(["Norm", "ECOD"], data, output=output, metrics="roc_auc")
    assert metric_names(results) == ["roc_auc"]
    kept = pd.read_csv(output)
    assert kept["precision_at_n"].tolist()[: len(written)] == written["precision_at_n"].tolist()
    assert kept["note"].count() == len(written)
    assert metric_names(kept) == ["roc_auc", "precision_at_n"]


def test_a_failure_leaves_what_was_measured_before(data, tmp_path):
    flag, output = tmp_path / "broken", tmp_path / "results.csv"

    def fail_later(X, y):
        if flag.exists():
            raise RuntimeError

    flaky = detector(fail_later)
    before = run({"a": flaky}, data, output=output, metrics="roc_auc", seeds=1)
    flag.touch()
    run({"a": flaky}, data, output=output, metrics="average_precision", seeds=1)
    [row] = read_rows(output)
    assert row["status"] == "error"
    assert row["roc_auc"] == before["roc_auc"][0]
    assert "fit_time" not in row


def test_rows_of_one_run_become_one(data, tmp_path):
    output, seeds = tmp_path / "results.csv", 1
    first = run("Norm", data, output=output, seeds=seeds, metrics="roc_auc")
    head, line = output.read_text().splitlines(keepends=True)
    output.write_text(head + line + line.replace(f",{first['roc_auc'][0]},", ",,"))
    again = run("Norm", data, output=output, seeds=seeds, metrics="roc_auc")
    pd.testing.assert_frame_equal(again, first)
    assert output.read_text() == head + line


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


def test_an_error_that_cannot_be_shown_is_a_row(data):
    class MuteError(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    def fail(X, y):
        raise MuteError

    def fail_in_surrogates(X, y):
        raise ValueError("\ud800")

    results = run({"mute": detector(fail), "odd": detector(fail_in_surrogates)}, data, seeds=1)
    assert results["error"].tolist() == ["MuteError", "ValueError: ?"]


LABELS = ("NA", "nan", "null", "None", "", "1e3", "007", "True", " a ", "a\rb\nc", 'a"b', "ä,b", 7)


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
def test_every_label_is_found_again(data, tmp_path, name):
    output = tmp_path / name
    for detectors, datasets in (
        ({"norm": Norm()}, dict.fromkeys(LABELS, data["toy"])),
        (dict.fromkeys(LABELS, Norm()), data),
    ):
        times = [run(detectors, datasets, output=output, seeds=1)["fit_time"] for _ in range(2)]
        assert times[0].tolist() == times[1].tolist()  # it was not run again
    assert len(read_rows(output)) == 2 * len(LABELS)


@pytest.mark.parametrize("parameter", ["detectors", "datasets", "metrics"])
def test_labels_that_cannot_be_written_are_refused_before_anything_runs(data, tmp_path, parameter):
    def never(X, y):
        (tmp_path / "ran").touch()

    arguments = {"detectors": {"a": detector(never)}, "datasets": data}
    arguments |= {"metrics": {"m": lambda y_true, y_score: 0.0}}
    arguments[parameter] = {"a\ud800": next(iter(arguments[parameter].values()))}
    with pytest.raises(ValueError, match=rf"{parameter} holds the label 'a\\ud800'"):
        run_benchmark(**arguments, output=tmp_path / "results.csv", verbose=False)
    assert not (tmp_path / "ran").exists()


def test_a_row_that_was_cut_off_within_a_name_is_run_again(data, tmp_path):
    output = tmp_path / "results.csv"
    run("Norm", {"a\nb": data["toy"]}, output=output)
    content = output.read_bytes()
    output.write_bytes(content[: content.rindex(b"a\nb") + 3])
    assert len(read_rows(output)) == 1


def test_two_writers_are_refused(data, tmp_path):
    output = tmp_path / "results.csv"

    def again(X, y):
        with pytest.raises(OSError, match=r"results\.csv' is being written by another run"):
            run("Norm", data, output=output)
        run("Norm", data, output=tmp_path / "other.csv")

    assert run(detector(again), data, output=output, seeds=1)["status"].tolist() == ["ok"]
    run("Norm", data, output=output)  # the lock is free again


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("r.csv", b"a note, in one line"),
        ("r.csv", b"a note\n"),
        ("r.csv", b"\n"),
        ("r.csv", b"a,b\n"),
        ("r.csv", b"a,b\n1,2\n"),
        ("r.csv", b"\xff\xfe\x00"),
        ("r.parquet", b"a note"),
        ("r.parquet", b"PAR1 and no more"),
    ],
)
def test_foreign_files_are_refused_and_stay_as_they_are(data, tmp_path, name, content):
    output = tmp_path / name
    output.write_bytes(content)
    with pytest.raises(ValueError, match=rf"output='.*{name}' is no results file: "):
        run("Norm", data, output=output)
    assert output.read_bytes() == content


@pytest.mark.parametrize("name", ["results.csv", "results.parquet"])
def test_a_seed_that_is_no_number_is_shown_with_its_place(data, tmp_path, name):
    output = tmp_path / name
    run("Norm", data, output=output)
    if output.suffix == ".csv":
        output.write_text(output.read_text().replace(',2,"', ',"two","'))
    else:
        pd.read_parquet(output).assign(seed=["two"] * 2).to_parquet(output)
    place = "line 3" if output.suffix == ".csv" else "row 1"
    with pytest.raises(ValueError, match=rf"{name}', {place}: seed='two', where an integer"):
        run("Norm", data, output=output)


def test_a_line_with_too_many_cells_is_shown(data, tmp_path):
    output = tmp_path / "results.csv"
    run("Norm", data, output=output)
    output.write_text(output.read_text() + "1," * 99 + "\n")
    with pytest.raises(ValueError, match="is no results file: line 4 has 100 cells"):
        run("Norm", data, output=output)


def test_a_file_that_excel_saved_is_read(data, tmp_path):
    output = tmp_path / "results.csv"
    first = run("Norm", data, output=output)
    text = output.read_text(encoding="utf-8").replace("\n", "\r\n")
    output.write_bytes(text.encode("utf-8-sig"))
    pd.testing.assert_frame_equal(run("Norm", data, output=output), first)


def test_tables_of_something_else_are_refused(data, tmp_path):
    output = tmp_path / "r.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(output)
    content = output.read_bytes()
    with pytest.raises(ValueError, match="is no results file: it has no columns"):
        run("Norm", data, output=output)
    assert output.read_bytes() == content


@pytest.mark.parametrize("name", ["r.csv", "r.parquet"])
def test_an_empty_file_is_begun(data, tmp_path, name):
    (tmp_path / name).touch()
    run("Norm", data, output=tmp_path / name)
    assert len(read_rows(tmp_path / name)) == 2


@pytest.mark.parametrize("name", ["roc_auc", "twin_share", "fit_time"])
def test_a_note_in_place_of_a_number_is_named(name, data, tmp_path):
    output = tmp_path / "results.csv"
    run("Norm", data, output=output)
    table = pd.read_csv(output).astype(object)
    table.loc[0, name] = "n/a"
    table.to_csv(output, index=False)
    with pytest.raises(ValueError, match=rf"results.csv', line 2: {name}='n/a', where a number"):
        run("Norm", data, output=output)
