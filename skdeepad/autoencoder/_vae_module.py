"""The variational autoencoder's equations."""

from collections.abc import Iterator
from math import log

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..nn import (
    ResidualScore,
    Stochastic,
    even_normal_draws,
    gaussian_nll,
    kl_standard_normal,
)
from ._vae_scores import SCORES

# Bounds of log variances: of the encoder, and from above of the decoder.
ENCODER_LOGVAR, MAX_DECODER_LOGVAR = (-10.0, 10.0), 4.0
# Nats for each unit that a value lies outside of [0, 1], where "bernoulli" says nothing.
BEYOND = 10.0


class VAEModule(Stochastic):
    """p(z) = N(0, I), q(z|x) = N(μ(x), diag σ²(x)) and a decoder p(x|z)."""

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        residual: ResidualScore,
        *,
        n_features: int,
        n_latent: int,
        likelihood: str,
        min_std: float,
        beta: float,
        score: str,
        n_draws: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.residual = residual
        self.n_latent = n_latent
        self.likelihood = likelihood
        self.logvar_bounds = 2 * log(min_std), MAX_DECODER_LOGVAR
        self.beta = beta
        self.score = score
        if likelihood == "gaussian":
            self.logvar = nn.Parameter(torch.zeros(()))
        # The same draws for every row and every call: a score is a function of the row. Their
        # errors don't average out over the rows, so that they are evenly spread ones.
        self.register_buffer("z_noise", even_normal_draws(n_draws, n_latent))
        self.register_buffer("x_noise", torch.randn(n_draws, n_features))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x)."""
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        return mu, logvar.clamp(*ENCODER_LOGVAR)

    def likelihood_parameters(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (logits for "bernoulli") and log variance of p(x|z)."""
        output = self.decoder(z)
        if self.likelihood == "heteroscedastic":
            mean, logvar = output.chunk(2, dim=1)
            return mean, logvar.clamp(*self.logvar_bounds)
        if self.likelihood == "gaussian":
            return output, self.logvar.clamp(*self.logvar_bounds)
        return output, torch.zeros((), device=z.device)

    def _nll(self, x: Tensor, z: Tensor) -> Tensor:
        mean, logvar = self.likelihood_parameters(z)
        if self.likelihood == "bernoulli":
            inside = x.clamp(0, 1)
            loss = F.binary_cross_entropy_with_logits(mean, inside, reduction="none")
            return loss + (x - inside).abs() * BEYOND
        return gaussian_nll(x, mean, logvar)

    def nll(self, x: Tensor, z: Tensor) -> Tensor:
        """−log p(x|z), summed over the features in float64."""
        return self._nll(x, z).sum(1, dtype=torch.float64)

    def loss(self, x: Tensor) -> Tensor:
        """−log p(x|z) + β KL(q(z|x) ‖ p(z)) with z = μ + σ ⊙ ε."""
        mu, logvar = self.posterior(x)
        z = mu + torch.exp(0.5 * logvar) * self.randn_like(mu)
        return self._nll(x, z).sum(1) + self.beta * kl_standard_normal(mu, logvar).sum(1)

    def encode(self, x: Tensor) -> Tensor:
        return self.posterior(x)[0]

    def decode(self, z: Tensor) -> Tensor:
        """Mean of p(x|z)."""
        mean, _ = self.likelihood_parameters(z)
        return torch.sigmoid(mean) if self.likelihood == "bernoulli" else mean

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))

    def observe(self, z: Tensor, noise: Tensor) -> Tensor:
        """x̃ ~ p(x|z) made of standard normal noise."""
        if self.likelihood == "bernoulli":
            uniform = 0.5 * (1 + torch.erf(noise / 2**0.5))
            return (uniform < self.decode(z)).to(z.dtype)
        mean, logvar = self.likelihood_parameters(z)
        return mean + torch.exp(0.5 * logvar) * noise

    def draws(self, x: Tensor) -> Iterator[Tensor]:
        """Draws from q(z|x)."""
        mu, logvar = self.posterior(x)
        std = torch.exp(0.5 * logvar)
        for noise in self.z_noise:
            yield mu + std * noise

    def anomaly_score(self, x: Tensor) -> Tensor:
        return SCORES[self.score](self, x)
