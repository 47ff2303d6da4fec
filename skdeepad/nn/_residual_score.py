"""Reconstruction scores from residuals."""

from math import ceil, floor

import numpy as np
import torch
from torch import Tensor, nn

RESIDUAL_SCALINGS = {"plain", "robust", "mahalanobis"}
RESIDUAL_NORMS = {"l2", "l1", "max"}
# Beyond this many units of its scale, a residual grows with its logarithm.
LIMIT = 10.0
# Floor of the residual scales; inputs have unit variance, and smaller scales are fitting noise.
FLOOR = 1e-3


def compress(x: Tensor, limit: float) -> Tensor:
    """Let values beyond ±``limit`` grow with their logarithm; their order is kept."""
    size = x.abs().clamp_max(torch.finfo(x.dtype).max)  # infinite values become finite
    return torch.where(size > limit, x.sign() * (limit + torch.log1p(size - limit)), x)


def upper_quartile(values: Tensor) -> Tensor:
    """Return ``torch.quantile(values, 0.75, dim=0)`` without sorting, (n_features,)."""
    rank = 0.75 * (len(values) - 1)
    below, above, last = floor(rank), ceil(rank), len(values) - 1
    columns = values.T.contiguous().cpu().numpy()
    ordered = torch.from_numpy(np.partition(columns, (below, above, last), axis=1))
    quartile = ordered[:, below].lerp(ordered[:, above], rank - below)
    # NaN is last.
    return torch.where(ordered[:, last].isnan(), torch.nan, quartile).to(values.device)


class ResidualScore(nn.Module):
    r"""Score of a residual :math:`r = x - \hat x`, scaled by feature.

    The scaling ``"plain"`` leaves :math:`r` as it is. ``"robust"`` divides each feature by the .75
    quantile of its absolute residual on the training rows; values beyond 10 grow with their
    logarithm. ``"mahalanobis"`` is :math:`\Sigma^{-1/2} r` with the shrunk covariance of the
    training residuals. The score is the mean square (``"l2"``), the mean absolute value (``"l1"``)
    or the largest absolute value (``"max"``) over the features.
    """

    def __init__(self, n_features: int, scaling: str, norm: str = "l2") -> None:
        super().__init__()
        self.scaling = scaling
        self.norm = norm
        shape = (n_features, n_features) if scaling == "mahalanobis" else (n_features,)
        if scaling != "plain":
            self.register_buffer("scale", torch.ones(n_features).expand(shape).clone())

    def calibrate(self, residuals: Tensor, x: Tensor) -> None:
        """Set the scale from the residuals (n_rows, n_features) of the training rows ``x``."""
        if self.scaling == "robust":
            scale = self._quartiles(residuals.abs()) + FLOOR
            # A feature that is constant in training has no scale; its residuals are not divided.
            self.scale.copy_(torch.where(self._are_constant(x), 1.0, scale))
        elif self.scaling == "mahalanobis":
            self.scale.copy_(_inverse_root(residuals.double()))

    def forward(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        size = self._sizes(x, reconstruction)
        if self.norm == "max":
            return size.amax(1).double()
        return size.mean(1, dtype=torch.float64)

    def contributions(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """Return the contribution of each feature to the score, (batch, n_features).

        They sum to the score, except for ``"max"``, where the largest one is the score.
        """
        size = self._sizes(x, reconstruction).double()
        return size if self.norm == "max" else size / size.shape[1]

    def _sizes(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """Return the terms of which the score is the mean or the maximum."""
        return self._size(x - reconstruction)

    def _quartiles(self, values: Tensor) -> Tensor:
        return upper_quartile(values)

    def _are_constant(self, x: Tensor) -> Tensor:
        return (x == x[0]).all(0)

    def _size(self, residual: Tensor) -> Tensor:
        if self.scaling == "robust":
            residual = compress(residual / self.scale, LIMIT)
        elif self.scaling == "mahalanobis":
            # The symmetric root keeps each coordinate close to its feature.
            residual = residual @ self.scale
        return residual**2 if self.norm == "l2" else residual.abs()


def _inverse_root(residuals: Tensor, shrinkage: float = 0.05) -> Tensor:
    """Return Σ^(−1/2), where Σ is the residuals' covariance shrunk to its mean variance."""
    n, d = residuals.shape
    covariance = residuals.T @ residuals / n
    target = covariance.diagonal().mean().clamp_min(FLOOR**2)
    eye = torch.eye(d, dtype=covariance.dtype, device=covariance.device)
    values, vectors = torch.linalg.eigh((1 - shrinkage) * covariance + shrinkage * target * eye)
    return vectors @ torch.diag(values.rsqrt()) @ vectors.T
