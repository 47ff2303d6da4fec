"""Reading of files, and the values that loaders return."""

import importlib
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError

import numpy as np
from sklearn.utils import Bunch

from .._documentation import missing_dependency

DATA = Path(__file__).parent / "data"
TARGET_NAMES = ("normal", "anomaly")
# Kinds of NumPy's types of numbers, but for complex ones.
NUMBERS = "biuf"

# Errors that NumPy raises for a truncated, corrupt, encrypted or other file.
DAMAGE = (
    AttributeError,
    EOFError,
    KeyError,
    RuntimeError,
    TokenError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def load_npz(path, *, feature_names, descr, return_X_y, as_frame):
    """Read a file with ``X`` and ``y`` into a Bunch, or the pair, as scikit-learn's loaders do."""
    data, target = _read(path)
    return as_bunch(
        data,
        target,
        feature_names=feature_names or [f"x{i}" for i in range(data.shape[1])],
        descr=descr,
        filename=str(path),
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def as_bunch(data, target, *, feature_names, descr, filename, return_X_y, as_frame, **others):
    """Return a Bunch, with ``others`` in it, or the pair."""
    frame = None
    if as_frame:
        pd = import_optional("pandas", "as_frame=True")
        data = pd.DataFrame(data, columns=feature_names)
        target = pd.Series(target, name="target")
        frame = pd.concat([data, target], axis=1)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        feature_names=feature_names,
        target_names=np.array(TARGET_NAMES),
        DESCR=descr,
        filename=filename,
        **others,
    )


def encoded(columns, numerical, categorical):
    """Return numbers and indicators of the categories' values, and the names of these columns.

    ``columns`` are arrays by their names, those of categories of bytes, in ASCII.
    """
    values = [(name, value) for name in categorical for value in np.unique(columns[name])]
    n_rows = len(columns[numerical[0]])
    data = np.empty((n_rows, len(numerical) + len(values)), dtype=np.float32)
    for i, name in enumerate(numerical):
        data[:, i] = columns[name]
    for i, (name, value) in enumerate(values, start=len(numerical)):
        data[:, i] = columns[name] == value
    return data, [*numerical, *(f"{name}={value.decode()}" for name, value in values)]


def import_optional(name, purpose):
    """Import a dependency of the extra ``datasets``; the error tells how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise missing_dependency(purpose, name, extra="datasets") from error


def _read(path):
    try:
        # np.load leaves a damaged file open. Without pickles, a downloaded file can't run code.
        with path.open("rb") as content, np.load(content) as file:
            X, y = file["X"], file["y"].ravel()
            if X.ndim != 2 or X.dtype.kind not in NUMBERS or len(X) != len(y):
                raise ValueError("X must be a matrix of numbers, and y have a label for each row")
            if y.dtype.kind not in NUMBERS or not np.isin(y, [0, 1]).all():
                raise ValueError("y must hold 0 and 1 alone")
            return np.ascontiguousarray(X, dtype=np.float64), y.astype(np.int64)
    except DAMAGE as error:
        raise ValueError(
            f"{path} is damaged: it must be an .npz file with arrays X and y: {error}"
        ) from error
