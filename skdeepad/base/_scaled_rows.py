"""Scaling of a detector's rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn import config_context

from ..training import LazyRows
from ._common import SCALERS
from ._rows import is_large
from ._scaling import (
    CLIP,
    Scaling,
    check_lazy,
    check_scaled,
    check_scales_missing,
    compress_in_place,
    fit_in_blocks,
    linear_scaling,
)
from ._seeds import with_seeds


class ScaledRowsMixin:
    """Scaling of rows by the parameter ``scaler``, for a detector."""

    scaler: Any
    n_features_in_: int

    #: Whether rows may have missing cells, which the net leaves out.
    _masks: bool = False

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
        if self._masks:
            check_scales_missing(self.scaler_, self.scaler)
        self._clips = isinstance(self.scaler, str)

    def _scale_rows(self, X: np.ndarray, rows, *, fit: bool) -> np.ndarray | LazyRows:
        """Scale rows of a validated table; those of a large one are scaled when they are taken."""
        if not is_large(X):
            return self._scale(X[rows], fit=fit)
        with _without_checks():
            if fit and self.scaler_ is not None:
                fit_in_blocks(self.scaler_, X, rows, self._with_names, has_holes=self._masks)
        lazy = LazyRows(X, self._scale, None if isinstance(rows, slice) else rows)
        return check_lazy(lazy, X, self.scaler, self._masks)

    def _scale(self, X: np.ndarray, *, fit: bool = False) -> np.ndarray:
        """Scale validated rows to float32 in C order."""
        scaled = X
        if self.scaler_ is not None:
            rows = self._with_names(X)
            with _without_checks():
                scaled = self.scaler_.fit_transform(rows) if fit else self.scaler_.transform(rows)
        if self._clips:
            # This is a scaled copy, so that it can be compressed in place.
            scaled = compress_in_place(scaled, CLIP).astype(np.float32, order="C", copy=False)
            if not fit or np.isfinite(scaled.sum()):
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
        return Scaling(*scaling, self._clips)

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


@contextmanager
def _without_checks() -> Iterator[None]:
    """Let scikit-learn's scalers neither look for values that are not finite nor warn of them."""
    with config_context(assume_finite=True), np.errstate(over="ignore", invalid="ignore"):
        yield
