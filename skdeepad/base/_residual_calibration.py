"""Calibration of residual scales on the training rows."""

import numpy as np
import torch
from torch import nn

from ..training import DetectorNet, as_tensor
from ._rows import evenly_spaced

# Number of rows that determine a quantile to about one percent.
MAX_ROWS = 8192


def calibrate_residuals(net: DetectorNet, X: np.ndarray, module: nn.Module | None = None) -> None:
    """Set the scale of ``module.residual`` from evenly spaced rows; default: the net's module."""
    module = net.module_ if module is None else module
    rows = evenly_spaced(X, MAX_ROWS)
    residuals = net.apply(lambda x: x - module.reconstruct(x), rows)
    device = next(module.parameters()).device
    module.residual.calibrate(
        torch.as_tensor(residuals, dtype=torch.float32, device=device),
        as_tensor(rows).to(device),
    )
