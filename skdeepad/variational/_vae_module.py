"""The variational autoencoder's equations."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ..nn import ResidualScore, Stochastic, even_normal_draws, kl_standard_normal, split_gaussian
from ._likelihood import Likelihood
from ._vae_scores import SCORES


class VAEModule(Stochastic):
    """p(z) = N(0, I), q(z|x) = N(μ(x), diag σ²(x)) and a decoder p(x|z)."""

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        likelihood: Likelihood,
        residual: ResidualScore,
        *,
        n_features: int,
        n_latent: int,
        kl_weight: float,
        score: str,
        n_draws: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood
        self.residual = residual
        self.n_latent = n_latent
        self.kl_weight = kl_weight
        self.score = score
        # The same draws for every row and every call: a score is a function of the row. Their
        # errors don't average out over the rows, so that they are evenly spread ones.
        self.register_buffer("z_noise", even_normal_draws(n_draws, n_latent))
        self.register_buffer("x_noise", torch.randn(n_draws, n_features))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x)."""
        return split_gaussian(self.encoder(x))

    def loss(self, x: Tensor) -> Tensor:
        """−log p(x|z) + β KL(q(z|x) ‖ p(z)) with z = μ + σ ⊙ ε."""
        mu, logvar = self.posterior(x)
        z = mu + torch.exp(0.5 * logvar) * self.randn_like(mu)
        nll = self.likelihood.nll(self.decoder(z), x).sum(1)
        return nll + self.kl_weight * kl_standard_normal(mu, logvar).sum(1)

    def nll(self, x: Tensor, z: Tensor) -> Tensor:
        """−log p(x|z), summed over the features in float64."""
        return self.likelihood.nll(self.decoder(z), x).sum(1, dtype=torch.float64)

    def encode(self, x: Tensor) -> Tensor:
        return self.posterior(x)[0]

    def decode(self, z: Tensor) -> Tensor:
        """Mean of p(x|z)."""
        return self.likelihood.mean(self.decoder(z))

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))

    def observe(self, z: Tensor, noise: Tensor) -> Tensor:
        """x̃ ~ p(x|z) made of standard normal noise."""
        return self.likelihood.observe(self.decoder(z), noise)

    @property
    def n_noise(self) -> int:
        """Standard normal values that a row is generated from."""
        return self.n_latent + self.x_noise.shape[1]

    def generate(self, noise: Tensor) -> Tensor:
        """A row from p(x|z), z ~ p(z)."""
        return self.observe(noise[:, : self.n_latent], noise[:, self.n_latent :])

    def draws(self, x: Tensor) -> Iterator[Tensor]:
        """Draws from q(z|x)."""
        mu, logvar = self.posterior(x)
        std = torch.exp(0.5 * logvar)
        for noise in self.z_noise:
            yield mu + std * noise

    def anomaly_score(self, x: Tensor) -> Tensor:
        return SCORES[self.score](self, x)

    def negative_elbo(self, x: Tensor) -> Tensor:
        return SCORES["elbo"](self, x)

    def contributions(self, x: Tensor) -> Tensor:
        """Each feature's part of the residual, or else of −E_q log p(x|z)."""
        if self.score == "reconstruction_error":
            return self.residual.contributions(x - self.reconstruct(x))
        nll = [self.likelihood.nll(self.decoder(z), x) for z in self.draws(x)]
        return torch.stack(nll).mean(0)
