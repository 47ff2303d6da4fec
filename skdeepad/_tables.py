"""Validation of tables, with errors that name the column and a way out."""

from collections.abc import Callable

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array, gen_batches
from sklearn.utils.validation import validate_data as sklearn_validate_data

from ._validation import take_rows

# Words of messages about values that are no numbers.
NO_NUMBERS = ("could not convert", " argument must be", "setting an array")
# Names of types of dates, and of spans of time, begin with these in numpy and in data frames.
TIMES = ("date", "time", "duration")
# A large table is searched in blocks of about this many values.
BLOCK_VALUES = 2**20


def validate_data(estimator, X, **kwargs):
    """Validate rows as scikit-learn does; errors name the column and what can be done about it."""
    _refuse_misread(X)
    try:
        return sklearn_validate_data(estimator, X, **kwargs)
    except (TypeError, ValueError) as error:
        try:
            message = _explain(str(error), estimator, X, kwargs)
        except Exception:  # the table can't be searched, and the error is explanation enough
            message = None
        if message is None:
            raise
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(message) from error


def _refuse_misread(X) -> None:
    """Raise if X holds what scikit-learn silently takes for numbers, but is none."""
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError("X has masked cells: use X.astype(float).filled(np.nan).")
    types = _types(X)
    times = {dtype for dtype in set(types) if str(dtype).lower().startswith(TIMES)}
    if times:
        name = next(name for name, dtype in zip(_names(X), types, strict=False) if dtype in times)
        raise ValueError(
            f"Column {name!r} holds dates or times: make them numbers, e.g. elapsed seconds, or "
            "use skrub.TableVectorizer or skrub.DatetimeEncoder."
        )


def _types(X) -> list:
    """Return the types of a data frame's columns, or that of an array."""
    if isinstance(X, np.ndarray):
        return [X.dtype]
    if not hasattr(X, "columns"):
        return []
    return list(X.dtypes if hasattr(X, "dtypes") else X.schema.types)  # the latter is pyarrow's


def _names(X) -> list:
    """Return the names of a table's columns, or else their numbers."""
    names = getattr(X, "column_names", getattr(X, "columns", None))  # the former are pyarrow's
    return list(range(X.shape[1]) if names is None else names)


def _explain(message: str, estimator, X, kwargs: dict) -> str | None:
    """Return a message of scikit-learn with the column and a way out, or None if it has neither."""
    if message.startswith("Sparse data was passed"):
        dense = "X.toarray()" if issparse(X) else "X.sparse.to_dense()"
        return (
            f"Sparse data was passed for X, but {type(estimator).__name__} needs dense rows: use "
            f"{dense}, or a transformer before it that makes few dense columns, e.g. TruncatedSVD."
        )
    what = message.splitlines()[0].rstrip(".")
    if what.startswith("Input X contains"):
        name, _ = _first_column(X, lambda column: what in _refusal(column, kwargs))
        way_out = _way_out_of_missing(estimator) if what.endswith("NaN") else "."
        return None if name is None else f"{what} in column {name!r}{way_out}"
    if any(words in what for words in NO_NUMBERS):
        name, held = _first_column(X, _no_number_in)
        way_out = "encode it as numbers, e.g. with OneHotEncoder or skrub.TableVectorizer."
        return None if name is None else f"{what}. Column {name!r} holds {held}: {way_out}"
    return None


def _way_out_of_missing(estimator) -> str:
    name, choice = type(estimator).__name__, getattr(estimator, "missing", None)
    impute = "put an imputer before it, e.g. SimpleImputer"
    if choice == "raise":
        return f": use {name}(missing='mask'), which leaves it out, or {impute}."
    other = "" if choice else ", or use a detector with missing='mask', e.g. AutoEncoder"
    return f", but {name} needs complete rows here: {impute}{other}."


def _first_column(X, find: Callable) -> tuple:
    """Return the name, or else the number, of the first column in which something is found."""
    table = X if hasattr(X, "shape") else np.array(X, dtype=object)
    if isinstance(X, np.ndarray) and X.dtype.kind == "f":
        blocks = gen_batches(len(X), max(1, BLOCK_VALUES // X.shape[1]))
        table = next(X[rows] for rows in blocks if not np.isfinite(X[rows]).all())
    for j, name in enumerate(_names(table)):
        if found := find(take_rows(table, [j], axis=1)):
            return name, found
    return None, None


def _refusal(column, kwargs: dict) -> str:
    """Return scikit-learn's message about one column."""
    settings = {key: kwargs[key] for key in ("dtype", "ensure_all_finite") if key in kwargs}
    try:
        check_array(column, input_name="X", **settings)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def _no_number_in(column) -> str:
    """Return what the first value is that is no number."""
    for value in np.asarray(column, dtype=object).ravel():
        try:
            float(value)
        except (TypeError, ValueError):
            return "text" if isinstance(value, str | bytes) else f"a {type(value).__name__}"
    return ""
