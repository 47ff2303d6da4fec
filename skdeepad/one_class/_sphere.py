"""Base class of Deep SVDD and Deep SAD."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .._validation import check_is_fitted
from ..base import (
    COUNT,
    POSITIVE,
    BaseDetector,
    EncoderMixin,
    GradientContributionsMixin,
    StopsEarly,
    detector,
    param,
)
from ..base._pretraining import PretrainingMixin
from ..nn import EncoderDecoder, check_batch_norm
from ..training import mean_over_rows


class SphereModule(nn.Module):
    """Net φ(x; W) without biases, and a fixed centre c."""

    def __init__(self, encoder: nn.Module, n_latent: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.n_latent = n_latent
        self.register_buffer("center", torch.zeros(n_latent))

    def set_center(self, mean: Tensor, eps: float) -> None:
        """Set c, the mean of φ(x) with entries at least ``eps`` away from 0.

        A net without biases can learn φ ≡ 0, so that it would collapse with a centre at 0.
        """
        sign = torch.where(mean < 0, -1.0, 1.0)
        self.center.copy_(torch.where(mean.abs() < eps, sign * eps, mean))

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def distance(self, x: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Return ‖φ(x) − c‖²."""
        return ((self.encode(x) - self.center) ** 2).sum(1, dtype=dtype)

    def anomaly_score(self, x: Tensor) -> Tensor:
        return self.distance(x, torch.float64)


@detector
class SphereDetector(
    PretrainingMixin, EncoderMixin, GradientContributionsMixin, BaseDetector, StopsEarly
):
    """Base class of the detectors whose module is a SphereModule."""

    n_latent: int = param(COUNT, default=16)
    batch_norm: bool = param("boolean", default=True)
    center_eps: float = param(POSITIVE, default=0.1)
    lr_milestones: Sequence[float] = param("array-like", default=(0.66,), to="net")
    activation = "leaky_relu"
    max_epochs = 20
    weight_decay = 5e-7

    def _backbone(self):
        return self._make_backbone(
            hidden_layer_sizes=self.hidden_layer_sizes, batch_norm=self.batch_norm
        )

    def _make_encoder(self, n_features: int) -> nn.Module:
        return self._backbone().make_encoder(n_features, self.n_latent, bias=False)

    def _make_autoencoder(self, module: SphereModule, n_features: int) -> nn.Module:
        decoder = self._backbone().make_decoder(self.n_latent, n_features, bias=False)
        return EncoderDecoder(module.encoder, decoder)

    def _check_rows(self, X) -> None:
        super()._check_rows(X)
        if self.backbone is None:
            check_batch_norm(self.batch_size, self.batch_norm)

    def _train(self, run, net, X, y) -> None:
        module = net.module_
        if not net.history:
            self._pretrain(run, net, X)
            mean = mean_over_rows(net, module.encode, X)
            mean = torch.as_tensor(mean, dtype=torch.float32)
            module.set_center(mean.to(module.center.device), self.center_eps)
        run(net, X, y, self._make_update(net, X))

    def _make_update(self, net, X):
        """Return the function to call at the end of each epoch, or None."""

    @property
    def center_(self) -> np.ndarray:
        check_is_fitted(self)
        return self.net_.module_.center.cpu().numpy()
