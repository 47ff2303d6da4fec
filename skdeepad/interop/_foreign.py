"""What other libraries' detectors need around them."""

import random
import sys
import threading
from contextlib import contextmanager
from copy import deepcopy

import numpy as np

ONE_THREAD = threading.RLock()


def is_pyod(cls) -> bool:
    """Return whether a class is a detector of pyod's, without an import of pyod."""
    return any(c.__module__ == "pyod.models.base" for c in cls.__mro__)


@contextmanager
def seeded(seed: int):
    """Seed the global states that other libraries' detectors read, and put them back after.

    skdeepad's own detectors read none; pyod's read numpy's and torch's, and seed Python's. The
    states are those of the process: one thread at a time has them.
    """
    with ONE_THREAD:
        state, of_python = np.random.get_state(), random.getstate()
        torch = sys.modules.get("torch")
        try:
            np.random.seed(seed)
            if torch is None:
                yield
                return
            from ..training import seeded_generator

            with torch.random.fork_rng():
                torch.set_rng_state(seeded_generator(seed).get_state())
                yield
        finally:
            np.random.set_state(state)
            random.setstate(of_python)


def rebuilt(detector, seed: int | None, **params):
    """Return a new detector of pyod's with copies of the parameters, but for those given.

    Several of them read their seed in the constructor alone. Without ``seed`` it stays as it is,
    and so does a ``random_state`` of None, which means the global state. To be called where that is
    :func:`seeded`: some constructors draw from it, or seed it.
    """
    old = deepcopy(detector.get_params(deep=False))  # some hold detectors, which are fitted
    if seed is not None and old.get("random_state") is not None:
        params["random_state"] = seed
    known = {name: value for name, value in params.items() if name in old}
    return type(detector)(**old | known)
