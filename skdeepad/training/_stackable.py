"""Which nets can be trained as one: those that are alike but for their numbers."""

from collections.abc import Mapping
from types import NoneType

import numpy as np
from torch import Tensor, nn

from ..nn import Stochastic
from ._callbacks import AfterEpoch, KneeStopping, ProgressBar, StoppingAtBest
from ._data import HoldOut
from ._net import DetectorNet
from ._optimizers import OPTIMIZERS

# Callbacks that listen to epochs and change nothing that nets of a stack share.
HARMLESS = (AfterEpoch, KneeStopping, ProgressBar, StoppingAtBest)
# Modules whose forward pass is known to write its state in place, if at all.
KNOWN = ("skdeepad.", "torch.nn.")
# Modules that draw from torch's global generator.
DRAWING = (nn.modules.dropout._DropoutNd, nn.RReLU)
# Attributes that every module has.
OF_ANY_MODULE = vars(nn.Module()).keys() - {"training"}


def can_be_stacked(net: DetectorNet) -> bool:
    """Whether nothing of a net's training depends on its being alone."""
    return (
        type(net) is DetectorNet
        and net.max_gradient_norm is None
        and type(net.optimizer_) in OPTIMIZERS.values()
        and not net.optimizer_.state
        and type(net.train_split) in (HoldOut, NoneType)
        and is_of(net.iterator_train, "skdeepad.")
        and all(type(callback) in HARMLESS for _, callback in net.callbacks_)
        and all(is_known(part) for part in net.module_.modules())
        and not any(has_hooks(weight) for weight in net.module_.parameters())
        and not shares_tensors(net.module_)
    )


def is_of(cls: type, *packages: str) -> bool:
    return f"{cls.__module__}.".startswith(packages)


def has_hooks(owner: nn.Module | Tensor) -> bool:
    """Whether a module or a weight calls functions that are not its own."""
    names = vars(owner) if isinstance(owner, nn.Module) else dir(owner)
    hooks = (getattr(owner, name) for name in names if name.endswith("_hooks"))
    return any(isinstance(registered, Mapping) and registered for registered in hooks)


def shares_tensors(module: nn.Module) -> bool:
    """Whether a weight or a buffer has several names."""
    return any(
        len(list(named())) < len(list(named(remove_duplicate=False)))
        for named in (module.named_parameters, module.named_buffers)
    )


def is_known(part: nn.Module) -> bool:
    """Whether a part of a module keeps its state in place and draws from its net's generator."""
    known = is_of(type(part), *KNOWN) and "forward" not in vars(part)
    draws = isinstance(part, DRAWING) or getattr(part, "dropout", 0.0)
    holds = any(isinstance(value, Tensor | np.ndarray) for _, value in own_attributes(part))
    return known and not (draws or holds or has_hooks(part))


def key_of(net: DetectorNet) -> tuple:
    """What nets of a stack have in common: all but their numbers."""
    names = {id(weight): name for name, weight in net.module_.named_parameters()}
    groups = [
        [names.get(id(weight)) for weight in group["params"]]
        for group in net.optimizer_.param_groups
    ]
    return (
        *(net.batch_size, net.max_epochs, net.max_steps, net.trim_start, net.steps_per_epoch),
        *(tuple(net.lr_milestones), net.device, net.iterator_train, len(net.history) > 0),
        getattr(net.train_split, "fraction", 0.0),
        *(repr(net.get_params_for("iterator_train")), type(net.optimizer_), repr(groups)),
        repr(common_settings(net)),
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


def common_settings(net: DetectorNet) -> list[dict]:
    """Settings of an optimizer that nets of a stack have in common, by group."""
    own = {"params", "lr", "weight_decay"}
    return [
        {k: v for k, v in group.items() if k not in own} for group in net.optimizer_.param_groups
    ]
