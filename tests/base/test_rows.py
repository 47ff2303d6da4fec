"""Rows as a fit sees them: in an order of their own, as often as they weigh."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skdeepad.base import _rows
from skdeepad.base._rows import places_of, repetitions, rows_to_train_on
from skdeepad.base._scaling import compress_in_place

TABLES = {
    "continuous": np.random.RandomState(0).randn(200, 3),
    "with ties": np.random.RandomState(0).randint(0, 3, (300, 4)).astype(float),
    "equal rows": np.ones((7, 2)),
    "zeros of both signs": np.array([[0.0, 2.0], [-0.0, 1.0], [0.0, 3.0]]),
    "one row": np.ones((1, 3)),
    "float32": np.random.RandomState(1).randn(50, 2).astype(np.float32),
}


@pytest.mark.parametrize("table", TABLES)
def test_rows_are_in_lexicographic_order(table):
    X = TABLES[table]
    order = rows_to_train_on(X, None, None)
    assert_array_equal(np.sort(order), np.arange(len(X)))
    assert_array_equal(X[order], X[np.lexsort(X.T[::-1])])


def test_equal_rows_are_in_the_order_of_their_labels():
    X, y = TABLES["with ties"], np.random.RandomState(2).randint(-1, 2, 300)
    shuffled = np.random.RandomState(3).permutation(300)
    first, second = (rows_to_train_on(X[p], y[p], None) for p in (np.arange(300), shuffled))
    assert_array_equal(X[first], X[shuffled][second])
    assert_array_equal(y[first], y[shuffled][second])


@pytest.mark.parametrize(
    ("weights", "counts"),
    [
        ([1, 1, 1], [1, 1, 1]),
        ([2, 0, 3], [2, 0, 3]),
        ([2, 2, 4], [2, 2, 4]),
        ([0.5, 0.5, 1.5], [1, 1, 3]),
        ([0.1, 0.3, 0.0], [1, 3, 0]),
    ],
    ids=str,
)
def test_whole_weights_are_repetitions_and_so_are_multiples_of_the_least(weights, counts):
    assert_array_equal(repetitions(np.array(weights, dtype=float)), counts)


@pytest.mark.parametrize(
    ("weights", "counts"),
    [
        ([1e6] * 4, [1] * 4),
        ([1e300, 0, 2e300], [1, 0, 2]),
        ([4e6, 6e6, 0], [2, 3, 0]),
        ([5e5, 3], [5e5, 3]),
        ([2e6, 2e6 + 1], [2e6, 2e6 + 1]),
    ],
    ids=str,
)
def test_whole_weights_that_make_very_many_rows_are_divided_by_what_they_share(weights, counts):
    assert_array_equal(repetitions(np.array(weights, dtype=float)), counts)


def test_other_weights_are_rounded_each_for_itself():
    weights = np.random.RandomState(0).exponential(size=500)
    counts = repetitions(weights)
    unit = weights.mean() / 4
    assert np.abs(counts - weights / unit)[counts > 1].max() <= 0.5 + 1e-9
    assert counts.min() == 1
    assert_array_equal(repetitions(1e6 * weights), counts)
    order = np.random.RandomState(1).permutation(500)
    assert_array_equal(repetitions(weights[order]), counts[order])
    assert_array_equal(repetitions(np.r_[weights, np.zeros(500)]), np.r_[counts, np.zeros(500)])


@pytest.mark.parametrize(
    "weights",
    [
        np.exp(-np.linspace(0, 25, 60)),
        np.r_[1e-9, np.random.RandomState(0).rand(59)],
        np.r_[1e-6, np.ones(59)],
    ],
    ids=["soft", "one tiny", "a multiple of a tiny one"],
)
def test_weights_of_far_different_sizes_are_no_millions_of_rows(weights):
    counts = repetitions(weights)
    assert counts.min() == 1
    assert counts.sum() <= 6 * len(weights)


def test_more_repetitions_than_fit_into_memory_are_fewer_and_a_warning(monkeypatch):
    monkeypatch.setattr(_rows, "MAX_VALUES", 1000)
    with pytest.warns(UserWarning, match=r"sum to 1e\+06.*divided by 1e\+04"):
        counts = repetitions(np.full(10, 1e5), n_features=10)
    assert_array_equal(counts, np.full(10, 10))


def test_places_lead_back_to_the_rows_given():
    rows = rows_to_train_on(TABLES["continuous"], None, np.arange(200) % 3)
    places = places_of(rows, 200)
    assert_array_equal(places < 0, np.arange(200) % 3 == 0)
    kept = places >= 0
    assert_array_equal(rows[places[kept]], np.flatnonzero(kept))


def test_values_beyond_the_limit_are_compressed_in_order():
    X = np.array([[0.0, 19.9, -20.0], [21.0, -1e6, 1e300], [np.inf, -np.inf, 20.0]])
    got = compress_in_place(X.copy(), 20.0)
    assert_array_equal(got[0], X[0])
    assert got[2, 2] == 20
    assert 20 < got[1, 0] < -got[1, 1] < got[1, 2] < got[2, 0] < 750
    assert got[2, 1] == -got[2, 0]
