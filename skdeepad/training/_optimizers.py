"""torch's optimizers without the import of torch's compiler, and with less around their kernels."""

import importlib
import inspect
import operator
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks


def without_compiler(optimizer: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """Remove the wrappers for ``torch.compile`` from an optimizer's methods."""
    for name in ("add_param_group", "zero_grad", "step", "state_dict", "load_state_dict"):
        setattr(optimizer, name, torch.no_grad()(inspect.unwrap(getattr(optimizer, name))))
    return optimizer


class AdamState(NamedTuple):
    """What Adam keeps of weights that move together, as the lists that its kernel takes."""

    weights: list[Tensor]
    exp_avgs: list[Tensor]
    exp_avg_sqs: list[Tensor]
    steps: list[Tensor]
    all_steps: Tensor  # of which the steps are views, so that they are counted at once

    @classmethod
    def of(cls, weights: list[Tensor], state: Mapping[Tensor, dict]) -> "AdamState | None":
        """Return the state of weights, or None if one has none yet, or if they are not alike."""
        kinds = {(weight.device, weight.dtype) for weight in weights}
        if len(kinds) > 1 or any(not state.get(weight) for weight in weights):
            return None
        all_steps = torch.stack([state[weight]["step"] for weight in weights])
        for weight, steps in zip(weights, all_steps, strict=True):
            state[weight]["step"] = steps
        names = ("exp_avg", "exp_avg_sq", "step")
        return cls(weights, *([state[w][name] for w in weights] for name in names), all_steps)

    def is_of(self, weights: list[Tensor], state: Mapping[Tensor, dict]) -> bool:
        """Return whether these are the weights, and this is still their state."""
        return (
            len(weights) == len(self.weights)
            and all(map(operator.is_, weights, self.weights))
            and all(
                state.get(weight, {}).get("exp_avg") is exp_avg
                for weight, exp_avg in zip(weights, self.exp_avgs, strict=True)
            )
        )


class FusedSteps:
    """Steps of Adam that are one call of the fused kernel for each group of weights.

    torch's ``step`` collects weights and state each time, which for small nets takes longer than
    the kernel. It still makes the first step, and all steps with hooks, a closure or settings for
    which the kernel is not enough.
    """

    states_: Mapping[int, AdamState | None] = MappingProxyType({})

    def zero_grad(self, set_to_none: bool = True) -> None:
        if not set_to_none:
            super().zero_grad(set_to_none)
            return
        for group in self.param_groups:
            for weight in group["params"]:
                weight.grad = None

    def step(self, closure=None):
        if closure is not None or self._has_hooks() or not self._find_states():
            return self._step_of_torch(closure)
        with torch.no_grad():
            for i, known in self.states_.items():
                group = self.param_groups[i]
                gradients = [weight.grad for weight in known.weights]
                known.all_steps.add_(1)
                decoupled = group["decoupled_weight_decay"]
                (torch._fused_adamw_ if decoupled else torch._fused_adam_)(
                    *(known.weights, gradients, known.exp_avgs, known.exp_avg_sqs, [], known.steps),
                    lr=group["lr"],
                    beta1=group["betas"][0],
                    beta2=group["betas"][1],
                    weight_decay=group["weight_decay"],
                    eps=group["eps"],
                    amsgrad=False,
                    maximize=group["maximize"],
                )
        return None

    # torch would wrap the ``step`` of a class in a profiler's record and calls of hooks.
    step.hooked = True

    _step_of_torch = torch.optim.Optimizer.profile_hook_step(
        torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))
    )

    def _has_hooks(self) -> bool:
        return bool(
            self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or _global_optimizer_pre_hooks
            or _global_optimizer_post_hooks
        )

    def _find_states(self) -> bool:
        """Look up the states of the weights with gradients; return whether the kernel can move all.

        What was found in the last step is kept as long as it is right.
        """
        known, self.states_ = self.states_, {}
        if getattr(self, "grad_scale", None) is not None or hasattr(self, "found_inf"):
            return False  # of a gradient scaler, which may skip the step
        found = {}
        for i, group in enumerate(self.param_groups):
            if not group["fused"] or group["amsgrad"] or group["differentiable"]:
                return False
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            own = known.get(i)
            if own is None or not own.is_of(weights, self.state):
                own = AdamState.of(weights, self.state)
            if own is None:
                return False
            found[i] = own
        self.states_ = found
        return True


@without_compiler
class Adam(FusedSteps, torch.optim.Adam):
    """:class:`torch.optim.Adam` for training without ``torch.compile``."""


@without_compiler
class AdamW(FusedSteps, torch.optim.AdamW):
    """:class:`torch.optim.AdamW` for training without ``torch.compile``."""


@without_compiler
class RMSprop(torch.optim.RMSprop):
    """:class:`torch.optim.RMSprop` for training without ``torch.compile``."""


@without_compiler
class SGD(torch.optim.SGD):
    """:class:`torch.optim.SGD` for training without ``torch.compile``."""


OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "sgd": SGD,
}


def find_optimizer(optimizer: str | type) -> type[torch.optim.Optimizer]:
    """Return the class of an optimizer that is given by name or as a class."""
    if isinstance(optimizer, str) and optimizer in OPTIMIZERS:
        return OPTIMIZERS[optimizer]
    for eager in OPTIMIZERS.values():
        if optimizer in eager.__bases__:
            return eager
    of_torch = isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer)
    if not of_torch or optimizer is torch.optim.LBFGS:
        raise ValueError(
            f"optimizer={optimizer!r} must be one of {sorted(OPTIMIZERS)} or a subclass of "
            "torch.optim.Optimizer whose step needs no closure."
        )
    if not issubclass(optimizer, tuple(OPTIMIZERS.values())):
        _import_compiler()
    return optimizer


def _import_compiler() -> None:
    """Import torch's compiler in a thread that Ctrl-C can't interrupt.

    A module whose import has been interrupted stays broken for the rest of the process.
    """
    thread = threading.Thread(target=importlib.import_module, args=("torch._dynamo",))
    thread.start()
    thread.join()
