"""The rank metrics agree with scikit-learn's on negated scores, and with values by hand."""

import itertools

import numpy as np
import pytest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import average_precision_score, roc_auc_score

from skdeepad.metrics import anomaly_average_precision, anomaly_roc_auc, precision_at_n

METRICS = [anomaly_roc_auc, anomaly_average_precision, precision_at_n]


@pytest.fixture
def ranking():
    rng = np.random.default_rng(0)
    mask = rng.random(200) < 0.2
    return mask, (rng.normal(size=200) - mask).round(1)  # rounded: with ties


def test_they_equal_scikit_learns_metrics_of_negated_scores(ranking):
    mask, score = ranking
    assert anomaly_roc_auc(mask, score) == pytest.approx(roc_auc_score(mask, -score))
    expected = average_precision_score(mask, -score)
    assert anomaly_average_precision(mask, score) == pytest.approx(expected)


@pytest.mark.parametrize("metric", METRICS)
def test_the_convention_of_the_labels_does_not_matter(metric, ranking):
    mask, score = ranking
    values = {metric(y, score) for y in (mask, mask.astype(int), np.where(mask, -1, 1))}
    assert len(values) == 1


@pytest.mark.parametrize("metric", METRICS)
def test_a_higher_score_is_more_normal(metric):
    y_true, score = [0, 0, 1, 1], np.array([4.0, 3.0, 2.0, 1.0])
    assert metric(y_true, score) == 1
    assert metric(y_true, -score) < 0.5


@pytest.mark.parametrize("metric", METRICS)
def test_only_the_order_of_the_scores_matters(metric, ranking):
    mask, score = ranking
    assert metric(mask, np.exp(3 * score)) == metric(mask, score)


@pytest.mark.parametrize("metric", METRICS)
def test_infinite_scores_have_their_place(metric):
    assert metric([0, 0, 1], [0.0, np.inf, -np.inf]) == 1


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("y_true", [[0, 0, 0], [-1, -1, -1]], ids=["normal", "anomalies"])
def test_one_class_gives_nan_and_a_warning(metric, y_true):
    with pytest.warns(UndefinedMetricWarning, match="not defined") as caught:
        assert np.isnan(metric(y_true, [0.1, 0.2, 0.3]))
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize("metric", METRICS)
def test_bad_scores_are_refused(metric):
    with pytest.raises(ValueError, match="y_score holds NaN"):
        metric([0, 1], [0.0, np.nan])
    with pytest.raises(ValueError, match=r"y_score of shape \(2, 1\)"):
        metric([0, 1], [[0.0], [1.0]])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        metric([0, 1], [0.0, 1.0, 2.0])


def test_precision_at_n_counts_anomalies_among_the_lowest_scores():
    y_true, score = [1, 0, 1, 0, 1], [1, 2, 3, 4, 5]
    by_hand = [1, 1 / 2, 2 / 3, 2 / 4, 3 / 5]
    assert [precision_at_n(y_true, score, n) for n in range(1, 6)] == pytest.approx(by_hand)
    assert precision_at_n(y_true, score) == pytest.approx(by_hand[2])


def test_precision_at_n_of_ties_is_the_mean_over_all_orders_of_the_tied_rows():
    y_true, score = np.array([1, 0, 1, 0, 0, 1]), np.array([0, 1, 1, 1, 1, 2])
    for n in range(1, 7):
        top = [
            [0, *order, 5][:n]  # a stable sort of the scores, for each order of the tied rows
            for order in itertools.permutations([1, 2, 3, 4])
        ]
        expected = np.mean([y_true[rows].mean() for rows in top])
        assert precision_at_n(y_true, score, n) == pytest.approx(expected)


def test_precision_at_n_does_not_depend_on_the_order_of_rows(ranking):
    mask, score = ranking
    rows = np.argsort(mask, kind="stable")
    assert precision_at_n(mask[rows], score[rows]) == precision_at_n(mask, score)


@pytest.mark.parametrize("n", [0, -1, 4, 1.5, True, "all"])
def test_precision_at_n_refuses_an_impossible_n(n):
    with pytest.raises(ValueError, match=f"n={n!r}: None or an integer from 1 to n_samples=3"):
        precision_at_n([0, 1, 0], [1, 2, 3], n)


def test_complex_scores_are_refused():
    with pytest.raises(ValueError, match="y_score holds complex numbers"):
        anomaly_roc_auc([0, 1], np.array([1j, 2]))


def test_masked_labels_and_scores_are_refused():
    masked = np.ma.array([0, 1, 1], mask=[0, 0, 1])
    with pytest.raises(ValueError, match="y_true has masked cells"):
        anomaly_roc_auc(masked, [3, 1, 2])
    with pytest.raises(ValueError, match="y_score has masked cells"):
        anomaly_roc_auc([0, 1, 1], masked)
