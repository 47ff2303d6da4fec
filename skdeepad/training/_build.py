"""Construction of a net from a detector's parameters, and its training run."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from inspect import signature
from numbers import Real

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor, nn

from ._callbacks import AfterEpoch, KneeStopping, ProgressBar, StoppingAtBest, listening
from ._data import HoldOut, as_tensor
from ._lazy_rows import LazyRows
from ._meeting import trained_with_others
from ._net import DetectorNet
from ._optimizers import find_optimizer


def find_device(device: str) -> str:
    """Return the device to compute on; ``"auto"`` is CUDA if it is available, else the CPU."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, dtype=torch.float64, device=device)  # scores are, which Apple's GPUs lack
        torch.Generator(device=device)
    except (AssertionError, RuntimeError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device={device!r} can't be used here: {reason}") from error
    return device


def build_net(
    module: nn.Module,
    *,
    net_class: type[DetectorNet] = DetectorNet,
    seed: int,
    device: str,
    optimizer: str | type[torch.optim.Optimizer] = "adam",
    weight_decay: float = 0.0,
    early_stopping: bool | str = False,
    validation_fraction: float = 0.1,
    n_iter_no_change: int = 10,
    callbacks=None,
    net_params: Mapping | None = None,
    **kwargs,
) -> DetectorNet:
    """Return the initialised net that trains ``module``.

    The parameters are those of the detectors. ``kwargs`` (``lr``, ``batch_size``, ``max_epochs``,
    ``max_steps``, ``trim``, ``trim_start``, ``lr_milestones``) are passed to the net unchanged, and
    ``net_params`` overrides all.
    """
    net_params = dict(net_params or {})
    optimizer = find_optimizer(net_params.pop("optimizer", optimizer))
    device = net_params.pop("device", device)
    if callbacks is not None and not all(isinstance(c, Callback) for c in callbacks):
        raise ValueError(f"callbacks={callbacks!r} must be instances of skorch.callbacks.Callback.")
    known = signature(optimizer).parameters
    if weight_decay and "weight_decay" not in known:
        raise ValueError(
            f"weight_decay={weight_decay!r}: {optimizer.__name__} has no weight decay."
        )
    milestones = kwargs.get("lr_milestones", ())
    if not all(isinstance(share, Real) and 0 < share < 1 for share in milestones):
        raise ValueError(
            f"lr_milestones={milestones!r} must be shares of the training, between 0 and 1."
        )
    _check_settings(net_params, optimizer, known, getattr(module, "players", ()))
    settings = {"weight_decay": weight_decay, "fused": True}
    kwargs |= {f"optimizer__{key}": value for key, value in settings.items() if key in known}
    kwargs["optimizer"] = optimizer
    callbacks = list(deepcopy(callbacks or []))
    if early_stopping == "knee":
        callbacks.append(KneeStopping())
    elif early_stopping:
        kwargs["train_split"] = HoldOut(validation_fraction, seed)
        callbacks.append(StoppingAtBest(n_iter_no_change))
    kwargs |= {"seed": seed, "device": find_device(device), "callbacks": callbacks}
    return net_class(module.float(), **kwargs | net_params).initialize()


def _check_settings(net_params: Mapping, optimizer: type, known: Mapping, players) -> None:
    """Raise if ``optimizer__*``, or those of a player, are no settings of the optimizer."""
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
        return
    optimizers = {"optimizer", *(f"optimizer_{player}" for player in players)}
    accepted = [name for name in known if name not in ("self", "params")]
    for name in net_params:
        first, _, setting = name.partition("__")
        if first in optimizers and setting.split("__")[0] not in ("", "param_groups", *accepted):
            raise ValueError(
                f"net_params={dict(net_params)!r}: {optimizer.__name__} has no {name!r}, but "
                f"{', '.join(accepted)}."
            )


class Run:
    """Training run of one net, or of several in turn, with listeners.

    Parameters
    ----------
    name : str
        Name that a progress bar shows.
    epochs : int or None
        Epochs for each net. If None, ``max_epochs`` of the net.
    verbose : int
        If above 0, a progress bar is shown.
    after_epoch : callable or None
        Called with the net after each epoch of any net; training stops when it returns True.
    """

    def __init__(
        self,
        name: str,
        epochs: int | None = None,
        verbose: int = 0,
        after_epoch: Callable[[NeuralNet], bool | None] | None = None,
    ) -> None:
        self.name = name
        self.epochs = epochs
        self.verbose = verbose
        self.after_epoch = after_epoch

    def __call__(
        self,
        net: DetectorNet,
        X: Tensor,
        y: Tensor | None = None,
        update: Callable[[NeuralNet], bool | None] | None = None,
        stage: str = "",
        **columns: Tensor,
    ) -> None:
        """Train ``net`` and call ``update`` with it at the end of each epoch.

        ``columns`` are further columns of :class:`TensorData`: ``target``, ``weight``.
        """
        listeners = [AfterEpoch(f) for f in (update, self.after_epoch) if f is not None]
        if self.verbose:
            listeners.append(ProgressBar(f"{self.name} {stage}".strip()))
        known = (y is None, *columns)
        with listening(net, *listeners), trained_with_others(net, len(X), self.epochs, known):
            net.partial_fit(X, y, epochs=self.epochs, **columns)


def to_tensor(X: np.ndarray | LazyRows, device: str) -> Tensor | LazyRows:
    """Return rows as a tensor, on the device if they fill at most half of its free memory.

    Where they fill more, they stay where they are, and go to the device block by block. Lazy rows
    stay lazy there, and on the CPU.
    """
    tensor = as_tensor(X)
    device = find_device(device)
    if X.nbytes > free_bytes(device) / 2:
        return tensor
    if not isinstance(tensor, LazyRows):
        return tensor.to(device)
    whole = torch.empty(tensor.shape, device=device)
    for place, block in zip(whole.split(len(next(tensor.blocks()))), tensor.blocks(), strict=True):
        place.copy_(block)
    return whole


def free_bytes(device: str) -> float:
    """Return the free memory of a device for rows; none on the CPU, where they already are."""
    if torch.device(device).type != "cuda":
        return 0.0
    return torch.cuda.mem_get_info(device)[0]


def history_table(net: NeuralNet) -> dict[str, np.ndarray]:
    """Return the history of the net as columns, with NaN for missing values."""
    keys = [
        key
        for key in dict.fromkeys(key for epoch in net.history for key in epoch)
        if key != "batches" and not key.endswith("_best") and not key.endswith("_batch_count")
    ]
    return {key: np.array([epoch.get(key, np.nan) for epoch in net.history]) for key in keys}
