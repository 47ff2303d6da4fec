"""Discriminator of rows, and what its loss consists of."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..nn import ScalarNet, generated_loss, real_loss, squared_gradient


class Discriminator(ScalarNet):
    """Discriminator D with features f of a row and the log odds that the row is real."""


def judge_each(discriminator: nn.Module, *batches: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return the log odds of several batches, each a tuple of the discriminator's arguments.

    They come from one pass, unless batch normalisation would mix the batches.
    """
    if any(isinstance(layer, _BatchNorm) for layer in discriminator.modules()):
        return tuple(discriminator(*batch) for batch in batches)
    joined = discriminator(*(torch.cat(tensors) for tensors in zip(*batches, strict=True)))
    return joined.split([len(batch[0]) for batch in batches])


def discriminator_terms(
    discriminator: nn.Module,
    real: tuple[Tensor, ...],
    generated: tuple[Tensor, ...],
    *,
    label_smoothing: float,
    gradient_penalty_weight: float,
) -> tuple[Tensor, Tensor, Tensor | float]:
    """Return −log D of real rows, −log(1 − D) of generated ones, and the penalty R₁, (batch,) each.

    R₁ is half the weight times the squared gradient of the log odds of real rows. ``real`` and
    ``generated`` are arguments of the discriminator.
    """
    needs_graph = torch.is_grad_enabled()
    with torch.enable_grad():  # R₁ needs it in validation too
        if gradient_penalty_weight:
            real = tuple(tensor.detach().requires_grad_(True) for tensor in real)
        of_real, of_generated = judge_each(discriminator, real, generated)
        terms = [real_loss(of_real, label_smoothing), generated_loss(of_generated)]
        if gradient_penalty_weight:
            terms.append(gradient_penalty_weight / 2 * squared_gradient(of_real, *real))
    first, second, *penalty = terms if needs_graph else [term.detach() for term in terms]
    return first, second, penalty[0] if penalty else 0.0
