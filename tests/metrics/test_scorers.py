"""The scorers do in a search what the functions do on scores."""

import pickle
import warnings
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score, cross_validate
from sklearn.neighbors import KernelDensity, LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from skdeepad import ADGM, AutoEncoder, DetectorEnsemble, DevNet, metrics
from skdeepad.calibration import ConformalDetector, TunedThreshold
from skdeepad.interop import to_pyod
from skdeepad.metrics import (
    anomaly_average_precision,
    anomaly_average_precision_scorer,
    anomaly_roc_auc,
    anomaly_roc_auc_scorer,
    excess_mass_scorer,
    mass_volume_scorer,
    precision_at_n,
    precision_at_n_scorer,
)
from skdeepad.metrics._labels import known_anomaly_mask

PAIRS = [
    (anomaly_roc_auc_scorer, anomaly_roc_auc),
    (anomaly_average_precision_scorer, anomaly_average_precision),
    (precision_at_n_scorer, precision_at_n),
]
LABELLED = [scorer for scorer, _ in PAIRS]
LABEL_FREE = [mass_volume_scorer, excess_mass_scorer]
CV = StratifiedKFold(2, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    normal, anomalies = rng.normal(size=(90, 2)), rng.uniform(-4, 4, size=(10, 2))
    return np.vstack([normal, anomalies]), np.repeat([0, 1], [90, 10])


def forest(**parameters):
    return IsolationForest(n_estimators=10, random_state=0, **parameters)


@pytest.mark.parametrize(("scorer", "metric"), PAIRS)
@pytest.mark.parametrize("signs", [False, True], ids=["0/1", "-1/+1"])
@pytest.mark.parametrize(
    "detector",
    [forest(), OneClassSVM(), LocalOutlierFactor(novelty=True), EllipticEnvelope(random_state=0)],
    ids=lambda detector: type(detector).__name__,
)
def test_a_scorer_equals_its_metric_in_both_conventions(scorer, metric, signs, detector, data):
    X, y = data
    y_fold = np.where(y == 1, -1, 1) if signs else y
    pipeline = make_pipeline(StandardScaler(), detector).fit(X)
    expected = metric(y, pipeline.decision_function(X))
    assert scorer(pipeline, X, y_fold) == pytest.approx(expected)
    assert 0.5 < expected <= 1


def test_a_density_is_scored_by_score_samples(data):
    X, y = data
    density = KernelDensity().fit(X)
    expected = anomaly_roc_auc(y, density.score_samples(X))
    assert anomaly_roc_auc_scorer(density, X, y) == expected > 0.5


class Bare:
    """A detector with a decision function and nothing else to tell its sign by."""

    def __init__(self, labels):
        self.labels = labels

    def decision_function(self, X):
        return -np.abs(X).max(axis=1)

    def predict(self, X):
        return np.where(self.decision_function(X) < -2, *self.labels)


def test_a_decision_function_alone_is_read_where_predict_follows_scikit_learn(data):
    X, y = data
    detector = Bare(labels=(-1, 1))
    expected = anomaly_roc_auc(y, detector.decision_function(X))
    assert anomaly_roc_auc_scorer(detector, X, y) == expected > 0.5


@pytest.mark.parametrize("scorer", LABELLED + LABEL_FREE)
def test_a_decision_function_of_unknown_sign_is_refused(scorer, data):
    X, y = data
    classifier = LogisticRegression().fit(X, y)
    for estimator in (Bare(labels=(1, 0)), classifier, make_pipeline(classifier)):
        with pytest.raises(TypeError, match="the sign of its decision_function is not known"):
            scorer(estimator, X, y)


def test_an_estimator_without_scores_is_refused(data):
    X, y = data
    with pytest.raises(TypeError, match=r"estimator=StandardScaler\(\) has no scores"):
        anomaly_roc_auc_scorer(StandardScaler().fit(X), X, y)


@pytest.mark.parametrize(("scorer", "metric"), PAIRS)
def test_a_search_chooses_by_the_metric(scorer, metric, data):
    X, y = data
    pipeline = make_pipeline(StandardScaler(), OneClassSVM())
    grid = {"oneclasssvm__gamma": [0.1, 100.0]}
    search = GridSearchCV(pipeline, grid, scoring=scorer, cv=CV, refit=False).fit(X, y)
    for gamma, found in zip([0.1, 100.0], search.cv_results_["mean_test_score"], strict=True):
        pipeline.set_params(oneclasssvm__gamma=gamma)
        folds = [
            metric(y[test], pipeline.fit(X[train]).score_samples(X[test]))
            for train, test in CV.split(X, y)
        ]
        assert found == pytest.approx(np.mean(folds))
    assert search.best_params_ == {"oneclasssvm__gamma": 0.1}


@pytest.mark.parametrize("routing", [False, True])
def test_several_scorers_serve_one_search(routing, data):
    scoring = {scorer.__name__: scorer for scorer in LABELLED + LABEL_FREE}
    with config_context(enable_metadata_routing=routing):
        result = cross_validate(forest(), *data, scoring=scoring, cv=CV, error_score="raise")
    for name in scoring:
        assert np.isfinite(result[f"test_{name}"]).all()


@pytest.mark.parametrize("scorer", LABELLED + LABEL_FREE)
def test_a_scorer_pickles(scorer):
    assert pickle.loads(pickle.dumps(scorer)) is scorer


@pytest.mark.slow
def test_two_workers_score_as_one(data):
    one, two = (
        cross_val_score(forest(), *data, scoring=anomaly_roc_auc_scorer, cv=CV, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(one, two)


def test_n_of_a_precision_scorer_can_be_set(data):
    X, y = data
    detector = forest().fit(X)
    expected = precision_at_n(y, detector.score_samples(X), 3)
    assert partial(precision_at_n_scorer, n=3)(detector, X, y) == expected
    assert expected != precision_at_n_scorer(detector, X, y)


@pytest.mark.parametrize("scorer", LABELLED)
@pytest.mark.parametrize("wrap", [lambda detector: detector, make_pipeline])
def test_zeros_and_ones_are_doubted_where_a_detector_learns_from_signs(scorer, wrap, data):
    X, y = data
    detector = wrap(DevNet(max_epochs=1, random_state=0)).fit(X, -y)
    with pytest.warns(UserWarning, match="signs that DevNet learns from, 1 is a normal row"):
        value = scorer(detector, X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scorer(detector, X, y == 1) == scorer(detector, X, -y) == value
        scorer(AutoEncoder(max_epochs=1).fit(X), X, y)
        scorer(wrap(forest()).fit(X), X, y)


@pytest.mark.parametrize("scorer", LABEL_FREE)
def test_a_label_free_scorer_needs_and_reads_no_labels(scorer, data):
    X, y = data
    detector = forest().fit(X)
    assert scorer(detector, X) == scorer(detector, X, y) == scorer(detector, X, 1 - y)
    search = GridSearchCV(forest(), {"max_samples": [8, 50]}, scoring=scorer, cv=2).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("scorer", LABEL_FREE)
def test_a_label_free_scorer_is_deterministic_and_leaves_the_global_generator(scorer, data):
    X, _ = data
    detector = forest().fit(X)
    state = np.random.get_state()[1].copy()
    values = [scorer(detector, X, random_state=seed) for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize("scorer", LABEL_FREE)
def test_a_label_free_scorer_does_not_depend_on_units(scorer, data):
    X, _ = data
    units, origin = np.array([1e-6, 1e9]), np.array([3.0, -5e9])
    plain, other = (
        make_pipeline(StandardScaler(), OneClassSVM()).fit(data) for data in (X, X * units + origin)
    )
    assert scorer(other, X * units + origin) == pytest.approx(scorer(plain, X), rel=1e-2)


@pytest.mark.parametrize("scorer", LABEL_FREE)
@pytest.mark.filterwarnings("error")
def test_a_constant_column_changes_nothing(scorer, data):
    class FirstTwo(KernelDensity):
        def score_samples(self, X):
            assert X.shape[1] == 2 or (X[:, 2] == 0.1).all()
            return super().score_samples(X[:, :2])

    X, _ = data
    detector = FirstTwo().fit(X)
    wide = np.column_stack([X, np.full(len(X), 0.1)])
    # The third coordinate takes part in the draw of the points, so not bit for bit.
    assert scorer(detector, wide) == pytest.approx(scorer(detector, X), rel=0.1)


@pytest.mark.parametrize("scorer", LABEL_FREE)
@pytest.mark.parametrize("frame", [pd.DataFrame, partial(pl.DataFrame, orient="row")])
@pytest.mark.filterwarnings("error")
def test_a_detector_fitted_on_a_frame_is_asked_with_one(scorer, frame, data):
    X, _ = data
    table = frame(X, **{"columns" if frame is pd.DataFrame else "schema": ["a", "b"]})
    assert scorer(OneClassSVM().fit(table), table) == scorer(OneClassSVM().fit(X), X)


@pytest.mark.parametrize("scorer", LABEL_FREE)
@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8])
def test_one_column_of_any_number_type_is_enough(scorer, dtype):
    X = np.random.default_rng(0).normal(100, 20, size=(200, 1)).astype(dtype)
    detector = OneClassSVM().fit(X.astype(float))
    assert scorer(detector, X) == pytest.approx(scorer(detector, X.astype(float)), rel=1e-3)


@pytest.mark.parametrize("scorer", LABEL_FREE)
@pytest.mark.parametrize("n_uniform", [0, 1.5, True, None])
def test_a_bad_n_uniform_is_refused(scorer, n_uniform, data):
    X, _ = data
    with pytest.raises(ValueError, match=f"n_uniform={n_uniform!r} must be an integer"):
        scorer(forest().fit(X), X, n_uniform=n_uniform)


@pytest.mark.parametrize("scorer", LABEL_FREE)
@pytest.mark.parametrize("random_state", ["a", 1.5, -1])
def test_a_bad_random_state_is_refused(scorer, random_state, data):
    X, _ = data
    with pytest.raises(
        ValueError, match=f"random_state={random_state!r}: an integer of at least 0"
    ):
        scorer(forest().fit(X), X, random_state=random_state)


def test_each_public_name_exists():
    assert sorted(metrics.__all__) == metrics.__all__
    assert all(callable(getattr(metrics, name)) for name in metrics.__all__)


@pytest.mark.parametrize(
    "wrapper",
    [
        lambda detector: TunedThreshold(detector),
        lambda detector: DetectorEnsemble([("one", detector), ("other", IsolationForest())]),
        lambda detector: make_pipeline(StandardScaler(), ConformalDetector(detector)),
    ],
)
def test_kinds_of_anomalies_are_read_through_wrappers(wrapper):
    detector = wrapper(ADGM())
    assert known_anomaly_mask([-2, -1, 0, 1], detector).tolist() == [True, True, False, False]
    with pytest.warns(UserWarning, match="the signs that ADGM learns from"):
        known_anomaly_mask([0, 1, 1], detector)


def test_labels_of_pyod_are_none_of_the_detector_inside():
    inside = to_pyod(DevNet())
    assert known_anomaly_mask([0, 1, 1], inside).tolist() == [False, True, True]
