"""Nets that differ in numbers only, trained as one stack.

The weights of a stack have one more dimension. Each net keeps its batches, its noise, its history
and its callbacks, and sees its slice of the stack as its own weights.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ..nn import Generators, Stochastic
from ._data import Batch
from ._net import DetectorNet
from ._stackable import common_settings, is_number, own_attributes
from ._stacked_layers import stack_layers


class Member:
    """A net that waits for others like it.

    Parameters
    ----------
    net : DetectorNet
    key : hashable
        Equal for nets that can be one.
    number : int
        Place among the tasks of the pool.
    check : callable
        Raises if the training has been cancelled.
    training : threading.Lock
        Held by the stack of a pool that trains.
    """

    def __init__(
        self,
        net: DetectorNet,
        key,
        number: int,
        check: Callable[[], None],
        training: threading.Lock,
    ) -> None:
        self.net = net
        self.key = key
        self.number = number
        self.check = check
        self.training = training
        self.stack: Stack | None = None
        self.is_placed = False
        self.batches: Iterator[Batch] | None = None  # of an epoch, while the net waits
        self.total: Tensor | float = 0.0  # sum of the losses of the epoch
        self.n_rows = 0

    def train_on(self, batches: Iterator[Batch]) -> tuple[Tensor | float, int]:
        """Make a step with each batch, with the stack as far as there is one.

        Returns the sum of the rows' losses and the number of rows.
        """
        self.total, self.n_rows = 0.0, 0
        if self.stack is not None:
            batches = self.stack.epoch(self, batches)
        total, n_rows = type(self.net)._train_on(self.net, batches)
        return self.total + total, self.n_rows + n_rows

    def leave(self) -> None:
        """Take the net out of its stack, if it is in one."""
        if self.stack is not None:
            self.stack.leave(self)

    def count_step(self) -> None:
        """Count a step of the net, unless the training has been cancelled."""
        self.check()
        type(self.net)._count_step(self.net)


class Stack:
    """Nets whose weights are trained as one tensor of one more dimension.

    Parameters
    ----------
    members : list of Member
    """

    def __init__(self, members: list[Member]) -> None:
        self.changed = threading.Condition()
        self.members = members
        self.is_split = False  # nets for which there is no common step go on alone
        self.base: nn.Module | None = None
        self.stacked: list[Member] = []  # in the order of the weights
        self.left: list[Member] = []  # of these, since the weights were put together

    # Members ---------------------------------------------------------------------------------

    def epoch(self, member: Member, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Train all members on their batches of an epoch, once all are here.

        Returns the batches that a net has to train on alone.
        """
        with self.changed:
            member.batches = batches
            while member.batches is not None and not self.is_split:
                if all(other.batches is not None for other in self.members):
                    with member.training:
                        self._run_epoch()
                else:
                    member.check()
                    self.changed.wait(1.0)
            left, member.batches = member.batches, None
            return left or iter(())

    def leave(self, member: Member) -> None:
        """Give a net its own weights again; the others go on."""
        with self.changed:
            if member not in self.members:
                return
            if self.base is not None:
                self._give_back_to(self.stacked.index(member))
                self.left.append(member)
            self.members.remove(member)
            self.changed.notify_all()

    def _run_epoch(self) -> None:
        """Make the steps of an epoch. All members wait, and so write to no weights."""
        if self.left:
            self._give_back()
        totals, n_rows = 0.0, 0
        while batches := [next(member.batches, None) for member in self.members]:
            if all(batch is None for batch in batches):
                break
            if (losses := self._step(batches)) is None:
                self._split(batches, totals, n_rows)
                return
            totals = totals + losses * len(batches[0].x)
            n_rows += len(batches[0].x)
            for member in self.members:
                member.count_step()
        self._end(totals, n_rows)
        for member in self.members:
            member.batches = None
        self.changed.notify_all()

    def _step(self, batches: list[Batch | None]) -> Tensor | None:
        """Update all nets once and return their mean losses, or None if they have no common step.

        No net has moved then: each makes the step alone, or meets its own error.
        """
        sizes = {None if batch is None else len(batch.x) for batch in batches}
        if len(self.members) == 1 or len(sizes) > 1:
            return None
        states = []
        if self.base is None:  # a stack that makes one step makes others like it
            states = [member.net.generator_.get_state() for member in self.members]
        try:
            if self.base is None:
                self._put_together()
            losses = self._forward_and_backward(batches)
        except Exception:
            for member, state in zip(self.members, states, strict=False):
                member.net.generator_.set_state(state)
            return None
        self._move()
        return losses

    def _split(self, batches: list[Batch | None], totals, n_rows: int) -> None:
        """Let each net go on alone, from the batches that have been taken."""
        self._end(totals, n_rows)
        for member, batch in zip(self.members, batches, strict=True):
            if batch is not None:
                member.batches = chain([batch], member.batches)
        self.is_split = True
        self._give_back()
        self.changed.notify_all()

    def _end(self, totals: Tensor | float, n_rows: int) -> None:
        """Tell the members the sums of their losses."""
        if n_rows:
            for member, total in zip(self.members, totals.tolist(), strict=True):
                member.total, member.n_rows = total, n_rows

    # Weights ---------------------------------------------------------------------------------

    def _put_together(self) -> None:
        """Stack weights and buffers; those of each net become views of the stack."""
        nets = [member.net for member in self.members]
        modules = [net.module_ for net in nets]
        self.named = [dict(module.named_parameters()) for module in modules]
        self.others = [dict(module.named_buffers()) for module in modules]
        self.buffers = {k: torch.stack([own[k] for own in self.others]) for k in self.others[0]}
        self._make_optimizer(nets)
        for k in self.named[0].keys() - self.weights.keys():
            self.weights[k] = torch.stack([own[k].data for own in self.named])
        self.numbers = numbers_that_differ(modules)
        self.generators = Generators([net.generator_ for net in nets])
        self.indices = torch.arange(len(nets), device=next(modules[0].parameters()).device)
        base = Loss(deepcopy(modules[0]))
        stack_layers(base.module)
        for part in base.modules():
            if isinstance(part, Stochastic):
                part.rng = self.generators
        self.is_seen, self.base, self.stacked = False, base, list(self.members)

    def _make_optimizer(self, nets: list[DetectorNet]) -> None:
        """One optimizer for the flat weights of all nets, a tensor for each of their groups.

        All of torch's optimizers move weights in proportion to the learning rate, and add a weight
        decay to the gradient or, decoupled, to the move. So nets can differ in both.
        """
        names = {id(weight): k for k, weight in self.named[0].items() if weight.requires_grad}
        self.weights, self.places, self.flats = {}, [], []
        for group in nets[0].optimizer_.param_groups:
            keys = [names[id(weight)] for weight in group["params"] if id(weight) in names]
            ends = np.cumsum([self.named[0][k].numel() for k in keys]).tolist()
            places = {k: slice(a, b) for k, a, b in zip(keys, [0, *ends], ends, strict=False)}
            flat = torch.stack([flattened(own[k].data for k in keys) for own in self.named])
            flat.grad = torch.zeros_like(flat)
            for k, place in places.items():
                weight = flat[:, place].view(len(nets), *self.named[0][k].shape)
                self.weights[k] = weight.requires_grad_()
            self.places.append(places)
            self.flats.append(flat)
        self.optimizer = type(nets[0].optimizer_)(
            [
                common | {"params": [flat], "lr": 1.0, "weight_decay": 0.0}
                for common, flat in zip(common_settings(nets[0]), self.flats, strict=True)
            ]
        )
        for flat, places in zip(self.flats, self.places, strict=True):
            states = [
                [net.optimizer_.state.get(own[k], {}) for k in places]
                for net, own in zip(nets, self.named, strict=True)
            ]
            self.optimizer.state[flat] = {
                name: value.clone()
                if is_count(name)
                else torch.stack([flattened(state[name] for state in own) for own in states])
                for name, value in states[0][0].items()
            }

    def _show_views(self) -> None:
        """Let each net see the weights and buffers of the stack as its own."""
        for i, (weights, buffers) in enumerate(zip(self.named, self.others, strict=True)):
            for k, weight in weights.items():
                weight.data = self.weights[k].data[i]
            for k, buffer in buffers.items():
                buffer.data = self.buffers[k][i]
        self.is_seen = True

    def _give_back(self) -> None:
        """Give each net that is still here a copy of its own of what is stacked."""
        if self.base is not None:
            for i, member in enumerate(self.stacked):
                if member not in self.left:
                    self._give_back_to(i)
        self.base, self.stacked, self.left = None, [], []

    def _give_back_to(self, j: int) -> None:
        """Give a net a copy of its own of its weights, buffers and the optimizer's state."""
        if not self.is_seen:
            return
        weights, buffers = self.named[j], self.others[j]
        for tensor in (*weights.values(), *buffers.values()):
            tensor.data = tensor.data.clone()
        for flat, places in zip(self.flats, self.places, strict=True):
            for k, place in places.items():
                self.stacked[j].net.optimizer_.state[weights[k]] = {
                    name: value.clone()
                    if is_count(name)
                    else value[j, place].view_as(weights[k]).clone()
                    for name, value in self.optimizer.state[flat].items()
                }

    # One step --------------------------------------------------------------------------------

    def _forward_and_backward(self, batches: list[Batch]) -> Tensor:
        """Compute the gradients of all weights; return the nets' mean losses, (n_nets,)."""
        nets = [member.net for member in self.members]
        stacked = Batch(
            *(None if v[0] is None else torch.stack(v) for v in zip(*batches, strict=True))
        )
        losses = vmap(self._loss, randomness="same")(
            self.indices,
            *(self.weights, self.buffers, self.numbers, stacked.x, stacked.loss_arguments()),
        )
        means = reduced(losses, nets, stacked.y)
        moved = [k for places in self.places for k in places]
        gradients = torch.autograd.grad(means.sum(), [self.weights[k] for k in moved])
        of_weight = dict(zip(moved, gradients, strict=True))
        for flat, places in zip(self.flats, self.places, strict=True):
            for k, place in places.items():
                flat.grad[:, place] = of_weight[k].reshape(len(nets), -1)
        return means.detach()

    def _move(self) -> None:
        """Let the optimizer make its step, with the learning rate and weight decay of each net."""
        if not self.is_seen:
            self._show_views()
        before = []
        for i, flat in enumerate(self.flats):
            lr, decay = self._of_each("lr", i), self._of_each("weight_decay", i)
            group = self.optimizer.param_groups[i]
            if group.get("decoupled_weight_decay"):
                flat.mul_(1 - lr * decay)
            elif decay.any():
                flat.grad.addcmul_(flat, decay, value=-1 if group["maximize"] else 1)
            before.append((flat.clone(), lr))
        self.optimizer.step()
        for flat, (start, lr) in zip(self.flats, before, strict=True):
            torch.lerp(start, flat, lr, out=flat)

    def _of_each(self, name: str, i: int) -> Tensor:
        """Return a setting of the i-th group of weights, (n_nets, 1)."""
        values = [member.net.optimizer_.param_groups[i][name] for member in self.stacked]
        return self.flats[i].new_tensor(values)[:, None]

    def _loss(self, index, weights, buffers, numbers, x, known) -> Tensor:
        self.generators.index = index
        for (part, name), value in numbers.items():
            setattr(self.base.get_submodule(f"module.{part}".rstrip(".")), name, value)
        state = {f"module.{k}": v for k, v in (weights | buffers).items()}
        return functional_call(self.base, state, (x,), known, tie_weights=False)


