"""Autoencoders whose codes together follow a prior distribution."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ..base import (
    COUNT,
    LAYER_SIZES,
    POSITIVE,
    AcceptsMissing,
    BaseDetector,
    ReconstructorMixin,
    SamplerMixin,
    StopsEarly,
    detector,
    param,
)
from ..base._residual_calibration import calibrate_residuals
from ..nn import (
    RESIDUAL_SCALINGS,
    ResidualScore,
    Stochastic,
    check_widths,
    generated_loss,
    make_mlp,
    real_loss,
    split_gaussian,
)
from ..training import seeded_generator
from ._priors import PRIORS, Prior, make_prior

POSTERIORS = {"deterministic", "gaussian"}


class MatchedCodes(Stochastic):
    """Autoencoder z = E(x) or z ~ N(μ(x), diag σ²(x)), x̂ = G(z), with a prior P of all z."""

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        residual: ResidualScore,
        prior: Prior,
        *,
        row_loss: Callable[..., Tensor],
        random: bool,
        score: str,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.residual = residual
        self.prior = prior
        self.row_loss = row_loss
        self.random = random
        self.score = score

    @property
    def n_latent(self) -> int:
        return self.prior.n_latent

    def draw_codes(self, x: Tensor) -> Tensor:
        """Draw z ~ Q(z|x)."""
        if not self.random:
            return self.encode(x)
        mu, logvar = split_gaussian(self.encoder(x))
        return self.prior.shape(mu + torch.exp(0.5 * logvar) * self.randn_like(mu))

    def draw_prior(self, z: Tensor) -> Tensor:
        """Draw z' ~ P, as many as there are codes."""
        return self.prior.draw(len(z), self.rng)

    def encode(self, x: Tensor) -> Tensor:
        output = self.encoder(x)
        return self.prior.shape(split_gaussian(output)[0] if self.random else output)

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def generate(self, noise: Tensor) -> Tensor:
        """Decode draws from the prior to rows."""
        return self.decode(noise)

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))

    def anomaly_score(self, x: Tensor) -> Tensor:
        return getattr(self, f"{self.score}_score")(x)

    def reconstruction_score(self, x: Tensor) -> Tensor:
        """Return the size of the residual x − G(E(x))."""
        return self.residual(x, self.reconstruct(x))

    def latent_density_score(self, x: Tensor) -> Tensor:
        """Return −log p(E(x))."""
        return -self.prior.log_prob(self.encode(x))

    def contributions(self, x: Tensor) -> Tensor:
        return self.residual.contributions(x, self.reconstruct(x))


class CodeDiscriminator(nn.Module):
    """Discriminator D(z) of codes, the log odds that a code was drawn from the prior."""

    def __init__(self, n_latent: int, layer_sizes) -> None:
        super().__init__()
        widths = check_widths(layer_sizes, "discriminator_layer_sizes")
        self.layers = make_mlp((n_latent, *widths, 1), "relu")

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).squeeze(1)

    def loss(self, z: Tensor, draws: Tensor) -> Tensor:
        """Return the mean of −log σ(D(z')) − log(1 − σ(D(z)))."""
        return real_loss(self(draws)).mean() + generated_loss(self(z)).mean()

    def fooling_loss(self, z: Tensor) -> Tensor:
        """Return the mean of −log σ(D(z)), whose gradient does not vanish while D is right."""
        return real_loss(self(z)).mean()


@detector
class MatchedCodesDetector(
    SamplerMixin, ReconstructorMixin, AcceptsMissing, BaseDetector, StopsEarly
):
    """Base class of the detectors whose module is a :class:`MatchedCodes`."""

    n_latent: int | None = param(COUNT, None, default=None)
    posterior: str = param(POSTERIORS, default="deterministic")
    prior: Any = param(set(PRIORS), Distribution, callable, default="normal")
    discriminator_layer_sizes: int | Sequence[int] = param(*LAYER_SIZES, default=(64, 64))
    lr_discriminator: float = param(POSITIVE, default=5e-4)
    residual_scaling: str = param(RESIDUAL_SCALINGS, default="robust")
    lr_milestones: Sequence[float] = param("array-like", default=(), to="net")
    max_steps = 1000

    def _n_latent(self, n_features: int) -> int:
        """Return the size of the code."""
        default = max(2, n_features // 4) if self.backbone is None else 32
        return default if self.n_latent is None else self.n_latent

    def _make_parts(self, n_features: int) -> dict:
        """Return the arguments of :class:`MatchedCodes`."""
        n_latent, random = self._n_latent(n_features), self.posterior == "gaussian"
        backbone = self._make_backbone(hidden_layer_sizes=self.hidden_layer_sizes)
        encoder = backbone.make_encoder(n_features, n_latent * (2 if random else 1))
        return {
            "encoder": self._reading(encoder),
            "decoder": backbone.make_decoder(n_latent, n_features),
            "residual": self._make_residual(n_features, self.residual_scaling),
            "row_loss": self._row_loss,
            "prior": make_prior(self.prior, n_latent),
            "random": random,
            "score": self.anomaly_score,
        }

    def _make_discriminator(self, n_features: int) -> CodeDiscriminator:
        return CodeDiscriminator(self._n_latent(n_features), self.discriminator_layer_sizes)

    def _discriminator_parameters(self) -> dict:
        """Return the parameters of a net with a discriminator."""
        return {"optimizer_discriminator__lr": self.lr_discriminator}

    def _check_rows(self, X: np.ndarray) -> None:
        super()._check_rows(X)
        prior = make_prior(self.prior, self._n_latent(X.shape[1]))
        codes = prior.draw(2, seeded_generator(0))
        if not torch.isfinite(codes).all():
            raise ValueError(f"prior={self.prior!r} must draw finite codes, got {codes.tolist()}.")
        if not prior.squared_length > 0:
            raise ValueError(f"prior={self.prior!r} must not draw the same code each time.")
        if self.anomaly_score == "latent_density" and not prior.has_density:
            raise ValueError(
                "anomaly_score='latent_density' needs a prior whose density tells codes apart: "
                "'normal', 'mixture' or a continuous torch.distributions.Distribution, got "
                f"prior={self.prior!r}."
            )

    def _calibrate(self, net, X) -> None:
        calibrate_residuals(net, X)

    def _draw_noise(self, n_samples: int, rng: np.random.RandomState) -> np.ndarray:
        generator = seeded_generator(int(rng.randint(2**31 - 1)))
        return self.net_.module_.prior.draw(n_samples, generator).numpy()
