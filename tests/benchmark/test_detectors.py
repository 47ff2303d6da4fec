"""Names are found and nothing else is run; scores have one sign; seeds arrive."""

from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepad.benchmark import Norm
from skdeepad.benchmark._detectors import (
    PYOD_MODULES,
    as_detectors,
    build,
    describe,
    detector_names,
    find_detector,
    normality,
    parse_detector,
)


@pytest.mark.parametrize(
    ("text", "module"),
    [
        ("Norm", "skdeepad.benchmark._norm"),
        ("AutoEncoder", "skdeepad.autoencoder"),
        ("pyod.AutoEncoder", "pyod.models.auto_encoder"),
        ("COPOD", "pyod.models.copod"),
        ("IsolationForest", "sklearn.ensemble"),
        ("sklearn.OneClassSVM", "sklearn.svm"),
        ("sklearn.LogisticRegression", "sklearn.linear_model"),
        ("HistGradientBoostingClassifier", "sklearn.ensemble"),
        ("pyod.DevNet", "pyod.models.devnet"),
        ("sklearn.covariance.EllipticEnvelope", "sklearn.covariance"),
    ],
)
def test_names_are_found(text, module):
    assert type(parse_detector(text)[1]).__module__.startswith(module)


def test_parameters_are_literals():
    label, forest = parse_detector("IsolationForest( n_estimators = 7,max_features=.5 )")
    assert label == "IsolationForest(n_estimators=7, max_features=0.5)"
    assert (forest.n_estimators, forest.max_features) == (7, 0.5)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "Norm(contamination=__import__('os').getpid())",
        "Norm(**{'contamination': 0.2})",
        "Norm(0.2)",
        "[Norm][0]",
        "lambda: 0",
        "Norm(contamination=0.2); 1",
        "os.system",
        "os.system(command='true')",
        "",
    ],
)
def test_anything_but_a_name_with_literals_is_refused(text):
    with pytest.raises(ValueError, match="detectors="):
        parse_detector(text)


def test_unknown_names_get_near_ones():
    with pytest.raises(ValueError, match=r"'IForrest' is unknown: did you mean .*'IForest'"):
        find_detector("IForrest")
    with pytest.raises(ValueError, match="n_estimator"):
        parse_detector("IsolationForest(n_estimator=7)")


def test_labels_must_differ():
    with pytest.raises(ValueError, match="'IsolationForest' twice"):
        as_detectors([IsolationForest(), IsolationForest(n_estimators=5)])
    with pytest.raises(TypeError, match="detectors=3"):
        as_detectors([3])
    with pytest.raises(TypeError, match="detectors=3"):
        as_detectors({"a": 3})
    with pytest.raises(ValueError, match="'1' twice"):
        as_detectors({1: "Norm", "1": Norm()})
    assert list(as_detectors({"a": "Norm", "b": Norm()})) == ["a", "b"]
    assert list(as_detectors(IsolationForest())) == ["IsolationForest"]


def test_every_name_of_the_list_is_a_class():
    without_xgboost = {"XGBOD"} if find_spec("xgboost") is None else set()
    found = [find_detector(name) for name in detector_names() if name not in without_xgboost]
    assert all(hasattr(cls, "fit") for cls in found)
    assert "pyod.AutoEncoder" in detector_names()
    assert set(PYOD_MODULES) <= {name.removeprefix("pyod.") for name in detector_names()}


@pytest.mark.parametrize(
    "name", ["pyod.ECOD", "pyod.IForest", "IsolationForest", "LocalOutlierFactor", "Norm"]
)
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_higher_scores_are_more_normal_for_everybody(name, in_pipeline):
    X = np.random.default_rng(0).normal(size=(200, 2))
    detector = parse_detector(name)[1]
    if in_pipeline:
        detector = make_pipeline(StandardScaler(), detector)
    inlier, outlier = normality(detector.fit(X), np.array([[0.0, 0.0], [9.0, 9.0]]))
    assert inlier > outlier


def test_the_seed_reaches_every_random_state():
    pipeline = build(make_pipeline(StandardScaler(), IsolationForest(random_state=5)), 3, 2)
    assert pipeline[-1].random_state == 3
    assert build(parse_detector("pyod.AutoEncoder")[1], 3, 2).random_state == 3
    assert build(parse_detector("pyod.DeepSVDD")[1], 3, 11).n_features == 11
    assert build(parse_detector("pyod.IForest")[1], 3, 2).random_state is None  # the global state


def test_parameters_are_described_alike_in_every_run():
    assert describe(IsolationForest(n_estimators=7, random_state=1)) == "n_estimators=7"
    assert describe(parse_detector("pyod.KNN(n_neighbors=9)")[1]) == "n_neighbors=9"
    step = make_pipeline(StandardScaler(), Norm())
    step.memory = object()
    assert " at 0x" not in describe(step)


def test_norm_is_the_squared_distance_in_standard_deviations():
    X = np.array([[0.0, 5.0], [2.0, 5.0], [4.0, 5.0]])
    norm = Norm(contamination=0.34).fit(X)
    np.testing.assert_allclose(norm.score_samples([[2.0, 5.0]]), 0)
    np.testing.assert_allclose(norm.score_samples([[4.0, 6.0]]), -(4 / (8 / 3) + 1))
    assert norm.predict([[2.0, 5.0], [99.0, 5.0]]).tolist() == [1, -1]
