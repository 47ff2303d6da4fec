"""pyod's detectors in scikit-learn's convention, and detectors in pyod's."""

import pickle
import random

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepad import AutoEncoder, DeepSAD, DetectorEnsemble
from skdeepad.base._training_scores import scores_of_training_rows
from skdeepad.datasets import load_wine
from skdeepad.interop import PyODDetector, from_pyod, to_pyod
from skdeepad.metrics import anomaly_roc_auc, anomaly_roc_auc_scorer

pytest.importorskip("pyod", reason="pyod is not installed")

from pyod.models.auto_encoder import AutoEncoder as PyODAutoEncoder
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN


@pytest.fixture(scope="module")
def wine():
    return load_wine(return_X_y=True)


def small(**params):
    return AutoEncoder(**{"max_epochs": 20, "random_state": 0} | params)


# pyod's in scikit-learn's convention ---------------------------------------------------------


@parametrize_with_checks([from_pyod(KNN(n_neighbors=2)), from_pyod(HBOS())])
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("theirs", [KNN(), IForest(random_state=0), HBOS()])
def test_scores_and_labels_have_scikit_learns_signs(theirs, wine):
    X, y = wine
    ours = from_pyod(theirs, random_state=0).fit(X)
    scores = ours.detector_.decision_function(X)
    assert_allclose(ours.score_samples(X), -scores)
    assert_array_equal(ours.predict(X) == -1, ours.detector_.predict(X) == 1)
    assert_array_equal(ours.decision_function(X) < 0, ours.predict(X) == -1)
    assert_allclose(anomaly_roc_auc(y, ours.score_samples(X)), roc_auc_score(y, scores))


def test_a_seed_is_the_only_source_of_chance(wine):
    X, _ = wine
    before = np.random.get_state()[1].tolist()
    net = PyODAutoEncoder(epoch_num=1, hidden_neuron_list=[4], verbose=0)
    for theirs in (IForest(), net):
        first = from_pyod(theirs, random_state=1).fit(X).score_samples(X)
        np.random.rand(3)
        again = from_pyod(theirs, random_state=1).fit(X)
        assert_array_equal(again.score_samples(X), first)
        assert_array_equal(again.score_samples(X), first)
        other = from_pyod(theirs, random_state=2).fit(X).score_samples(X)
        assert (other != first).any()
    np.random.set_state(("MT19937", np.array(before, dtype=np.uint32), 624))


def test_global_states_stay_as_they_are(wine):
    X, _ = wine
    before = np.random.get_state()[1].tolist()
    det = from_pyod(IForest(), random_state=0).fit(X)
    det.score_samples(X)
    clone(det)
    assert np.random.get_state()[1].tolist() == before


def test_clones_searches_pipelines_and_pickles_work(wine):
    X, y = wine
    det = from_pyod(KNN(n_neighbors=7))
    assert clone(det).detector.n_neighbors == 7
    assert clone(det).detector is not det.detector
    pipeline = make_pipeline(StandardScaler(), det)
    search = GridSearchCV(
        pipeline,
        {"pyoddetector__detector__n_neighbors": [2, 20]},
        scoring=anomaly_roc_auc_scorer,
        cv=StratifiedKFold(3, shuffle=True, random_state=0),
    ).fit(X, -y)
    assert search.best_score_ > 0.5
    fitted = search.best_estimator_
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).score_samples(X), fitted.score_samples(X))


def test_the_given_detector_stays_as_it_is_and_keeps_its_seed(wine):
    from pyod.models.lof import LOF
    from pyod.models.lscp import LSCP

    X, _ = wine
    members = [LOF(n_neighbors=5), LOF(n_neighbors=10)]
    first = from_pyod(LSCP(members, n_bins=2, random_state=0), random_state=0).fit(X)
    before = first.score_samples(X)
    from_pyod(first.detector, random_state=0).fit(3 * X + 1)
    assert_array_equal(first.score_samples(X), before)
    assert not hasattr(members[0], "decision_scores_")
    forest = from_pyod(IForest(n_estimators=5, random_state=0))
    assert_array_equal(forest.fit(X).score_samples(X), clone(forest).fit(X).score_samples(X))


