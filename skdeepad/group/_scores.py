"""Scores of groups, learned from normal groups.

All scores have the shape (n_groups,) and are higher for more normal groups.
"""

from dataclasses import dataclass

import numpy as np

from ._errors import Spread, Tail
from ._members import Members


@dataclass
class MeanScore:
    """Minus the mean of a value over a group's rows, in units of its error."""

    of_a_row: float  #: variance of the value within groups
    spread: Spread

    @classmethod
    def learn(cls, values: np.ndarray, members: Members, normal: np.ndarray) -> "MeanScore":
        """Learn from the values of rows, (n_rows,), in ``normal`` groups."""
        of_a_row = _variance_within(values, members, normal)
        means, errors = members.mean(values)[normal], of_a_row / members.sizes[normal]
        return cls(of_a_row, Spread.of(means[:, None], errors[:, None]))

    def scores(self, values: np.ndarray, members: Members) -> np.ndarray:
        means, errors = members.mean(values), self.of_a_row / members.sizes
        return -self.spread.deviations(means[:, None], errors[:, None])[:, 0]


@dataclass
class GreatestScore:
    """Log of the probability that as many normal rows have at least this maximum."""

    tail: Tail

    @classmethod
    def learn(cls, values: np.ndarray, members: Members, normal: np.ndarray) -> "GreatestScore":
        """Learn from the values of rows, (n_rows,), in ``normal`` groups."""
        return cls(Tail.of(values[normal[members.group]]))

    def scores(self, values: np.ndarray, members: Members) -> np.ndarray:
        return self.tail.log_chance_in(members.sizes, members.max(values))


@dataclass
class Characterization:
    """Minus the distance of means and covariances of codes, and of the mean score, from normal.

    A row alone has no covariance: the distance of such a group is that of the other two.
    """

    within: np.ndarray  #: covariance of codes within groups, its upper triangle
    #: variances of a row's terms in a mean code, a covariance and a mean score
    of_a_row: tuple[np.ndarray, np.ndarray, float]
    spread: Spread | None = None

    @classmethod
    def learn(
        cls, codes: np.ndarray, points: np.ndarray, members: Members, normal: np.ndarray
    ) -> "Characterization":
        """Learn from codes, (n_rows, n_latent), and scores of rows, (n_rows,)."""
        sizes = members.sizes[normal]
        n_rows, several = max(1, sizes[sizes > 1].sum()), sizes > 1
        total = members.scatter(codes)[normal].sum(0)
        squares = members.scatter(codes, power=2)[normal].sum(0)
        within = total / max(1, (sizes - 1).sum())
        i, j = np.triu_indices(codes.shape[1])
        of_products = np.maximum(0, squares / n_rows - (total / n_rows) ** 2)
        learned = cls(
            within, (within[i == j], of_products, _variance_within(points, members, normal))
        )
        described = learned._describe(codes, points, members)[normal]
        learned.spread = Spread.of(described, learned._errors(sizes))
        if several.any():
            of_several = Spread.of(described[several], learned._errors(sizes[several]))
            learned.spread.take(of_several, slice(codes.shape[1], -1))
        return learned

    def scores(self, codes: np.ndarray, points: np.ndarray, members: Members) -> np.ndarray:
        described = self._describe(codes, points, members)
        z = self.spread.deviations(described, self._errors(members.sizes))
        several = (members.sizes > 1) & self.within.any()  # in training, too
        of_mean, of_covariance, of_points = np.split(z**2, [codes.shape[1], -1], axis=1)
        total = of_mean.mean(1) + several * of_covariance.mean(1) + of_points.mean(1)
        return -np.sqrt(total / (2 + several))

    def _describe(self, codes, points, members: Members) -> np.ndarray:
        """Return mean and covariance of each group's codes, and the mean score of its rows."""
        weight = codes.shape[1] + 1
        scatter = members.scatter(codes) + weight * self.within
        covariance = scatter / (members.sizes - 1 + weight)[:, None]
        return np.column_stack([members.mean(codes), covariance, members.mean(points)])

    def _errors(self, sizes: np.ndarray) -> np.ndarray:
        """Return sampling variances of the statistics of groups, (n_groups, n_statistics)."""
        of_codes, of_products, of_points = self.of_a_row
        m, weight = sizes[:, None], len(of_codes) + 1
        return np.column_stack(
            [of_codes / m, of_products * (m - 1) / (m - 1 + weight) ** 2, of_points / m]
        )


def _variance_within(values: np.ndarray, members: Members, normal: np.ndarray) -> float:
    """Return the variance of a value of rows within the normal groups."""
    scatter = members.sum((values - members.mean(values)[members.group]) ** 2)[normal]
    return float(scatter.sum() / max(1, (members.sizes[normal] - 1).sum()))
