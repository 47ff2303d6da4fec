"""Labels reach each detector in its own convention; known and novel anomalies are told apart."""

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepad import DetectorEnsemble
from skdeepad.benchmark import Norm, run_benchmark, summarize
from skdeepad.benchmark._detectors import (
    find_detector,
    fit_with_labels,
    identify,
    normality,
    parse_detector,
)
from skdeepad.benchmark._execute import KEY
from skdeepad.benchmark._runner import make_tasks

Y = np.where(np.arange(50) % 12 == 5, -1, 0)
X = np.where(Y[:, None] < 0, 5.0, np.random.default_rng(0).normal(size=(50, 2)))
PROTOCOL = "adbench-50%"


class Recorder(Norm):
    """Keeps the labels that `fit` was given where all of its copies are seen."""

    seen = []

    def fit(self, X, y=None):
        self.seen.append(None if y is None else set(np.unique(y)))
        return super().fit(X)


class RecordingClassifier(ClassifierMixin, BaseEstimator):
    seen = Recorder.seen

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.seen.append(set(self.classes_))
        return self

    def predict_proba(self, X):
        anomalous = np.abs(X).max(axis=1) / np.abs(X).max()
        return np.column_stack([1 - anomalous, anomalous])


class RecordingPyOD(find_detector("pyod.KNN")):
    def fit(self, X, y=None):
        Recorder.seen.append(set(np.unique(y)))
        return super().fit(X)


OURS, OTHERS = {-1, 0}, {0, 1}
DETECTORS = {
    "ours": (Recorder(), OURS),
    "ours in a pipeline": (make_pipeline(StandardScaler(), Recorder()), OURS),
    "ours in an ensemble": (DetectorEnsemble(Recorder(), n_estimators=2), OURS),
    "ours in a search": (
        GridSearchCV(Recorder(), {}, scoring=lambda *_: 0.0, cv=2),
        OURS,
    ),
    "pyod's": (RecordingPyOD(), OTHERS),
    "pyod's in a pipeline": (make_pipeline(StandardScaler(), RecordingPyOD()), OTHERS),
    "pyod's in a search": (
        GridSearchCV(RecordingPyOD(), {}, scoring=lambda *_: 0.0, cv=2),
        OTHERS,
    ),
    "a classifier": (RecordingClassifier(), OTHERS),
    "a classifier in a pipeline": (make_pipeline(StandardScaler(), RecordingClassifier()), OTHERS),
}


@pytest.mark.parametrize(("detector", "labels"), DETECTORS.values(), ids=DETECTORS)
def test_labels_come_in_the_convention_of_the_detector(detector, labels):
    Recorder.seen.clear()
    fit_with_labels(detector, X, Y)
    assert Recorder.seen
    assert all(seen == labels for seen in Recorder.seen)
    inlier, outlier = normality(detector, np.array([[0.0, 0.0], [5.0, 5.0]]))
    assert inlier > outlier


def test_a_detector_that_is_no_estimator_of_scikit_learn_runs_as_well():
    class Other:
        def get_params(self, deep=True):
            return {}

        def set_params(self):
            return self

        def fit(self, X, y=None):
            self.center = X.mean(0)
            return self

        def score_samples(self, X):
            return -np.abs(X - self.center).sum(1)

    results = run_benchmark(Other(), "wine", protocols=["adbench", "adbench-10%"], seeds=1)
    assert results["status"].tolist() == ["ok", "ok"]


def test_without_labels_nothing_is_passed():
    Recorder.seen.clear()
    fit_with_labels(Recorder(), X, None)
    assert Recorder.seen == [None]


@pytest.mark.parametrize(
    "name", ["LogisticRegression", "pyod.DevNet", "HistGradientBoostingClassifier"]
)
def test_what_needs_labels_says_so_where_there_are_none(name):
    row = run_benchmark(name, {"toy": (X, -Y)}, seeds=1, verbose=False).iloc[0]
    assert row["status"] == "error"
    assert row["error"].startswith(f"TypeError: {name.removeprefix('pyod.')} learns from labels")
    with pytest.raises(TypeError, match="Pipeline learns from labels"):
        fit_with_labels(make_pipeline(LogisticRegression()), X, None)


@pytest.mark.parametrize("classifier", [LogisticRegression(), SGDClassifier(random_state=0)])
def test_classifiers_are_scored_by_the_class_of_the_anomalies(classifier):
    fit_with_labels(classifier, X, Y)
    inlier, outlier = normality(classifier, np.array([[0.0, 0.0], [5.0, 5.0]]))
    assert inlier > outlier
    if hasattr(classifier, "predict_proba"):
        assert -1 <= outlier < -0.5 < inlier <= 0


