"""The world of DPLAN's agent: rows that follow one another, and what an action on one earns."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.ensemble import IsolationForest
from torch import Tensor

NORMAL, ANOMALOUS = 0, 1


class AnomalyBiasedEnvironment:
    """States are rows, by number; the action on one is to call it normal, 0, or anomalous, 1.

    It never ends. Both the next state and the intrinsic reward depend on the agent's own
    features of rows, as they are at that moment.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
    labels : ndarray of shape (n_samples,), dtype int
        Below 0 for :math:`D^a`, the known anomalies and those that stand in for some; the other
        rows are :math:`D^u`. Each label below 0 is drawn as often as the others, however few rows
        have it.
    rng : numpy.random.Generator
        Source of all draws.
    anomaly_probability : float
        Chance p that the next state is a known anomaly.
    subset_size : int
        Rows of S, among which the next unlabelled state is sought.
    intrinsic_weight : float
        Weight of the intrinsic reward beside the external one.
    """

    def __init__(
        self,
        X: Tensor,
        labels: np.ndarray,
        rng: np.random.Generator,
        *,
        anomaly_probability: float,
        subset_size: int,
        intrinsic_weight: float,
    ) -> None:
        self.X = X
        self.known = labels < 0
        self.rng = rng
        self.anomalies = [
            np.flatnonzero(labels == label) for label in np.unique(labels[labels < 0])
        ]
        self.unlabelled = np.flatnonzero(~self.known)
        self.anomaly_probability = anomaly_probability
        self.subset_size = subset_size
        self.intrinsic_weight = intrinsic_weight
        self.intrinsic_reward = np.zeros(len(X))

    def reset(self) -> int:
        """Return a first state, any row of D^u."""
        return self._any(self.unlabelled)

    def external_reward(self, state: int, action: int) -> int:
        """Reward h(s, a): 1 for a known anomaly found, 0 for silence about D^u, else -1."""
        if self.known[state]:
            return 1 if action == ANOMALOUS else -1
        return 0 if action == NORMAL else -1

    def reward(self, state: int, action: int) -> float:
        """Reward r = r^e + r^i, both for the state that was acted on."""
        external = self.external_reward(state, action)
        return external + self.intrinsic_weight * self.intrinsic_reward[state]

    def update_intrinsic_reward(self, features: np.ndarray) -> None:
        """r^i: an isolation forest's anomaly score of ``features`` of all rows, in [0, 1]."""
        forest = IsolationForest(random_state=int(self.rng.integers(2**31 - 1)))
        score = -forest.fit(features).score_samples(features)
        score -= score.min()
        self.intrinsic_reward = score / (score.max() or 1.0)

    def next_state(self, state: int, action: int, features: Callable[[Tensor], Tensor]) -> int:
        """Return a row after g: g_a with probability p, else g_u."""
        if self.rng.random() < self.anomaly_probability:
            kinds = self.anomalies
            kind = self.rng.integers(len(kinds)) if len(kinds) > 1 else 0
            return self._any(kinds[kind])
        return self.neighbour(state, action, self.draw_subset(), features)

    def draw_subset(self) -> np.ndarray:
        """S: rows of D^u, all of them where there are no more."""
        n = len(self.unlabelled)
        if n <= self.subset_size:
            return self.unlabelled
        return self.unlabelled[self.rng.integers(n, size=self.subset_size)]

    def neighbour(self, state: int, action: int, subset: np.ndarray, features) -> int:
        """g_u: of the subset the nearest other row, in the space of the features, after a¹.

        After a⁰, the farthest.
        """
        rows = torch.from_numpy(np.append(subset, state)).to(self.X.device)
        z = features(self.X[rows])
        distance = (z[:-1] - z[-1]).square().sum(1)
        if action == NORMAL:
            return int(subset[int(distance.argmax())])
        itself = torch.from_numpy(subset == state).to(distance.device)
        return int(subset[int(distance.masked_fill_(itself, torch.inf).argmin())])

    def _any(self, rows: np.ndarray) -> int:
        return int(rows[self.rng.integers(len(rows))])
