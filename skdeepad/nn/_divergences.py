"""Distances between the distributions of two samples."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

# Functions of squared distances and a squared length, with values in (0, 1].
KERNELS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "imq": lambda squares, length: length / (length + squares),
    "rbf": lambda squares, length: torch.exp(-squares / length),
}


def squared_mmd(x: Tensor, y: Tensor, kernel: str, lengths: Sequence[float]) -> Tensor:
    """Return an unbiased estimate of the squared maximum mean discrepancy of two samples.

    The kernel is the sum of ``"imq"`` (inverse multiquadratic) or ``"rbf"`` kernels of several
    squared ``lengths``. The estimate may be negative, and is 0 for a sample without a pair.
    """
    if min(len(x), len(y)) < 2:
        return x.new_zeros(())

    def similarity(distances: Tensor) -> Tensor:
        squares = distances**2
        values = [KERNELS[kernel](squares, length).mean() for length in lengths]
        return torch.stack(values).sum()

    # Matrix products would lose the distances of near pairs to rounding.
    between = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
    within = similarity(torch.pdist(x)) + similarity(torch.pdist(y))
    return within - 2 * similarity(between)