def test_threads_have_the_global_states_one_after_the_other(wine):
    X, _ = wine
    theirs = PyODAutoEncoder(epoch_num=1, hidden_neuron_list=[4], verbose=0)  # seeds the world
    before = np.random.get_state()[1].tolist(), random.getstate()
    from_pyod(theirs, random_state=0).fit(X)
    det = from_pyod(IForest(n_estimators=5), random_state=0)
    fits = Parallel(n_jobs=4, backend="threading")(delayed(clone(det).fit)(X) for _ in range(12))
    assert len({tuple(fitted.score_samples(X)) for fitted in fits}) == 1
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before


def test_scores_of_training_rows_leave_out_the_row_itself(wine):
    X, _ = wine
    det = from_pyod(KNN()).fit(X)
    assert_allclose(scores_of_training_rows(det, X), -det.detector_.decision_scores_)
    there_and_back = to_pyod(from_pyod(KNN())).fit(X)
    assert_allclose(there_and_back.decision_scores_, KNN().fit(X).decision_scores_)


def test_labels_reach_detectors_that_need_them(wine):
    pytest.importorskip("xgboost", reason="pyod's XGBOD needs xgboost")
    from pyod.models.xgbod import XGBOD

    X, y = wine
    of_pyod_or_xgboost = "y should not be presented|are not used"
    with pytest.warns(UserWarning, match=of_pyod_or_xgboost):
        det = from_pyod(XGBOD(random_state=0)).fit(X, -y)
    assert anomaly_roc_auc(y, det.score_samples(X)) > 0.9
    with pytest.raises(ValueError, match="y is None"):
        det.fit(X)


@pytest.mark.parametrize("wrong", [IsolationForest(), AutoEncoder(), None, 3])
def test_what_is_not_pyods_is_refused(wrong, wine):
    with pytest.raises(TypeError, match="must be a detector of pyod's"):
        from_pyod(wrong)
    with pytest.raises((TypeError, ValueError), match="detector"):
        PyODDetector(wrong).fit(wine[0])


# Detectors in pyod's convention --------------------------------------------------------------


def test_attributes_and_signs_are_pyods(wine):
    X, y = wine
    det = to_pyod(small()).fit(X)
    ours = small().fit(X)
    assert_allclose(det.decision_scores_, -ours.score_samples(X), rtol=0)
    assert_allclose(det.decision_function(X), det.decision_scores_, rtol=0)
    assert_array_equal(det.labels_, det.predict(X))
    assert_array_equal(det.labels_, (det.decision_scores_ > det.threshold_).astype(int))
    assert det.labels_.sum() == round(0.1 * len(X))
    assert det.predict_proba(X).shape == (len(X), 2)
    confident = det.predict_proba(X)[:, 1]
    assert_allclose(roc_auc_score(y, confident), roc_auc_score(y, det.decision_scores_))
    assert roc_auc_score(y, det.decision_scores_) > 0.5


def test_the_share_of_anomalies_is_the_detectors_own_unless_it_is_given(wine):
    X, _ = wine
    for detector, given, share in (
        (small(contamination=0.2), None, 0.2),
        (make_pipeline(StandardScaler(), small(contamination=0.2)), None, 0.2),
        (small(contamination="auto"), None, 0.1),
        (DetectorEnsemble(small(), n_estimators=2, contamination=0.3), None, 0.3),
        (from_pyod(KNN(contamination=0.05)), None, 0.05),
        (small(contamination=0.2), 0.05, 0.05),
    ):
        labels = to_pyod(detector, contamination=given).fit(X).labels_
        assert labels.sum() == pytest.approx(share * len(X), abs=1)


