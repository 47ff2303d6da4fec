"""What users of scikit-learn expect of every detector."""

import inspect
import re
import subprocess
import sys
import warnings
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skdeepad import (
    VAE,
    AnoGAN,
    AutoEncoder,
    DetectorEnsemble,
    DevNet,
    GroupAnomalyDetector,
    LadderVAE,
    LeSiNN,
    all_detectors,
)
from skdeepad.datasets import load_vowels
from skdeepad.metrics import anomaly_average_precision_scorer, anomaly_roc_auc_scorer
from skdeepad.preprocessing import semi_labels

from .instances import INSTANCES, learning, small, with_few_rows, without_labels

DETECTORS = dict(all_detectors())
pytestmark = [pytest.mark.usefixtures("quick_stages"), without_labels]
every_detector = pytest.mark.parametrize("name", DETECTORS)
META = {
    "DetectorEnsemble": DetectorEnsemble(small("AutoEncoder"), n_estimators=2, random_state=0),
    "mixed DetectorEnsemble": DetectorEnsemble(
        [("ae", small("AutoEncoder")), ("lof", LocalOutlierFactor(novelty=True))], random_state=0
    ),
    "GroupAnomalyDetector": GroupAnomalyDetector(small("VAE"), random_state=0),
}
every_estimator = pytest.mark.parametrize("name", [*DETECTORS, *META])


def make(name):
    return META[name] if name in META else small(name)


def some_labels(X):
    return np.resize([-1, 1, 0, 0, 0], len(X))


# The threshold ------------------------------------------------------------------------------


@every_estimator
def test_the_threshold_can_be_set_until_contamination_is_set_or_fit_called(name, X):
    det = make(name).fit(X)
    own, scores = det.offset_, det.score_samples(X)
    det.offset_ = float(np.sort(scores)[7])
    assert (det.predict(X) == -1).sum() == 7  # a row on the threshold is no outlier
    assert_array_equal(det.decision_function(X), scores - det.offset_)
    det.set_params(contamination=det.contamination)
    assert det.offset_ == own
    det.offset_ = -np.inf
    assert (det.predict(X) == 1).all()
    assert det.fit(X).offset_ == own
    with pytest.raises(ValueError, match="offset_='low' must be a number"):
        det.offset_ = "low"


@every_estimator
def test_an_automatic_contamination_is_accepted(name, X):
    det = make(name).set_params(contamination="auto").fit(X)
    assert np.isfinite(det.offset_) or name == "BDSGM"
    det.set_params(contamination=0.1)
    assert np.isfinite(det.offset_)


# Far out and in the middle --------------------------------------------------------------------


#: Methods whose score is no distance from what is normal: far out it need not rise on each ray.
RISES_ON_NO_RAY = {"DPLAN", "OCNN"}


@pytest.mark.whole_stages
@pytest.mark.parametrize("learned", DETECTORS, indirect=True)
def test_scores_stay_in_order_far_out(learned, X):
    rng = np.random.RandomState(1)
    rays = rng.randn(20, X.shape[1])
    rays *= X.std(0) / np.linalg.norm(rays, axis=1, keepdims=True)
    det, name = learned, type(learned).__name__
    if INSTANCES[name].needs_anomalies:
        known = np.r_[X, 25 * rays[:5]], np.repeat([0, -1], [len(X), 5])
        det = clone(learned).fit(*known)
    scores = [det.score_samples(X.mean(0) + size * rays) for size in (25, 1e2, 1e3, 1e6, 1e12)]
    for nearer, farther in pairwise(scores):
        assert np.isfinite(farther).all()
        assert (farther != nearer).all()
        assert (farther < nearer).mean() >= 0.9 or name in RISES_ON_NO_RAY


@every_detector
@pytest.mark.whole_stages
def test_the_middle_of_a_cloud_is_no_outlier(name):
    X, y = np.random.RandomState(0).randn(300, 4), None
    if INSTANCES[name].needs_anomalies:
        X, y = np.r_[X, np.full((5, 4), 6.0)], np.repeat([0, -1], [300, 5])
    det = learning(name).fit(X, y)
    assert_array_equal(det.predict([np.zeros(4), X[:300].mean(0)]), [1, 1])


# Batches ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_few_rows_more_or_less_change_little():
    X, y = load_vowels(return_X_y=True)
    normal, anomalies = X[y == 0], X[y == 1]
    test = np.r_[normal[-200:], anomalies]
    truth = np.repeat([0, 1], [200, len(anomalies)])

    def auc(n):
        # A single fit is off by some points with its seed, whatever the number of rows.
        dets = [LadderVAE(max_steps=900, batch_size=128, random_state=s) for s in range(5)]
        return np.mean(
            [100 * roc_auc_score(truth, -det.fit(normal[:n]).score_samples(test)) for det in dets]
        )

    aucs = [auc(n) for n in (1152, 1153, 1154, 1155)]
    assert max(aucs) - min(aucs) <= 2, aucs


# Input and parameters -------------------------------------------------------------------------


