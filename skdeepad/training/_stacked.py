"""Nets that differ in numbers only, trained as one stack.

The weights of a stack have one more dimension. Each net keeps its batches, its noise, its history
and its callbacks, and sees its slice of the stack as its own weights.
"""

import threading
from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ..nn import Generators, Stochastic
from ._callbacks import AfterEpoch, KneeStopping, ProgressBar
from ._data import Batch
from ._net import DetectorNet
from ._optimizers import OPTIMIZERS

# Callbacks that listen to epochs and change nothing that nets of a stack share.
HARMLESS = (AfterEpoch, KneeStopping, ProgressBar)
# Modules whose forward pass is known to write its state in place, if at all.
KNOWN = ("skdeepad.", "torch.nn.")
# Modules that draw from torch's global generator.
DRAWING = (nn.modules.dropout._DropoutNd, nn.RReLU)
# Attributes that every module has.
OF_ANY_MODULE = vars(nn.Module()).keys() - {"training"}


class Member:
    """A net that waits for others like it.

    Parameters
    ----------
    net : DetectorNet
    key : hashable
        Equal for nets that can be one.
    check : callable
        Raises if the training has been cancelled.
    """

    def __init__(self, net: DetectorNet, key, check: Callable[[], None]) -> None:
        self.net = net
        self.key = key
        self.check = check
        self.stack: Stack | None = None
        self.is_placed = False
        self.batch: Batch | None = None
        self.loss: Tensor | None = None

    def optimize(self, batch: Batch) -> Tensor:
        """Update the weights, together with those of the stack if any; return the mean loss."""
        loss = None if self.stack is None else self.stack.step(self, batch)
        return type(self.net).optimize(self.net, batch) if loss is None else loss

    def count_step(self) -> None:
        """Count a step of the net, unless the training has been cancelled."""
        self.check()
        type(self.net)._count_step(self.net)


def can_be_stacked(net: DetectorNet) -> bool:
    """Whether nothing of a net's training depends on its being alone."""
    return (
        type(net) is DetectorNet
        and type(net.optimizer_) in OPTIMIZERS.values()
        and not net.optimizer_.state
        and not net.train_split
        and all(type(callback) in HARMLESS for _, callback in net.callbacks_)
        and all(is_known(part) for part in net.module_.modules())
    )


def is_known(part: nn.Module) -> bool:
    """Whether a part of a module keeps its state in place and draws from its net's generator."""
    hooks = (part._forward_hooks, part._forward_pre_hooks, part._backward_hooks)
    known = f"{type(part).__module__}.".startswith(KNOWN)
    draws = isinstance(part, DRAWING) or getattr(part, "dropout", 0.0)
    holds = any(isinstance(value, Tensor | np.ndarray) for _, value in own_attributes(part))
    return known and not (draws or holds or any(hooks))


def key_of(net: DetectorNet) -> tuple:
    """What nets of a stack have in common: all but their numbers."""
    groups = [
        (tuple(weight.shape for weight in group["params"]), tuple(sorted(group)))
        for group in net.optimizer_.param_groups
    ]
    return (
        *(net.batch_size, net.max_epochs, net.max_steps, net.trim_start, net.steps_per_epoch),
        *(tuple(net.lr_milestones), net.device, net.iterator_train, len(net.history) > 0),
        *(repr(net.get_params_for("iterator_train")), type(net.optimizer_), repr(groups)),
        structure_of(net.module_),
    )


def structure_of(module: nn.Module) -> tuple:
    """A module but for its weights and its numbers."""
    weights = [(name, w.shape, w.dtype, w.requires_grad) for name, w in module.named_parameters()]
    buffers = [(name, buffer.shape, buffer.dtype) for name, buffer in module.named_buffers()]
    parts = [
        (name, type(part), repr({k: v for k, v in own_attributes(part) if not is_number(v)}))
        for name, part in module.named_modules()
    ]
    return tuple(weights), tuple(buffers), tuple(parts)


def own_attributes(part: nn.Module) -> list[tuple[str, object]]:
    """Attributes of a module but for those that every module has, and its generator."""
    left_out = OF_ANY_MODULE | ({"rng"} if isinstance(part, Stochastic) else set())
    return [(name, value) for name, value in vars(part).items() if name not in left_out]


def is_number(value) -> bool:
    return isinstance(value, float | np.floating)


