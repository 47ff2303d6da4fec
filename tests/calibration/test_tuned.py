"""Thresholds that are tuned with labels."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import SGDOneClassSVM
from sklearn.metrics import balanced_accuracy_score, f1_score
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepad import AutoEncoder, DeepSAD
from skdeepad.base._training_scores import ranks_among, score_of_rank
from skdeepad.calibration import TunedThreshold

from ..instances import without_labels


class RandomScale(OutlierMixin, BaseEstimator):
    """Detector whose score is the first column in units that the seed draws."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        self.unit_ = 10.0 ** np.random.RandomState(self.random_state).uniform(-3, 3)
        self.offset_ = 0.25 * self.unit_
        return self

    def score_samples(self, X):
        return self.unit_ * np.asarray(X, dtype=float)[:, 0]

    def decision_function(self, X):
        return self.score_samples(X) - self.offset_


def some_rows(n=400, seed=0):
    """A fifth are anomalies, below −1; half of either kind are labelled."""
    rng = np.random.RandomState(seed)
    y = np.where(np.arange(n) % 5 == 0, -1, 1)
    X = np.where(y < 0, rng.uniform(-3, -1, n), rng.uniform(-1, 3, n))[:, None]
    return X, y, np.where(rng.rand(n) < 0.5, y, 0)


def small(**params):
    return TunedThreshold(AutoEncoder(max_epochs=3), **{"cv": 3, "random_state": 0} | params)


@without_labels
@parametrize_with_checks([small()])
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("cv", [5, "prefit"])
@pytest.mark.parametrize("params", [{}, {"metric": "balanced_accuracy"}, {"costs": (1, 1)}])
def test_the_threshold_is_found_whatever_the_units_of_the_scores(cv, params):
    X, _, known = some_rows()
    detector = RandomScale(0).fit(X) if cv == "prefit" else RandomScale()
    det = TunedThreshold(detector, cv=cv, random_state=0, **params).fit(X, known)
    new, labels, _ = some_rows(seed=1)
    assert balanced_accuracy_score(labels, det.predict(new)) > 0.98
    assert det.offset_ / det.detector_.unit_ == pytest.approx(-1, abs=0.1)
    assert det.share_ == pytest.approx(0.2, abs=0.02)
    assert det.best_score_ == pytest.approx(0 if "costs" in params else 1, abs=0.03)
    assert_array_equal(det.decision_function(new), det.score_samples(new) - det.offset_)


def test_costs_move_the_threshold_to_the_side_of_the_dearer_error():
    rng = np.random.RandomState(0)
    y = np.where(np.arange(600) % 3 == 0, -1, 1)
    X = (rng.randn(600) + y)[:, None]  # the kinds overlap
    offsets = [
        TunedThreshold(RandomScale(0).fit(X), cv="prefit", costs=costs).fit(X, y).offset_
        for costs in ((10, 1), (1, 1), (1, 10))
    ]
    assert offsets == sorted(offsets)
    assert len(set(offsets)) == 3
    by_hand = [
        ((X[:, 0] < c) & (y > 0)).mean() + 10 * ((X[:, 0] >= c) & (y < 0)).mean()
        for c in np.sort(X[:, 0])
    ]
    det = TunedThreshold(RandomScale(0).fit(X), cv="prefit", costs=(1, 10)).fit(X, y)
    assert -det.best_score_ == pytest.approx(min(by_hand), rel=0.1)


def test_a_metric_may_be_a_function_of_labels_of_0_and_1():
    X, _, known = some_rows()
    params = {"cv": 4, "random_state": 0}
    by_name = TunedThreshold(RandomScale(), metric="f1", **params).fit(X, known)
    by_hand = TunedThreshold(RandomScale(), metric=f1_score, **params).fit(X, known)
    assert by_name.offset_ == by_hand.offset_
    always = TunedThreshold(RandomScale(), metric=lambda y, found: found.mean(), **params)
    assert always.fit(X, known).share_ > 0.98


@pytest.mark.parametrize("labels", [None, 0, 1, -1])
def test_without_both_kinds_of_labels_the_threshold_is_the_detectors_own(labels):
    X, _, _ = some_rows(50)
    y = None if labels is None else np.full(50, labels)
    det = TunedThreshold(RandomScale(), random_state=0).fit(X, y)
    assert_allclose(det.offset_, det.detector_.offset_)
    assert np.isnan(det.best_score_)


def test_a_threshold_can_be_set():
    X, _, known = some_rows()
    det = TunedThreshold(RandomScale(), random_state=0).fit(X, known)
    det.offset_ = np.inf
    assert (det.predict(X) == -1).all()
    assert det.share_ == 1.0
    assert np.isfinite(det.fit(X, known).offset_)
    before = det.offset_
    for wrong in (np.nan, "a"):
        with pytest.raises(ValueError, match=r"offset_=.* must be a number"):
            det.offset_ = wrong
    assert det.offset_ == before


