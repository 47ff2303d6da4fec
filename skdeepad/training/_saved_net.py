"""Saved states of a net: whole ones for pickles, and plain ones for files that hold no code."""

import numpy as np
import torch
from skorch import NeuralNet

from ..nn import link_generator
from ._guard import with_default_settings
from ._random import seeded_generator


class SavedNet(NeuralNet):
    """Base class of the nets, with their saved states.

    A pickle holds the module and the optimizers. A plain state holds their values as arrays, for a
    net with the same parameters to take over.
    """

    # Pickles ---------------------------------------------------------------------------------

    def __getstate__(self) -> dict:
        state = super().__getstate__()
        # The given module is the trained module; one copy is enough.
        state["module"] = None
        for name in ("_train_on", "_count_step"):  # of a stack, while the net is trained within one
            state.pop(name, None)
        if "generator_" in state:
            state["generator_"] = self.generator_.get_state().cpu()
        return state

    @with_default_settings
    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        if "generator_" in state:
            self.module = self.module_
            self.generator_ = seeded_generator(self.seed, self.device)
            self._set_generator(state["generator_"])
            link_generator(self.module_, self.generator_)

    # Plain states ----------------------------------------------------------------------------

    def plain_state(self) -> dict:
        """Return what was learned, and what training resumes with, as arrays and plain values."""
        return _with(_as_array, self._learned(), torch.Tensor)

    def set_plain_state(self, state: dict) -> None:
        """Take over the state of a net with the same parameters; raise if it does not fit."""
        try:
            self._take_over(_with(torch.from_numpy, state, np.ndarray))
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(f"The file does not fit a net of its parameters: {error}") from error

    def _learned(self) -> dict:
        """Return the state, with tensors."""
        optimizers = self._named_optimizers().items()
        return {
            "seed": self.seed,
            "lr": self.lr,
            "weights": self.module_.state_dict(),
            "optimizers": {prefix: optimizer.state_dict() for prefix, optimizer in optimizers},
            "generator": self.generator_.get_state(),
            "history": list(self.history),
        }

    def _take_over(self, state: dict) -> None:
        """Take over a state with tensors."""
        own, learned = self.module_.state_dict(), state["weights"]
        if learned.keys() != own.keys():
            raise ValueError(f"its weights differ, {sorted(learned.keys() ^ own.keys())}")
        for name, values in learned.items():
            path, _, last = name.rpartition(".")
            buffers = self.module_.get_submodule(path)._buffers
            if last in buffers:  # their shapes and types depend on the training rows
                buffers[last] = values.to(own[name].device)
        self.module_.load_state_dict(learned)
        for prefix, optimizer in self._named_optimizers().items():
            optimizer.load_state_dict(state["optimizers"][prefix])
        self.lr = float(state["lr"])
        self._set_generator(state["generator"])
        self.history.extend(state["history"])

    def _set_generator(self, state: torch.Tensor) -> None:
        """Set the state of the generator, unless it is that of a generator on another device."""
        if self.generator_.get_state().shape == state.shape:
            self.generator_.set_state(state)


def _as_array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()


def _with(convert, value, kind: type):
    """Return a nested value with objects of a kind converted, and Python's numbers for numpy's."""
    if isinstance(value, dict):
        return {key: _with(convert, item, kind) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_with(convert, item, kind) for item in value)
    if isinstance(value, kind):
        return convert(value)
    return value.item() if isinstance(value, np.generic) else value
