"""Deep Q-network of DPLAN."""

from copy import deepcopy

import torch
from torch import Tensor, nn


class QNetwork(nn.Module):
    """Network Q(s, ·), the values of the two actions, linear in the features of a state."""

    def __init__(self, features: nn.Module, n_features: int) -> None:
        super().__init__()
        self.features = features
        self.head = nn.Linear(n_features, 2)

    def forward(self, state: Tensor) -> Tensor:
        return self.head(self.features(state))


class DPLANModule(nn.Module):
    """Module with Q(s, a; θ) and an older copy of it for the targets, Q(s, a; θ⁻)."""

    def __init__(self, network: QNetwork, *, discount: float, loss: str) -> None:
        super().__init__()
        self.network = network
        self.target = deepcopy(network).requires_grad_(False)
        self.discount = discount
        self.criterion = {"squared_error": nn.MSELoss, "huber": nn.HuberLoss}[loss](
            reduction="none"
        )

    def update_target(self) -> None:
        """Copy the weights, θ⁻ ← θ."""
        self.target.load_state_dict(self.network.state_dict())

    def encode(self, x: Tensor) -> Tensor:
        return self.network.features(x)

    def loss(self, state: Tensor, action: Tensor, reward: Tensor, next_state: Tensor) -> Tensor:
        """Return the loss of Q(s, a; θ) against r + γ max_a' Q(s', a'; θ⁻) for each transition."""
        with torch.no_grad():
            wanted = reward + self.discount * self.target(next_state).max(1).values
        value = self.network(state).gather(1, action[:, None]).squeeze(1)
        return self.criterion(value, wanted)

    def q_values(self, x: Tensor) -> Tensor:
        """Return Q(x, a⁰) and Q(x, a¹)."""
        head, z = self.network.head, self.network.features(x)
        # The rounding of a matrix product would depend on the number of rows.
        return (z[:, None] * head.weight).sum(2, dtype=torch.float64) + head.bias

    def anomaly_score(self, x: Tensor) -> Tensor:
        return self.q_values(x)[:, 1]
