"""DPLAN on real tables, and on anomalies of a kind that no label tells of."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split

from skdeepad import DPLAN
from skdeepad.datasets import fetch_adbench
from skdeepad.nn import MLPBackbone

from ..instances import without_labels

TINY = {"max_epochs": 2, "steps_per_epoch": 20, "warm_up_steps": 30, "random_state": 0}


def labelled_split(name, seed, n_known=60, contamination=0.02):
    """80 % of a set, less most anomalies: 60 known ones, and 2 % of the others; 20 % to test."""
    X, y = fetch_adbench(name, return_X_y=True, download_if_missing=False)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=seed)
    normal = np.flatnonzero(y == 0)
    anomalies = np.random.RandomState(seed).permutation(np.flatnonzero(y == 1))
    n_hidden = round(contamination / (1 - contamination) * len(normal))
    known, hidden = np.split(anomalies[: n_known + n_hidden], [n_known])
    rows = np.r_[known, hidden, normal]
    return X[rows], np.repeat([-1, 0], [len(known), len(rows) - len(known)]), X_test, y_test


def precision_on(name, seed, **params):
    X, y, X_test, y_test = labelled_split(name, seed)
    det = DPLAN(random_state=seed, **params).fit(X, y)
    forest = IsolationForest(random_state=seed).fit(X)
    return [average_precision_score(y_test, -m.score_samples(X_test)) for m in (det, forest)]


@pytest.mark.slow
def test_sixty_labels_beat_isolation_forest_on_annthyroid_and_p_matters(shared_data):
    found = np.array([precision_on("annthyroid", seed) for seed in range(3)])
    assert (found[:, 0] >= 0.60).all()
    assert (found[:, 0] >= found[:, 1] + 0.2).all()
    rare = [precision_on("annthyroid", seed, anomaly_probability=0.05)[0] for seed in range(3)]
    assert found[:, 0].mean() >= np.mean(rare) + 0.15


def two_kinds(seed):
    """Rows to learn from, with labels of one kind of anomaly, and test rows of both kinds."""
    rng = np.random.RandomState(seed)

    def anomalies(n, columns, shift):
        rows = 0.7 * rng.randn(n, 10)
        rows[:, columns] += shift
        return rows

    def of_both_kinds(n_known, n_novel):
        known, novel = slice(0, 3), slice(7, 10)
        return np.r_[anomalies(n_known, known, 3.0), anomalies(n_novel, novel, -3.5)]

    X = np.r_[of_both_kinds(110, 50), rng.randn(5000, 10)]
    y = np.repeat([-1, 0], [60, 5100])
    return (
        X,
        y,
        np.r_[rng.randn(2000, 10), of_both_kinds(100, 100)],
        np.repeat([0, 1, 2], [2000, 100, 100]),
    )


def aucs_of_two_kinds(seed, **params):
    """Of the known and of the novel kind, each against normal rows."""
    X, y, X_test, kind = two_kinds(seed)
    scores = -DPLAN(random_state=seed, **params).fit(X, y).score_samples(X_test)
    return [roc_auc_score(kind[m] > 0, scores[m]) for m in (kind != 2, kind != 1)]


@pytest.mark.slow
def test_the_intrinsic_reward_finds_a_kind_of_anomaly_that_no_label_tells_of():
    known, novel = np.transpose([aucs_of_two_kinds(seed) for seed in range(3)])
    without = [aucs_of_two_kinds(seed, intrinsic_weight=0.0)[1] for seed in range(3)]
    assert known.mean() >= 0.90
    assert novel.mean() >= 0.65
    assert novel.mean() >= np.mean(without) + 0.15


@pytest.mark.parametrize("n_known", [1, 2, 299])
def test_any_number_of_known_anomalies_will_do(n_known, X):
    y = np.repeat([-1, 0], [n_known, len(X) - n_known])
    det = DPLAN(**TINY).fit(X, y)
    assert np.isfinite(det.score_samples(X)).all()


def test_rows_known_to_be_normal_count_as_unlabelled(X):
    y = np.repeat([-1, 0], [20, len(X) - 20])
    with_normal = np.where(np.arange(len(X)) > 200, 1, y)
    first, second = (DPLAN(**TINY).fit(X, labels).score_samples(X) for labels in (y, with_normal))
    np.testing.assert_array_equal(first, second)


@without_labels
def test_a_backbone_makes_what_comes_before_the_last_hidden_layer(X):
    det = DPLAN(**TINY, backbone=MLPBackbone((7,), batch_norm=True), hidden_layer_sizes=(5,)).fit(X)
    shapes = [tuple(p.shape) for p in det.net_.module_.network.parameters() if p.ndim == 2]
    assert shapes == [(7, 8), (5, 7), (2, 5)]


@without_labels
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"hidden_layer_sizes": ()}, r"hidden_layer_sizes=\(\) must have at least one"),
        ({"exploration": (1.0, 0.1, 0.0)}, r"exploration=\(1.0, 0.1, 0.0\) must be two shares"),
        ({"exploration": (1.0, -0.1)}, r"exploration=\(1.0, -0.1\) must be two shares"),
        ({"anomaly_probability": 1.5}, "'anomaly_probability' parameter of DPLAN"),
    ],
)
def test_parameters_that_mean_nothing_are_named(params, message, X):
    with pytest.raises(ValueError, match=message):
        DPLAN(**TINY | params).fit(X)


@pytest.mark.usefixtures("quick_stages")
def test_pseudo_anomalies_stand_beside_few_known_ones_only(X):
    def scores(n_known, **params):
        y = np.where(np.arange(len(X)) < n_known, -1, 0)
        return DPLAN(**TINY, **params).fit(X, y).score_samples(X)

    assert (scores(2) != scores(2, least_anomalies=0)).any()
    assert_array_equal(scores(40), scores(40, least_anomalies=0))


def test_values_of_an_unfitted_detector_are_refused():
    with pytest.raises(NotFittedError):
        DPLAN().q_values([[0.0]])
