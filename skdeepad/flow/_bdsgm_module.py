"""Modules of BDSGM: a density, and the generator of its boundary."""

from collections.abc import Callable
from functools import partial
from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..nn import Stochastic
from ._iresnet_module import InvertibleResNetModule

# Peak of a standard normal density of two features, for which the paper's weights are chosen.
PEAK = 1 / (2 * pi)
# Floor of the squared distance of two rows, which may be equal.
LEAST_SQUARED_DISTANCE = 1e-8
# Number of directions in which log-determinants are estimated for each of B's rows.
N_BOUNDARY_PROBES = 4


def squared_distances(x: Tensor) -> Tensor:
    """Return ‖xᵢ − xⱼ‖², (batch, batch), exactly 0 on the diagonal."""
    return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").square()


class BoundaryModule(nn.Module):
    """Generator B(z; θ_b) that maps z ~ N(0, I) to the boundary of a density's support."""

    def __init__(
        self,
        generator: nn.Module,
        *,
        n_features: int,
        distance_weight: float,
        dispersion_weight: float,
        batch_size: int,
    ) -> None:
        super().__init__()
        self.generator = generator
        self.n_features = n_features
        self.distance_weight = distance_weight
        self.dispersion_weight = dispersion_weight
        self.batch_size = batch_size
        self.register_buffer("n_trainings", torch.zeros((), dtype=torch.long))
        # Median log-density of the training rows.
        self.register_buffer("reference", torch.zeros(()))

    def generate(self, z: Tensor) -> Tensor:
        return self.generator(z)

    def density_term(self, log_density: Tensor) -> Tensor:
        """Return L₀, the density of each of B's rows, (batch,).

        With more than two features, densities and their gradients are close to 0. L₀ is then
        log(1 + p / p_ref) on the scale of a density of two features.
        """
        if self.n_features <= 2:
            return log_density.exp()
        return PEAK * F.softplus(log_density - self.reference)

    def distance_term(self, b: Tensor, x: Tensor) -> Tensor:
        """Return L₁, the squared distance of each of B's rows to the nearest row of x, (batch,)."""
        with torch.no_grad():
            nearest = torch.cdist(b, x).argmin(1)
        return ((b - x[nearest]) ** 2).sum(1) / max(1, self.n_features / 2)

    def dispersion_term(self, z: Tensor, b: Tensor) -> Tensor:
        """Return L₂, the mean of ‖zᵢ − zⱼ‖² / ‖B(zᵢ) − B(zⱼ)‖² over the other rows, (batch,)."""
        apart = squared_distances(z) / (squared_distances(b) + LEAST_SQUARED_DISTANCE)
        return apart.sum(1) / max(1, len(z) - 1)


class BoundaryTraining(Stochastic):
    """Module that trains B on L = L₀ + λ₁ L₁ + λ₂ L₂ with a fixed density."""

    def __init__(self, boundary: BoundaryModule, density: nn.Module) -> None:
        super().__init__()
        self.boundary = boundary
        self.density = density
        self.seen: list[Tensor] = []  # means of the three terms in each step of an epoch
        self.log_prob = density.log_prob
        if isinstance(density, InvertibleResNetModule):
            self.log_prob = fixed_log_prob(density)

    def loss(self, x: Tensor) -> Tensor:
        """Return L of a batch of B, (batch,); ``x`` are rows of the data."""
        boundary = self.boundary
        z = self.randn_like(x.new_empty(boundary.batch_size, x.shape[1]))
        b = boundary.generate(z)
        density = boundary.density_term(self.log_prob(b) - self.density.log_volume)
        distance, dispersion = boundary.distance_term(b, x), boundary.dispersion_term(z, b)
        self.seen.append(torch.stack([density, distance, dispersion]).detach().mean(1))
        return (
            density + boundary.distance_weight * distance + boundary.dispersion_weight * dispersion
        )

    def mean_terms(self) -> dict[str, float]:
        """Return the means of L₀, L₁ and L₂ over the steps since the last call."""
        means = torch.stack(self.seen).mean(0).tolist()
        self.seen.clear()
        return dict(zip(("density", "distance", "dispersion"), means, strict=True))


def fixed_log_prob(flow: InvertibleResNetModule) -> Callable[[Tensor], Tensor]:
    """Return the log-density of a flow whose weights stay as they are; they are bounded once.

    If the flow is trained with estimates, so is B, with more of them: with a single direction, the
    boundary moves away from the data. The roulette's are unbiased.
    """
    log_det = flow.total_log_det
    if flow.log_det != "exact":
        log_det = partial(flow.estimated_log_det, n_probes=N_BOUNDARY_PROBES)
    return partial(flow.log_prob_by, log_det, weights=flow.bounded_weights())


class StartingPairs(nn.Module):
    """Module with loss ‖B(z) − x‖², which starts B within the data, where L has gradients."""

    def __init__(self, boundary: BoundaryModule) -> None:
        super().__init__()
        self.boundary = boundary

    def loss(self, pairs: Tensor) -> Tensor:
        z, x = pairs.chunk(2, dim=1)
        return ((self.boundary.generate(z) - x) ** 2).sum(1)


class BDSGMModule(nn.Module):
    """Density p_g and generator B; p_g is trained first and gives the scores."""

    def __init__(self, density: nn.Module, boundary: BoundaryModule) -> None:
        super().__init__()
        self.density = density
        self.boundary = boundary
        self.n_latent = self.n_noise = boundary.n_features

    def loss(self, x: Tensor) -> Tensor:
        return self.density.loss(x)

    def encode(self, x: Tensor) -> Tensor:
        return self.density.encode(x)

    def decode(self, z: Tensor) -> Tensor:
        return self.density.decode(z)

    def generate(self, z: Tensor) -> Tensor:
        return self.density.decode(z)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.density.log_prob(x)

    def anomaly_score(self, x: Tensor) -> Tensor:
        return -self.log_prob(x).double()
