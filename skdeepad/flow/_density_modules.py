"""Modules of densities other than flows, of scaled rows."""

from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from ..training import LazyRows, blocks_of


def mean_of(X: Tensor | LazyRows) -> Tensor:
    """Return the mean of rows in float64."""
    return sum(x.double().sum(0) for x in blocks_of(X)) / len(X)


def covariance_factor(X: Tensor | LazyRows, noise: float) -> Tensor:
    """Return L with L Lᵀ = Σ, the covariance of rows with added noise."""
    mean = mean_of(X)
    centered = ((x.double() - mean).cpu() for x in blocks_of(X))
    eye = torch.eye(X.shape[1], dtype=torch.float64)
    covariance = sum(x.T @ x for x in centered) / len(X) + noise**2 * eye
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        raise ValueError(
            f"noise={noise!r} must be larger with density='gaussian': a feature of X is constant, "
            "or a sum of others."
        )
    return factor


class GaussianDensity(nn.Module):
    r"""Density N(μ, Σ) with the training rows' mean and covariance.

    It is a flow of one linear block: ``encode`` whitens rows, and ``decode`` is its inverse.
    """

    def __init__(self, n_features: int, log_volume: float) -> None:
        super().__init__()
        self.log_volume = log_volume
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("factor", torch.eye(n_features))
        self.register_buffer("whitening", torch.eye(n_features))

    def fit(self, X: Tensor, noise: float) -> None:
        """Set μ and Σ from rows with added noise of standard deviation ``noise``."""
        factor = covariance_factor(X, noise)
        eye = torch.eye(len(factor), dtype=factor.dtype)
        self.mean.copy_(mean_of(X))
        self.factor.copy_(factor)
        self.whitening.copy_(torch.linalg.solve_triangular(factor, eye, upper=False))

    def encode(self, x: Tensor) -> Tensor:
        return (x - self.mean) @ self.whitening.T

    def decode(self, z: Tensor) -> Tensor:
        return z @ self.factor.T + self.mean

    def log_prob(self, x: Tensor) -> Tensor:
        """Return −½ (x − μ)ᵀ Σ⁻¹ (x − μ) − ½ log((2π)ᵈ |Σ|), (batch,)."""
        z = self.encode(x)
        log_det = self.factor.diagonal().log().sum()
        constant = self.log_volume - log_det - 0.5 * x.shape[1] * np.log(2 * np.pi)
        return constant - 0.5 * (z**2).sum(1)


class GivenDensity(nn.Module):
    """Density of a fitted estimator with ``log_density(x)``, where x is not scaled."""

    def __init__(self, estimator, scaling: tuple[np.ndarray, np.ndarray], log_volume: float):
        super().__init__()
        # This is a copy in a tuple, because a submodule would be cast and moved to the device.
        self.held = (deepcopy(estimator),)
        self.log_volume = log_volume
        # They are float64 for values far from 0, and no buffers, which would be cast to float32.
        self.slope, self.intercept = (torch.as_tensor(values) for values in scaling)

    def encode(self, x: Tensor) -> Tensor:
        raise ValueError(f"density={self.held[0]!r} can neither encode rows nor decode codes.")

    decode = encode

    def log_prob(self, x: Tensor) -> Tensor:
        rows = (x.cpu().double() - self.intercept) / self.slope
        return self.held[0].log_density(rows).to(x)
