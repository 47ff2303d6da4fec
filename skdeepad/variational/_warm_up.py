"""Warm-up: the cost of the latent variables rises slowly, so that they are put to use first."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..training import DetectorNet


class WarmUp(nn.Module):
    """Weight of the KL terms: in training it rises from 0 to 1, elsewhere it is 1."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(()))
        self.n_epochs = 0

    def forward(self, kl: Tensor) -> Tensor:
        return kl * self.weight if self.training else kl

    def follow(self, net: DetectorNet, n_epochs: int) -> Callable[[DetectorNet], None]:
        """Set the weight for the next epoch of ``net``; to be called after each one too.

        It counts all epochs that the net has had, and ``n_epochs`` is that of the first training,
        so that one that goes on does not begin to warm up again. What was best in the warm-up is
        none of the early stopping's business: without the cost of the codes, held out rows only
        get worse.
        """
        if not net.history:
            self.n_epochs = n_epochs

        def update(net: DetectorNet) -> None:
            n_past = len(net.history)
            self.weight.fill_(min(1.0, n_past / self.n_epochs) if self.n_epochs else 1.0)
            if n_past <= self.n_epochs:
                net.forget_best()

        update(net)
        return update
