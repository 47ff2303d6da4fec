"""Module of the invertible residual network."""

from collections.abc import Callable, Sequence
from math import ceil, log, pi

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..nn import AdditiveNoise, JacobianCore, LipschitzMLP, Stochastic, bounded_weights

# Maximum number of features for which "auto" trains with the exact determinant, and maximum size of
# the Jacobian's core for which rows are scored with it: without gradients it is cheaper than a
# series.
EXACT_UP_TO, SCORED_EXACTLY_UP_TO = 20, 64
# Number of terms of the series to which the Russian roulette adds at least one.
N_EXACT_TERMS = 2
# Number of directions in which the series estimates traces for scores.
N_PROBES = 32
# Tolerance of an inverse, relative to the size of its argument.
INVERSE_TOLERANCE = 1e-7


def exact_log_det(core: JacobianCore, probes: Tensor) -> Tensor:
    """Return log det(I + J) of each row, from the columns of the core of J."""
    eye = torch.eye(probes.shape[-1], dtype=probes.dtype, device=probes.device)
    matrices = eye + core.multiply(eye.expand(*core.weights[0].shape[:-2], 1, *eye.shape))
    if len(eye) % 2:  # with an odd size, the last bits depend on the position in the batch
        matrices = F.pad(matrices, (0, 1, 0, 1))
        matrices = matrices + F.pad(eye[:1, :1], (len(eye), 0, len(eye), 0))
    return torch.linalg.slogdet(matrices).logabsdet


def series_log_det(core: JacobianCore, probes: Tensor, weights: Sequence[float]) -> Tensor:
    """Return Σₖ wₖ (−1)ᵏ⁺¹ tr(Jᵏ) / k of each row, with traces estimated from probes.

    The estimate of tr(Jᵏ) is the mean of vᵀJᵏv over the probes v, of shape (..., batch or 1,
    n_probes, n_core), with E[v vᵀ] = I. The gradient needs a single product with J: that of the
    k-th term is the mean of vᵀ dJ (−J)ᵏ⁻¹ v, equation 8 of Chen et al.
    """
    total = torch.zeros((), dtype=probes.dtype, device=probes.device)
    with torch.no_grad():
        power, moved = probes, torch.zeros_like(probes)
        for k, weight in enumerate(weights, start=1):
            moved = moved + weight * power
            power = -core.multiply(power)
            total = total - weight / k * (power * probes).sum(-1).mean(-1)
    if not torch.is_grad_enabled():
        return total
    slope = (core.multiply(moved) * probes).sum(-1).mean(-1)
    return total + slope - slope.detach()


def roulette_weights(n_terms: int) -> list[float]:
    """Return 1 / P(N ≥ k) for k up to ``n_terms``, which make the mean of the series exact.

    N, the number of terms, is ``N_EXACT_TERMS`` plus a draw from the geometric distribution of
    mean 2.
    """
    return [2.0 ** max(0, k - N_EXACT_TERMS - 1) for k in range(1, n_terms + 1)]


def steps_to_invert(bound: float) -> int:
    """Return the number of steps to an exact fixed point for a Lipschitz constant ``bound``."""
    if not 0 < bound < 1:  # the map is constant, or training has failed
        return 1
    return ceil(log(INVERSE_TOLERANCE) / log(bound))


