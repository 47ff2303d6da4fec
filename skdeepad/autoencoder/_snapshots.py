"""Weights as they were in the course of a training, for scores that cumulate over it."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from math import ceil

import torch
from torch import nn

from ..training import DetectorNet, Run


class Snapshots(nn.Module):
    """Copies of a module's weights, those of the latest ``n`` epochs that were kept.

    The copies exist from the start, so that the names in a file of weights, or in those that
    early stopping goes back to, never depend on how far a training went.
    """

    def __init__(self, module: nn.Module, n: int) -> None:
        super().__init__()
        self.copies = nn.ModuleList(deepcopy(module).requires_grad_(False) for _ in range(n))
        self.register_buffer("epochs", torch.zeros(n, dtype=torch.long))  # 0: none yet

    def keep(self, module: nn.Module, epoch: int) -> None:
        """Put the weights after ``epoch`` in the place of the oldest ones."""
        if not (self.epochs == epoch).any():
            oldest = int(self.epochs.argmin())
            state = module.state_dict()
            copy = self.copies[oldest]
            copy.load_state_dict({name: state[name] for name in copy.state_dict()})
            self.epochs[oldest] = epoch

    def __iter__(self) -> Iterator[nn.Module]:
        return (copy for copy, epoch in zip(self.copies, self.epochs, strict=True) if epoch)


def train_with_snapshots(
    run: Run, net: DetectorNet, X, y, update: Callable[[DetectorNet], None] | None = None
) -> None:
    """Train ``net``, and let its module keep as many evenly spaced snapshots as it has room for.

    The last epoch is always among them. ``update`` is called after each epoch.
    """
    snapshots = net.module_.snapshots
    if snapshots is None:
        run(net, X, y, update)
        return
    n, begin = len(snapshots.copies), len(net.history)
    n_epochs = net.planned_epochs(len(X), run.epochs)
    epochs = {begin + ceil(k * n_epochs / n) for k in range(1, n + 1)}

    def keep(net: DetectorNet) -> None:
        if len(net.history) in epochs:
            snapshots.keep(net.module_, len(net.history))
        if update is not None:
            update(net)

    run(net, X, y, keep)
    snapshots.keep(net.module_, len(net.history))
