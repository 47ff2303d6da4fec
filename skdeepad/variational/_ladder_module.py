"""Module of the ladder variational autoencoder."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..nn import Stochastic, even_normal_draws, gaussian_nll
from ._layered_scores import SCORES, Draws, by_draw, contributions, noise_for, repeated
from ._likelihood import Likelihood
from ._warm_up import WarmUp

# With smaller variances, float32 loses the smaller of two added precisions.
MIN_VARIANCE = 1e-5


class Gaussian(NamedTuple):
    """Gaussian N(mean, diag variance), both (batch, n_latent)."""

    mean: Tensor
    variance: Tensor

    @classmethod
    def from_output(cls, output: Tensor) -> "Gaussian":
        """Return the Gaussian of a net's output, (batch, 2 n_latent)."""
        mean, raw = output.chunk(2, dim=1)
        return cls(mean, F.softplus(raw) + MIN_VARIANCE)

    def merge(self, other: "Gaussian") -> "Gaussian":
        """Return the normalised product of both densities, whose precision is their sum."""
        variance = 1 / (1 / self.variance + 1 / other.variance)
        mean = (self.mean / self.variance + other.mean / other.variance) * variance
        return Gaussian(mean, variance)

    def kl(self, other: "Gaussian") -> Tensor:
        """Return KL(self ‖ other), (batch,)."""
        ratio = self.variance / other.variance
        distance = (self.mean - other.mean) ** 2 / other.variance
        return 0.5 * (ratio + distance - 1 - ratio.log()).sum(1)

    def nll(self, z: Tensor) -> Tensor:
        """Return −log density at ``z``, (batch,)."""
        return gaussian_nll(z, self.mean, self.variance.log()).sum(1)

    def draw(self, noise: Tensor) -> Tensor:
        return self.mean + self.variance.sqrt() * noise


class Rung(NamedTuple):
    """Layer of the downward pass, given the draw z_{i+1} of the layer above."""

    z: Tensor  #: z_i ~ q
    q: Gaussian  #: q(z_i|x, z_{i+1})
    p: Gaussian  #: p(z_i|z_{i+1})


