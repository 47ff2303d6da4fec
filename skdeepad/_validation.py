"""Imports of scikit-learn's private or moved functions, in one place."""

from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import _fit_context as fit_context
from sklearn.utils import _safe_indexing as take_rows
from sklearn.utils import check_array, gen_batches
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as n_rows_of
from sklearn.utils.validation import check_is_fitted as sklearn_check_is_fitted
from sklearn.utils.validation import validate_data as sklearn_validate_data

try:  # scikit-learn ≥ 1.9
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:
        """Replacement for scikit-learn versions without callbacks."""


__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Integral",
    "Interval",
    "Real",
    "StrOptions",
    "check_feature_names_in",
    "check_is_fitted",
    "check_matplotlib_support",
    "check_parameter",
    "check_sample_weight",
    "fit_context",
    "float_types",
    "innermost",
    "input_columns_of",
    "last_step",
    "n_rows_of",
    "output_container",
    "take_rows",
    "validate_data",
]


def validate_data(estimator, X, **kwargs):
    """Validate rows as scikit-learn does; errors name the column and what can be done about it."""
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


# Words of messages about values that are no numbers.
NO_NUMBERS = ("could not convert", " argument must be", "could not be promoted", "setting an array")
# A large table is searched in blocks of about this many values.
BLOCK_VALUES = 2**20


def _explain(message: str, estimator, X, kwargs: dict) -> str | None:
    """Return a message of scikit-learn with the column and a way out, or None if it has neither."""
    if message.startswith("Sparse data was passed"):
        dense = "X.toarray()" if issparse(X) else "X.sparse.to_dense()"
        return (
            f"Sparse data was passed for X, but {type(estimator).__name__} needs dense rows: use "
            f"{dense}, or a transformer before it that makes few dense columns, e.g. TruncatedSVD."
        )
    what = message.splitlines()[0].split(". This means")[0].rstrip(".")  # numpy then lists types
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
    names = getattr(X, "columns", range(table.shape[1]))
    for j, name in enumerate(names):
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


def float_types(X):
    """Return the floating types to validate ``X`` to; small types need no float64 copy."""
    dtype = getattr(X, "dtype", None)
    small = isinstance(dtype, np.dtype) and dtype.kind in "iub" and dtype.itemsize <= 2
    return np.float32 if small else [np.float64, np.float32]


def innermost(estimator):
    """Return the innermost estimator of a pipeline, a search or an ensemble, fitted or not."""
    estimator = last_step(estimator)
    while hasattr(getattr(estimator, "estimator", None), "fit"):
        estimator = last_step(estimator.estimator)
    return estimator


def last_step(estimator):
    """Return the last step of a pipeline, or of one in it, and any other estimator itself."""
    while hasattr(estimator, "steps"):
        estimator = estimator.steps[-1][1]
    return estimator


def check_parameter(estimator, name):
    """Check one parameter of an estimator against its constraints."""
    validate_parameter_constraints(
        {name: estimator._parameter_constraints[name]},
        {name: getattr(estimator, name)},
        caller_name=type(estimator).__name__,
    )


def check_is_fitted(estimator) -> None:
    """Raise if an estimator is not fitted; the message tells if its training was stopped."""
    stopped = (
        "The training of this %(name)s instance was stopped before its end: call 'fit' to train it "
        "again, or with warm_start=True to resume."
    )
    sklearn_check_is_fitted(estimator, msg=stopped if "net_" in vars(estimator) else None)


def input_columns_of(column_transformer) -> dict[str, list[int]]:
    """Return the indices of the columns that each part of a fitted ColumnTransformer takes."""
    return column_transformer._transformer_to_input_indices


def output_container(estimator) -> str:
    """Return what ``transform`` of an estimator is configured to return: "default", "pandas" …"""
    return _get_output_config("transform", estimator)["dense"]
