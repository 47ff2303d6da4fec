"""Parameters that all detectors have, and those of detectors that can stop early."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, final

from .._validation import HasMethods, Interval, Real, check_values
from ..nn import ACTIVATIONS
from ..training import OPTIMIZERS
from ._parameters import (
    CONTAMINATION,
    COUNT,
    LAYER_SIZES,
    NON_NEGATIVE,
    POSITIVE,
    SHARE_BELOW_ONE,
    detector,
    param,
)
from ._scaling import SCALERS

# What net_params can't replace, and what is for it.
OUTSIDE_NET_PARAMS = {
    "module": "backbone",
    "module__": "backbone",
    "train_split": "early_stopping and validation_fraction",
    "train_split__": "early_stopping and validation_fraction",
    "callbacks__": "callbacks",
    "iterator_train__batch_size": "batch_size",
}
CLASSES = ("criterion", "dataset", "iterator_train", "iterator_valid")


@detector
class CommonParameters:
    """Parameters of all detectors, and where their values go.

    Parameters
    ----------
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm.
    max_epochs : int, default=500
        Maximum number of epochs.
    max_steps : int or None, default=2500
        Maximum number of optimizer steps. If None, there is no limit.
    lr : float, default=1e-3
        Learning rate.
    batch_size : int or None, default=128
        Number of rows in a batch. If None, a batch holds all training rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`.
    weight_decay : float, default=0.0
        L2 penalty of the optimizer on the weights.
    contamination : "auto" or float in (0, 0.5], default=0.1
        Share of the training rows that the threshold declares outliers. It can be changed after
        ``fit``.
    callbacks : list of skorch callbacks or None, default=None
        Callbacks of the training; ``fit`` uses copies of them.
    net_params : dict or None, default=None
        Further parameters of the skorch net.
    device : str, default="auto"
        Device to compute on. ``"auto"`` is CUDA if it is available, else the CPU.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the last ``fit``.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the batches and all random draws.
    verbose : int, default=0
        If above 0, progress bars are shown.

    Notes
    -----
    All detectors repeat these texts and may add to them. ``hidden_layer_sizes``, ``activation``,
    ``backbone`` and ``trim`` depend on the method and are documented there.
    """

    hidden_layer_sizes: int | Sequence[int] = param(*LAYER_SIZES, default=(64, 32))
    activation: str = param(set(ACTIVATIONS), default="tanh")
    backbone: Any = param(HasMethods(["make_encoder", "make_decoder"]), None, default=None)
    scaler: Any = param(set(SCALERS), HasMethods(["fit", "transform"]), None, default="standard")
    max_epochs: int = param(COUNT, default=500, to="net", resumes=True)
    max_steps: int | None = param(COUNT, None, default=2500, to="net", resumes=True)
    lr: float = param(POSITIVE, default=1e-3, to="net", resumes=True)
    batch_size: int | None = param(COUNT, None, default=128, to="net", resumes=True)
    optimizer: str | type = param(set(OPTIMIZERS), type, default="adam", to="net")
    weight_decay: float = param(NON_NEGATIVE, default=0.0, to="net")
    trim: float | str = param(SHARE_BELOW_ONE, default=0.1, to="net")
    contamination: float | str = param(*CONTAMINATION, default=0.1, resumes=True)
    callbacks: Sequence | None = param("array-like", None, default=None, to="net")
    net_params: Mapping | None = param(Mapping, None, default=None, to="net")
    device: str = param(str, default="auto", to="net")
    warm_start: bool = param("boolean", default=False, resumes=True)
    random_state: Any = param("random_state", default=None)
    verbose: int = param("verbose", default=0, resumes=True)

    def _net_parameters(self) -> dict:
        """Return the parameters of the net, including those of its iterator over batches."""
        batches = self._parameters_to("batches")
        of_batches = {f"iterator_train__{name}": value for name, value in batches.items()}
        return self._parameters_to("net") | of_batches

    def _check_net_params(self) -> None:
        """Raise if ``net_params`` hold a reserved name, or a value that the detector would refuse.

        Many names of the net are parameters of the detector, too.
        """
        given = dict(self.net_params or {})
        if not all(isinstance(name, str) for name in given):
            raise ValueError(f"net_params={self.net_params!r} must have str keys.")
        for name, value in given.items():
            start = name if name in OUTSIDE_NET_PARAMS else re.sub("__.*", "__", name)
            if start in OUTSIDE_NET_PARAMS:
                raise ValueError(
                    f"net_params={self.net_params!r} must not hold {name!r}: use "
                    f"{OUTSIDE_NET_PARAMS[start]} of the detector."
                )
            if name in CLASSES and not callable(value):
                raise ValueError(
                    f"net_params={self.net_params!r} must hold a class as {name!r}, got {value!r}."
                )
        checked = {name: given[name] for name in self._parameters_to("net") if name in given}
        if "device" in checked:
            checked["device"] = str(checked["device"])  # torch has a type for them
        check_values(self, checked, "'s net_params")

    @final
    def _parameters_to(self, place: str) -> dict:
        """Return the parameters that are declared with ``to=place``."""
        declared = type(self)._parameters.items()
        return {name: getattr(self, name) for name, parameter in declared if parameter.to == place}


@detector
class StopsEarly:
    """Parameters of a detector that can stop early.

    Parameters
    ----------
    early_stopping : bool, default=False
        If True, hold out ``validation_fraction`` of the rows and stop once their loss, computed
        with the same noise in each epoch, has not fallen for ``n_iter_no_change`` epochs. The
        weights of the best epoch are kept.
    validation_fraction : float, default=0.1
        Share of the rows that are held out under ``early_stopping=True``.
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which training stops under
        ``early_stopping=True``.
    """

    early_stopping: bool = param("boolean", default=False, to="net")
    validation_fraction: float = param(
        Interval(Real, 0, 1, closed="neither"), default=0.1, to="net"
    )
    n_iter_no_change: int = param(COUNT, default=10, to="net")
