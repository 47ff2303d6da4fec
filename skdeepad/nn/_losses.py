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

# Bounds of the log variances of codes.
CODE_LOGVAR = -10.0, 10.0


def reconstruction_loss(output: Tensor, x: Tensor, loss: str = "squared_error") -> Tensor:
    """Loss of a reconstruction, summed over the features: (batch,).

    Under ``"binary_cross_entropy"`` the output holds logits.
    """
    return RECONSTRUCTION_LOSSES[loss](output, x, reduction="none").sum(1)


def gaussian_nll(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """Elementwise −log N(x; mean, exp(logvar))."""
    return (x - mean) ** 2 * (0.5 * torch.exp(-logvar)) + 0.5 * (log(2 * pi) + logvar)


def split_gaussian(output: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log variance of a code from the output of an encoder."""
    mu, logvar = output.chunk(2, dim=1)
    return mu, logvar.clamp(*CODE_LOGVAR)


def kl_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """Elementwise KL(N(mu, exp(logvar)) ‖ N(0, 1)), never negative and never clamped."""
    return 0.5 * (logvar.exp() + mu**2 - 1 - logvar)


def real_loss(logits: Tensor, smoothing: float = 0.0) -> Tensor:
    """−(1 − s) log σ(l) − s log(1 − σ(l)): what it costs to take a row for a generated one.

    Of generated rows this is the generator's loss; its gradient does not fade where they are seen
    through.
    """
    loss = F.softplus(-logits)
    return loss if not smoothing else (1 - smoothing) * loss + smoothing * F.softplus(logits)


def generated_loss(logits: Tensor) -> Tensor:
    """−log(1 − σ(l)): what it costs to take a row for a real one."""
    return F.softplus(logits)


def squared_gradient(logits: Tensor, x: Tensor) -> Tensor:
    """‖∇ₓ l‖² of each row, (batch,), to be minimised itself."""
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return gradient.flatten(1).square().sum(1)
