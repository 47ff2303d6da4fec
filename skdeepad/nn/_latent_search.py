"""Gradient search for the latent code of each row."""

from collections.abc import Callable

import torch
from torch import Tensor


def latent_search(
    objective: Callable[[Tensor], Tensor],
    start: Tensor,
    n_steps: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
) -> Tensor:
    """Minimise ``objective(z)``, of shape (batch,), over each row of z with Adam.

    Adam's state is elementwise and the rows' objectives are summed, never averaged: what is
    found for a row does not depend on the other rows.
    """
    z = start.clone()
    mean, square = torch.zeros_like(z), torch.zeros_like(z)
    for step in range(1, n_steps + 1):
        z.requires_grad_(True)
        (gradient,) = torch.autograd.grad(objective(z).sum(), z)
        z = z.detach()
        mean.lerp_(gradient, 1 - betas[0])
        square.lerp_(gradient**2, 1 - betas[1])
        scale = (square / (1 - betas[1] ** step)).sqrt() + 1e-8
        z = z - lr * mean / (1 - betas[0] ** step) / scale
    return z
