"""Scores of the training rows of an estimator."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import Pipeline

from ..training import warn


def scores_of_training_rows(estimator, X) -> np.ndarray:
    """Return the scores of the training rows of an estimator, in their order.

    Scores that compare a row with the training rows leave out the row itself.
    """
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        X, estimator = estimator[:-1].transform(X), estimator[-1]
    if isinstance(estimator, FrozenEstimator):  # its training rows are unknown
        return estimator.score_samples(X)
    if isinstance(estimator, LocalOutlierFactor):
        return estimator.negative_outlier_factor_
    return getattr(estimator, "_score_known_rows", estimator.score_samples)(X)


def ranks_among(scores: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return the share of lower training scores and of half of the equal ones.

    It is continued linearly beyond their range.

    ``training`` are the sorted scores of the training rows.
    """
    low, high = training[0], training[-1]
    share = np.interp(scores, *distinct_ranks(training))
    # No score is beyond an end that is infinite.
    below = np.minimum(scores - low, 0) if np.isfinite(low) else 0.0
    above = np.maximum(scores - high, 0) if np.isfinite(high) else 0.0
    range_ = high - low if np.isfinite([low, high]).all() else 1.0
    return share + (below + above) / (range_ or 1.0)


def distinct_ranks(training: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different sorted training scores, and the mean rank of each, in [0, 1].

    With means, the rank is continuous in the score, and rounding does not matter.
    """
    last = np.flatnonzero(np.append(training[1:] != training[:-1], True))
    first = np.append(0, last[:-1] + 1)
    return training[last], (first + last) / 2 / max(1, len(training) - 1)


def mean_and_std(training: np.ndarray) -> tuple[float, float]:
    """Return the mean and the standard deviation of sorted training scores, 1 if that is zero.

    Infinite scores do not count. With a NaN, both are NaN.
    """
    training = training[~np.isinf(training)]
    return (float(training.mean()), float(training.std() or 1.0)) if len(training) else (0.0, 1.0)


def median_and_unit(training: np.ndarray) -> tuple[float, float]:
    """Return the median of sorted training scores, and its distance from the .05 quantile.

    Where these are equal, the unit is the range of the scores, or 1 if that is zero too. Infinite
    scores do not count. With a NaN, both are NaN.
    """
    training = training[~np.isinf(training)]
    if not len(training):
        return 0.0, 1.0
    low, median = np.quantile(training, [0.05, 0.5])
    return float(median), float(median - low or training[-1] - training[0] or 1.0)


def score_of_rank(rank: float, training: np.ndarray) -> float:
    """Return the score whose :func:`ranks_among` the sorted training scores is ``rank``."""
    values, ranks = distinct_ranks(training)
    score = np.interp(rank, ranks, values)
    excess = min(rank, 0) + max(rank - 1, 0)
    return float(score + excess * (training[-1] - training[0] or 1.0))


def warn_if_degenerate(scores: np.ndarray, member: str | int | None = None) -> bool:
    """Warn if the scores of the training rows are not finite or all equal; return whether.

    ``member`` is what to call the member of an ensemble whose scores they are.
    """
    low, high = scores.min(), scores.max()  # NaN if there is one
    if not np.isfinite([low, high]).all():
        what = "are not finite; scale the input or lower lr"
    elif len(scores) > 1 and high - low <= 1e-7 * max(abs(low), abs(high)):
        what = (
            "are all equal: the model has collapsed, or all rows are the same, perhaps only in "
            "float32, to which some models round"
        )
    else:
        return False
    whose = "" if member is None else f" by the member {member!r}"
    warn(f"The scores of the training rows{whose} {what}.", ConvergenceWarning)
    return True