@every_detector
def test_one_width_may_stand_alone(name, X):
    det = small(name)
    for parameter in [p for p in det.get_params(deep=False) if p.endswith("layer_sizes")]:
        if name == "LadderVAE":
            det.set_params(n_latent=(3,))
        alone = det.set_params(**{parameter: 6}).fit(X, some_labels(X)).score_samples(X)
        several = det.set_params(**{parameter: (6,)}).fit(X, some_labels(X)).score_samples(X)
        assert_array_equal(alone, several)


@every_detector
def test_parameters_are_checked_each_time_that_training_goes_on(name, X):
    det = small(name).partial_fit(X, some_labels(X))
    scores = det.score_samples(X)
    with pytest.raises(ValueError, match=r"The 'lr' parameter of .* must be"):
        det.set_params(lr=-0.1).partial_fit(X, some_labels(X))
    assert_array_equal(det.score_samples(X), scores)


@every_detector
def test_named_columns_reach_a_scaler_that_asks_for_them(name, X):
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    columns = [("a", StandardScaler(), ["x0", "x3"]), ("b", StandardScaler(), ["x1"])]
    det = small(name, scaler=ColumnTransformer(columns, remainder="passthrough"))
    det.set_params(**{"hidden_layer_sizes": det.hidden_layer_sizes})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The boundary needs features")
        det.fit(frame, some_labels(X))
    assert_array_equal(det.score_samples(frame.iloc[:7]), det.score_samples(frame)[:7])


def too_few_rows(X):
    return X[:-1]


@pytest.mark.parametrize(
    ("scaler", "message"),
    [
        (FunctionTransformer(too_few_rows), "as many rows as it takes, got 299 for 300"),
        (OneHotEncoder(), "dense rows of numbers, as sparse_output=False makes them"),
        (FunctionTransformer(np.ravel), "dense rows of numbers: Expected 2D array"),
        (FunctionTransformer(partial(np.full_like, fill_value="x", dtype=object)), "could not"),
    ],
    ids=["fewer rows", "sparse", "one dimension", "text"],
)
@pytest.mark.parametrize("detector", [AutoEncoder(), DevNet(), LeSiNN()], ids=lambda d: repr(d))
def test_a_scaler_that_returns_no_rows_is_named(detector, scaler, message, X):
    with pytest.raises(ValueError, match=rf"scaler={re.escape(repr(scaler)[:12])}.* {message}"):
        clone(detector).set_params(scaler=scaler).fit(X.round(), some_labels(X))


@every_detector
def test_a_value_that_cannot_be_scaled_is_named(name, X):
    huge = X.copy()
    huge[3, 2] = 1e300
    det = small(name, scaler="standard").fit(X)
    message = r"X itself is finite; its largest absolute value is 1e\+300, in column 2"
    with pytest.raises(ValueError, match=message):
        det.fit(huge)
    assert np.isfinite(det.score_samples(huge)).all()
    assert det.predict(huge)[3] == -1 or name in RISES_ON_NO_RAY


def test_another_detectors_parameter_of_the_same_name_is_not_taken_for_granted(X):
    det = small("DevNet", warm_start=True, n_prior_draws=500).fit(X, some_labels(X))
    with pytest.warns(UserWarning, match="had when it began: n_prior_draws"):
        det.set_params(n_prior_draws=10).fit(X, some_labels(X))


# Streams ------------------------------------------------------------------------------------


@every_detector
@with_few_rows
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_stream_may_end_with_any_chunk(name, early_stopping, X):
    params = {"early_stopping": True} if early_stopping else {}
    if params.keys() - small(name).get_params().keys():
        pytest.skip("has no early stopping")
    det = small(name, **params).partial_fit(X, some_labels(X))
    chunks = [(X[:1], None), (X[:1], [-1]), (X[:1], [1]), (X[:2], [-1, -1]), (X[:6], np.zeros(6))]
    for rows, labels in [*chunks, (X[:50], some_labels(X[:50]))]:
        n_iter = det.n_iter_
        before = [p.clone() for p in det.net_.module_.parameters()]
        det.partial_fit(rows, labels)
        assert det.n_iter_ == n_iter + 1
        assert len(det.training_scores_) == len(rows)
        assert np.isfinite(det.score_samples(X)).all()
        assert any(map(lambda p, q: not torch.equal(p, q), before, det.net_.module_.parameters()))


@pytest.mark.whole_stages
@pytest.mark.parametrize("name", [name for name in DETECTORS if INSTANCES[name].needs_anomalies])
def test_known_anomalies_of_earlier_chunks_are_remembered(name, X, known_far, far_anomalies):
    rows, y = far_anomalies
    det = learning(name)
    det.fit(np.r_[X, known_far], np.repeat([0, -1], [len(X), len(known_far)]))
    for _ in range(3):
        det.partial_fit(X[:100])
    assert roc_auc_score(y, -det.score_samples(rows)) > 0.95
    for _ in range(500):
        labels = torch.full((len(known_far),), -1)
        det._labels.recall(det, known_far.astype(np.float32), labels, fresh=False)
    assert sum(map(len, det._remembered)) <= 512


# Searches and names ---------------------------------------------------------------------------


