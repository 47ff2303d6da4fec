"""LeSiNN: distances to nearest neighbours in samples of the training rows."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import QuantileTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepad import LeSiNN, default_detector
from skdeepad.inspection import feature_contributions

PAPER = {"n_estimators": 50, "max_samples": 8, "n_neighbors": 1, "trim": 0.0}
PAPER |= {"metric": "euclidean", "scaler": "minmax", "clip": None}


equal_scores = pytest.mark.filterwarnings("ignore:The scores of the training rows are all equal")


@equal_scores
@parametrize_with_checks([LeSiNN(), LeSiNN(metric="euclidean", scaler="minmax", clip=None)])
def test_check_estimator(estimator, check):
    check(estimator)


@pytest.fixture
def X():
    return np.random.RandomState(0).randn(300, 4)


@pytest.mark.parametrize("params", [{}, PAPER, {"max_samples": 50, "n_neighbors": 3}], ids=str)
def test_the_score_is_the_mean_distance_to_the_nearest_rows_of_each_sample(params, X):
    det = LeSiNN(random_state=0, **params).fit(X)
    new = np.random.RandomState(1).randn(20, 4) * 3
    scaled = det.scaler_.transform(new)
    scaled = scaled if det.clip is None else scaled.clip(-det.clip, det.clip)
    means = []
    for sample in det.samples_:
        k = params.get("n_neighbors", 0.1)
        k = k if isinstance(k, int) else int(k * len(sample))
        neighbors = NearestNeighbors(n_neighbors=k, metric=det.metric).fit(sample)
        means.append(neighbors.kneighbors(scaled)[0].mean(axis=1))
    assert_allclose(-det.score_samples(new), np.mean(means, axis=0), rtol=1e-5)


def test_a_sample_is_left_without_the_rows_that_are_farthest_from_the_others(X):
    det = LeSiNN(max_samples=300, trim=0.25, random_state=0).fit(X)
    [kept] = det.samples_
    scaled = det._scale(X).astype(float).clip(-5, 5)
    distances = np.sort(cdist(scaled, scaled, "cityblock"), axis=1)[:, 1:31].mean(axis=1)
    assert len(kept) == 225
    of_kept = (scaled[:, None] == kept).all(axis=2).any(axis=1)
    assert distances[of_kept].max() <= distances[~of_kept].min()


def test_samples_have_the_rows_asked_for_and_a_small_table_is_one_sample(X):
    det = LeSiNN(n_estimators=4, max_samples=100, trim=0.0, random_state=0).fit(X)
    assert [len(sample) for sample in det.samples_] == [100] * 4
    assert len(LeSiNN(max_samples=300).fit(X).samples_) == 1


def test_a_training_row_is_not_its_own_neighbour(X):
    det = LeSiNN(max_samples=300, n_neighbors=1, trim=0.0, random_state=0).fit(X)
    assert (det.score_samples(X) == 0).all()
    assert det.training_scores_.max() < 0
    assert_array_equal(det.training_scores_, np.sort(det._score_known_rows(X)))


def test_a_new_row_that_equals_a_training_row_is_more_normal_than_one_beside_it():
    cells = np.unique(np.random.RandomState(0).randint(0, 10, (300, 6)), axis=0)
    beside = cells + np.eye(6)[np.arange(len(cells)) % 6]
    det = default_detector(clean=True).fit(cells)
    truth = np.repeat([0, 1], len(cells))
    assert roc_auc_score(truth, -det.score_samples(np.vstack([cells, beside]))) > 0.8


@pytest.mark.parametrize("metric", ["manhattan", "euclidean"])
@pytest.mark.parametrize("n_neighbors", [1, 0.1])
def test_contributions_add_up_to_the_score(metric, n_neighbors, X):
    det = LeSiNN(metric=metric, n_neighbors=n_neighbors, max_samples=100, random_state=0).fit(X)
    rows = np.vstack([X, 100 * X])  # of some the distance is 0, and some are clipped
    contributions = det.feature_contributions(rows)
    assert contributions.shape == rows.shape
    assert (contributions >= 0).all()
    assert_allclose(contributions.sum(axis=1), -det.score_samples(rows), atol=1e-12)


def test_the_feature_that_is_spoilt_contributes_most(X):
    frame = pd.DataFrame(X, columns=list("abcd"))
    det = LeSiNN(random_state=0).fit(frame)
    spoilt = frame[:50].assign(c=6.0)
    assert (feature_contributions(det, spoilt).argmax(axis=1) == 2).all()


@pytest.mark.parametrize("n_estimators", [6, 20])
def test_the_score_of_a_row_does_not_depend_on_the_others_nor_the_fit_on_their_order(
    n_estimators, X
):
    det = LeSiNN(n_estimators=n_estimators, max_samples=60, random_state=0).fit(X)
    scores = det.score_samples(X)
    alone = [det.score_samples(row[None])[0] for row in X]
    assert_array_equal(alone, scores)
    other = LeSiNN(n_estimators=n_estimators, max_samples=60, random_state=0).fit(X[::-1])
    assert_array_equal(other.score_samples(X), scores)


def test_weights_are_repetitions(X):
    weight = np.arange(len(X)) % 3
    det = LeSiNN(max_samples=60, random_state=0)
    scores = det.fit(X, sample_weight=weight).score_samples(X)
    assert_array_equal(det.fit(np.repeat(X, weight, axis=0)).score_samples(X), scores)


def test_weights_must_leave_two_rows(X):
    with pytest.raises(ValueError, match=r"leaves 1 row.* minimum of 2 is required by LeSiNN"):
        LeSiNN().fit(X, sample_weight=np.arange(300) == 5)


def test_a_scaler_that_mixes_features_has_no_contributions(X):
    det = LeSiNN(scaler=PCA(2)).fit(X)
    with pytest.raises(ValueError, match="The contributions of features are unknown"):
        det.feature_contributions(X)


def test_contaminated_rows_do_not_fill_the_neighbourhood_of_anomalies():
    rng = np.random.RandomState(0)
    X = np.vstack([rng.randn(1920, 6), rng.randn(80, 6) * 0.1 + 2.5])
    is_anomaly = np.arange(2000) >= 1920
    nearest = NearestNeighbors(n_neighbors=6).fit(X).kneighbors(X)[0][:, 1:].mean(axis=1)
    assert roc_auc_score(is_anomaly, nearest) < 0.2  # of a cluster of anomalies
    scores = LeSiNN(random_state=0).fit(X).score_samples(X)
    assert roc_auc_score(is_anomaly, -scores) > 0.95


@equal_scores
@pytest.mark.parametrize(
    "X",
    [
        [[0.0], [1.0]],
        np.random.RandomState(0).randn(3, 2),
        np.c_[np.ones(40), np.random.RandomState(0).randn(40)],
        np.random.RandomState(0).randn(40, 3).astype(np.float32) + 2.0**20,
    ],
    ids=["two rows", "three rows", "a constant column", "float32 with an offset"],
)
def test_small_and_odd_tables(X):
    det = LeSiNN(trim=0.9, random_state=0).fit(X)
    assert np.isfinite(det.score_samples(X)).all()
    assert all(len(sample) >= 2 for sample in det.samples_)


@equal_scores
def test_equal_rows_have_equal_scores():
    assert (LeSiNN().fit(np.ones((30, 2))).predict(np.ones((5, 2))) == 1).all()


def test_a_change_of_parameters_takes_effect_in_fit_only(X):
    det = LeSiNN(random_state=0).fit(X)
    scores = det.score_samples(X)
    det.set_params(metric="euclidean", n_neighbors=1, clip=None)
    assert_array_equal(det.score_samples(X), scores)
    assert (det.fit(X).score_samples(X) != scores).any()


def test_any_scaler_and_a_copy(X):
    det = LeSiNN(scaler=QuantileTransformer(n_quantiles=50), random_state=0).fit(X)
    assert_array_equal(pickle.loads(pickle.dumps(det)).score_samples(X), det.score_samples(X))


@pytest.mark.parametrize("value", [0, 1.0, 1.5, -0.1, "all"])
def test_a_wrong_number_of_neighbours_is_named(value, X):
    with pytest.raises(ValueError, match="The 'n_neighbors' parameter of LeSiNN must be"):
        LeSiNN(n_neighbors=value).fit(X)