class Loss(nn.Module):
    """A module whose ``forward`` is the loss of another one."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, **known: Tensor) -> Tensor:
        return self.module.loss(x, **known)


def numbers_that_differ(modules: list[nn.Module]) -> dict[tuple[str, str], Tensor]:
    """Attributes of the parts of modules that are floats and not all alike, (n_modules,) each."""
    numbers = {}
    for name, part in modules[0].named_modules():
        for key, value in own_attributes(part):
            if is_number(value):
                values = [getattr(module.get_submodule(name), key) for module in modules]
                if any(other != value for other in values):
                    device = next(modules[0].parameters()).device
                    numbers[name, key] = torch.tensor(values, device=device)
    return numbers


def flattened(tensors: Iterable[Tensor]) -> Tensor:
    """Return the values of tensors in a row."""
    return torch.cat([tensor.flatten() for tensor in tensors])


def is_count(name: str) -> bool:
    """Whether an entry of an optimizer's state is its number of steps, and not one of weights."""
    return name == "step"


def reduced(losses: Tensor, nets: list[DetectorNet], y: Tensor | None) -> Tensor:
    """Return the mean loss of each net's batch, (n_nets,), without its trimmed rows."""
    if losses.ndim == 1:
        return losses
    shares = [net.trim if net.step_ >= net.trim_from_ else 0.0 for net in nets]
    if y is None and len(set(shares)) == 1:
        n_left_out = min(round(shares[0] * losses.shape[1]), losses.shape[1] - 1)
        if n_left_out:
            n_kept = losses.shape[1] - n_left_out
            losses = losses.topk(n_kept, dim=1, largest=False, sorted=False).values
        return losses.mean(1)
    free = torch.ones_like(losses, dtype=torch.bool) if y is None else y == 0
    n_left_out = (losses.new_tensor(shares, dtype=torch.float64) * free.sum(1)).round()
    order = losses.detach().masked_fill(~free, -torch.inf).argsort(1, descending=True)
    ranks = torch.arange(losses.shape[1], device=losses.device)
    kept = ranks >= n_left_out.clamp(max=losses.shape[1] - 1)[:, None]
    kept = torch.empty_like(kept).scatter_(1, order, kept)
    return torch.where(kept, losses, 0.0).sum(1) / kept.sum(1)
