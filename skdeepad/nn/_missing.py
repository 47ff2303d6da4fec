"""Rows with missing cells, which are NaN: what a net reads there, and how much the others count."""

import torch
from torch import Tensor, nn

from ._losses import cell_losses
from ._residual_score import ResidualScore, upper_quartile


class FillHoles(nn.Module):
    """First layer of an encoder, which reads ``value`` where a cell is missing."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        return x.masked_fill(x.isnan(), self.value)


def cell_weights(x: Tensor) -> Tensor:
    """Return how often each cell counts, (batch, n_features): 0 times if it is missing.

    Each of the n cells that a row has counts n_features / n times, so that a sum over the features
    is n_features times the mean over what is there. Without any cell it is 0.
    """
    observed = (~x.isnan()).to(x.dtype)
    return observed * (x.shape[1] / observed.sum(1, keepdim=True).clamp_min(1))


def masked_residual(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Return the residual x − x̂, which is 0 where x is missing."""
    return torch.where(x.isnan(), reconstruction, x) - reconstruction


def masked_reconstruction_loss(output: Tensor, x: Tensor, loss: str = "squared_error") -> Tensor:
    """Return the loss of a reconstruction as :func:`reconstruction_loss`, by ``cell_weights``."""
    return (cell_losses(output, x.nan_to_num(nan=0.0), loss) * cell_weights(x)).sum(1)


class MaskedResidualScore(ResidualScore):
    """Score of a residual whose mean, or largest value, is that over the cells that are there."""

    def _sizes(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        size = self._size(masked_residual(x, reconstruction))
        return size if self.norm == "max" else size * cell_weights(x)

    def _quartiles(self, values: Tensor) -> Tensor:
        observed = [column[~column.isnan(), None] for column in values.T]
        return torch.cat([upper_quartile(v) if len(v) else v.new_ones(1) for v in observed])

    def _are_constant(self, x: Tensor) -> Tensor:
        low, high = (x.masked_fill(x.isnan(), end) for end in (torch.inf, -torch.inf))
        return low.amin(0) >= high.amax(0)