@pytest.mark.parametrize(
    "name", ["LogisticRegression", "HistGradientBoostingClassifier", "ADGM(max_steps=20)", "Norm"]
)
def test_detectors_run_with_labels_through_the_runner(name):
    results = run_benchmark(
        name, {"toy": (X, -Y)}, protocols=PROTOCOL, metrics="roc_auc", seeds=1, verbose=False
    )
    assert results["error"].tolist() == [""]
    assert results["roc_auc"][0] > 95


@pytest.mark.slow
def test_xgbod_learns_from_labels():
    pytest.importorskip("xgboost")
    rng = np.random.default_rng(0)
    y = np.arange(300) < 60
    data = rng.uniform(size=(300, 3))
    data[y, 0] *= 0.5  # half of them look like any other row
    detectors = {"xgbod": parse_detector("XGBOD(n_estimators=20)")[1], "norm": Norm()}
    results = run_benchmark(
        detectors, {"toy": (data, y)}, protocols="adbench-100%", seeds=1, verbose=False
    )
    assert results["roc_auc"][0] > results["roc_auc"][1] + 20


@pytest.fixture
def kinds():
    """Anomalies far to the right, which are known, and novel ones near the middle."""
    rng = np.random.default_rng(0)
    y = np.arange(300) < 60
    known = np.arange(300) < 30
    data = rng.normal(size=(300, 2))
    data[known] += 20.0
    return {"kinds": (data, y, known)}


def test_known_and_novel_anomalies_have_columns(kinds):
    results = run_benchmark("Norm", kinds, protocols=["adbench", "dplan"], seeds=1, verbose=False)
    assert results["roc_auc_known"].tolist() == [100.0] * 2
    assert results["roc_auc_novel"].between(20, 80).all()
    assert (results["roc_auc"] < 100).all()
    assert (results["roc_auc"] > results["roc_auc_novel"]).all()
    assert summarize(results, "roc_auc_known", "dplan")["mean"].tolist() == [100.0]


def test_each_kind_is_compared_with_all_normal_rows(kinds):
    def count(y_true, y_score):
        return y_true.sum() + len(y_true) / 1000

    row = run_benchmark(
        "Norm", kinds, protocols="dplan", metrics={"n": count}, seeds=1, verbose=False
    ).iloc[0]
    assert row["n"] == pytest.approx(100 * (12 + 60 / 1000))
    assert row["n_known"] == row["n_novel"] == pytest.approx(100 * (6 + 54 / 1000))


@pytest.mark.parametrize("all_known", [False, True])
def test_where_all_anomalies_are_known_there_are_no_such_columns(kinds, all_known):
    data, y, _ = kinds["kinds"]
    given = {"one": (data, y, y) if all_known else (data, y)}
    results = run_benchmark("Norm", given, seeds=1, verbose=False)
    assert not [name for name in results if name.endswith(("_known", "_novel"))]


def test_rows_with_and_without_kinds_share_a_file(kinds, tmp_path):
    output, (data, y, _) = tmp_path / "results.csv", kinds["kinds"]
    plain = run_benchmark("Norm", {"plain": (data, y)}, seeds=1, output=output, verbose=False)
    once, again = (
        run_benchmark(
            "Norm", kinds | {"plain": (data, y)}, seeds=1, output=output, verbose=False
        ).set_index("dataset")
        for _ in range(2)
    )
    assert once["fit_time"].equals(again["fit_time"])
    assert once.loc["plain", "fit_time"] == plain["fit_time"][0]
    assert np.isnan(once.loc["plain", "roc_auc_known"])
    assert again.loc["kinds", "roc_auc_known"] == 100.0


def test_kinds_are_part_of_the_fingerprint_only_where_they_are_given(kinds):
    data, y, known = kinds["kinds"]
    [old], [with_known] = (
        make_tasks("Norm", {"a": given}, seeds=1) for given in ((data, y), (data, y, known))
    )
    identity = identify(Norm())
    assert old.fingerprint == joblib.hash((identity, joblib.hash((data, y))))[:12]
    assert with_known.fingerprint != old.fingerprint
    assert old.key == tuple(getattr(old, name) for name in KEY)


def test_a_detector_that_asks_is_answered_and_others_have_labels_at_random():
    X, y = np.random.RandomState(0).randn(300, 3), np.arange(300) % 10 == 0
    X[y] += 4
    results = run_benchmark(
        ["FeedbackDetector", "DevNet(max_steps=5)", "LeSiNN"],
        {"some": (X, y)},
        protocols=["feedback-25"],
        seeds=1,
        n_jobs=1,
        verbose=False,
    )
    assert results["error"].tolist() == [""] * 3
    assert (results["protocol"] == "feedback-25").all()
