"""Warm-up of the cost of latent variables, so that the model learns to use them first."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..training import DetectorNet


class WarmUp(nn.Module):
    """Weight of the KL terms, which rises from 0 to 1 in training and is 1 elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(()))
        self.register_buffer("n_epochs", torch.zeros((), dtype=torch.long))

    def forward(self, kl: Tensor) -> Tensor:
        return kl * self.weight if self.training else kl

    def follow(self, net: DetectorNet, n_epochs: int) -> Callable[[DetectorNet], None]:
        """Set the weight for the next epoch of ``net``; return a function to call after each epoch.

        The weight depends on the number of all epochs of the net and on ``n_epochs`` of the first
        fit, so that training that resumes does not warm up again. Early stopping ignores the
        warm-up, in which training without the full cost of the codes only increases the loss of
        held-out rows.
        """
        if not net.history:
            self.n_epochs.fill_(n_epochs)
        length = int(self.n_epochs)

        def update(net: DetectorNet) -> None:
            n_past = len(net.history)
            self.weight.fill_(min(1.0, n_past / length) if length else 1.0)
            if n_past <= length:
                net.forget_best()

        update(net)
        return update
