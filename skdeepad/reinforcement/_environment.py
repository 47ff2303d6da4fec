"""Environment of DPLAN's agent, with its states and rewards."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.ensemble import IsolationForest
from torch import Tensor

NORMAL, ANOMALOUS = 0, 1


class AnomalyBiasedEnvironment:
    """Environment whose states are indices of rows and whose actions call a row normal or not.

    Action 0 calls the row normal, action 1 anomalous. Episodes have no terminal state. Both the
    next state and the intrinsic reward depend on the agent's current features of rows.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
    labels : ndarray of shape (n_samples,), dtype int
        Labels, below 0 for :math:`D^a`, the known anomalies and pseudo-anomalies; the other rows
        are :math:`D^u`. All labels below 0 are drawn equally often, however few rows have one.
    rng : numpy.random.Generator
        Source of all draws.
    anomaly_probability : float
        Probability p that the next state is a known anomaly.
    subset_size : int
        Size of the subset S of rows among which the next unlabelled state is searched for.
    intrinsic_weight : float
        Weight of the intrinsic reward relative to the external one.
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
        """Return a first state, a random row of D^u."""
        return self._any(self.unlabelled)

    def external_reward(self, state: int, action: int) -> int:
        """Return h(s, a): 1 for a detected known anomaly, 0 for a normal call in D^u, else -1."""
        if self.known[state]:
            return 1 if action == ANOMALOUS else -1
        return 0 if action == NORMAL else -1

    def reward(self, state: int, action: int) -> float:
        """Return r = r^e + r^i, both for the state of the action."""
        external = self.external_reward(state, action)
        return external + self.intrinsic_weight * self.intrinsic_reward[state]

    def update_intrinsic_reward(self, features: np.ndarray) -> None:
        """Set r^i to an isolation forest's anomaly scores of all rows' ``features``, in [0, 1]."""
        forest = IsolationForest(random_state=int(self.rng.integers(2**31 - 1)))
        score = -forest.fit(features).score_samples(features)
        score -= score.min()
        self.intrinsic_reward = score / (score.max() or 1.0)

    def next_state(self, state: int, action: int, features: Callable[[Tensor], Tensor]) -> int:
        """Return the next row, drawn by g_a with probability p, else by g_u."""
        if self.rng.random() < self.anomaly_probability:
            kinds = self.anomalies
            kind = self.rng.integers(len(kinds)) if len(kinds) > 1 else 0
            return self._any(kinds[kind])
        return self.neighbour(state, action, self.draw_subset(), features)

    def draw_subset(self) -> np.ndarray:
        """Draw S from the rows of D^u, all of them if there are no more."""
        n = len(self.unlabelled)
        if n <= self.subset_size:
            return self.unlabelled
        return self.unlabelled[self.rng.integers(n, size=self.subset_size)]

    def neighbour(self, state: int, action: int, subset: np.ndarray, features) -> int:
        """Return g_u, the other row of the subset that is nearest in the features, after a¹.

        After a⁰, return the farthest row.
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