class Stack:
    """Nets whose weights are trained as one tensor of one more dimension.

    Parameters
    ----------
    members : list of Member
    """

    def __init__(self, members: list[Member]) -> None:
        self.changed = threading.Condition()
        self.members = sorted(members, key=lambda member: repr(hyperparameters(member.net)))
        self.is_split = False  # nets for which there is no common step go on alone
        self.base: nn.Module | None = None
        self.stacked: list[Member] = []  # in the order of the weights
        self.left: list[Member] = []  # of these, since the weights were put together

    # Members ---------------------------------------------------------------------------------

    def step(self, member: Member, batch: Batch) -> Tensor | None:
        """Wait for the batches of all members, make one step with them, return a member's loss.

        It is None if the net has to make the step alone.
        """
        with self.changed:
            member.batch, member.loss = batch, None
            if not self.is_split:
                self._step_if_all_are_here()
                while member.loss is None and not self.is_split:
                    member.check()
                    self.changed.wait(1.0)
                    self._step_if_all_are_here()
            member.batch = None
            return member.loss

    def leave(self, member: Member) -> None:
        """Give a net its own weights again; the others go on."""
        with self.changed:
            if self.base is not None:
                self._give_back_to(self.stacked.index(member))
                self.left.append(member)
            self.members.remove(member)
            self._step_if_all_are_here()
            self.changed.notify_all()

    def _step_if_all_are_here(self) -> None:
        """Make a step if each member waits with a batch, and so writes to no weights."""
        if self.is_split or not self.members or any(m.batch is None for m in self.members):
            return
        if self.left:
            self._give_back()
        batches = [member.batch for member in self.members]
        if len(self.members) == 1 or len({len(batch.x) for batch in batches}) > 1:
            self._split()
            return
        states = [member.net.generator_.get_state() for member in self.members]
        try:
            if self.base is None:
                self._put_together()
            means = self._forward_and_backward(batches)
        except Exception:  # no net has moved: each makes the step alone, or meets its own error
            for member, state in zip(self.members, states, strict=True):
                member.net.generator_.set_state(state)
            self._split()
            return
        self._move()
        for member, loss in zip(self.members, means, strict=True):
            member.batch, member.loss = None, loss
        self.changed.notify_all()

    def _split(self) -> None:
        self.is_split = True
        self._give_back()
        self.changed.notify_all()

    # Weights ---------------------------------------------------------------------------------

    def _put_together(self) -> None:
        """Stack weights and buffers; those of each net become views of the stack."""
        nets = [member.net for member in self.members]
        modules = [net.module_ for net in nets]
        named = [dict(module.named_parameters()) for module in modules]
        buffers = [dict(module.named_buffers()) for module in modules]
        self.weights = {k: torch.stack([own[k].data for own in named]) for k in named[0]}
        self.buffers = {k: torch.stack([own[k] for own in buffers]) for k in buffers[0]}
        self.moved = {k for k, weight in named[0].items() if weight.requires_grad}
        for k in self.moved:
            self.weights[k].requires_grad_()
        base = Loss(deepcopy(modules[0]))
        self.numbers = numbers_that_differ(modules)
        self.generators = Generators([net.generator_ for net in nets])
        for part in base.modules():
            if isinstance(part, Stochastic):
                part.rng = self.generators
        self._make_optimizer(nets, named)
        self._views, self._seen = (named, buffers), False
        self.base, self.stacked = base, list(self.members)

    def _show_views(self) -> None:
        """Let each net see the weights and buffers of the stack as its own."""
        named, buffers = self._views
        for i, (weights, others) in enumerate(zip(named, buffers, strict=True)):
            for k, weight in weights.items():
                weight.data = self.weights[k].data[i]
            for k, buffer in others.items():
                buffer.data = self.buffers[k][i]
        self._seen = True

    def _make_optimizer(self, nets: list[DetectorNet], named: list[dict]) -> None:
        """One optimizer, with a group for each run of nets of equal hyperparameters."""
        self.slices, groups, start = [], [], 0
        for stop in range(1, len(nets) + 1):
            if stop < len(nets) and hyperparameters(nets[stop]) == hyperparameters(nets[start]):
                continue
            names = {id(weight): k for k, weight in named[start].items()}
            for group in nets[start].optimizer_.param_groups:
                keys = [names[id(weight)] for weight in group["params"]]
                parts = [self.weights[k].data[start:stop] for k in keys]
                self.slices.append((start, stop, keys, parts, group))
                groups.append({k: v for k, v in group.items() if k != "params"} | {"params": parts})
            start = stop
        self.optimizer = type(nets[0].optimizer_)(groups)
        for start, stop, keys, parts, _ in self.slices:
            for k, part in zip(keys, parts, strict=True):
                states = [nets[i].optimizer_.state.get(named[i][k]) for i in range(start, stop)]
                if states[0]:
                    self.optimizer.state[part] = {
                        name: torch.stack([state[name] for state in states])
                        if name != "step" and value.shape == part.shape[1:]
                        else value.clone()
                        for name, value in states[0].items()
                    }

    def _give_back(self) -> None:
        """Give each net that is still here a copy of its own of what is stacked."""
        if self.base is not None:
            for i, member in enumerate(self.stacked):
                if member not in self.left:
                    self._give_back_to(i)
        self.base, self.stacked, self.left = None, [], []

    def _give_back_to(self, i: int) -> None:
        """Give a net a copy of its own of its weights, buffers and the optimizer's state."""
        if not self._seen:
            return
        weights, others = (own[i] for own in self._views)
        for tensor in (*weights.values(), *others.values()):
            tensor.data = tensor.data.clone()
        for start, stop, keys, parts, _ in self.slices:
            if start <= i < stop:
                for k, part in zip(keys, parts, strict=True):
                    self._give_state(weights[k], part, i - start, self.stacked[i].net)

    def _give_state(self, weight: Tensor, part: Tensor, i: int, net: DetectorNet) -> None:
        state = self.optimizer.state[part]
        net.optimizer_.state[weight] = {
            k: (v[i] if k != "step" and v.shape == part.shape else v).clone()
            for k, v in state.items()
        }

    # One step --------------------------------------------------------------------------------

    def _forward_and_backward(self, batches: list[Batch]) -> list[Tensor]:
        """Compute the gradients of all weights; return the nets' mean losses."""
        nets = [member.net for member in self.members]
        stacked = Batch(
            *(None if v[0] is None else torch.stack(v) for v in zip(*batches, strict=True))
        )
        self.base.train(nets[0].module_.training)
        indices = torch.arange(len(nets), device=stacked.x.device)
        losses = vmap(self._loss, randomness="same")(
            indices, self.weights, self.buffers, self.numbers, stacked.x, stacked.loss_arguments()
        )
        means = reduced(losses, nets, stacked.y)
        for weight in self.weights.values():
            weight.grad = None
        means.sum().backward()
        return list(means.detach().unbind())

    def _move(self) -> None:
        """Let the optimizer make its step."""
        if not self._seen:
            self._show_views()
        for (start, stop, keys, parts, own), group in zip(
            self.slices, self.optimizer.param_groups, strict=True
        ):
            group["lr"] = own["lr"]
            for k, part in zip(keys, parts, strict=True):
                gradient = self.weights[k].grad
                part.grad = None if gradient is None else gradient[start:stop]
        self.optimizer.step()

    def _loss(self, index, weights, buffers, numbers, x, known) -> Tensor:
        self.generators.index = index
        for (part, name), value in numbers.items():
            setattr(self.base.get_submodule(f"module.{part}".rstrip(".")), name, value)
        state = {f"module.{k}": v for k, v in (weights | buffers).items()}
        return functional_call(self.base, state, (x,), known)


