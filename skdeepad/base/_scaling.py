"""Scaling of rows, its checks, and the compression of scaled rows."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils import check_array, gen_batches
from torch import Tensor, nn

from ..nn import compress
from ..training import LazyRows, rows_of_a_block
from ._rows import is_large

SCALERS = {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}
NOT_FINITE = "X contains NaN or infinity, which assume_finite=True has let pass."
# Scaled values beyond this are compressed: a column that is constant in training has no scale.
CLIP = 20.0
# What scikit-learn's scalers know of each column.
STATISTICS = ("center_", "scale_", "mean_", "var_", "min_", "data_min_", "data_max_", "data_range_")


def linear_scaling(scaler, n_features: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return slope and intercept of each feature's scaling, or None if it may not be linear."""
    one, zero = np.ones(n_features), np.zeros(n_features)
    if scaler is None:
        return one, zero
    if isinstance(scaler, MinMaxScaler):
        return None if scaler.clip else (scaler.scale_, scaler.min_)
    if isinstance(scaler, StandardScaler | RobustScaler):
        if isinstance(scaler, StandardScaler):
            center = scaler.mean_ if scaler.with_mean else None
        else:
            center = scaler.center_
        slope = one if scaler.scale_ is None else 1 / scaler.scale_
        return slope, zero if center is None else -center * slope
    return None


class Scaling(nn.Module):
    """Linear scaling of rows, and the compression of scaled values, as a torch module.

    Parameters
    ----------
    slope, intercept : ndarray of shape (n_features,)
        Scaled values are ``x * slope + intercept``, computed in float64.
    compresses : bool
        Whether scaled values beyond ``CLIP`` are compressed.
    """

    def __init__(self, slope: np.ndarray, intercept: np.ndarray, compresses: bool) -> None:
        super().__init__()
        self.register_buffer("slope", torch.as_tensor(slope, dtype=torch.float64))
        self.register_buffer("intercept", torch.as_tensor(intercept, dtype=torch.float64))
        self.compresses = compresses

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 2 or x.shape[1] != len(self.slope):
            raise ValueError(
                f"x must have the shape (batch, {len(self.slope)}), got {tuple(x.shape)}."
            )
        scaled = x.double() * self.slope + self.intercept
        return (compress(scaled, CLIP) if self.compresses else scaled).float()


def fit_scaler(
    scaler, X: np.ndarray, rows: np.ndarray | slice, with_names: Callable, empty=None
) -> None:
    """Fit a scaler to rows of a table, without a copy of a large one if the scaler allows it.

    A scaler with ``partial_fit`` sees a large table block after block, unless there may be missing
    cells: it would never know a column that is empty in one block. The scalers with a name see
    column after column then, as a robust one always does, and any other one sees all rows.

    Parameters
    ----------
    scaler : transformer
    X : ndarray of shape (n_samples, n_features)
    rows : ndarray of int or slice
    with_names : callable
        Returns rows as the scaler takes them.
    empty : ndarray of bool of shape (n_features,) or None, default=None
        Columns without a value, which the scaler sees as 0. If None, there are no missing cells.
    """
    large = is_large(X)
    if large and hasattr(scaler, "partial_fit") and empty is None:
        for block in _blocks(X, rows):
            scaler.partial_fit(with_names(np.ascontiguousarray(block)))
    elif large and type(scaler) in SCALERS.values():
        of_columns = [
            clone(scaler).fit(np.zeros((1, 1)) if is_empty else column[rows][:, None])
            for column, is_empty in zip(X.T, np.broadcast_to(empty, X.shape[1]), strict=True)
        ]
        scaler.fit(with_names(np.zeros_like(X[:1])))  # sets what describes the columns
        for name in STATISTICS:
            if getattr(scaler, name, None) is not None:
                setattr(scaler, name, np.concatenate([getattr(one, name) for one in of_columns]))
    else:
        scaler.fit(with_names(X[rows] if empty is None else np.where(empty, 0, X[rows])))


def fit_scaler_with_holes(
    scaler, X: np.ndarray, rows: np.ndarray | slice, with_names: Callable, typical, given
) -> None:
    """Fit a scaler to rows with missing cells; raise if it does not leave NaN where it is.

    Parameters
    ----------
    scaler, X, rows, with_names
        As for :func:`fit_scaler`.
    typical : ndarray of shape (n_features,)
        A value of each column, NaN if it has none.
    given : transformer or str
        The scaler as the user gave it, for the error.
    """
    if np.isinf(typical).any():
        raise ValueError(NOT_FINITE)
    empty = np.isnan(typical)
    typical = np.where(empty, 0, typical)
    refused = ValueError(
        f"missing='mask' needs a scaler that leaves NaN as it is, got scaler={given!r}."
    )
    is_even = np.arange(len(typical)) % 2 == 0
    probe = np.where([is_even, ~is_even], np.nan, typical)
    try:
        fit_scaler(scaler, X, rows, with_names, empty)
        scaled = scaler.transform(with_names(probe))
    except Exception as error:
        complete = with_names(np.where(np.isnan(X[rows]), typical, X[rows]))
        clone(scaler).fit(complete).transform(complete)  # raises if NaN is not the cause
        raise refused from error
    holes = np.isnan(check_array(scaled, dtype=np.float64, ensure_all_finite=False))
    if (holes[0] == holes[1]).any():  # a hole was filled, or made others
        raise refused


