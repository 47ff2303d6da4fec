"""Rank metrics against true labels."""

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.utils import check_consistent_length

from .._tables import refuse_masked
from .._validation import is_integer
from ..training import warn
from ._labels import anomaly_mask


def anomaly_roc_auc(y_true, y_score):
    """Area under the ROC curve, with the anomalies as the positive class.

    The probability that an anomaly scores lower than a normal row; ties count one half.

    Read more in the :ref:`User Guide <metrics_trap>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, 0/1 (1 = anomaly), -1/+1 (-1 = anomaly) or bool (True = anomaly).

    y_score : array-like of shape (n_samples,)
        What ``score_samples`` or ``decision_function`` returns: **the higher the more normal**.

    Returns
    -------
    auc : float
        1 for a perfect ranking, 0.5 for chance; NaN, with a warning, where ``y_true`` has one
        class only.

    See Also
    --------
    anomaly_roc_auc_scorer : The same as ``scoring=`` in a search.

    Examples
    --------
    >>> from skdeepad.metrics import anomaly_roc_auc
    >>> anomaly_roc_auc([0, 0, 0, 0, 1], [-0.4, -0.6, -0.3, -0.2, -0.5])
    0.75
    >>> anomaly_roc_auc([1, 1, 1, 1, -1], [-0.4, -0.6, -0.3, -0.2, -0.5])
    0.75
    """
    mask, ranks = _mask_and_ranks(y_true, y_score)
    if not _has_two_classes(mask, "ROC AUC"):
        return float("nan")
    return float(roc_auc_score(mask, ranks))


def anomaly_average_precision(y_true, y_score):
    r"""Average precision, with the anomalies as the positive class.

    .. math:: \mathrm{AP} = \sum_k (R_k - R_{k-1}) P_k

    over the thresholds on the score, with the precision :math:`P_k` and the recall :math:`R_k`
    of the rows at or below the k-th lowest score.

    Read more in the :ref:`User Guide <metrics_trap>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, 0/1 (1 = anomaly), -1/+1 (-1 = anomaly) or bool (True = anomaly).

    y_score : array-like of shape (n_samples,)
        What ``score_samples`` or ``decision_function`` returns: **the higher the more normal**.

    Returns
    -------
    average_precision : float
        1 for a perfect ranking; about the share of anomalies for chance; NaN, with a warning,
        where ``y_true`` has one class only.

    See Also
    --------
    anomaly_average_precision_scorer : The same as ``scoring=`` in a search.

    Examples
    --------
    >>> from skdeepad.metrics import anomaly_average_precision
    >>> anomaly_average_precision([0, 0, 0, 1], [-0.4, -0.6, -0.3, -0.5])
    0.5
    """
    mask, ranks = _mask_and_ranks(y_true, y_score)
    if not _has_two_classes(mask, "average precision"):
        return float("nan")
    return float(average_precision_score(mask, ranks))


def precision_at_n(y_true, y_score, n=None):
    """Share of anomalies among the ``n`` rows that look most abnormal.

    Read more in the :ref:`User Guide <metrics>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, 0/1 (1 = anomaly), -1/+1 (-1 = anomaly) or bool (True = anomaly).

    y_score : array-like of shape (n_samples,)
        What ``score_samples`` or ``decision_function`` returns: **the higher the more normal**.

    n : int, default=None
        How many rows to inspect. None takes the number of anomalies, at which precision equals
        recall (the R-precision).

    Returns
    -------
    precision : float
        In [0, 1]; NaN, with a warning, where ``y_true`` has one class only.

    See Also
    --------
    precision_at_n_scorer : The same as ``scoring=`` in a search.

    Notes
    -----
    Rows that tie at the cut share the places left in equal parts, the expectation over a random
    order of the tied rows, so that the value does not depend on the order of the rows.

    Examples
    --------
    >>> from skdeepad.metrics import precision_at_n
    >>> y_true, y_score = [1, 0, 1, 0], [-0.9, -0.5, -0.5, -0.1]
    >>> precision_at_n(y_true, y_score)
    0.75
    >>> precision_at_n(y_true, y_score, n=1)
    1.0
    """
    mask, ranks = _mask_and_ranks(y_true, y_score)
    if n is not None and not (is_integer(n) and 1 <= n <= len(mask)):
        raise ValueError(f"n={n!r}: None or an integer from 1 to n_samples={len(mask)} is accepted")
    if not _has_two_classes(mask, "precision at n"):
        return float("nan")
    n = mask.sum() if n is None else n
    cut = np.partition(ranks, -n)[-n]
    above, tied = ranks > cut, ranks == cut
    hits = mask[above].sum() + (n - above.sum()) * mask[tied].mean()
    return float(hits / n)


def _mask_and_ranks(y_true, y_score):
    """Anomaly mask, and ranks that grow with abnormality; equal scores share a rank."""
    mask = anomaly_mask(y_true)
    refuse_masked(y_score, "y_score", "the rows that have a score")
    if np.iscomplexobj(y_score):
        raise ValueError("y_score holds complex numbers: finite or infinite scores are accepted")
    y_score = np.asarray(y_score, dtype=float)
    if y_score.ndim != 1:
        raise ValueError(f"y_score of shape {y_score.shape!r}: a vector of scores is accepted")
    check_consistent_length(mask, y_score)
    if np.isnan(y_score).any():
        raise ValueError("y_score holds NaN: finite or infinite scores are accepted")
    # Ranks instead of scores: a log-density of -inf has its place, though not in scikit-learn.
    return mask, -np.unique(y_score, return_inverse=True)[1].ravel()


def _has_two_classes(mask, metric):
    if mask.any() and not mask.all():
        return True
    only = "anomalies" if mask.all() else "normal rows"
    warn(
        f"y_true holds {only} only: the {metric} is not defined",
        UndefinedMetricWarning,
    )
    return False