def test_few_labels_are_enough():
    X, y, _ = some_rows()
    for n_known in (1, 2, 3):
        known = np.zeros(len(X))
        for sign in (-1, 1):
            known[np.flatnonzero(y == sign)[:n_known]] = sign
        det = TunedThreshold(RandomScale(), random_state=0).fit(X, known)
        assert det.best_score_ == 1
        assert_array_equal(det.predict(X)[known != 0], known[known != 0])
        assert_array_equal(clone(det).fit_predict(X, known), det.predict(X))


def test_scores_that_are_no_numbers_are_the_lowest():
    X, _, known = some_rows()
    X[known < 0] = np.nan
    X[np.flatnonzero(known > 0)[:3]] = np.inf
    det = TunedThreshold(RandomScale(0).fit(X), cv="prefit").fit(X, known)
    assert np.isfinite(det.offset_)
    assert det.best_score_ > 0.95


def test_a_threshold_below_all_training_scores_is_uncertain():
    rng = np.random.RandomState(0)
    X, y = rng.randn(200, 5), np.zeros(200)
    X[:10] += 4
    y[:10], y[10:100] = -1, 1
    close = OneClassSVM(nu=0.1)
    with pytest.warns(UserWarning, match="below the scores of all training rows"):
        det = TunedThreshold(close, cv=3, random_state=0).fit(X, y)
    assert det.share_ == 0
    TunedThreshold(close.fit(X[100:]), cv="prefit").fit(X[:100], y[:100])


@pytest.mark.parametrize("make", [OneClassSVM, SGDOneClassSVM])
def test_a_threshold_of_the_detector_that_is_an_array_is_taken(make):
    X = np.random.RandomState(0).randn(60, 3)
    det = TunedThreshold(make()).fit(X)
    assert det.offset_ == det.detector_.offset_.item()


def test_what_can_not_be_tuned_says_why():
    X, _, known = some_rows(50)
    for value in (np.nan, (1, 2), None, "x"):
        with pytest.raises(ValueError, match=r"metric must return a number .*, got .* for some"):
            TunedThreshold(RandomScale(), metric=lambda y, found, v=value: v).fit(X, known)
    with pytest.raises(ValueError, match="cv=5"):
        TunedThreshold(RandomScale()).fit(X[:4], [-1, 1, 0, 0])
    with pytest.raises(ValueError, match="no threshold of its own"):
        TunedThreshold(KernelDensity()).fit(X)


@pytest.mark.parametrize("costs", [(1,), (1, -1), ("a", 1), (1, 2, 3), (1, np.inf)])
def test_costs_that_are_not_two_numbers_are_refused(costs):
    X, _, known = some_rows(50)
    with pytest.raises(ValueError, match="costs="):
        TunedThreshold(RandomScale(), costs=costs).fit(X, known)


def test_detectors_that_learn_from_labels_get_those_of_their_folds(X):
    y = np.where(np.arange(len(X)) % 4 == 0, -1, np.where(np.arange(len(X)) % 4 == 1, 1, 0))
    X = X + 3 * (y == -1)[:, None]
    deep = DeepSAD(max_epochs=10, pretrain_epochs=2)
    det = TunedThreshold(deep, cv=3, random_state=0).fit(X, y)
    assert f1_score(y[y != 0] < 0, det.predict(X)[y != 0] < 0) > 0.9


def test_pipelines_frozen_detectors_and_pickles(X):
    y = np.resize([-1, 1, 0, 0], len(X))
    pipeline = make_pipeline(StandardScaler(), AutoEncoder(max_epochs=3))
    inside = TunedThreshold(pipeline, cv=3, random_state=0).fit(X, y)
    assert_array_equal(pickle.loads(pickle.dumps(inside)).predict(X), inside.predict(X))
    frozen = FrozenEstimator(pipeline.fit(X))
    det = TunedThreshold(frozen, cv="prefit").fit(X, y)
    assert_array_equal(det.score_samples(X), pipeline.score_samples(X))
    unlabelled = TunedThreshold(frozen, cv="prefit").fit(X)
    assert_array_equal(unlabelled.predict(X), pipeline.predict(X))


def test_a_score_and_its_rank_are_inverse():
    training = np.sort(np.random.RandomState(0).randn(50))
    for score in (-9.0, -0.3, 0.2, 7.0, *training[[0, -1]]):
        assert score_of_rank(ranks_among(np.array(score), training), training) == pytest.approx(
            score
        )


def test_zeros_and_ones_are_taken_for_signs_with_a_warning(X):
    y = np.resize([0, 0, 0, 1], len(X))
    with pytest.warns(UserWarning, match="so that the threshold is that of the detector"):
        small().fit(X, y)
