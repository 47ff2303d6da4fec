"""torch's optimizers without the import of torch's compiler."""

import importlib
import inspect
import threading

import torch


def without_compiler(optimizer: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """Remove the wrappers for ``torch.compile`` from an optimizer's methods."""
    for name in ("add_param_group", "zero_grad", "step", "state_dict", "load_state_dict"):
        setattr(optimizer, name, torch.no_grad()(inspect.unwrap(getattr(optimizer, name))))
    return optimizer


@without_compiler
class Adam(torch.optim.Adam):
    """:class:`torch.optim.Adam` for training without ``torch.compile``."""


@without_compiler
class AdamW(torch.optim.AdamW):
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
    if isinstance(optimizer, str):
        return OPTIMIZERS[optimizer]
    for eager in OPTIMIZERS.values():
        if optimizer in eager.__bases__:
            return eager
    if not issubclass(optimizer, torch.optim.Optimizer) or optimizer is torch.optim.LBFGS:
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