class ActNorm(nn.Module):
    """Learned scale and shift of each feature, initialised to mean 0 and variance 1 of the data."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(n_features))
        self.shift = nn.Parameter(torch.zeros(n_features))

    def begin(self, x: Tensor) -> None:
        self.log_scale.data = -x.std(0, correction=0).clamp_min(1e-3).log()
        self.shift.data = -x.mean(0)

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.shift) * self.log_scale.exp()

    def inverse(self, y: Tensor) -> Tensor:
        return y * (-self.log_scale).exp() - self.shift


class InvertibleResNetModule(Stochastic):
    """Flow F = F_T ∘ … ∘ F_1 to the latent space, where F_t is an ActNorm and x ↦ x + g_t(x).

    Equation numbers refer to Behrmann et al., 2019.
    """

    def __init__(
        self,
        n_features: int,
        *,
        hidden_layer_sizes: tuple[int, ...],
        n_blocks: int,
        activation: str,
        lipschitz_constant: float,
        log_det: str,
        n_power_terms: int,
        noise: float,
        log_volume: float,
    ) -> None:
        super().__init__()
        widths = [n_features, *hidden_layer_sizes, n_features]
        self.norms = nn.ModuleList(ActNorm(n_features) for _ in range(n_blocks))
        self.blocks = nn.ModuleList(
            LipschitzMLP(widths, activation, lipschitz_constant) for _ in range(n_blocks)
        )
        self.n_latent = self.n_noise = n_features
        exact = n_features <= EXACT_UP_TO
        self.log_det = ("exact" if exact else "series") if log_det == "auto" else log_det
        self.n_power_terms = n_power_terms
        self.noise = AdditiveNoise(noise)
        # log |det| of the scaling, for a density in the original units of the rows.
        self.log_volume = log_volume
        # Directions are orthogonal, so that traces are exact with as many directions as features.
        n_core = self.blocks[0].n_core
        directions = torch.linalg.qr(torch.randn(n_core, min(n_core, N_PROBES))).Q
        self.register_buffer("probes", directions.T.contiguous()[None] * n_core**0.5)

    def begin(self, x: Tensor) -> None:
        """Initialise the norms from rows with the noise of training."""
        x = self.noise(x)
        for norm, block in zip(self.norms, self.blocks, strict=True):
            norm.begin(x)
            x = norm(x)
            x = x + block(x)

    def encode(self, x: Tensor) -> Tensor:
        for norm, block in zip(self.norms, self.blocks, strict=True):
            x = norm(x)
            x = x + block(x)
        return x

    def decode(self, z: Tensor) -> Tensor:
        """Return F⁻¹(z), each block by the fixed point of x = y − g_t(x): Algorithm 1."""
        for norm, block in zip(reversed(self.norms), reversed(self.blocks), strict=True):
            y, weights = z, block.bounded_weights()
            for _ in range(steps_to_invert(block.lipschitz_bound())):
                z = y - block(z, weights)
            z = norm.inverse(z)
        return z

    generate = decode

    def bounded_weights(self) -> list[tuple[Tensor, ...]]:
        """Return the weights of each block, with bounded spectral norms."""
        return bounded_weights(self.blocks)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log N(F(x); 0, I) + Σ_t log |det J_{F_t}(x)|, (batch,): equations 3 and 4."""
        return self.log_prob_by(self.total_log_det, x, self.bounded_weights())

    def log_prob_by(
        self,
        log_det: Callable[[list[JacobianCore], int], Tensor],
        x: Tensor,
        weights: list[tuple[Tensor, ...]],
    ) -> Tensor:
        """Return the log-density with bounded weights and another function for its determinants.

        The function takes the cores of the blocks' Jacobians and the number of rows.
        """
        cores = []
        for norm, block, own in zip(self.norms, self.blocks, weights, strict=True):
            x = norm(x)
            residual, core = block.linearize(x, own)
            cores.append(core)
            x = x + residual
        scales = torch.stack([norm.log_scale for norm in self.norms])
        total = self.log_volume + scales.sum() + log_det(cores, x.shape[0])
        return total - 0.5 * (x**2).sum(1) - 0.5 * x.shape[1] * log(2 * pi)

    def total_log_det(self, cores: list[JacobianCore], n_rows: int) -> Tensor:
        """Return Σ_t log det(I + J_t), (batch,), with random directions only in training.

        In training all blocks are computed at once; scores have too many rows for that.
        """
        if self.training:
            if self.log_det == "exact":
                return exact_log_det(JacobianCore.joined(cores), self.probes).sum(0)
            n_terms = self.n_power_terms if self.log_det == "series" else None
            return self.estimated_log_det(cores, n_rows, n_terms)
        if self.log_det == "exact" or self.probes.shape[2] <= SCORED_EXACTLY_UP_TO:
            return sum(exact_log_det(core, self.probes) for core in cores)
        ones = [1.0] * self.n_power_terms
        return sum(series_log_det(core, self.probes, ones) for core in cores)

    def estimated_log_det(
        self, cores: list[JacobianCore], n_rows: int, n_terms: int | None = None, n_probes: int = 1
    ) -> Tensor:
        """Return an estimate of Σ_t log det(I + J_t), (batch,), from random directions.

        Without ``n_terms`` their number is a draw of the Russian roulette.
        """
        if n_terms is None:
            drawn = torch.empty(1, device=self.probes.device).geometric_(0.5, generator=self.rng)
            weights = roulette_weights(N_EXACT_TERMS + int(drawn))
        else:
            weights = [1.0] * n_terms
        size = (len(cores), n_rows, n_probes, self.probes.shape[2])
        probes = self.randn_like(self.probes.new_empty(size))
        return series_log_det(JacobianCore.joined(cores), probes, weights).sum(0)

    def loss(self, x: Tensor) -> Tensor:
        return -self.log_prob(self.noise(x))

    def anomaly_score(self, x: Tensor) -> Tensor:
        return -self.log_prob(x).double()
