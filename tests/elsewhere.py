"""A device beside the CPU where there is none, on which all detectors are tried.

Its tensors are computed by the CPU, but they live elsewhere: an operation on tensors of both
devices raises, as it does with CUDA. So a tensor that is forgotten to be moved shows without a GPU;
a generator of the wrong device does not. Registering a device lasts as long as the process: run
``python -m tests.elsewhere``.
"""

import contextlib
import json
import os
import sys
import warnings

import numpy as np
import torch
from torch.nn import Parameter
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

import skdeepad
from skdeepad.flow import _boundary
from skdeepad.training import _build

from .conftest import correlated_rows
from .instances import small

NAME = "elsewhere"
# Operations that take tensors of two devices.
COPIES = ("aten::copy_", "aten::_to_copy")
INDEXING = ("aten::index.Tensor", "aten::index_put_")
METHODS = ("predict", "transform", "reconstruct", "feature_contributions", "predict_proba")


class Elsewhere(torch.Tensor):
    """A tensor elsewhere, around one of the CPU."""

    @staticmethod
    def __new__(cls, inner, requires_grad=False):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=torch.device(NAME, 0),
            requires_grad=requires_grad,
        )

    def __init__(self, inner, requires_grad=False):
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return compute(function, args, kwargs or {})

    @property
    def data(self):
        return Elsewhere(self.inner.detach())

    @data.setter
    def data(self, value):
        self.inner = value.inner

    def __deepcopy__(self, memo):
        copy = Elsewhere(self.inner.detach().clone())
        return Parameter(copy, self.requires_grad) if isinstance(self, Parameter) else copy

    def tolist(self):
        return self.inner.tolist()


class Generator(torch.Generator):
    """A generator of any device, with the draws of the CPU's."""

    def __new__(cls, device="cpu"):
        generator = super().__new__(cls)
        generator.place = torch.device(device)
        return generator

    @property
    def device(self):
        return self.place


class EveryOperation(TorchDispatchMode):
    """Operations that make tensors take this path, too."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return compute(function, args, kwargs or {})


def compute(function, args, kwargs):
    """Compute an operation on the CPU; raise if its tensors are on two devices."""
    tensors = [value for value in tree_leaves((args, kwargs)) if isinstance(value, torch.Tensor)]
    away = [tensor for tensor in tensors if isinstance(tensor, Elsewhere)]
    is_away, asked, operation = bool(away), kwargs.get("device"), function.name()
    if operation in INDEXING and isinstance(args[0], Elsewhere):  # the index may be on the CPU
        tensors = [value for value in (args[0], *args[2:]) if isinstance(value, torch.Tensor)]
    here = [tensor for tensor in tensors if not isinstance(tensor, Elsewhere) and tensor.ndim]
    if is_away and here and operation not in COPIES:
        raise RuntimeError(f"{operation} of tensors on two devices")
    if asked is not None:
        is_away = torch.device(asked).type == NAME
        kwargs = kwargs | {"device": "cpu"}
    found = function(*tree_map(unwrapped, args), **tree_map(unwrapped, kwargs))
    if operation == "aten::_to_copy":  # also where the CPU's tensor is what is asked for
        found = found.clone()
    if not is_away:
        return found
    changed = {id(tensor.inner): tensor for tensor in away}

    def wrapped(value):
        if not isinstance(value, torch.Tensor):
            return value
        return changed[id(value)] if id(value) in changed else Elsewhere(value)

    return tree_map(wrapped, found)


def unwrapped(value):
    return value.inner if isinstance(value, Elsewhere) else value


def register():
    """Make the device known to torch, with what torch calls below the operations above."""

    class Backend(backend_registration._DummyBackendModule):
        def device(self, index):
            return contextlib.nullcontext()

    def empty_strided(size, stride, *, dtype=None, **_):
        with torch._C._DisableTorchDispatch():
            return Elsewhere(torch.empty_strided(size, stride, dtype=dtype))

    def copy_from(source, target, non_blocking=False):
        with torch._C._DisableTorchDispatch():
            unwrapped(target).copy_(unwrapped(source))
        return target

    backend_registration._setup_privateuseone_for_python_backend(NAME, Backend())
    library = torch.library.Library("aten", "IMPL")
    library.impl("empty_strided", empty_strided, "PrivateUse1")
    library.impl("_copy_from", copy_from, "PrivateUse1")
    return library


def results(name, device):
    """What a detector gives after ``fit``, and after it went on."""
    X = correlated_rows(150, np.random.RandomState(0))
    y = np.repeat([-1, 1, 0], [5, 5, 140])
    detector = small(name, device=device)
    found = {}
    for way in ("fit", "partial_fit"):
        getattr(detector, way)(X, y)
        found[f"{way}, score_samples"] = detector.score_samples(X)
        for method in METHODS:
            if hasattr(detector, method):
                found[f"{way}, {method}"] = getattr(detector, method)(X[:20])
        if f"{way}, transform" in found and hasattr(detector, "inverse_transform"):
            codes = found[f"{way}, transform"]
            found[f"{way}, inverse_transform"] = detector.inverse_transform(codes)
        if hasattr(detector, "sample"):
            found[f"{way}, sample"] = detector.sample(5, random_state=0)
    return found


def differences(name):
    """What differs from the CPU's, by where the rows are; an error is the only one."""
    cpu, found = results(name, "cpu"), {}
    for rows, free in {"rows there": float("inf"), "blocks of rows": 0.0}.items():
        _build.free_bytes = lambda device, free=free: free
        try:
            with EveryOperation():
                away = results(name, NAME)
        except (RuntimeError, TypeError, NotImplementedError) as error:
            differing = [f"{type(error).__name__}: {error}"]
        else:
            differing = [key for key in cpu if not same(cpu[key], away[key])]
        found[f"{name}, {rows}"] = differing
    return found


def same(a, b):
    return np.array_equal(a, b, equal_nan=True)


def main():
    """Print what differs, by detector."""
    if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
        sys.exit("this version of torch knows no device in Python")
    registered = register()  # it lasts as long as this
    torch.Generator = Generator
    torch.inference_mode = lambda mode=True: torch.set_grad_enabled(not mode)  # none elsewhere
    torch.set_num_threads(1)
    _boundary.PAIR_STEPS = 5
    warnings.simplefilter("ignore")
    found = {}
    for name in sys.argv[1:] or [name for name, _ in skdeepad.all_detectors()]:
        found |= differences(name)
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()
    del registered
    os._exit(0)  # threads of autograd that serve the device do not end by themselves


if __name__ == "__main__":
    main()
