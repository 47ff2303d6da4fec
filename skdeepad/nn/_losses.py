"""Loss terms that several methods share. All return one value for each row or each unit."""

from math import log, pi

import torch
import torch.nn.functional as F
from torch import Tensor

RECONSTRUCTION_LOSSES = {
    "squared_error": F.mse_loss,
    "absolute_error": F.l1_loss,
    "huber": F.smooth_l1_loss,
    "binary_cross_entropy": F.binary_cross_entropy_with_logits,
}


def reconstruction_loss(output: Tensor, x: Tensor, loss: str = "squared_error") -> Tensor:
    """Loss of a reconstruction, summed over the features: (batch,).

    Under ``"binary_cross_entropy"`` the output holds logits.
    """
    return RECONSTRUCTION_LOSSES[loss](output, x, reduction="none").sum(1)


def gaussian_nll(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """Elementwise −log N(x; mean, exp(logvar))."""
    return (x - mean) ** 2 * (0.5 * torch.exp(-logvar)) + 0.5 * (log(2 * pi) + logvar)


def kl_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """Elementwise KL(N(mu, exp(logvar)) ‖ N(0, 1)), never negative and never clamped."""
    return 0.5 * (logvar.exp() + mu**2 - 1 - logvar)
