"""The detector to begin with."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepad import default_detector


# Some checks have data in which each row is as far from the others as any other row.
@pytest.mark.filterwarnings("ignore:The scores of the training rows are all equal")
@parametrize_with_checks([default_detector(random_state=0)])
def test_check_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize("clean", [False, True])
def test_it_is_unfitted_and_its_seed_is_that_of_the_call(clean):
    X = np.random.RandomState(0).randn(5000, 3)
    det = default_detector(clean=clean, random_state=3)
    with pytest.raises(NotFittedError):
        det.score_samples(X)
    scores = det.fit(X).score_samples(X)
    assert_array_equal(clone(det).fit(X).score_samples(X), scores)
    other = default_detector(clean=clean, random_state=4).fit(X).score_samples(X)
    assert (other != scores).any()


def test_clean_rows_make_nearest_neighbours_the_best_detector():
    rng = np.random.RandomState(0)
    angle = rng.uniform(0, 2 * np.pi, 3000)
    ring = np.c_[np.cos(angle), np.sin(angle)] + 0.01 * rng.randn(3000, 2)
    inside = 0.9 * ring[:200] / np.linalg.norm(ring[:200], axis=1, keepdims=True)
    truth, test = np.repeat([0, 1], [1000, 200]), np.vstack([ring[2000:], inside])
    area = [
        roc_auc_score(
            truth, -default_detector(clean=c, random_state=0).fit(ring[:2000]).score_samples(test)
        )
        for c in (False, True)
    ]
    assert area[1] > 0.99 > area[0] + 0.05


def test_a_cluster_of_anomalies_among_the_rows_is_found():
    rng = np.random.RandomState(0)
    X = np.vstack([rng.randn(1900, 5), 4 + 0.1 * rng.randn(100, 5)])
    scores = -default_detector(random_state=0).fit(X).score_samples(X)
    of_clean = -default_detector(clean=True, random_state=0).fit(X).score_samples(X)
    truth = np.arange(2000) >= 1900
    assert roc_auc_score(truth, scores) > 0.99 > roc_auc_score(truth, of_clean) + 0.3


@pytest.mark.parametrize("clean", [1, None, "yes"])
def test_other_values_of_clean_are_refused(clean):
    with pytest.raises(ValueError, match=f"clean={clean!r} must be True or False"):
        default_detector(clean=clean)


def test_a_boolean_of_numpy_is_one():
    assert repr(default_detector(clean=np.True_)) == repr(default_detector(clean=True))
