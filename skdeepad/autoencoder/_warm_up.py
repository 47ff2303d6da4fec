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

    def forward(self, kl: Tensor) -> Tensor:
        return kl * self.weight if self.training else kl

    def follow(self, net: DetectorNet, n_epochs: int) -> Callable[[DetectorNet], None]:
        """Set the weight for the next epoch of ``net``; to be called after each one too.

        It counts all epochs that the net has had, so that a training that goes on does not begin
        to warm up again.
        """

        def update(net: DetectorNet) -> None:
            self.weight.fill_(min(1.0, len(net.history) / n_epochs) if n_epochs else 1.0)

        update(net)
        return update
