"""Nothing that a process or a thread has set for torch as a whole reaches a fit or a score."""

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch

# Settings that all threads share: how to read them, and how to set what was read.
SHARED: list[tuple[Callable, Callable, object]] = [
    (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    (
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda mode: torch.use_deterministic_algorithms(mode[0], warn_only=mode[1]),
        (False, False),
    ),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"),
]
# The threads of OpenMP do not come along into a forked child, where work for them would wait for
# ever.
_FIRST_PROCESS = os.getpid()
AUTOCAST_DEVICES = ("cpu", "cuda", "mps", "xpu")


class _SharedSettings:
    """The settings of torch, put back by the last of the threads that have set them aside."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_inside = 0
        self.before: list = []

    def __enter__(self) -> None:
        with self.lock:
            if not self.n_inside:
                self.before = []
                for read, write, default in SHARED:
                    value = read()
                    if value != default:
                        self.before.append((write, value))
                        write(default)
            self.n_inside += 1

    def __exit__(self, *_) -> None:
        with self.lock:
            self.n_inside -= 1
            if not self.n_inside:
                for write, value in self.before:
                    write(value)


_SHARED = _SharedSettings()


@contextmanager
def default_settings() -> Iterator[None]:
    """Compute with the settings that torch starts with, and leave the caller's as they were.

    These are gradient mode on and inference mode off, float32, the CPU for tensors without a
    device, no autocast, no deterministic algorithms and full precision in products. What all
    threads share is put back once no thread is inside any more. In a forked child there is one
    thread.
    """
    with ExitStack() as stack:
        stack.enter_context(_SHARED)
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for device in AUTOCAST_DEVICES:
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":  # such a mode slows each call of torch
            stack.enter_context(torch.device("cpu"))
        if os.getpid() != _FIRST_PROCESS:
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)
        yield


def with_default_settings(function: Callable) -> Callable:
    """Decorate a function to run within :func:`default_settings`."""

    @functools.wraps(function)
    def guarded(*args, **kwargs):
        with default_settings():
            return function(*args, **kwargs)

    return guarded
