"""Averages of weights over the steps of a training."""

import torch
from torch import Tensor


class WeightAverages:
    r"""Exponential moving averages of weights, which stand in for them outside of training.

    After step t each average moves by :math:`1 - \beta_t` of its way towards the weight,
    :math:`\beta_t = \min(\beta, (1 + t) / (10 + t))`: without the second term the averages of a
    short training would be its initial weights. What batch normalisation has seen is averaged as
    weights are.

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
        """Exchange weights and averages, the first time equal."""
        with torch.no_grad():
            if not self.others:
                self.others = [weight.clone() for weight in weights]
            for i, weight in enumerate(weights):
                held = weight.clone()
                weight.copy_(self.others[i])
                self.others[i] = held

    def update(self, weights: list[Tensor]) -> None:
        """Let the averages follow the weights by one step."""
        self.n_steps += 1
        share = 1 - min(self.decay, (1 + self.n_steps) / (10 + self.n_steps))
        with torch.no_grad():
            for average, weight in zip(self.others, weights, strict=True):
                average.lerp_(weight, share)

    def __getstate__(self) -> dict:
        # Pickles hold no tensors of a device that another machine lacks; swapping brings them back.
        return vars(self) | {"others": [tensor.cpu() for tensor in self.others]}
