"""Ensembles of named members of several kinds."""

import pickle

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KernelDensity, LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepad import VAE, AutoEncoder, DeepSAD, DetectorEnsemble
from skdeepad.calibration import ConformalDetector, TunedThreshold
from skdeepad.interop import DetectorClassifier, from_pyod
from skdeepad.metrics import anomaly_roc_auc_scorer


class Untrained(AutoEncoder):
    """A member that tells if anything trains."""

    def _fit(self, *args, **kwargs):
        raise AssertionError("trained")

    fit = _fit


def vae(**params):
    return VAE(**{"max_epochs": 3, "n_draws": 4} | params)


def forest(**params):
    return IsolationForest(**{"n_estimators": 10} | params)


def mixed(*more, **params):
    det = DetectorEnsemble([("vae", vae()), ("forest", forest()), *more], random_state=0)
    return det.set_params(**params)


@parametrize_with_checks(
    [
        mixed(weights=[2, 1]),
        mixed(("density", KernelDensity()), forest="drop"),
    ]
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_the_score_is_the_weighted_mean_over_named_members(X):
    det = mixed(("svm", OneClassSVM()), weights=[2, 0.5, 1]).fit(X)
    assert list(det.named_estimators_) == ["vae", "forest", "svm"]
    parts = []
    for member in det.named_estimators_.values():
        training, scores = -member.score_samples(X), -member.score_samples(2 * X)
        median, upper = np.quantile(training, [0.5, 0.95])
        parts.append(np.clip((scores - median) / (upper - median), -3, 10))
    expected = -np.average(parts, axis=0, weights=[2, 0.5, 1])
    assert_allclose(det.score_samples(2 * X), expected, rtol=1e-9)
    assert_array_equal(det.set_params(weights=None).fit(X)._weights, [1, 1, 1])


MEMBERS = {
    "local outlier factor": LocalOutlierFactor(novelty=True),
    "elliptic envelope": EllipticEnvelope(),
    "mixture": GaussianMixture(2),
    "kernel density": KernelDensity(),
    "pipeline": make_pipeline(StandardScaler(), PCA(2), OneClassSVM()),
    "autoencoder in a pipeline": make_pipeline(StandardScaler(), AutoEncoder(max_epochs=3)),
    "ensemble": DetectorEnsemble(AutoEncoder(max_epochs=3), n_estimators=2),
    "conformal": ConformalDetector(forest()),
}


@pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS)
def test_members_may_be_of_any_kind(member, X, far_anomalies):
    rows, y = far_anomalies
    det = mixed(("other", member)).fit(X)
    assert roc_auc_score(y, -det.score_samples(rows)) > 0.95
    assert 0.05 <= (det.predict(X) == -1).mean() <= 0.15
    assert_array_equal(clone(det).fit(X).score_samples(rows), det.score_samples(rows))


def test_detectors_of_pyod_are_members(X, far_anomalies):
    knn = pytest.importorskip("pyod.models.knn")
    rows, y = far_anomalies
    det = mixed(("knn", from_pyod(knn.KNN()))).fit(X)
    assert roc_auc_score(y, -det.score_samples(rows)) > 0.95
    det.set_params(knn__detector__n_neighbors=3).fit(X)
    assert det.named_estimators_.knn.detector_.n_neighbors == 3
    with pytest.raises(ValueError, match=r"(?s)\('knn', KNN.*from_pyod"):
        det.set_params(knn=knn.KNN()).fit(X)


def test_local_outlier_factors_leave_out_the_training_row_itself(X):
    det = mixed(("lof", LocalOutlierFactor(novelty=True))).fit(X)
    lof = det.named_estimators_.lof
    assert_array_equal(det.member_scores_[2], np.sort(lof.negative_outlier_factor_))


def test_labels_reach_the_members_that_learn_from_them(X, known_far):
    rows, y = np.r_[X, known_far], np.r_[np.zeros(len(X)), np.full(len(known_far), -1)]
    sad = DeepSAD(max_epochs=3, pretrain_epochs=0)
    det = DetectorEnsemble([("sad", sad), ("forest", forest())], random_state=0)
    scores = det.fit(rows, y).named_estimators_.sad.score_samples(rows)
    with pytest.warns(UserWarning, match="no labelled anomaly"):
        det.fit(rows)
    assert (det.named_estimators_.sad.score_samples(rows) != scores).any()


# Parameters ----------------------------------------------------------------------------------