class Loss(nn.Module):
    """A module whose ``forward`` is the loss of another one."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, **known: Tensor) -> Tensor:
        return self.module.loss(x, **known)


def hyperparameters(net: DetectorNet) -> list[dict]:
    """Settings of an optimizer, by group."""
    return [
        {k: v for k, v in group.items() if k != "params"} for group in net.optimizer_.param_groups
    ]


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


def reduced(losses: Tensor, nets: list[DetectorNet], y: Tensor | None) -> Tensor:
    """Mean loss of each net's batch, (n_nets,), some of the unlabelled rows left out."""
    if losses.ndim == 1:
        return losses
    free = torch.ones_like(losses, dtype=torch.bool) if y is None else y == 0
    n_left_out = losses.new_tensor(
        [
            min(round(net.trim * int(n)), losses.shape[1] - 1)
            if net.trim and net.step_ >= net.trim_from_
            else 0
            for net, n in zip(nets, free.sum(1), strict=True)
        ]
    )
    if not n_left_out.any():
        return losses.mean(1)
    order = losses.detach().masked_fill(~free, -torch.inf).argsort(1, descending=True)
    ranks = torch.arange(losses.shape[1], device=losses.device)
    kept = ranks >= n_left_out[:, None]
    kept = torch.empty_like(kept).scatter_(1, order, kept)
    return torch.where(kept, losses, 0.0).sum(1) / kept.sum(1)
