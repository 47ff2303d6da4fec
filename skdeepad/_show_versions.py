"""Versions and settings that a report of a bug should have."""

import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version

import torch
from threadpoolctl import threadpool_info

from ._version import __version__

# Extras that serve the development of skdeepad, not its users.
OF_DEVELOPMENT = {"dev", "docs", "site", "tests"}
# Variables that change how many threads, or which devices, computations take.
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "SKDEEPAD_DATA")


def show_versions():
    """Print the versions and settings that a report of a bug should have.

    They are those of Python, of skdeepad and of its dependencies, required and optional, and the
    threads and devices of torch.

    Read more in the :ref:`User Guide <install>`.

    .. versionadded:: 0.1

    Examples
    --------
    >>> from skdeepad import show_versions
    >>> show_versions()  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    System:
        python: ...
    """
    required, optional = _dependencies()
    parts = {
        "System": _system(),
        "Python dependencies": {"skdeepad": __version__} | _versions(required),
        "Optional dependencies": {
            f"{name} [{', '.join(extras)}]": found
            for (name, extras), found in zip(
                optional.items(), _versions(optional).values(), strict=True
            )
        },
        "torch": _torch(),
        "Thread pools": {
            pool["prefix"]: f"{pool['num_threads']} threads, {pool['internal_api']} "
            f"{pool['version'] or 'of unknown version'}"
            for pool in threadpool_info()
        },
    }
    print("\n\n".join(_text(title, part) for title, part in parts.items()))


def _text(title: str, part: dict) -> str:
    width = max(map(len, part), default=0)
    lines = [f"{name:>{width}}: {value}" for name, value in part.items()] or ["none known"]
    return "\n    ".join([f"{title}:", *lines])


def _system() -> dict[str, str]:
    found = {
        "python": sys.version.replace("\n", " "),
        "executable": sys.executable,
        "machine": platform.platform(),
        "cores": os.cpu_count(),
    }
    return found | {name: os.environ[name] for name in VARIABLES if name in os.environ}


def _dependencies() -> tuple[list[str], dict[str, list[str]]]:
    """Return the required dependencies, and the optional ones with the extras they belong to.

    They are those that the installed package names, so none if skdeepad is not installed.
    """
    try:
        requirements = requires("skdeepad") or []
    except PackageNotFoundError:
        requirements = []
    required, optional = [], {}
    for requirement in requirements:
        name = re.match(r"[\w.-]+", requirement)[0]
        extra = re.search(r"""extra\s*==\s*["']([\w-]+)["']""", requirement)
        if extra is None:
            required.append(name)
        elif extra[1] not in OF_DEVELOPMENT and name != "skdeepad":
            optional.setdefault(name, []).append(extra[1])
    return required, dict(sorted(optional.items()))


def _versions(names) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _torch() -> dict[str, object]:
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    return {
        "threads": torch.get_num_threads(),
        "threads between operations": torch.get_num_interop_threads(),
        "CUDA of the build": torch.version.cuda or "none",
        "CUDA devices": ", ".join(map(torch.cuda.get_device_name, gpus)) or "none",
        "cuDNN": torch.backends.cudnn.version() or "none",
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
    }
