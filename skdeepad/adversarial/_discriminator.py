"""Discriminator of rows, and the penalty on its gradient."""

import torch
from torch import Tensor

from ..nn import ScalarNet, squared_gradient


class Discriminator(ScalarNet):
    """Discriminator D with features f of a row and the log odds that the row is real."""


def r1_penalty(discriminator, x: Tensor, weight: float) -> Tensor:
    """Return ``weight`` / 2 times the squared gradient of the log odds of real rows, (batch,)."""
    with torch.enable_grad():  # needed in validation too
        x = x.detach().requires_grad_(True)
        penalty = weight / 2 * squared_gradient(discriminator(x), x)
    return penalty if torch.is_grad_enabled() else penalty.detach()
