"""Saved detectors: their version, and states of plain values for files that hold no code."""

import copyreg

import torch
from sklearn.exceptions import InconsistentVersionWarning

from .._documentation import read_more
from .._version import __version__
from ..training import find_device, warn, with_default_settings
from ._resuming import changed_parameters, lasting_parameters

# Types of parameters that can't be written as names and arrays.
OBJECTS_OF_TORCH = (torch.Tensor, torch.nn.Module, torch.distributions.Distribution)
# Entry of a saved state.
VERSION = "_skdeepad_version"


class InconsistentDetectorVersionWarning(InconsistentVersionWarning):
    """Warning that a detector was saved by another version of skdeepad."""

    def __init__(self, estimator_name: str, original_version: str) -> None:
        self.estimator_name = estimator_name
        self.original_version = original_version

    def __str__(self) -> str:
        return (
            f"This {self.estimator_name} was saved by version {self.original_version} of skdeepad, "
            f"and is opened by version {__version__}. Its scores may differ, or it may not work: "
            "fit it again, or install the version that saved it."
            f"{read_more('Files', 'serving')}"
        )


class SavedVersionMixin:
    """Version of skdeepad in the saved state of an estimator; another one opens it with a warning.

    Classes name this mixin before those that save or open states of their own.
    """

    def __getstate__(self) -> dict:
        return super().__getstate__() | {VERSION: __version__}

    def __setstate__(self, state: dict) -> None:
        state = dict(state)
        saved_by = state.pop(VERSION, "before 0.1")
        if saved_by != __version__:
            warn(InconsistentDetectorVersionWarning(type(self).__name__, saved_by))
        super().__setstate__(state)


class SavedStateMixin(SavedVersionMixin):
    """Saved states of a detector.

    Pickles and copies hold the net with its torch objects. ``__getstate__``, which skops saves,
    holds the net's weights as arrays, and ``__setstate__`` makes the net again from the parameters.
    """

    def __reduce_ex__(self, protocol):
        return copyreg.__newobj__, (type(self),), super().__getstate__()

    def __getstate__(self) -> dict:
        state = super().__getstate__()
        if "net_" not in state:
            return state
        changed = changed_parameters(self, self._made_with)
        if changed:
            raise ValueError(
                f"{', '.join(changed)} of this {type(self).__name__} changed after fit, so that "
                "its net can't be made again from its parameters: fit it again before it is saved."
            )
        for name, value in self.get_params(deep=False).items():
            if isinstance(value, OBJECTS_OF_TORCH):
                raise ValueError(
                    f"{name}={value!r} is an object of torch, which only a pickle can hold."
                )
        del state["_made_with"]  # the parameters, once more
        return state | {"net_": self.net_.plain_state()}

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        if isinstance(state.get("net_"), dict):
            self.net_ = self._net_of(state["net_"])
            self._made_with = lasting_parameters(self)
        elif any(isinstance(was, str) for was in state.get("_made_with", {}).values()):
            self._made_with = lasting_parameters(self)  # a file of an earlier version has texts

    @with_default_settings
    def _net_of(self, state: dict):
        """Return a new net with the weights of a plain state."""
        try:
            device = find_device(self.device)
        except ValueError as error:
            warn(f"{error} The detector is opened on the CPU.")
            device = "cpu"
        if "seed" not in state:
            raise ValueError("The file does not fit: it has no seed of the net.")
        net = self._make_net(
            self._make_module, self._n_scaled_features, seed=int(state["seed"]), device=device
        )
        net.set_plain_state(state)
        return net
