"""An encoder, a decoder, a second encoder, and a discriminator whose features are matched."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from ..nn import generated_loss, real_loss
from ._players import Discriminator, r1_penalty


class GANomalyModule(nn.Module):
    """G(x) = G_D(G_E(x)) = x̂, E(x̂), D(x), and A(x) = ‖G_E(x) − E(x̂)‖."""

    players = {"generator": ("generator", "encoder2"), "discriminator": ("discriminator",)}

    def __init__(
        self,
        *,
        encoder: nn.Module,
        decoder: nn.Module,
        encoder2: nn.Module,
        discriminator: Discriminator,
        n_latent: int,
        adversarial_weight: float,
        contextual_weight: float,
        encoder_weight: float,
        anomaly_score: str,
        norm: str,
        label_smoothing: float,
        gradient_penalty_weight: float,
    ) -> None:
        super().__init__()
        self.generator = nn.Sequential(OrderedDict(encoder=encoder, decoder=decoder))
        self.encoder2 = encoder2
        self.discriminator = discriminator
        self.n_latent = n_latent
        self.weights = {
            "adversarial": adversarial_weight,
            "contextual": contextual_weight,
            "encoder": encoder_weight,
        }
        self.score_name = anomaly_score
        self.norm = norm
        self.label_smoothing = label_smoothing
        self.gradient_penalty_weight = gradient_penalty_weight

    def encode(self, x: Tensor) -> Tensor:
        """The code z = G_E(x)."""
        return self.generator.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """The reconstruction x̂ = G_D(z)."""
        return self.generator.decoder(z)

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.generator(x)

    # Training --------------------------------------------------------------------------------

    def loss_terms(self, x: Tensor) -> dict[str, Tensor]:
        """L_adv, L_con and L_enc of each row, before their weights."""
        z = self.encode(x)
        restored = self.decode(z)
        f, f_restored = (self.discriminator.features(rows).flatten(1) for rows in (x, restored))
        return {
            "adversarial": ((f - f_restored) ** 2).mean(1),
            "contextual": (x - restored).abs().mean(1),
            "encoder": ((z - self.encoder2(restored)) ** 2).mean(1),
        }

    def loss_generator(self, x: Tensor) -> Tensor:
        """L_G = w_adv L_adv + w_con L_con + w_enc L_enc."""
        return sum(self.weights[name] * term for name, term in self.loss_terms(x).items())

    def loss_discriminator(self, x: Tensor) -> Tensor:
        """L_D = −½ log D(x) − ½ log(1 − D(x̂))."""
        with torch.no_grad():
            restored = self.reconstruct(x)
        loss = real_loss(self.discriminator(x), self.label_smoothing)
        loss = (loss + generated_loss(self.discriminator(restored))) / 2
        if self.gradient_penalty_weight:
            loss = loss + r1_penalty(self.discriminator, x, self.gradient_penalty_weight)
        return loss

    def contest(self, x: Tensor) -> tuple[Tensor, Tensor, None]:
        """Rows and reconstructions; features are matched however sure D is of what is real."""
        return x, self.reconstruct(x), None

    # Scores ----------------------------------------------------------------------------------

    def contributions(self, x: Tensor) -> Tensor:
        return (x - self.reconstruct(x)).double().abs() / x.shape[1]

    def latent_distance(self, x: Tensor) -> Tensor:
        z = self.encode(x)
        difference = (z - self.encoder2(self.decode(z))).double()
        return (difference**2 if self.norm == "l2" else difference.abs()).mean(1)

    def anomaly_score(self, x: Tensor) -> Tensor:
        if self.score_name == "contextual":
            return self.contributions(x).sum(1)
        return self.latent_distance(x)
