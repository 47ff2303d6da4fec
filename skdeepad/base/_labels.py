"""Labels as the detectors that learn from them read them."""

from math import ceil
from typing import NamedTuple

import numpy as np
import torch
from sklearn.ensemble import IsolationForest
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from torch import Tensor

from ..training import warn

# Rows of each kind that are remembered, and so many rows are few beside known anomalies.
N_REMEMBERED, FEW_ROWS = 256, 20
# Label of pseudo-anomalies that stand beside known ones, which are -1.
PSEUDO = -2
# Share of the rows that stand in for known anomalies where there is none.
PSEUDO_SHARE = 0.05


def check_labels(
    y, n_samples: int, rows: np.ndarray | slice = slice(None), *, all_known: bool = False
) -> np.ndarray:
    """Return labels of rows as numbers: below 0 an anomaly, above 0 a normal row, 0 unlabelled.

    ``rows`` are the numbers of those that count. Each of them may be a known anomaly if
    ``all_known``.
    """
    if y is None:
        return np.zeros(n_samples)[rows]
    given = np.asarray(y)  # a column of pandas' nullable type is one of objects
    kinds = {type(label) for label in given.flat} if given.dtype == object else {given.dtype.type}
    if any(issubclass(kind, bool | np.bool_ | str) for kind in kinds):
        raise ValueError(
            "y must hold numbers, below 0 for a known anomaly, above 0 for a known normal row and "
            "0 for an unlabelled one, got booleans or text; "
            "skdeepad.preprocessing.semi_labels converts them."
        )
    y = check_array(
        column_or_1d(y),
        ensure_2d=False,
        dtype=np.float64,
        ensure_all_finite="allow-nan",
        input_name="y",
    )
    if np.isnan(y).any():
        raise ValueError(
            "y contains NaN; an unlabelled row is 0. skdeepad.preprocessing.semi_labels converts."
        )
    check_consistent_length(y, range(n_samples))
    y = y[rows]
    if (y < 0).all() and not all_known:
        raise ValueError(
            "y marks every row as a known anomaly: there is no normal or unlabelled row to "
            "learn from."
        )
    return y


def warn_without_anomalies(y: np.ndarray, consequence: str) -> None:
    """Warn where no row is labelled as an anomaly, perhaps since 1 stands for one."""
    if not (y < 0).any():
        warn(
            f"There is no labelled anomaly in y, so that {consequence}. Below 0 is a known "
            "anomaly here; if 1 marks anomalies in your data, pass "
            "skdeepad.preprocessing.semi_labels(y, anomaly=1, unlabelled=0)."
        )


class Remembered(NamedTuple):
    """Scaled rows that a training has seen, for chunks that lack their kind."""

    anomalies: np.ndarray  #: known anomalies, (n, n_features)
    others: np.ndarray  #: other rows, (n, n_features)


class IgnoredLabels:
    """How a detector that doesn't learn from labels reads them: not at all."""

    #: Whether the detector learns from them.
    learned = False

    def read(self, detector, y, n_samples: int, rows=slice(None), *, fresh: bool) -> Tensor | None:
        """Return labels for the loss, or None.

        ``rows`` are the numbers of the rows that count, among ``n_samples``. ``fresh`` is False
        where a training goes on.
        """

    def recall(self, detector, X: np.ndarray, labels: Tensor | None, *, fresh: bool):
        """Return scaled rows and labels to learn from, some of earlier chunks behind them."""
        return X, labels


class SignedLabels(IgnoredLabels):
    """How a detector that learns from few labels reads them: by the signs of ``y``.

    A training that goes on needs anomalies and other rows in each chunk. Where a chunk lacks one
    of the two, rows of earlier chunks take their place; a bounded number of them is kept.

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
        return torch.from_numpy(np.sign(y).astype(np.int8)) if y.any() else None

    def recall(self, detector, X, labels, *, fresh):
        known = np.zeros(len(X), dtype=bool) if labels is None else labels.numpy() < 0
        nothing = Remembered(X[:0], X[:0])
        before = nothing if fresh else getattr(detector, "_remembered", nothing)  # in older files
        anomalies = X[:0] if known.any() else before.anomalies
        others = X[:0] if (~known).sum() >= FEW_ROWS else before.others
        detector._remembered = Remembered(
            np.concatenate([before.anomalies, X[known]])[-N_REMEMBERED:],
            np.concatenate([before.others, X[~known]])[-N_REMEMBERED:],
        )
        if not len(anomalies) and not len(others):
            return X, labels
        own = torch.zeros(len(X), dtype=torch.int8) if labels is None else labels
        sign = torch.tensor([-1, 0], dtype=torch.int8)
        added = sign.repeat_interleave(torch.tensor([len(anomalies), len(others)]))
        return np.concatenate([X, anomalies, others]), torch.cat([own, added])


#: Labels of the detectors that can't do without anomalies.
LABELS_OR_PSEUDO_ANOMALIES = SignedLabels(
    "an isolation forest's most anomalous rows stand in for known ones"
)


def with_pseudo_anomalies(
    X: Tensor, y: Tensor | None, seed: int, beside_known: float = 0.0
) -> Tensor:
    """Labels on the device of ``X``, pseudo-anomalies among them if no anomaly is known.

    These are the unlabelled rows that an isolation forest finds most anomalous; where no row is
    unlabelled, those of all rows. Known anomalies that are less than a share ``beside_known`` of
    the rows get some beside them, until there are as many; the label of these is ``PSEUDO``.
    """
    y = torch.zeros(len(X), dtype=torch.int8) if y is None else y.clone()
    rows, n_known = (y == 0).nonzero().flatten(), int((y < 0).sum())
    if not n_known:
        rows = rows if len(rows) else torch.arange(len(y))
        n_pseudo = ceil(max(PSEUDO_SHARE, beside_known) * len(rows))
    else:
        n_pseudo = min(ceil(beside_known * len(y)) - n_known, len(rows) - 1)
    if n_pseudo > 0:
        values = X[rows.to(X.device)].cpu().numpy()
        scores = IsolationForest(random_state=seed).fit(values).score_samples(values)
        y[rows[np.argsort(scores, kind="stable")[:n_pseudo]]] = PSEUDO if n_known else -1
    return y.to(X.device)
