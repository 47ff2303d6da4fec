"""Seeds without side effects; no other module uses torch's global random state."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Nested seeding is allowed: the inner state is restored too.
_LOCK = threading.RLock()


@contextmanager
def seeded_weights(seed: int) -> Iterator[None]:
    """Create a module's weights from ``seed``.

    torch initialises layers from its global generator. It is seeded here and restored afterwards,
    and no other thread may create weights meanwhile. Weights are created on the CPU, so that they
    are the same on every device.
    """
    with _LOCK, torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)
        yield


def seeded_generator(seed: int, device: str = "cpu") -> torch.Generator:
    """Return a new generator for shuffles, noise and draws."""
    return torch.Generator(device=device).manual_seed(seed)