def largest_values(X: np.ndarray, rows: np.ndarray | slice) -> np.ndarray:
    """Return the largest value of each column in rows of a table, NaN if it has none."""
    return np.fmax.reduce([np.fmax.reduce(block) for block in _blocks(X, rows)])


def _blocks(X: np.ndarray, rows: np.ndarray | slice) -> Iterator[np.ndarray]:
    """Yield rows of a table in blocks."""
    n_rows = len(X) if isinstance(rows, slice) else len(rows)
    for block in gen_batches(n_rows, rows_of_a_block(X.shape[1])):
        yield X[block if isinstance(rows, slice) else rows[block]]


def check_lazy(scaled: LazyRows, X: np.ndarray, scaler, has_holes: bool = False) -> LazyRows:
    """Return lazy rows; raise if they are not finite, but for missing cells if there may be any."""
    finite = np.isfinite([scaled.min(), scaled.max()]).all()
    if not finite or (scaled.has_nan() and not has_holes):
        for place in gen_batches(len(scaled), rows_of_a_block(X.shape[1])):
            rows = place if scaled.rows is None else scaled.rows[place]
            check_scaled(scaled[place], X[rows], scaler, has_holes)
    return scaled


def compress_in_place(X: np.ndarray, limit: float) -> np.ndarray:
    """Apply :func:`skdeepad.nn.compress` in place; efficient if few values are that large."""
    far = np.abs(X) > limit
    if far.any():
        X[far] = compress(torch.from_numpy(X[far]), limit).numpy()
    return X


def check_scaled(scaled, X: np.ndarray, scaler, has_holes: bool = False) -> np.ndarray:
    """Return scaled rows as float32, in C order.

    Raise if they are not finite, but for missing cells if there may be any.
    """
    try:
        with np.errstate(over="ignore"):
            scaled = check_array(scaled, dtype=np.float32, order="C", ensure_all_finite=False)
    except (TypeError, ValueError) as error:
        reason = str(error).split("\n")[0]
        way_out = ", as sparse_output=False makes them" if issparse(scaled) else ""
        raise ValueError(
            f"scaler={scaler!r} must return dense rows of numbers{way_out}: {reason}"
        ) from error
    if len(scaled) != len(X):
        raise ValueError(
            f"scaler={scaler!r} must return as many rows as it takes, got {len(scaled)} for "
            f"{len(X)}."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        total = scaled.sum()
    if not np.isfinite(total) and not _are_finite(scaled, has_holes):
        what = "NaN" if np.isnan(scaled).any() and not has_holes else "infinity"
        if not _are_finite(X, has_holes):
            raise ValueError(NOT_FINITE)
        column = int(np.nan_to_num(np.abs(X)).max(0).argmax())
        raise ValueError(
            "X can't be computed with in float32 once it is scaled "
            f"(scaler={scaler!r}): the scaled X contains {what}. X itself is finite; its largest "
            f"absolute value is {np.nanmax(np.abs(X[:, column])):.3g}, in column {column}."
        )
    return scaled


def _are_finite(X: np.ndarray, has_holes: bool) -> bool:
    """Return whether all values are finite, but for missing cells if there may be any."""
    return not np.isinf(X).any() if has_holes else bool(np.isfinite(X).all())


def check_unit_interval(X: np.ndarray | LazyRows, parameter: str, value: str) -> None:
    """Raise if rows are outside [0, 1] and a parameter needs them inside."""
    low, high = _extremes(X)
    if low < -1e-6 or high > 1 + 1e-6:
        raise ValueError(
            f"{parameter}={value!r} needs scaled rows in [0, 1], got values from "
            f"{low:.3g} to {high:.3g}: use scaler='minmax'."
        )


def check_output_range(X: np.ndarray | LazyRows, backbone) -> None:
    """Raise if rows are outside the values that the decoder of a backbone makes."""
    least, most = backbone.output_range
    low, high = _extremes(X)
    if low < least - 1e-3 or high > most + 1e-3:
        raise ValueError(
            f"backbone={backbone!r} makes values in [{least:g}, {most:g}], but the scaled rows "
            f"have values from {low:.3g} to {high:.3g}: scale them to this range, or use "
            "scaler='minmax'."
        )


def _extremes(X: np.ndarray | LazyRows) -> tuple[float, float]:
    """Return the smallest and the largest value, without missing cells."""
    if isinstance(X, LazyRows):
        return X.min(), X.max()
    return np.fmin.reduce(X, axis=None), np.fmax.reduce(X, axis=None)
