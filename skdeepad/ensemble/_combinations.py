"""Functions that make the scores of an ensemble's members comparable."""

from collections.abc import Callable

import numpy as np

from ..base._training_scores import mean_and_std, median_and_unit, ranks_among

# In units of the distance from the median to the .95 quantile of the training rows' anomaly scores,
# how much more normal or abnormal a row can be for one member: a single member that is far off
# can't outvote the others, and normal rows, whose order matters little, count less than abnormal
# ones.
MOST_NORMAL, MOST_ABNORMAL = 3.0, 10.0


def _negative_log(scores: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return −log of the anomaly score, which is the negative of ``scores``."""
    floor = max(1e-12 * -training[0], np.finfo(np.float64).tiny)
    return -np.log(np.maximum(-scores, floor))


def _zscore(scores: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return the number of standard deviations above the mean of the training scores."""
    mean, std = mean_and_std(training)
    return (scores - mean) / std


def _quantile(scores: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return the distance from the median of the training scores, in robust units, and clipped."""
    median, unit = median_and_unit(training)
    return np.clip((scores - median) / unit, -MOST_ABNORMAL, MOST_NORMAL)


# Functions that make the scores of members comparable; the ensemble's score is their mean.
COMBINATIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "log": _negative_log,
    "quantile": _quantile,
    "rank": ranks_among,
    "zscore": _zscore,
}
