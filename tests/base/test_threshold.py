"""Thresholds and ranks where several rows share a score."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skdeepad import AutoEncoder, DeepSVDD, DetectorEnsemble
from skdeepad.base._threshold import below_ties, hinge_above, lowered
from skdeepad.base._training_scores import distinct_ranks, ranks_among, score_of_rank
from skdeepad.calibration import ConformalDetector, TunedThreshold

from ..instances import rows_of_few_kinds


def test_a_threshold_moves_only_where_several_scores_are_equal():
    ordered = np.array([-3.0, -2.0, -2.0, -1.0, 0.0, 1.0])
    assert below_ties(-1.0, ordered) == -1.0
    assert below_ties(-1.5, ordered) == -1.5
    assert -2.001 < below_ties(-2.0, ordered) < -2.0
    close = np.array([-2.0 - 1e-9, -2.0, -2.0, 5.0])
    assert close[0] < below_ties(-2.0, close) < -2.0
    assert below_ties(-np.inf, np.array([-np.inf, -np.inf, 1.0])) == -np.inf
    assert below_ties(0.0, np.zeros(3)) == 0.0


def test_a_hinge_lies_between_the_rows_beyond_it_and_the_others():
    values = np.array([4.0, 1.0, 3.0, 2.0])
    assert 2.999 < hinge_above(values, 0.5) < 3.0
    for share, value in ((0.1, 1.0), (0.3, 2.0), (0.7, 3.0), (0.9, 4.0)):
        assert value < hinge_above(values, share) < value + 1e-3
    close = 1 + np.array([3e-9, 2e-9, 1e-9, 0])
    assert close[2] < hinge_above(close, 0.5) < close[1] < hinge_above(close, 0.6) < close[0]
    assert hinge_above(np.array([-np.inf, 1.0]), 0.1) == -np.inf
    assert hinge_above(np.array([1.0, 2.0, 2.0, 3.0]), 0.6) == 2.0  # a part of equal rows


def test_scores_are_lowered_as_a_threshold_is_and_the_order_stays():
    ordered = np.array([-np.inf, -np.inf, -3.0, -2.0, -2.0, -2.0 + 1e-9, -2.0 + 1e-9, 1.0])
    lower = lowered(ordered)
    assert (np.diff(lower[2:]) >= 0).all()
    assert_array_equal(lower[:2], ordered[:2])
    assert (lower[2:] < ordered[2:]).all()
    assert_allclose(lower, ordered, rtol=1e-4)
    for i in (3, 5):
        assert lower[i] == lower[i + 1] == below_ties(ordered[i], ordered)


def test_ranks_are_continuous_and_those_of_before_without_ties():
    training = np.sort(np.random.RandomState(0).randn(50))
    values, ranks = distinct_ranks(training)
    assert_array_equal(values, training)
    assert_allclose(ranks, np.linspace(0, 1, 50))
    tied = np.sort(np.r_[training, np.full(30, training[20])])
    near = training[20] + np.array([-1e-9, 0, 1e-9])
    assert np.ptp(ranks_among(near, tied)) < 1e-6
    for rank in (-0.5, 0.1, 0.4, 1.3):
        assert_allclose(ranks_among(score_of_rank(rank, tied), tied), rank)
    assert ranks_among(np.array([1.0]), np.array([1.0])) == [0.0]


@pytest.mark.parametrize(
    "make",
    [
        lambda inner: ConformalDetector(inner, random_state=0),
        lambda inner: ConformalDetector(inner, cv=3, random_state=0),
        lambda inner: TunedThreshold(inner, cv=3, random_state=0),
        lambda inner: DetectorEnsemble(inner, n_estimators=2, combine="rank", random_state=0),
    ],
    ids=["split", "cross", "tuned", "ranks"],
)
@pytest.mark.parametrize("cls", [AutoEncoder, DeepSVDD])
def test_equal_rows_have_one_label_and_p_value_whatever_their_type(make, cls):
    rows = rows_of_few_kinds()
    y = np.where(np.arange(len(rows)) < 40, -1, 1)
    det = make(cls(max_epochs=3)).fit(rows, y)
    for dtype in (np.float32, np.int8):
        others = rows.astype(dtype)
        assert_array_equal(det.predict(others), det.predict(rows))
        assert_allclose(det.score_samples(others), det.score_samples(rows), atol=1e-3, rtol=1e-3)
        if hasattr(det, "p_values"):
            assert_array_equal(det.p_values(others), det.p_values(rows))
