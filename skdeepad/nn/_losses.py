"""Loss terms of several methods, with one value for each row or each unit."""

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
    """Return the loss of a reconstruction, summed over the features, (batch,).

    With ``"binary_cross_entropy"`` the output holds logits.
    """
    return cell_losses(output, x, loss).sum(1)


def cell_losses(output: Tensor, x: Tensor, loss: str) -> Tensor:
    """Return the loss of each cell of a reconstruction, (batch, n_features)."""
    return RECONSTRUCTION_LOSSES[loss](output, x, reduction="none")


def gaussian_nll(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """Return −log N(x; mean, exp(logvar)), elementwise."""
    return (x - mean) ** 2 * (0.5 * torch.exp(-logvar)) + 0.5 * (log(2 * pi) + logvar)


def split_gaussian(output: Tensor) -> tuple[Tensor, Tensor]:
    """Split the output of an encoder into the mean and log variance of a code."""
    mu, logvar = output.chunk(2, dim=1)
    return mu, logvar.clamp(*CODE_LOGVAR)


def kl_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(N(mu, exp(logvar)) ‖ N(0, 1)), elementwise, not negative and not clamped."""
    return 0.5 * (logvar.exp() + mu**2 - 1 - logvar)


def real_loss(logits: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return −(1 − s) log σ(l) − s log(1 − σ(l)), the loss of rows with the label "real".

    On generated rows it is the non-saturating loss of the generator: its gradient does not vanish
    when the discriminator recognises them.
    """
    loss = F.softplus(-logits)
    return loss if not smoothing else (1 - smoothing) * loss + smoothing * F.softplus(logits)


def generated_loss(logits: Tensor) -> Tensor:
    """Return −log(1 − σ(l)), the loss of rows with the label "generated"."""
    return F.softplus(logits)


def squared_gradient(logits: Tensor, *inputs: Tensor) -> Tensor:
    """Return ‖∇ l‖² with respect to all inputs, (batch,), with a graph for its own gradient."""
    gradients = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
    return sum(gradient.flatten(1).square().sum(1) for gradient in gradients)
