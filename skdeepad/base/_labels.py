"""Reading and remembering of known labels."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import chain
from math import ceil
from numbers import Real
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.ensemble import IsolationForest
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from torch import Tensor

from .._documentation import read_more
from .._tables import refuse_masked
from ..training import LazyRows, blocks_of, part_of, warn
from ._rows import evenly_spaced

OF_LABELS = read_more("Labels", "few_labels")
# Types of labels that are no numbers, though some can be cast to them.
OTHER_LABELS = (bool, np.bool_, str, bytes, np.datetime64, np.timedelta64, date, timedelta)
# Number of rows of each kind to remember. A chunk with fewer unlabelled or normal rows than
# FEW_ROWS is completed by remembered ones.
N_REMEMBERED, FEW_ROWS = 256, 20
# Label of pseudo-anomalies that are added to known ones, whose label is -1.
PSEUDO = -2
# The isolation forest draws its samples from at most this many rows of a large table.
FOREST_ROWS = 2**16
# Share of the rows to use as anomalies if no anomaly is known.
PSEUDO_SHARE = 0.05


def check_labels(
    y,
    n_samples: int,
    rows: np.ndarray | slice = slice(None),
    *,
    all_known: bool = False,
    name: str = "y",
) -> np.ndarray:
    """Return labels as numbers: below 0 an anomaly, above 0 a normal row, 0 unlabelled.

    ``rows`` are the indices of the rows with weight. With ``all_known``, all of them may be known
    anomalies. ``name`` is that of the parameter.
    """
    if y is None:
        return np.zeros(n_samples)[rows]
    refuse_masked(y, name, f"{name}.filled(0), where 0 is an unlabelled row")
    if issparse(y):
        raise ValueError(f"{name} is sparse: use {name}.toarray().ravel().")
    try:
        given = np.asarray(y)  # a column of a nullable pandas type becomes an array of objects
    except ValueError as error:
        raise ValueError(f"{name} should be a 1d array, got lists of several lengths.") from error
    kinds = {type(label) for label in given.flat} if given.dtype == object else {given.dtype.type}
    odd = sorted((kind for kind in kinds if not _is_number(kind)), key=lambda kind: kind.__name__)
    if odd:
        are_labels = all(issubclass(kind, OTHER_LABELS) for kind in odd)
        way_out = "; skdeepad.preprocessing.semi_labels converts them" if are_labels else ""
        not_real = any(issubclass(kind, complex | np.complexfloating) for kind in odd)
        raise ValueError(
            f"{'Complex data not supported: ' if not_real else ''}{name} must hold numbers, below "
            "0 for a known anomaly, above 0 for a known normal row and 0 for an unlabelled one, "
            f"got values of type {', '.join(kind.__name__ for kind in odd)}{way_out}.{OF_LABELS}"
        )
    of_missing = (
        f"{name} contains NaN; an unlabelled row is 0. Use skdeepad.preprocessing.semi_labels."
    )
    if any(kind.__name__ == "NAType" for kind in kinds):
        raise ValueError(of_missing)
    if given.ndim != 1 and given.shape[1:] != (1,):
        raise ValueError(
            f"{name} should be a 1d array, got an array of shape {given.shape} instead."
        )
    check_consistent_length(given, range(n_samples))
    try:
        y = check_array(
            column_or_1d(y),
            ensure_2d=False,
            dtype=np.float64,
            ensure_all_finite="allow-nan",
            input_name=name,
        )
    except OverflowError as error:
        raise ValueError(f"{name} holds an integer that is too large for float64.") from error
    if np.isnan(y).any():
        raise ValueError(of_missing)
    y = y[rows]
    if (y < 0).all() and not all_known:
        raise ValueError(
            f"{name} marks every row as a known anomaly: there is no normal or unlabelled row to "
            f"learn from.{OF_LABELS}"
        )
    return y


def _is_number(kind: type) -> bool:
    """Return whether a type is one of real numbers, or of a missing one."""
    if issubclass(kind, OTHER_LABELS):
        return False
    return issubclass(kind, Real | Decimal | type(None)) or kind.__name__ == "NAType"


def warn_without_anomalies(y: np.ndarray, consequence: str, *, name: str = "y") -> None:
    """Warn if no row is labelled as an anomaly; the user may have marked anomalies by 1."""
    if not (y < 0).any():
        warn(
            f"There is no labelled anomaly in {name}, so that {consequence}. Below 0 is a known "
            "anomaly here; if 1 marks anomalies in your data, pass "
            f"skdeepad.preprocessing.semi_labels({name}, anomaly=1, unlabelled=0).{OF_LABELS}"
        )


def warn_of_ones(signs: np.ndarray, consequence: str, *, name: str = "y") -> None:
    """Warn if signs are 0 and 1: the user may have marked anomalies by 1."""
    if set(signs.tolist()) == {0, 1}:
        warn_without_anomalies(signs, consequence, name=name)


class Remembered(NamedTuple):
    """Scaled rows of earlier chunks, for chunks that lack anomalies or other rows."""

    anomalies: np.ndarray  #: known anomalies, (n, n_features)
    others: np.ndarray  #: other rows, (n, n_features)


class IgnoredLabels:
    """Reader of the labels of a detector that ignores them."""

    #: Whether the detector learns from labels.
    learned = False
    #: Whether different labels of one sign are different kinds.
    tells_kinds = False

    def read(self, detector, y, n_samples: int, rows=slice(None), *, fresh: bool) -> Tensor | None:
        """Return the labels for the loss, or None.

        ``rows`` are the indices of the rows with weight, among ``n_samples``. ``fresh`` is False in
        a fit that resumes.
        """

    def recall(self, detector, X: np.ndarray, labels: Tensor | None, *, fresh: bool):
        """Return scaled rows and labels to train on, with some of earlier chunks at the end."""
        return X, labels


class SignedLabels(IgnoredLabels):
    """Reader of labels by the signs of ``y``, for detectors that learn from few labels.

    Training that resumes needs anomalies and other rows in each chunk. If a chunk lacks one of the
    two, rows of earlier chunks take their place; a bounded number of them is kept.

    Parameters
    ----------
    without_anomalies : str
        End of the warning: what ``fit`` does when no anomaly is labelled.
    """

    learned = True

    def __init__(self, without_anomalies: str) -> None:
        self.without_anomalies = without_anomalies

    def read(self, detector, y, n_samples, rows=slice(None), *, fresh):
        y = check_labels(y, n_samples, rows, all_known=not fresh)
        if fresh:
            warn_without_anomalies(y, self.without_anomalies)
        signs = (y > 0).astype(np.int8) - (y < 0)
        return torch.from_numpy(signs) if signs.any() else None

    def recall(self, detector, X, labels, *, fresh):
        known = np.zeros(len(X), dtype=bool) if labels is None else labels.numpy() < 0
        nothing = np.empty((0, X.shape[1]), dtype=np.float32)
        before = Remembered(nothing, nothing) if fresh else detector._remembered
        anomalies = nothing if known.any() else before.anomalies
        others = nothing if (~known).sum() >= FEW_ROWS else before.others
        last = [
            np.asarray(X[np.flatnonzero(of_kind)[-N_REMEMBERED:]]) for of_kind in (known, ~known)
        ]
        detector._remembered = Remembered(
            np.concatenate([before.anomalies, last[0]])[-N_REMEMBERED:],
            np.concatenate([before.others, last[1]])[-N_REMEMBERED:],
        )
        if not len(anomalies) and not len(others):
            return X, labels
        own = torch.zeros(len(X), dtype=torch.int8) if labels is None else labels
        sign = torch.tensor([-1, 0], dtype=torch.int8)
        added = sign.repeat_interleave(torch.tensor([len(anomalies), len(others)]))
        more, labels = np.concatenate([anomalies, others]), torch.cat([own, added])
        if isinstance(X, LazyRows):
            return X.followed_by(more), labels
        return np.concatenate([X, more]), labels


#: Reader of the labels of detectors that need anomalies.
LABELS_OR_PSEUDO_ANOMALIES = SignedLabels(
    "an isolation forest's most anomalous rows replace known ones"
)


def with_pseudo_anomalies(
    X: Tensor | LazyRows, y: Tensor | None, seed: int, least_anomalies: int = 0
) -> Tensor:
    """Return labels on the device of ``X``, with pseudo-anomalies if no anomaly is known.

    Pseudo-anomalies are the unlabelled rows that an isolation forest finds most anomalous; if no
    row is unlabelled, they come from all rows. If fewer than ``least_anomalies`` are known,
    pseudo-anomalies of label ``PSEUDO`` are added up to that number.
    """
    y = torch.zeros(len(X), dtype=torch.int8) if y is None else y.clone()
    n_unlabelled, n_known = int((y == 0).sum()), int((y < 0).sum())
    if not n_known:
        n_pseudo = ceil(PSEUDO_SHARE * (n_unlabelled or len(y)))
    else:
        n_pseudo = min(least_anomalies, ceil(PSEUDO_SHARE * len(y))) - n_known
        n_pseudo = min(n_pseudo, n_unlabelled - 1)
    if n_pseudo > 0:
        rows = (y == 0).nonzero().flatten() if n_unlabelled else torch.arange(len(y))
        scores = _scores_of_forest(part_of(X, rows.to(X.device)), seed)
        y[rows[torch.from_numpy(_are_lowest(scores, n_pseudo))]] = PSEUDO if n_known else -1
    return y.to(X.device)


def _scores_of_forest(X: Tensor | LazyRows, seed: int) -> np.ndarray:
    """Return the scores of rows by an isolation forest of these rows."""
    sample = evenly_spaced(X, FOREST_ROWS) if isinstance(X, LazyRows) else X
    forest = IsolationForest(random_state=seed).fit(sample.cpu().numpy())
    scores = (forest.score_samples(x.cpu().numpy()) for x in blocks_of(X))
    return np.fromiter(chain.from_iterable(scores), dtype=np.float64, count=len(X))


def _are_lowest(scores: np.ndarray, n: int) -> np.ndarray:
    """Return the mask of the ``n`` lowest scores, the first ones among equal scores."""
    highest = np.partition(scores, n - 1)[n - 1]
    lowest = scores < highest
    lowest[np.flatnonzero(scores == highest)[: n - np.count_nonzero(lowest)]] = True
    return lowest
