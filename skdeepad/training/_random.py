"""Seeds without side effects: the global random state is read and written nowhere else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Seeding within seeding is fine: the inner state is put back too.
_LOCK = threading.RLock()


@contextmanager
def seeded_weights(seed: int) -> Iterator[None]:
    """Create a module's weights from ``seed``.

    torch initialises layers from its global generator, so that it is set for the moment, put
    back, and no other thread may create weights meanwhile. Weights are made on the CPU: the same
    on every device.
    """
    with _LOCK, torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)
        yield


def seeded_generator(seed: int, device: str = "cpu") -> torch.Generator:
    """A generator of its own for shuffles, noise and draws."""
    return torch.Generator(device=device).manual_seed(seed)
