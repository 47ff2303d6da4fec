"""Averages of weights over the steps of training."""

import torch
from torch import Tensor


class WeightAverages:
    r"""Exponential moving averages of weights, which replace the weights outside of training.

    After step t each average moves towards the weight by a share :math:`1 - \beta_t` of their
    difference, where :math:`\beta_t = \min(\beta, (1 + t) / (10 + t))`. Without the second term,
    the averages after few steps would be the initial weights. The statistics of batch normalisation
    are averaged like weights.

    Parameters
    ----------
    decay : float
        β, below 1.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.n_steps = 0
        self.others: list[Tensor] = []

    def swap(self, weights: list[Tensor]) -> None:
        """Exchange weights and averages; the averages start as copies of the weights."""
        with torch.no_grad():
            if not self.others:
                self.others = [weight.clone() for weight in weights]
            for i, weight in enumerate(weights):
                held = weight.clone()
                weight.copy_(self.others[i])
                self.others[i] = held

    def update(self, weights: list[Tensor]) -> None:
        """Update the averages after one step."""
        self.n_steps += 1
        share = 1 - min(self.decay, (1 + self.n_steps) / (10 + self.n_steps))
        with torch.no_grad():
            torch._foreach_lerp_(self.others, weights, share)

    def __getstate__(self) -> dict:
        # Pickles hold CPU tensors, for machines without the device; swap copies them back to it.
        return vars(self) | {"others": [tensor.cpu() for tensor in self.others]}
