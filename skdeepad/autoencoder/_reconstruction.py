"""Base class of AutoEncoder and RobustAutoEncoder."""

from collections.abc import Sequence

from torch import nn

from ..base import (
    COUNT,
    LAYER_SIZES,
    SHARE_BELOW_ONE,
    AcceptsMissing,
    BaseDetector,
    ReconstructorMixin,
    detector,
    param,
)
from ..base._residual_calibration import calibrate_residuals
from ..nn import RESIDUAL_NORMS, RESIDUAL_SCALINGS, check_widths, make_activation
from ._snapshots import train_with_snapshots


@detector
class ReconstructionDetector(ReconstructorMixin, AcceptsMissing, BaseDetector):
    """Base class of the detectors that score by residuals, averaged over snapshots."""

    n_latent: int | None = param(COUNT, None, default=None)
    residual_scaling: str = param(RESIDUAL_SCALINGS, default="robust")
    norm: str = param(RESIDUAL_NORMS, default="l2")
    n_snapshots: int = param(COUNT, default=1)
    trim_start: float = param(SHARE_BELOW_ONE, default=0.2, to="net")
    hidden_layer_sizes: int | Sequence[int] | str = param(*LAYER_SIZES, {"auto"}, default="auto")
    max_steps = 1000

    def _make_parts(self, n_features: int, dropout: float = 0.0) -> dict:
        """Return the arguments of :class:`AutoEncoderModule` of both detectors."""
        widths, n_latent = self._widths(n_features)
        backbone = self._make_backbone(hidden_layer_sizes=widths, dropout=dropout)
        encoder = backbone.make_encoder(n_features, n_latent)
        return {
            "encoder": self._reading(nn.Sequential(encoder, make_activation(backbone.activation))),
            "decoder": backbone.make_decoder(n_latent, n_features),
            "residual": self._make_residual(n_features, self.residual_scaling, self.norm),
            "row_loss": self._row_loss,
            "n_latent": n_latent,
            "n_snapshots": self.n_snapshots,
        }

    def _widths(self, n_features: int) -> tuple[tuple[int, ...], int]:
        """Return the widths of the hidden layers before the code, and that of the code."""
        sizes, n_latent = self.hidden_layer_sizes, self.n_latent
        if self.backbone is not None:
            return (), n_latent or 32
        if isinstance(sizes, str):
            return (64, 32), n_latent or max(2, n_features // 4)
        widths = check_widths(sizes)
        if n_latent is not None:
            return widths, n_latent
        if not widths:
            raise ValueError(
                f"hidden_layer_sizes={sizes!r} needs at least one width, or n_latent the width of "
                "the code."
            )
        return widths[:-1], widths[-1]

    def _train(self, run, net, X, y) -> None:
        train_with_snapshots(run, net, X, y)

    def _calibrate(self, net, X) -> None:
        for module in net.module_.scored():
            calibrate_residuals(net, X, module)