def test_parameters_of_members_are_get_set_and_cloned():
    det = mixed(("pipe", make_pipeline(StandardScaler(), AutoEncoder())))
    params = det.get_params()
    assert params["vae"] is det.estimator[0][1]
    assert params["pipe__autoencoder__lr"] == AutoEncoder().lr
    assert "vae" not in det.get_params(deep=False)
    before = det.estimator
    det.set_params(vae__lr=0.5, forest=forest(n_estimators=3), combine="rank")
    assert (det.estimator[0][1].lr, det.estimator[1][1].n_estimators) == (0.5, 3)
    assert before[1][1].n_estimators == 10
    twin = clone(det)
    assert twin.get_params()["vae__lr"] == 0.5
    assert twin.estimator[0][1] is not det.estimator[0][1]
    det.set_params(estimator=[("ae", AutoEncoder())], ae__lr=0.25)
    assert det.get_params()["ae__lr"] == 0.25
    assert det.set_params(estimator=forest(), estimator__n_estimators=2).estimator.n_estimators == 2
    for wrong in ("vae", "ae__lr"):
        with pytest.raises(ValueError, match="Invalid parameter"):
            det.set_params(**{wrong: 1})


def test_a_dropped_member_is_not_trained_and_has_neither_score_nor_weight(X):
    det = mixed(weights=[5, 1]).set_params(vae="drop").fit(X)
    assert det.named_estimators_.vae == "drop"
    assert det.estimators_ == [det.named_estimators_.forest]
    assert len(det.member_scores_) == 1
    assert_array_equal(det._weights, [1])
    alone = DetectorEnsemble([("forest", forest())], random_state=0).fit(X)
    assert_array_equal(det.score_samples(X), alone.score_samples(X))
    assert not hasattr(det.set_params(estimator=forest(), weights=None).fit(X), "named_estimators_")


def test_members_keep_their_seeds_whatever_the_others(X):
    def seed_of(det):
        return det.fit(X).named_estimators_.forest.random_state

    pairs = [("forest", forest()), ("svm", OneClassSVM())]
    seed = seed_of(DetectorEnsemble(pairs, random_state=0))
    for others in (pairs[::-1], pairs[:1], [("first", forest()), *pairs]):
        assert seed_of(DetectorEnsemble(others, random_state=0)) == seed
    assert seed_of(DetectorEnsemble(pairs, random_state=1)) != seed
    twins = DetectorEnsemble([("one", forest()), ("two", forest(random_state=3))], random_state=0)
    seeds = {member.random_state for member in twins.fit(X).estimators_}
    assert len(seeds - {3, seed}) == 2


def test_members_and_weights_can_be_searched(X, far_anomalies):
    rows, y = far_anomalies
    grid = {
        "vae__max_steps": [2, 20],
        "weights": [[1, 1], [2, 1]],
        "vae": ["drop", vae()],
        "combine": ["quantile", "rank"],
    }
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(mixed(), grid, scoring=anomaly_roc_auc_scorer, cv=folds).fit(rows, y)
    results = pd.DataFrame(search.cv_results_)
    assert np.isfinite(results["mean_test_score"]).all()
    dropped = results[results["param_vae"].astype(str) == "drop"]
    assert (dropped.groupby("param_combine")["mean_test_score"].nunique() == 1).all()
    trained = results[results["param_vae"].astype(str) != "drop"]
    assert trained["mean_test_score"].nunique() > 4


# What can't be combined ----------------------------------------------------------------------

PAIR = ("forest", forest())
REFUSED = {
    "no score": ([PAIR, ("lof", LocalOutlierFactor())], {}, r"\('lof', LocalOutlierFactor\(\)\)"),
    "a clusterer": ([("means", KMeans()), PAIR], {}, "'means', KMeans.*score_samples"),
    "a classifier": ([("logit", LogisticRegression())], {}, "'logit', LogisticRegression"),
    "a class": ([("forest", IsolationForest)], {}, "must be an instance"),
    "nothing": ([PAIR, ("other", None)], {}, r"\('other', None\)"),
    "an empty list": ([], {}, r"estimator=\[\] must be"),
    "no names": ([forest()], {}, r"IsolationForest.* must be an estimator, or a list of \(name"),
    "all dropped": ([("a", "drop"), ("b", "drop")], {}, "must have a member that is not 'drop'"),
    "equal names": ([PAIR, PAIR], {}, r"must differ, got .*'forest', 'forest'"),
    "a separator": ([("a__b", forest())], {}, "'a__b'.* must not .*contain '__'"),
    "a parameter": ([("weights", forest())], {}, "'weights'.* parameter of DetectorEnsemble"),
    "an empty name": ([("", forest())], {}, "must not be empty"),
    "a number of members": ([PAIR], {"n_estimators": 3}, "n_estimators=3 must be None"),
    "few weights": ([PAIR], {"weights": [1]}, r"weights=\[1\] must hold .* of the 2 members"),
    "a matrix": ([PAIR], {"weights": [[1, 1]]}, "weights="),
    "negative weights": ([PAIR], {"weights": [2, -1]}, r"weights=\[2, -1\].* negative"),
    "no weight": ([PAIR], {"weights": [0, 0]}, "above 0"),
    "NaN": ([PAIR], {"weights": [1, np.nan]}, "finite"),
    "words": ([PAIR], {"weights": ["one", "two"]}, "finite number"),
    "a dropped weight": ([PAIR, ("a", "drop")], {"weights": [0, 0, 1]}, "above 0"),
    "positive scores": (
        [("all", make_pipeline(StandardScaler(), DetectorEnsemble(forest())))],
        {"combine": "log"},
        "combine='log' needs .* DetectorEnsemble are",
    ),
    "p-values": ([("p", ConformalDetector(forest()))], {"combine": "log"}, "ConformalDetector are"),
}


