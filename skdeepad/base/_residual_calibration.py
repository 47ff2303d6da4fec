"""Calibration of residual scales on the training rows."""

from math import ceil

import numpy as np
import torch
from torch import nn

from ..training import DetectorNet, as_tensor

# Number of rows that determine a quantile to about one percent.
MAX_ROWS = 8192


def calibrate_residuals(net: DetectorNet, X: np.ndarray, module: nn.Module | None = None) -> None:
    """Set the scale of ``module.residual`` from evenly spaced rows; default: the net's module."""
    module = net.module_ if module is None else module
    rows = X[:: ceil(len(X) / MAX_ROWS)]
    residuals = net.apply(lambda x: x - module.reconstruct(x), rows)
    device = next(module.parameters()).device
    module.residual.calibrate(
        torch.as_tensor(residuals, dtype=torch.float32, device=device),
        as_tensor(rows).to(device),
    )


def check_unit_interval(X: np.ndarray, parameter: str, value: str) -> None:
    """Raise if rows are outside [0, 1] and a parameter needs them inside."""
    if X.min() < -1e-6 or X.max() > 1 + 1e-6:
        raise ValueError(
            f"{parameter}={value!r} needs scaled rows in [0, 1], got values from "
            f"{X.min():.3g} to {X.max():.3g}: use scaler='minmax'."
        )
