"""Imports of scikit-learn's private or moved functions, in one place."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.utils import _safe_indexing as take_rows
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import HasMethods as SklearnHasMethods
from sklearn.utils._param_validation import (
    Interval,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as n_rows_of
from sklearn.utils.validation import check_is_fitted as sklearn_check_is_fitted

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
    "RealNotInt",
    "StrOptions",
    "check_feature_names_in",
    "check_integer",
    "check_is_fitted",
    "check_matplotlib_support",
    "check_parameter",
    "check_sample_weight",
    "check_values",
    "fit_context",
    "float_types",
    "innermost",
    "input_columns_of",
    "is_count",
    "is_integer",
    "last_step",
    "n_rows_of",
    "output_container",
    "own_offset",
    "take_rows",
]


class HasMethods(SklearnHasMethods):
    """Constraint of a parameter that is an instance with some methods; a class has them too."""

    def is_satisfied_by(self, val):
        return not isinstance(val, type) and super().is_satisfied_by(val)

    def __str__(self):
        return super().__str__().replace("an object", "an instance, not a class,", 1)


def own_offset(estimator) -> float | None:
    """Return the threshold of a fitted estimator, None if it has none.

    Those of some of scikit-learn's detectors are arrays of one value.
    """
    return float(np.squeeze(estimator.offset_)) if hasattr(estimator, "offset_") else None


def float_types(X):
    """Return the floating types to validate ``X`` to; small types need no float64 copy."""
    dtype = getattr(X, "dtype", None)
    small = isinstance(dtype, np.dtype) and dtype.kind in "iub" and dtype.itemsize <= 2
    return np.float32 if small else [np.float64, np.float32]


def is_integer(value) -> bool:
    """Return whether a value is an integer, and no bool."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_count(value) -> bool:
    """Return whether a value is a positive integer, and no bool."""
    return is_integer(value) and value > 0


def check_integer(name: str, value, least: int = 1) -> None:
    """Raise if a value is not an integer of at least ``least``."""
    if not is_integer(value) or value < least:
        raise ValueError(f"{name}={value!r} must be an integer of at least {least}.")


def innermost(estimator) -> list:
    """Return the innermost estimators of pipelines, searches, wrappers and ensembles."""
    estimator = last_step(estimator)
    inner = getattr(estimator, "estimator", None)
    detector = getattr(estimator, "detector", None)
    if isinstance(inner, list):  # members by name
        inside = [member for _, member in inner]
    elif hasattr(inner, "fit"):
        inside = [inner]
    else:  # PyOD's detectors have no score_samples, and take labels of another kind
        of_ours = hasattr(estimator, "score_samples") and hasattr(detector, "score_samples")
        inside = [detector] if of_ours else []
    return [leaf for each in inside if hasattr(each, "fit") for leaf in innermost(each)] or [
        estimator
    ]


def last_step(estimator):
    """Return the last step of a pipeline, or of one in it, and any other estimator itself."""
    while hasattr(estimator, "steps"):
        estimator = estimator.steps[-1][1]
    return estimator


def check_parameter(estimator, name):
    """Check one parameter of an estimator against its constraints."""
    check_values(estimator, {name: getattr(estimator, name)})


def check_values(estimator, values, place=""):
    """Check values against the constraints of an estimator's parameters of the same names.

    ``place`` is where they are, if they are not its parameters.
    """
    validate_parameter_constraints(
        {name: estimator._parameter_constraints[name] for name in values},
        values,
        caller_name=type(estimator).__name__ + place,
    )


def check_is_fitted(estimator) -> None:
    """Raise if an estimator is not fitted; the message tells if its training was stopped."""
    stopped = (
        "The training of this %(name)s instance was stopped before its end: call 'fit' to train it "
        "again, or with warm_start=True to resume."
    )
    sklearn_check_is_fitted(
        estimator, msg=stopped if "net_" in getattr(estimator, "__dict__", ()) else None
    )


def input_columns_of(column_transformer) -> dict[str, list[int]]:
    """Return the indices of the columns that each part of a fitted ColumnTransformer takes."""
    return column_transformer._transformer_to_input_indices


def output_container(estimator) -> str:
    """Return what ``transform`` of an estimator is configured to return: "default", "pandas" …"""
    return _get_output_config("transform", estimator)["dense"]
