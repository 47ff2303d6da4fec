"""Repetition of training rows by their weights, and their canonical order."""

from itertools import chain
from math import ceil, prod

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import indexable

from .._tables import refuse_masked
from .._validation import check_sample_weight, take_rows
from ..training import warn

# Weights without a common unit are rounded to multiples of this share of their mean.
FINEST_SHARE = 1 / 4
# Multiples of the smallest weight are repetitions up to this many per row, in the mean.
MOST_OF_A_ROW = 100
# Whole weights that make more rows are divided by their greatest common divisor.
MANY_ROWS = 2**20
# Upper limit to the number of values after repetition: 1 GiB in float32.
MAX_VALUES = 2**28
# A table of more values, 32 MiB in float32, is neither copied nor scaled as a whole.
LAZY_VALUES = 2**23
# The rows of such a table are ordered up to this number; it takes 50 to 90 bytes for each.
ORDERED_ROWS = 2**21


def is_large(X) -> bool:
    """Return whether a table is to be scaled row by row, as batches take them."""
    shape = getattr(X, "shape", ())
    return len(shape) == 2 and all(isinstance(n, int) for n in shape) and prod(shape) > LAZY_VALUES


def rows_to_train_on(
    X: np.ndarray, labels=None, counts: np.ndarray | None = None, among=slice(None)
) -> np.ndarray | slice:
    """Return the indices of the rows to train on, each repeated by its count.

    Their order depends only on the rows and their labels. A fit therefore does not depend on the
    order in which rows are given, and a row of weight 2 is the same as the row given twice. More
    than ``ORDERED_ROWS`` rows of a large table stay in the order given.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float32 or float64
    labels : array-like of shape (n_rows,) or None
    counts : ndarray of int of shape (n_rows,) or None
    among : ndarray of int of shape (n_rows,) or slice, default=slice(None)
        The rows of ``X`` that labels and counts belong to, and that the indices count.
    """
    if is_large(X) and len(X) > ORDERED_ROWS:
        if counts is None:
            return slice(None)
        return np.repeat(np.arange(len(counts)), counts)
    order = _order(X, labels, among)
    return order if counts is None else np.repeat(order, counts[order])


def evenly_spaced(X, n_rows: int):
    """Return at most ``n_rows`` rows of an array or tensor at equal distances, as a view.

    Those of lazy rows are a tensor.
    """
    return X[:: ceil(len(X) / n_rows)]


def read_weights(sample_weight, X) -> np.ndarray:
    """Return the weights, (n_samples,), in float64; raise if one is negative or all are 0."""
    refuse_masked(sample_weight, "sample_weight", "sample_weight.filled(0)")
    weights = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not weights.any():
        raise ValueError("sample_weight must have a value other than zero.")
    return weights


def repeated(columns: tuple, sample_weight) -> tuple:
    """Repeat the rows of X, the first of ``columns``, and of the others by their weights.

    Columns that are None stay None.
    """
    columns = indexable(*columns)
    shape = getattr(columns[0], "shape", ())
    counts = repetitions(read_weights(sample_weight, columns[0]), *shape[1:2])
    rows = np.repeat(np.arange(len(counts)), counts)
    return tuple(None if column is None else take_rows(column, rows) for column in columns)


def places_of(rows: np.ndarray, n_samples: int) -> np.ndarray:
    """Return the place of each given row among those trained on; −1 if it is not among them."""
    places = np.full(n_samples, -1)
    places[rows] = np.arange(len(rows))
    return places


def as_given(values, rows: np.ndarray | slice, n_samples: int, missing: float):
    """Convert values of the rows trained on to values of the rows given."""
    if isinstance(rows, slice):
        return values
    places = places_of(rows, n_samples)
    given = values[places]
    if issparse(given):
        return given.multiply(places[:, None] >= 0).tocsr()
    given[places < 0] = missing
    return given


@np.errstate(over="ignore", invalid="ignore")  # of weights near the largest number
def repetitions(sample_weight: np.ndarray, n_features: int = 1) -> np.ndarray:
    """Return the number of repetitions of each row, from its weight.

    Integers are repetitions, and so are multiples of the smallest weight. If integers make very
    many rows, they are divided by their greatest common divisor. Other weights have no
    common unit: each is divided by a quarter of the mean of those above 0, and rounded, so that
    the order of the rows makes no difference. A row of a weight above 0 counts at least once.
    """
    weighing = sample_weight > 0
    least = sample_weight[weighing].min()
    counts = sample_weight
    if (counts != counts.round()).any():
        counts = sample_weight / least
        whole = np.abs(counts - counts.round()) <= 1e-9 * counts
        if not whole.all() or counts.sum() > MOST_OF_A_ROW * len(counts):
            counts = sample_weight / (FINEST_SHARE * sample_weight[weighing].mean())
    elif counts.sum() > MANY_ROWS:
        counts = counts / _common_divisor(counts[weighing])
    most = max(len(counts), MAX_VALUES // n_features)
    if counts.sum() > most:
        warn(
            f"The weights are repetitions, but they sum to {counts.sum():.3g}, which is more than "
            f"fits into memory: they are divided by {counts.sum() / most:.3g} and rounded."
        )
        counts = counts * (most / counts.sum())
    return np.maximum(np.floor(counts + 0.5), weighing).astype(np.int64)


def _common_divisor(counts: np.ndarray) -> float:
    """Return the greatest common divisor of whole numbers; 1 if float64 does not hold them all."""
    least = counts.min()
    if not np.fmod(counts, least).any():
        return float(least)
    return float(np.gcd.reduce(counts.astype(np.int64))) if counts.max() < 2**53 else 1.0


def _order(X: np.ndarray, labels, among=slice(None)) -> np.ndarray:
    """Return the indices of some rows in lexicographic order, labels last."""
    n_rows = len(X[among, 0])
    rank, tied = np.zeros(n_rows, dtype=np.int64), np.arange(n_rows)
    columns = (column[among] for column in X.T)
    for column in columns if labels is None else chain(columns, [np.asarray(labels)]):
        values = column[tied]
        if (values == values[0]).all():
            continue
        values = np.where(np.isnan(values), np.inf, values)  # NaN would differ from NaN
        order = np.lexsort((values, rank[tied]))
        tied, values = tied[order], values[order]
        before = rank[tied]
        # Starts of the ties of the columns before, and of those with this column.
        old = np.r_[True, before[1:] != before[:-1]]
        new = old | np.r_[True, values[1:] != values[:-1]]
        places = np.arange(len(tied))
        first_of_old = np.maximum.accumulate(np.where(old, places, 0))
        first_of_new = np.maximum.accumulate(np.where(new, places, 0))
        rank[tied] = before + first_of_new - first_of_old
        alone = new & np.r_[new[1:], True]
        tied = tied[~alone]
        if not len(tied):
            break
    return np.argsort(rank, kind="stable")
