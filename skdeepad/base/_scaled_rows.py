"""Reading and scaling of a detector's rows."""

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn import config_context

from .._tables import validate_data
from .._validation import float_types
from ..training import LazyRows, warn
from ._rows import is_large, read_weights, repetitions
from ._scaling import (
    CLIP,
    SCALERS,
    Scaling,
    check_lazy,
    check_scaled,
    compress_in_place,
    fit_scaler,
    fit_scaler_with_holes,
    largest_values,
    linear_scaling,
)
from ._seeds import with_seeds


class ScaledRowsMixin:
    """Scaling of rows by the parameter ``scaler``, for a detector."""

    scaler: Any
    n_features_in_: int

    #: Whether rows may have missing cells, which the net leaves out.
    _masks: bool = False
    #: Columns without a value in training, which are missing in all rows; None if all have some.
    _empty: np.ndarray | None = None

    def _validate(self, X, **kwargs) -> np.ndarray:
        """Return rows as an array; raise if they are not numbers, or not those of the detector."""
        finite = "allow-nan" if self._masks else True
        return validate_data(self, X, dtype=float_types(X), ensure_all_finite=finite, **kwargs)

    def _repetitions(self, X, sample_weight, least: int) -> np.ndarray:
        """Return how often each row is trained on; raise if the sum is below ``least``."""
        counts = repetitions(read_weights(sample_weight, X), self.n_features_in_)
        if counts.sum() < least:
            raise ValueError(
                f"sample_weight leaves {counts.sum()} row(s) of weight, while a minimum of {least} "
                f"is required by {type(self).__name__}."
            )
        return counts

    def _make_scaler(self, seed: int):
        """Return a new, unfitted scaler, or None."""
        if isinstance(self.scaler, str):
            return SCALERS[self.scaler]()
        return None if self.scaler is None else with_seeds(self.scaler, seed)

    def _begin_scaling(self, seed: int) -> None:
        """Make a new scaler, which is not fitted yet."""
        self.scaler_ = self._make_scaler(seed)
        if hasattr(self.scaler_, "set_output"):
            self.scaler_.set_output(transform="default")
        self._empty = None
        self._clips = isinstance(self.scaler, str)

    def _scale_rows(self, X: np.ndarray, rows, *, fit: bool) -> np.ndarray | LazyRows:
        """Scale rows of a validated table; those of a large one are scaled when they are taken."""
        if not is_large(X):
            rows = X[rows]
            if fit:
                self._fit_scaler(rows, slice(None))
            return self._scale(rows, check=fit)
        if fit:
            self._fit_scaler(X, rows)
        lazy = LazyRows(X, self._scale, None if isinstance(rows, slice) else rows)
        return check_lazy(lazy, X, self.scaler, self._masks)

    def _fit_scaler(self, X: np.ndarray, rows) -> None:
        """Fit the scaler to rows of a validated table, and note which columns have no value."""
        typical = None
        if self._masks:
            typical = largest_values(X, rows)
            self._note_empty(np.isnan(typical))
        if self.scaler_ is None:
            return
        with _without_checks():
            if typical is None:
                fit_scaler(self.scaler_, X, rows, self._with_names)
            else:
                fit_scaler_with_holes(self.scaler_, X, rows, self._with_names, typical, self.scaler)

    def _note_empty(self, empty: np.ndarray) -> None:
        """Note which columns have no value in training; warn if there are any."""
        if not empty.any():
            return
        self._empty = empty
        columns = getattr(self, "feature_names_in_", np.arange(len(empty)))[empty].tolist()
        warn(
            f"Column(s) {reprlib.repr(columns)} of X have no value in the training rows: they are "
            "left out of scores, even of later rows that have them, until a new fit has values."
        )

    def _without_empty(self, X: np.ndarray) -> np.ndarray:
        """Return rows with holes in the columns that had no value in training."""
        return X if self._empty is None else np.where(self._empty, np.nan, X)

    def _scale(self, X: np.ndarray, *, check: bool = False) -> np.ndarray:
        """Scale validated rows to float32 in C order; ``check`` looks for infinity in any case."""
        scaled = X = self._without_empty(X)
        if self.scaler_ is not None:
            with _without_checks():
                scaled = self.scaler_.transform(self._with_names(X))
        if self._clips:
            # This is a scaled copy, so that it can be compressed in place.
            scaled = compress_in_place(scaled, CLIP).astype(np.float32, order="C", copy=False)
            if not check or np.isfinite(scaled.sum()):
                return scaled
        return check_scaled(scaled, X, self.scaler, self._masks)

    def _scaling(self) -> Scaling:
        """Return the scaling of rows as a torch module."""
        scaling = linear_scaling(self.scaler_, self.n_features_in_)
        if scaling is None:
            raise ValueError(
                f"scaler={self.scaler!r} must be 'standard', 'minmax', 'robust' or None: torch "
                "can't compute with others."
            )
        slope, intercept = scaling
        return Scaling(self._without_empty(slope), intercept, self._clips)

    def _with_names(self, X: np.ndarray):
        """Return rows with the names of their columns if the scaler may need them."""
        names = getattr(self, "feature_names_in_", None)
        if names is None or type(self.scaler_) in SCALERS.values():
            return X
        try:
            from pandas import DataFrame
        except ImportError:
            return X
        return DataFrame(X, columns=names)


def scaled_by(detector, rows):
    """Return rows as the scaler of a fitted detector gives them, if it has one."""
    scaler = getattr(detector, "scaler_", None)
    return rows if scaler is None else scaler.transform(detector._with_names(rows))


@contextmanager
def _without_checks() -> Iterator[None]:
    """Let scikit-learn's scalers neither look for values that are not finite nor warn of them."""
    with config_context(assume_finite=True), np.errstate(over="ignore", invalid="ignore"):
        yield
