"""The one reader of true labels."""

import numpy as np

from .._documentation import read_more
from .._tables import refuse_masked
from .._validation import innermost
from ..base import BaseDetector
from ..training import warn

_ACCEPTED = "0/1 (1 = anomaly), -1/+1 (-1 = anomaly) or bool (True = anomaly)"


def anomaly_mask(y_true):
    """Tell which rows are anomalies, from labels in either usual convention.

    Read more in the :ref:`User Guide <metrics_sign>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, 1)
        True labels: 0 and 1 with 1 the anomaly, -1 and +1 with -1 the anomaly, or bool with
        True the anomaly. Floats are accepted if they hold just these values.

    Returns
    -------
    mask : ndarray of shape (n_samples,), dtype bool
        True where the row is an anomaly.

    Raises
    ------
    ValueError
        If the labels are neither of the two conventions, or cannot be told apart: a vector of
        ones only is all anomalies in the one and all normal in the other.

    Examples
    --------
    >>> from skdeepad.metrics import anomaly_mask
    >>> anomaly_mask([0, 0, 1])
    array([False, False,  True])
    >>> anomaly_mask([1, 1, -1])
    array([False, False,  True])
    """
    y = _vector(y_true)
    if y.dtype.kind == "b":
        return y.copy()
    labels = np.unique(y) if y.dtype.kind in "iuf" else []
    if len(labels) == 1 and labels[0] == 1:
        raise ValueError(
            "y_true holds the label 1 only, which is all anomalies in 0/1 and all normal in "
            "-1/+1: pass a bool vector (True = anomaly) instead."
            f"{read_more('Two conventions to know', 'metrics')}"
        )
    if len(labels) and np.isin(labels, (0, 1)).all():
        return y == 1
    if len(labels) and np.isin(labels, (-1, 1)).all():
        return y == -1
    raise ValueError(f"y_true holds {_sample(y)}; accepted are {_ACCEPTED}")


def known_anomaly_mask(y_true, estimator):
    """Tell which rows are anomalies, from labels that detectors learn from too.

    Where there is a -1, labels are signs: 0 is an unlabelled row, which counts as normal. So are
    all labels with one below 0 for a detector that tells several kinds of rows apart. All other
    vectors are read by :func:`anomaly_mask`; a warning says so where they may be signs.
    """
    y = _vector(y_true)
    detectors = [each for each in innermost(estimator) if isinstance(each, BaseDetector)]
    if y.dtype.kind in "if" and (y < 0).any():
        tells_kinds = any(detector._labels.tells_kinds for detector in detectors)
        if tells_kinds or np.isin(y, (-1, 0, 1)).all():
            return y < 0
    mask = anomaly_mask(y)
    learning = [detector for detector in detectors if detector._labels.learned]
    if y.dtype.kind != "b" and mask.any() and learning:
        warn(
            "y_true holds 0 and 1 only, and 1 is read as an anomaly. In the signs that "
            f"{type(learning[0]).__name__} learns from, 1 is a normal row, and no anomaly is known "
            "here: if these are signs, use stratified folds; if not, pass a bool vector (True = "
            "anomaly) instead"
        )
    return mask


def _vector(y_true):
    """Labels as a vector, of a type of numbers where all of them are numbers."""
    refuse_masked(y_true, "y_true", "the rows whose labels are known")
    y = np.asarray(y_true)
    if y.dtype == object:  # e.g. a pandas column of mixed or nullable type
        y = np.asarray(y.tolist())
    if y.ndim == 2 and y.shape[1] == 1:
        y = y.ravel()
    if y.ndim != 1 or y.size == 0:
        raise ValueError(f"y_true of shape {y.shape!r}: a non-empty vector of labels is accepted")
    return y


def _sample(y, n_shown=5):
    """Spell the first distinct labels, in the order met."""
    values = list(dict.fromkeys(y.tolist()))
    shown = ", ".join(repr(value) for value in values[:n_shown])
    return shown + (", …" if len(values) > n_shown else "")