@pytest.mark.parametrize(("pairs", "params", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_combined_is_refused_before_anything_trains(pairs, params, message, X):
    if pairs and "drop" not in message and "must be an estimator" not in message:
        pairs = [("untrained", Untrained()), *pairs]
    det = DetectorEnsemble(pairs, **params)
    assert repr(det)
    with pytest.raises(ValueError, match=message):
        det.fit(X)


def test_positive_scores_that_only_training_shows_leave_the_fit_before(X):
    det = mixed(combine="quantile").fit(X)
    before = det.score_samples(X)
    det.set_params(combine="log", vae=GaussianMixture(2))
    with pytest.raises(
        ValueError, match=r"'log' needs .* GaussianMixture are.* 'quantile', 'rank'"
    ):
        det.fit(X)
    assert_array_equal(det.score_samples(X), before)
    assert det.fit(100 * X).score_samples(X).shape == (300,)  # densities below 1


# Rows, names and copies ----------------------------------------------------------------------


@pytest.mark.parametrize("combine", ["quantile", "rank", "zscore"])
def test_a_row_alone_has_the_score_that_it_has_among_others(combine, X):
    members = [(f"forest{i}", forest(n_estimators=3)) for i in range(12)]
    det = mixed(*members, ("svm", OneClassSVM()), combine=combine).fit(X)
    alone = [det.score_samples(row[None])[0] for row in X[:40]]
    assert_array_equal(alone, det.score_samples(X)[:40])


@pytest.mark.parametrize("backend", ["loky", "threading", "stacked"])
def test_any_number_of_jobs_and_backend_give_the_same(backend, X):
    members = [("ae", AutoEncoder(max_epochs=3)), ("lof", LocalOutlierFactor(novelty=True))]
    # The threads of an isolation forest add up its trees in any order.
    det = mixed(*members, forest="drop")
    expected = clone(det).fit(X).score_samples(X)
    with parallel_config(backend, n_jobs=2):
        scores = clone(det).fit(X).score_samples(X)
    if backend == "stacked":  # nets as one round in another order
        assert_allclose(scores, expected, rtol=1e-3, atol=1e-4)
    else:
        assert_array_equal(scores, expected)


def test_weights_of_rows_frames_and_copies(X):
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    weight = np.arange(len(X)) % 3
    det = mixed(("ae", AutoEncoder(max_epochs=1))).fit(frame, sample_weight=weight)
    assert_array_equal(det.feature_names_in_, list("abcdefgh"))
    assert det.n_features_in_ == 8
    assert len(det.training_scores_) == weight.sum()
    with pytest.raises(ValueError, match="feature names"):
        det.score_samples(frame[list("hgfedcba")])
    twin = pickle.loads(pickle.dumps(det))
    assert_array_equal(twin.score_samples(frame), det.score_samples(frame))
    assert twin.named_estimators_.vae is twin.estimators_[0]


def test_missing_values_and_sparse_rows_are_tagged_if_all_members_take_them():
    def tags(det):
        return det.__sklearn_tags__().input_tags

    masking = AutoEncoder(missing="mask")
    assert tags(DetectorEnsemble(masking)).allow_nan
    assert tags(DetectorEnsemble([("ae", masking), ("forest", forest())])).allow_nan
    assert not tags(DetectorEnsemble([("ae", masking), ("svm", OneClassSVM())])).allow_nan
    assert tags(DetectorEnsemble([("forest", forest()), ("svm", OneClassSVM())])).sparse
    assert not tags(mixed()).sparse


def test_thresholds_and_classifiers_are_made_of_mixed_ensembles(X, known_far):
    rows = np.r_[X, known_far]
    y = np.r_[np.ones(len(X)), np.full(len(known_far), -1)]
    conformal = ConformalDetector(mixed(), random_state=0).fit(X)
    assert (conformal.predict(X) == -1).mean() < 0.2
    assert (conformal.predict(10 * known_far) == -1).all()
    tuned = TunedThreshold(mixed(), cv=2, random_state=0).fit(rows, y)
    assert tuned.best_score_ > 0.5
    classifier = DetectorClassifier(mixed()).fit(rows, y < 0)
    assert classifier.score(rows, y < 0) > 0.8
