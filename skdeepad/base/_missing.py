"""Parameter of detectors that can leave missing cells out, and what they make nets of."""

from collections.abc import Callable

from torch import Tensor, nn

from ..nn import (
    FillHoles,
    MaskedResidualScore,
    ResidualScore,
    masked_reconstruction_loss,
    reconstruction_loss,
)
from ._parameters import detector, param

# Scaled value in the middle of a column, where it is not 0.
CENTERS = {"minmax": 0.5}


@detector
class AcceptsMissing:
    """Parameter of a detector that can leave missing cells out.

    Parameters
    ----------
    missing : {"raise", "mask"}, default="raise"
        What to do about missing values, which are NaN. ``"raise"`` is an error. ``"mask"`` leaves
        them out of the loss and the score: a mean over the features is that of the values that a
        row has, and a sum is n_features times this mean. The encoder reads 0 in their place, the
        mean of a standardised column, or 1/2 with ``scaler="minmax"``.
    """

    missing: str = param({"raise", "mask"}, default="raise")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing == "mask"
        return tags

    def _reading(self, encoder: nn.Module) -> nn.Module:
        """Return an encoder that reads rows with missing cells, if there may be any."""
        if not self._masks:
            return encoder
        center = CENTERS.get(self.scaler, 0.0) if isinstance(self.scaler, str) else 0.0
        return nn.Sequential(FillHoles(center), encoder)

    def _make_residual(self, n_features: int, *settings: str) -> ResidualScore:
        cls = MaskedResidualScore if self._masks else ResidualScore
        return cls(n_features, *settings)

    @property
    def _row_loss(self) -> Callable[..., Tensor]:
        return masked_reconstruction_loss if self._masks else reconstruction_loss

    def _check_rows(self, X) -> None:
        super()._check_rows(X)
        if getattr(self, "residual_scaling", None) == "mahalanobis":
            self._need_complete_rows("residual_scaling")

    def _need_complete_rows(self, parameter: str) -> None:
        """Raise if rows may have missing cells, with which a value of a parameter has no sense."""
        if self._masks:
            value = getattr(self, parameter)
            raise ValueError(
                f"{parameter}={value!r} needs complete rows: choose another value, or "
                "missing='raise' with an imputer in front."
            )
