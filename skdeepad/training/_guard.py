"""Isolation of fits and scores from torch's global settings."""

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch

# Settings that all threads share: getter, setter, and the names of torch's default.
SHARED: list[tuple[Callable, Callable, tuple]] = [
    (torch.get_default_dtype, torch.set_default_dtype, (torch.float32,)),
    (
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda mode: torch.use_deterministic_algorithms(mode[0], warn_only=mode[1]),
        ((False, False),),
    ),
]
SHARED += [
    (
        getattr(torch.__future__, f"get_{name}_on_conversion"),
        getattr(torch.__future__, f"set_{name}_on_conversion"),
        (False,),
    )
    for name in ("overwrite_module_params", "swap_module_params")
    if hasattr(torch.__future__, f"get_{name}_on_conversion")
]
# torch.set_float32_matmul_precision sets these too, but its getter raises if both are used.
SHARED += [
    (
        functools.partial(getattr, operation, "fp32_precision"),
        functools.partial(setattr, operation, "fp32_precision"),
        ("ieee", "none"),
    )
    for operation in (
        torch.backends.mkldnn.matmul,
        torch.backends.mkldnn.conv,
        torch.backends.cuda.matmul,
    )
]
AUTOCAST_DEVICES = ("cpu", "cuda", "mps", "xpu")


class _SharedSettings:
    """Context with torch's default settings; the last thread to leave restores the user's."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_inside = 0
        self.before: list = []
        self.is_forked = False

    def __enter__(self) -> None:
        with self.lock:
            if not self.n_inside:
                try:
                    self._set_aside()
                except BaseException:
                    self._put_back()
                    raise
            self.n_inside += 1

    def __exit__(self, *_) -> None:
        with self.lock:
            self.n_inside = max(0, self.n_inside - 1)  # 0 in a forked child
            if not self.n_inside:
                self._put_back()

    def _set_aside(self) -> None:
        for read, write, defaults in SHARED:
            value = read()
            if value not in defaults:
                self.before.append((write, value))
                write(defaults[0])

    def _put_back(self) -> None:
        while self.before:
            write, value = self.before[-1]
            write(value)
            self.before.pop()

    def start_in_child(self) -> None:
        """Start again in a forked child process, which has no other threads."""
        self._put_back()
        self.__init__()
        self.is_forked = True


_SHARED = _SharedSettings()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_SHARED.start_in_child)


@contextmanager
def default_settings() -> Iterator[None]:
    """Compute with torch's default settings, and restore the caller's afterwards.

    These are gradient mode on and inference mode off, float32, the CPU for tensors without a
    device, no autocast, no deterministic algorithms and full precision in products. Settings that
    all threads share are restored once no thread is inside any more. A forked child process
    computes with one thread.
    """
    with ExitStack() as stack:
        stack.enter_context(_SHARED)
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for device in AUTOCAST_DEVICES:
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":  # the context slows each call of torch
            stack.enter_context(torch.device("cpu"))
        if _SHARED.is_forked:
            # The child has none of OpenMP's threads, and would wait for them for ever.
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
