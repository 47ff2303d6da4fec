"""Data sets by name, from a file, or as arrays: a matrix of numbers and a mask of anomalies."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from skdeepad.datasets._base import DAMAGE

from ._execute import one_line

SHIPPED = ("thyroid", "cardio", "breastw", "Ionosphere", "vowels", "glass", "wine", "WDBC")
FILE_TYPES = (".csv", ".parquet", ".npz")


def as_datasets(datasets, label_column=None):
    """Return data sets, given in any of the accepted forms, as label → (X, y) or (X, y, known).

    `y` is True where a row is an anomaly, `known` where it is one of a kind that may be labelled.
    """
    if isinstance(datasets, Mapping):
        named = [(str(label), one) for label, one in datasets.items()]
    else:
        given = [datasets] if isinstance(datasets, (str, Path)) else datasets
        named = [(Path(one).stem if _is_file(one) else str(one), one) for one in given]
    found = {}
    for label, one in named:
        if label in found:
            raise ValueError(f"datasets holds {label!r} twice: name them in a dictionary")
        found[label] = _checked(label, *_load(one, label_column))
    if not found:
        raise ValueError(f"datasets={datasets!r}: pass at least one name, path or (X, y)")
    return found


def _is_file(one):
    return _type_of(Path(one)) in FILE_TYPES


def _type_of(path):
    return path.suffix.lower()


def _load(one, label_column):
    if isinstance(one, tuple):
        if len(one) not in (2, 3):
            raise ValueError(
                f"datasets holds a tuple of {len(one)}; accepted are (X, y) and (X, y, known)"
            )
        return one
    if _is_file(one):
        return _read_file(Path(one), label_column)
    from skdeepad.datasets import fetch_adbench

    try:
        bunch = fetch_adbench(str(one))
    except ValueError as error:
        if not str(error).startswith("name="):
            raise
        of_files = f". A file ends in one of {', '.join(FILE_TYPES)}" if Path(one).suffix else ""
        raise ValueError(f"datasets={str(one)!r}: {error}{of_files}") from error
    return bunch.data, bunch.target


def _read_file(path, label_column):
    if not path.exists():
        raise FileNotFoundError(f"datasets={str(path)!r} does not exist")
    columns = _contents(path, label_column)
    if _type_of(path) == ".npz":
        if label_column is None and not {"X", "y"} <= columns.keys():
            raise ValueError(
                f"datasets={str(path)!r} must have arrays X and y, or X and the labels that "
                f"label_column names; it has {list(columns)[:30]}"
            )
        label = label_column or "y"
        _require_column(label, [name for name in columns if name != "X"], path)
        _require_column("X", list(columns), path)
        return columns["X"], columns[label]
    columns.columns = columns.columns.map(str)  # those of parquet can be numbers
    if label_column is None:
        raise ValueError(
            f"label_column=None must name the column of labels of {str(path)!r}, one of "
            f"{list(columns)[:30]}"
        )
    _require_column(label_column, list(columns), path)
    X, y = columns.drop(columns=label_column), columns[label_column]
    if X.empty:
        raise ValueError(
            f"datasets={str(path)!r} must have rows, and a column beside {label_column!r}; it has "
            f"{len(X)} rows and the columns {list(columns)[:30]}"
        )
    text = [name for name in X if not is_numeric_dtype(X[name])]
    if text:
        raise ValueError(
            f"datasets={str(path)!r}: columns {text} are not numeric; encode them first, "
            "detectors take numbers only"
        )
    return X.to_numpy(dtype=np.float64, na_value=np.nan), y.to_numpy()


def _contents(path, label_column):
    """Arrays by name, or a table; every way in which a file can be broken is a ValueError."""
    try:
        if _type_of(path) == ".npz":
            # np.load leaves a damaged file open. No pickles: a data file must not run code.
            with path.open("rb") as content, np.load(content) as arrays:
                return {name: arrays[name] for name in arrays.files}
        return _read_csv(path, label_column) if _type_of(path) == ".csv" else pd.read_parquet(path)
    except PermissionError:
        raise
    except (*DAMAGE, OSError) as error:
        raise ValueError(
            f"datasets={str(path)!r} cannot be read as {path.suffix}, it may be damaged: "
            f"{one_line(error)}"
        ) from error


def _read_csv(path, label_column):
    """Return a table without the row names that pandas and R write in front of it."""
    table = pd.read_csv(path)
    is_name = [
        re.fullmatch(r"Unnamed: \d+(\.\d+)?", name) is not None
        and name != label_column
        and not (is_numeric_dtype(table[name]) and (table[name].dropna() % 1 != 0).any())
        for name in table
    ]
    return table.iloc[:, np.logical_and.accumulate(is_name).sum() :]


def _require_column(name, names, path):
    if name not in names:
        near = difflib.get_close_matches(str(name), names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(
            f"label_column={name!r} is not in {str(path)!r}: {hint}It has {names[:30]}"
        )


def _checked(label, X, y, known=None):
    from skdeepad.metrics import anomaly_mask

    X = np.asarray(X)
    try:
        if X.dtype.kind in "cmM":
            raise TypeError(f"they are {X.dtype}")
        X = X.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"datasets={label!r}: its rows are no numbers: {error}") from error
    try:
        y = anomaly_mask(np.asarray(y).ravel())
    except ValueError as error:
        raise ValueError(f"datasets={label!r}: its labels are not accepted. {error}") from error
    if X.ndim != 2 or len(X) != len(y):
        raise ValueError(
            f"datasets={label!r}: X of shape {X.shape} and {len(y)} labels, "
            "where a matrix and one label a row are needed"
        )
    if y.all() or not y.any():
        raise ValueError(
            f"datasets={label!r} holds {y.sum()} anomalies in {len(y)} rows; both kinds are needed"
        )
    if known is None:
        return X, y
    known = np.asarray(known)
    if known.shape != y.shape or known.dtype != bool or not (y & known).any():
        raise ValueError(
            f"datasets={label!r}: known of type {known.dtype} and shape {known.shape}, where a "
            f"bool for each of the {len(y)} rows is needed, True for at least one anomaly"
        )
    return X, y, y & known