def test_known_anomalies_are_handed_on(wine):
    X, y = wine
    params = {"max_epochs": 5, "pretrain_epochs": 2, "random_state": 0}
    det = to_pyod(DeepSAD(**params)).fit(X, y)
    expected = DeepSAD(**params).fit(X, -y)
    for wrong in (np.where(y == 1, "odd", "normal"), -y, np.where(y == 1, np.nan, 0)):
        with pytest.raises(ValueError, match="y must hold 1"):
            to_pyod(small()).fit(X, wrong)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        to_pyod(small()).fit(X, y[:5])
    to_pyod(small()).fit(X, 0 * y)  # it learns from no labels, and has nothing to warn of
    assert_allclose(det.decision_scores_, -expected.score_samples(X), rtol=0)


class Plain(OutlierMixin, BaseEstimator):
    """A detector that takes arrays alone."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def score_samples(self, X):
        return -X.sum(axis=1)


def test_frames_reach_the_detector_as_they_are_and_lists_as_arrays(wine):
    X = pd.DataFrame(wine[0]).add_prefix("c")
    det = to_pyod(small()).fit(X)
    assert_array_equal(det.decision_function(X), -small().fit(X).score_samples(X))
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        det.decision_function(X[X.columns[::-1]])
    assert_array_equal(to_pyod(Plain()).fit(wine[0].tolist()).decision_scores_, wine[0].sum(1))
    columns = make_column_transformer((StandardScaler(), ["c0", "c3"]))
    assert to_pyod(make_pipeline(columns, small())).fit(X).labels_.any()


class Stops(Plain):
    """A detector that fails once it is told to."""

    def __init__(self, stops=False):
        self.stops = stops

    def score_samples(self, X):
        if self.stops:
            raise KeyboardInterrupt
        return super().score_samples(X)


def test_a_refit_that_stops_leaves_the_old_one_whole(wine):
    det = to_pyod(Stops()).fit(wine[0])
    scores, threshold = det.decision_function(wine[0]), det.threshold_
    det.detector.stops = True
    with pytest.raises(KeyboardInterrupt):
        det.fit(wine[0] * 50)
    assert det.threshold_ == threshold
    assert_array_equal(det.decision_function(wine[0]), scores)


def test_masked_cells_and_labels_and_shares_that_are_none_are_refused(wine):
    X, y = wine
    masked = np.arange(len(y)) < 5
    with pytest.raises(ValueError, match="X has masked cells"):
        to_pyod(small()).fit(np.ma.array(X, mask=np.outer(masked, np.ones(X.shape[1]))))
    with pytest.raises(ValueError, match=r"y has masked cells: use y.filled\(0\)"):
        to_pyod(small()).fit(X, np.ma.array(y, mask=masked))
    with pytest.raises(ValueError, match="contamination='auto' must be a share"):
        to_pyod(small(), contamination="auto")


@pytest.mark.parametrize("wrong", [None, AutoEncoder, KNN(), KMeans(), LocalOutlierFactor()])
def test_what_cannot_score_is_refused(wrong):
    with pytest.raises(TypeError, match="must be an instance with fit and score_samples"):
        to_pyod(wrong)


def test_detectors_can_be_cloned_pickled_and_go_both_ways(wine):
    X, _ = wine
    det = to_pyod(small()).fit(X)
    assert_array_equal(
        pickle.loads(pickle.dumps(det)).decision_function(X), det.decision_function(X)
    )
    assert_allclose(clone(det).fit(X).decision_scores_, det.decision_scores_, rtol=0)
    back = from_pyod(to_pyod(small())).fit(X)
    assert_allclose(back.score_samples(X), small().fit(X).score_samples(X), rtol=0)


def test_pyods_own_tools_take_them(wine):
    from pyod.models.lscp import LSCP

    X, y = wine
    members = [to_pyod(small(random_state=seed)) for seed in range(2)]
    combined = LSCP(members, n_bins=2, random_state=0).fit(X)
    assert roc_auc_score(y, combined.decision_scores_) > 0.5
