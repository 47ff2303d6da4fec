"""What other libraries' detectors need around them."""

import sys
from contextlib import contextmanager

import numpy as np


def is_pyod(cls) -> bool:
    """Return whether a class is a detector of pyod's, without an import of pyod."""
    return any(c.__module__ == "pyod.models.base" for c in cls.__mro__)


@contextmanager
def seeded(seed: int):
    """Seed the global states that other libraries' detectors read, and put them back after.

    skdeepad's own detectors read none; pyod's read numpy's and torch's.
    """
    state = np.random.get_state()
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


def rebuilt(detector, seed: int, **params):
    """Return a new detector of pyod's with the same parameters, but for those given.

    Several of them read their seed in the constructor alone. A ``random_state`` of None stays, and
    means the global state. To be called where that is :func:`seeded`: some constructors draw from
    it, or seed it.
    """
    old = detector.get_params(deep=False)
    if old.get("random_state") is not None:
        params["random_state"] = seed
    known = {name: value for name, value in params.items() if name in old}
    return type(detector)(**old | known)
