"""Module of the autoencoder."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..nn import AdditiveNoise, EncoderDecoder, ResidualScore, reconstruction_loss
from ._snapshots import Snapshots


class AutoEncoderModule(EncoderDecoder):
    """Denoising autoencoder, which compares D(E(x + ε)) with the clean x.

    With ``n_snapshots`` above 1, the score is the mean over up to that many copies of the module.
    Each copy has its own residual scales, because early weights leave larger residuals.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        residual: ResidualScore,
        *,
        n_latent: int,
        loss: str = "squared_error",
        row_loss: Callable[..., Tensor] = reconstruction_loss,
        noise: float = 0.0,
        activity_weight: float = 0.0,
        n_snapshots: int = 1,
    ) -> None:
        super().__init__(encoder, decoder)
        self.residual = residual
        self.n_latent = n_latent
        self.loss_name = loss
        self.row_loss = row_loss
        self.noise = AdditiveNoise(noise)
        self.activity_weight = activity_weight
        self.has_activity_penalty = activity_weight > 0
        self.snapshots = None
        if n_snapshots > 1:
            self.snapshots = Snapshots(self, n_snapshots)

    def decode(self, z: Tensor) -> Tensor:
        output = self.decoder(z)
        return torch.sigmoid(output) if self.loss_name == "binary_cross_entropy" else output

    def loss(self, x: Tensor) -> Tensor:
        z = self.encode(self.noise(x))
        loss = self.row_loss(self.decoder(z), x, self.loss_name)
        return loss + self.activity_weight * z.abs().sum(1) if self.has_activity_penalty else loss

    def scored(self) -> list["AutoEncoderModule"]:
        """Return the modules whose residuals are scored: the snapshots, or itself without any."""
        return list(self.snapshots or ()) or [self]

    def anomaly_score(self, x: Tensor) -> Tensor:
        scores = [module.residual(x, module.reconstruct(x)) for module in self.scored()]
        return torch.stack(scores).mean(0) if len(scores) > 1 else scores[0]

    def contributions(self, x: Tensor) -> Tensor:
        parts = [
            module.residual.contributions(x, module.reconstruct(x)) for module in self.scored()
        ]
        return torch.stack(parts).mean(0)
