"""Sampling errors of group statistics, for groups of any size."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

# Median absolute value of a standard normal variable.
MEDIAN = norm.ppf(0.75)
# Share of the largest values used to extrapolate a tail beyond the largest one.
TAIL_SHARE = 0.05
# Number of values of a tail to keep.
N_LEVELS = 512
N_HALVINGS = 60


@dataclass
class Spread:
    r"""Centre and variance of the statistics of normal groups.

    A statistic of a group of m rows has the variance :math:`B + e(m)` around the centre, where e(m)
    is its sampling variance. B is the same for all sizes. It is chosen such that the median
    absolute deviation of the normal groups is that of a standard normal variable; it is 0 if
    sampling explains all variation.
    """

    center: np.ndarray  #: (n_statistics,)
    between: np.ndarray  #: B, (n_statistics,)

    @classmethod
    def of(cls, values: np.ndarray, errors: np.ndarray) -> "Spread":
        """Estimate from statistics of groups and their sampling variances, (n_groups, n_stat)."""
        center = np.median(values, axis=0)
        between = _between(values - center, errors)
        # Large groups have more weight, but the variance between groups limits it.
        variance = between + errors
        least = 1e-12 * variance.max(0)
        weights = 1 / np.where(variance > least, variance, np.where(least > 0, least, 1))
        center = np.array(
            [_weighted_median(*pair) for pair in zip(values.T, weights.T, strict=True)]
        )
        return cls(center, _between(values - center, errors))

    def take(self, other: "Spread", columns: slice) -> None:
        """Take the centre and variance of some statistics from another spread."""
        self.center[columns], self.between[columns] = other.center[columns], other.between[columns]

    def deviations(self, values: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """Return deviations from the centre in units of their error; 0 if nothing varies."""
        scale = np.sqrt(self.between + errors)
        return (values - self.center) / np.where(scale > 0, scale, np.inf)


def _between(deviations: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return B of each statistic, found by bisection."""
    squares = deviations**2
    low, high = np.zeros(squares.shape[1]), squares.max(0) / MEDIAN**2
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        variance = middle + errors
        ratio = squares / np.where(variance > 0, variance, np.inf)
        too_small = np.median(ratio, axis=0) > MEDIAN**2
        low, high = np.where(too_small, middle, low), np.where(too_small, high, middle)
    # If most groups are equal and have no sampling error, the median contains no information on B.
    alike = (np.median(squares, axis=0) == 0) & (errors == 0).any(0)
    return np.where(alike, squares.mean(0), np.where((low > 0) | (errors == 0).any(0), high, 0))


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    share = np.cumsum(weights[order])
    middle = (share - weights[order] / 2) / share[-1]
    return float(np.interp(0.5, middle, values[order]))


@dataclass
class Tail:
    """Probability that a value of a row of a normal group is at least a given value.

    Beyond the largest value it decays exponentially, at the rate of the largest 5 %.
    """

    levels: np.ndarray  #: values in ascending order
    log_chance: np.ndarray  #: log of the probability of at least that value
    mean_excess: float  #: of the largest 5 %

    @classmethod
    def of(cls, values: np.ndarray) -> "Tail":
        """Estimate from the values of the rows of normal groups."""
        values = np.sort(values)
        n = len(values)
        ranks = np.unique(np.geomspace(1, n, min(n, N_LEVELS)).round().astype(int))[::-1]
        levels = values[n - ranks]
        last = np.r_[levels[1:] != levels[:-1], True]  # the last of equal values
        top = values[-max(2, int(TAIL_SHARE * n)) :]
        excess = (top - top[0]).mean()
        return cls(levels[last], np.log(ranks[last] / (n + 1)), float(excess or abs(top[0]) or 1.0))

    def log_chance_in(self, sizes: np.ndarray, greatest: np.ndarray) -> np.ndarray:
        """Return the log probability that the maximum of ``sizes`` rows reaches ``greatest``."""
        log_p = np.interp(greatest, self.levels, self.log_chance)
        log_p -= np.maximum(greatest - self.levels[-1], 0) / self.mean_excess
        few = sizes * np.exp(log_p) < 1e-8  # 1 - (1 - p)^m is m p
        with np.errstate(divide="ignore"):
            several = np.log(-np.expm1(sizes * np.log1p(-np.exp(np.minimum(log_p, -1e-12)))))
        return np.where(few, np.log(sizes) + log_p, several)
