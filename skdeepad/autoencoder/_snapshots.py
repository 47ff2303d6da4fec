"""Snapshots of the weights during training, for scores that are averaged over it."""

from collections.abc import Callable, Iterator
from copy import deepcopy

import torch
from torch import nn

from ..training import DetectorNet, Run


class Snapshots(nn.Module):
    """Copies of a module's weights after evenly spaced epochs, at most ``n`` of them.

    The end of training need not be known: when all copies are in use, every second one is
    discarded, and from then on half as many epochs are kept. The copies exist from the start, so
    that the names in a state dict, which is saved or restored by early stopping, do not depend on
    the number of epochs.
    """

    def __init__(self, module: nn.Module, n: int) -> None:
        super().__init__()
        self.copies = nn.ModuleList(deepcopy(module).requires_grad_(False) for _ in range(n))
        self.register_buffer("epochs", torch.zeros(n, dtype=torch.long))  # 0: unused copy
        self.register_buffer("spacing", torch.ones((), dtype=torch.long))

    def offer(self, module: nn.Module, epoch: int) -> None:
        """Keep the weights after ``epoch`` if it is a multiple of the spacing."""
        if epoch % self.spacing == 0:
            self._make_room()
        if epoch % self.spacing == 0:
            self._put(module, epoch)

    def keep(self, module: nn.Module, epoch: int) -> None:
        """Keep the weights after ``epoch``."""
        if not (self.epochs == epoch).any():
            self._make_room()
            self._put(module, epoch)

    def _make_room(self) -> None:
        while self.epochs.all():
            self.epochs[self.epochs % self.spacing != 0] = 0  # last epochs of earlier fits
            self.spacing *= 1 + self.epochs.all()

    def _put(self, module: nn.Module, epoch: int) -> None:
        place = int(self.epochs.argmin())
        state, copy = module.state_dict(), self.copies[place]
        copy.load_state_dict({name: state[name] for name in copy.state_dict()})
        self.epochs[place] = epoch

    def __iter__(self) -> Iterator[nn.Module]:
        return (copy for copy, epoch in zip(self.copies, self.epochs, strict=True) if epoch)


def train_with_snapshots(
    run: Run, net: DetectorNet, X, y, update: Callable[[DetectorNet], None] | None = None
) -> None:
    """Train ``net`` and keep snapshots in its module, always including the last epoch.

    ``update`` is called after each epoch.
    """
    snapshots = net.module_.snapshots
    if snapshots is None:
        run(net, X, y, update)
        return

    def offer(net: DetectorNet) -> None:
        snapshots.offer(net.module_, len(net.history))
        if update is not None:
            update(net)

    run(net, X, y, offer)
    snapshots.keep(net.module_, len(net.history))
