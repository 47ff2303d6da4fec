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

    Adam's state is elementwise and the rows' objectives are summed, so that the result for a row
    does not depend on the other rows. The best of all steps is returned, including the start; more
    steps therefore never make it worse.
    """
    z, best = start.clone(), start.clone()
    least = torch.full((len(z),), float("inf"), dtype=torch.float64, device=z.device)
    mean, square = torch.zeros_like(z), torch.zeros_like(z)
    for step in range(1, n_steps + 1):
        with torch.enable_grad():
            z.requires_grad_(True)
            values = objective(z)
            (gradient,) = torch.autograd.grad(values.sum(), z)
        z = z.detach()
        least = _keep_better(best, least, z, values.detach())
        mean.lerp_(gradient, 1 - betas[0])
        square.lerp_(gradient**2, 1 - betas[1])
        scale = (square / (1 - betas[1] ** step)).sqrt() + 1e-8
        z = z - lr * mean / (1 - betas[0] ** step) / scale
    with torch.no_grad():
        _keep_better(best, least, z, objective(z))
    return best


def _keep_better(best: Tensor, least: Tensor, z: Tensor, values: Tensor) -> Tensor:
    """Copy rows of ``z`` with lower values into ``best``; return the lowest values so far."""
    best.copy_(torch.where((values < least)[:, None], z, best))
    return torch.fmin(values.double(), least)