class LadderModule(Stochastic):
    """Model p(z_L) = N(0, I), p(z_i|z_{i+1}), p(x|z_1) and a posterior that shares all of them.

    Lists are in the order of the layers, z_1 first.

    Parameters
    ----------
    upward : sequence of nn.Module
        Blocks d_{i−1} → d_i, with d_0 = x.
    heads : sequence of nn.Module
        Heads d_i → parameters of N(μ̂_i, σ̂_i²), the estimate of z_i from x.
    priors : sequence of nn.Module
        Nets z_{i+1} → parameters of p(z_i|z_{i+1}), one fewer.
    decoder : nn.Module
        Net z_1 → parameters of p(x|z_1).
    likelihood : Likelihood
    n_features : int
    widths : sequence of int
        Sizes of z_1, ..., z_L.
    score : str
        One of ``SCORES``.
    kl_layer : int or None
        Layer, from 1, whose KL is the score "kl". If None, the sum over all layers.
    n_draws : int
        Number of draws for the scores.
    """

    def __init__(
        self,
        upward: Sequence[nn.Module],
        heads: Sequence[nn.Module],
        priors: Sequence[nn.Module],
        decoder: nn.Module,
        likelihood: Likelihood,
        *,
        n_features: int,
        widths: Sequence[int],
        score: str,
        kl_layer: int | None,
        n_draws: int,
    ) -> None:
        super().__init__()
        self.upward = nn.ModuleList(upward)
        self.heads = nn.ModuleList(heads)
        self.priors = nn.ModuleList(priors)
        self.decoder = decoder
        self.likelihood = likelihood
        self.warm_up = WarmUp()
        self.n_features = n_features
        self.widths = tuple(widths)
        self.n_latent = sum(widths)
        self.score = score
        self.kl_layer = kl_layer
        # With the same draws for every row and every call, a score is a function of the row.
        self.register_buffer("z_noise", even_normal_draws(n_draws, self.n_latent))

    @property
    def n_draws(self) -> int:
        """Number of fixed draws."""
        return len(self.z_noise)

    def climb(self, x: Tensor) -> list[Gaussian]:
        """Return the estimates N(μ̂_i, σ̂_i²) of each layer from x, without draws."""
        estimates, d = [], x
        for block, head in zip(self.upward, self.heads, strict=True):
            d = block(d)
            estimates.append(Gaussian.from_output(head(d)))
        return estimates

    def prior(self, i: int, above: Tensor) -> Gaussian:
        """Return p(z_i|z_{i+1}) of the layer with index ``i`` from 0, except for the top one."""
        return Gaussian.from_output(self.priors[i](above))

    def descend(self, estimates: list[Gaussian], noise: Tensor) -> list[Rung]:
        """Draw from the posterior from the top down, each layer given the draw above it."""
        top = estimates[-1]
        standard = Gaussian(torch.zeros_like(top.mean), torch.ones_like(top.mean))
        noises = noise.split(self.widths, dim=-1)
        rungs = [Rung(top.draw(noises[-1]), top, standard)]
        for i in reversed(range(len(self.priors))):
            p = self.prior(i, rungs[0].z)
            q = estimates[i].merge(p)
            rungs.insert(0, Rung(q.draw(noises[i]), q, p))
        return rungs

    def loss(self, x: Tensor) -> Tensor:
        """Return −log p(x|z_1) + w Σ KL(q(z_i|·) ‖ p(z_i|z_{i+1})) with the warm-up weight w."""
        rungs = self.descend(self.climb(x), self.randn_like(x.new_empty(len(x), self.n_latent)))
        nll = self.likelihood.nll(self.decoder(rungs[0].z), x).sum(1)
        return nll + self.warm_up(sum(r.q.kl(r.p) for r in rungs))

    def draws(self, x: Tensor) -> Draws:
        """Return the terms of the fixed draws from q(z_1, ..., z_L|x), (n_draws, batch, ...)."""
        rungs = self._descend_at_each_draw(x)
        return Draws(
            self.likelihood.nll(self.decoder(rungs[0].z), repeated(x, self.n_draws)),
            sum(r.p.nll(r.z) - r.q.nll(r.z) for r in rungs),
            sum(r.q.kl(r.p) for r in rungs),
        ).by_draw(self.n_draws)

    def _descend_at_each_draw(self, x: Tensor) -> list[Rung]:
        estimates = [
            Gaussian(repeated(mean, self.n_draws), repeated(variance, self.n_draws))
            for mean, variance in self.climb(x)
        ]
        return self.descend(estimates, noise_for(x, self.z_noise))

    def kl_per_layer(self, x: Tensor) -> Tensor:
        """Return E_q KL(q(z_i|·) ‖ p(z_i|z_{i+1})) of each layer, (batch, n_layers)."""
        kl = torch.stack([r.q.kl(r.p) for r in self._descend_at_each_draw(x)], 1)
        return by_draw(kl.double(), self.n_draws).mean(0)

    def anomaly_score(self, x: Tensor) -> Tensor:
        if self.score == "kl" and self.kl_layer is not None:
            return self.kl_per_layer(x)[:, self.kl_layer - 1]
        return SCORES[self.score](self, x)

    def negative_elbo(self, x: Tensor) -> Tensor:
        return SCORES["elbo"](self, x)

    def contributions(self, x: Tensor) -> Tensor:
        """Return each feature's part of −E_q log p(x|z_1)."""
        return contributions(self, x)

    def encode(self, x: Tensor) -> Tensor:
        """Return the means of q(z_1|·), ..., q(z_L|x), each given the mean above it."""
        rungs = self.descend(self.climb(x), x.new_zeros(self.n_latent))
        return torch.cat([r.z for r in rungs], 1)

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean of p(x|z_1), which does not depend on the layers above z_1."""
        return self.likelihood.mean(self.decoder(z[:, : self.widths[0]]))

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))

    @property
    def n_noise(self) -> int:
        """Number of standard normal values from which a row is generated."""
        return self.n_latent + self.n_features

    def generate(self, noise: Tensor) -> Tensor:
        """Generate a row from p(x|z_1), with z_L, ..., z_1 drawn from the top down."""
        *noises, x_noise = noise.split([*self.widths, self.n_features], dim=1)
        z = noises[-1]
        for i in reversed(range(len(self.priors))):
            z = self.prior(i, z).draw(noises[i])
        return self.likelihood.observe(self.decoder(z), x_noise)