@pytest.mark.parametrize("scorer", [anomaly_average_precision_scorer, anomaly_roc_auc_scorer])
def test_labels_that_detectors_learn_from_are_scored_too(scorer, far_anomalies):
    rows, y = far_anomalies
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(small("DevNet"), {"lr": [1e-3, 1e-2]}, scoring=scorer, cv=folds)
    search.fit(rows, semi_labels(y))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ > 0.7


def test_subpackages_load_when_they_are_asked_for():
    code = """if True:
        import sys, skdeepad
        assert "skdeepad.preprocessing" not in sys.modules
        assert skdeepad.preprocessing.semi_labels([0, 1]).tolist() == [0, -1]
        assert {"metrics", "datasets", "inspection", "model_selection"} <= set(dir(skdeepad))
        assert skdeepad.benchmark.run_benchmark
        try:
            skdeepad.nothing
        except AttributeError as error:
            assert "nothing" in str(error)
    """
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


# Warnings -----------------------------------------------------------------------------------


def collapsed(call):
    return lambda: call(VAE(kl_weight=1000.0, max_epochs=30, random_state=0), NOISE)


NOISE = np.random.RandomState(0).randn(200, 3)
WARNING = {
    "collapse in fit": collapsed(lambda det, X: det.fit(X)),
    "collapse in fit_predict": collapsed(lambda det, X: det.fit_predict(X)),
    "collapse in a pipeline": collapsed(lambda det, X: make_pipeline(det).fit(X)),
    "no labels": lambda: small("DevNet").fit(NOISE),
    "changed parameters": lambda: (
        small("OCNN").fit(NOISE).set_params(scaler=None).partial_fit(NOISE)
    ),
    "equal rows": lambda: AutoEncoder(max_epochs=1).fit(np.ones((10, 2))),
    "a generator that collapses": lambda: AnoGAN(
        hidden_layer_sizes=(4,), max_steps=150, lr=0.5, n_starts=4, n_latent_steps=1, random_state=0
    ).fit(NOISE),
    "in an ensemble": lambda: DetectorEnsemble(
        VAE(kl_weight=1000.0, max_epochs=30), n_estimators=1, random_state=0
    ).fit(NOISE),
}


@pytest.mark.parametrize("case", WARNING)
def test_warnings_point_to_the_users_line(case):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        WARNING[case]()
    ours = [w for w in caught if issubclass(w.category, UserWarning | ConvergenceWarning)]
    assert ours
    assert {w.filename for w in ours} == {__file__}


def test_docstrings_of_fit_say_what_weights_are():
    for cls in [*DETECTORS.values(), DetectorEnsemble, GroupAnomalyDetector]:
        for method in ("fit", "partial_fit"):
            if hasattr(cls, method):
                assert "sample_weight" in inspect.signature(getattr(cls, method)).parameters
                assert "sample_weight : array-like" in getattr(cls, method).__doc__


def test_weights_of_an_ensemble_are_repetitions(X):
    weight = np.arange(len(X)) % 3
    ensemble = META["DetectorEnsemble"]
    scores = ensemble.fit(X, sample_weight=weight).score_samples(X)
    offset = ensemble.offset_
    ensemble.fit(X.repeat(weight, axis=0))
    assert_array_equal(ensemble.score_samples(X), scores)
    assert ensemble.offset_ == offset


@pytest.mark.parametrize(
    "member",
    [
        make_pipeline(StandardScaler(), PCA(2), DevNet(max_epochs=2)),
        make_pipeline(make_pipeline(StandardScaler(), AutoEncoder(max_epochs=2))),
        IsolationForest(n_estimators=5),
        LocalOutlierFactor(novelty=True),
        GaussianMixture(),
    ],
    ids=lambda member: type(member).__name__,
)
@pytest.mark.parametrize("routing", [False, True])
def test_members_of_any_kind_see_repetitions(member, routing, X):
    weight, y = np.arange(len(X)) % 3, some_labels(X)
    weighted, repeated = (
        DetectorEnsemble(member, n_estimators=1, combine="rank", random_state=0) for _ in range(2)
    )
    with sklearn.config_context(enable_metadata_routing=routing):
        weighted.fit(X, y, sample_weight=weight)
    repeated.fit(X.repeat(weight, axis=0), y.repeat(weight))
    assert_array_equal(weighted.score_samples(X), repeated.score_samples(X))
    assert len(weighted.training_scores_) == weight.sum()


def test_weights_of_any_size_are_the_same_in_any_order_of_ensembles_and_groups(X):
    weight, order = np.random.RandomState(0).rand(len(X)), np.random.RandomState(1).permutation(300)
    groups = np.arange(len(X)) // 10
    ensemble, groups_detector = META["DetectorEnsemble"], META["GroupAnomalyDetector"]
    offsets = [
        (
            ensemble.fit(X[o], sample_weight=weight[o]).offset_,
            groups_detector.fit(X[o], groups=groups[o], sample_weight=weight[o]).offset_,
        )
        for o in (np.arange(len(X)), order)
    ]
    assert_allclose(*offsets, rtol=1e-12)
