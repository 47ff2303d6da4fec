"""Checks and compression of scaled rows."""

import numpy as np
import torch
from sklearn.utils import check_array

from ..nn import compress


def compress_in_place(X: np.ndarray, limit: float) -> np.ndarray:
    """Apply :func:`skdeepad.nn.compress` in place; efficient if few values are that large."""
    far = np.abs(X) > limit
    if far.any():
        X[far] = compress(torch.from_numpy(X[far]), limit).numpy()
    return X


def check_scaled(scaled, X: np.ndarray, scaler) -> np.ndarray:
    """Return scaled rows as float32, in C order; raise if they are not finite."""
    with np.errstate(over="ignore"):
        scaled = check_array(scaled, dtype=np.float32, order="C", ensure_all_finite=False)
    if not np.isfinite(scaled.sum()) and not np.isfinite(scaled).all():
        what = "NaN" if np.isnan(scaled).any() else "infinity"
        if not np.isfinite(X).all():
            raise ValueError("X contains NaN or infinity, which assume_finite=True has let pass.")
        column = int(np.abs(X).max(0).argmax())
        raise ValueError(
            "X can't be computed with in float32 once it is scaled "
            f"(scaler={scaler!r}): the scaled X contains {what}. X itself is finite; its largest "
            f"absolute value is {np.abs(X[:, column]).max():.3g}, in column {column}."
        )
    return scaled


def check_unit_interval(X: np.ndarray, parameter: str, value: str) -> None:
    """Raise if rows are outside [0, 1] and a parameter needs them inside."""
    if X.min() < -1e-6 or X.max() > 1 + 1e-6:
        raise ValueError(
            f"{parameter}={value!r} needs scaled rows in [0, 1], got values from "
            f"{X.min():.3g} to {X.max():.3g}: use scaler='minmax'."
        )
