"""Operators of scores that ONNX runtimes lack, by operators that they have."""

import torch
from torch import Tensor

aten = torch.ops.aten
# Size of the largest matrix whose determinant is left to the runtime.
LARGEST = 32


def softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return log(1 + exp(βx)) / β, in float64, because runtimes have no log1p for small values."""
    scaled = beta * x.double()
    return ((torch.relu(scaled) + torch.log(1 + torch.exp(-scaled.abs()))) / beta).to(x.dtype)


def euclidean_distances(x: Tensor, y: Tensor, p: float = 2.0, mode: int | None = None) -> Tensor:
    """Return the distances of rows x (batch, d) to rows y, through products in float64."""
    if p != 2:
        return NotImplemented
    a, b = x.double(), y.double()
    squares = (a**2).sum(1, keepdim=True) + (b**2).sum(1) - 2 * a @ b.T
    return squares.clamp_min(0).sqrt().to(x.dtype)


def slogdet(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Return sign and log |det| of matrices I + J with ‖J‖ < 1.

    Runtimes have determinants in float32, with its range. So rows are divided by their norms, and
    large matrices are first reduced by elimination. Their symmetric part is positive definite, so
    that it needs no pivots.
    """
    rest, logs = matrices.double(), []
    for _ in range(matrices.shape[-1] - LARGEST):
        pivot, row, column = rest[..., :1, :1], rest[..., :1, 1:], rest[..., 1:, :1]
        logs.append(pivot[..., 0, 0].log())
        rest = rest[..., 1:, 1:] - column * (row / pivot)
    norms = (rest**2).sum(-1, keepdim=True).sqrt()
    logs.append(norms.log().sum((-2, -1)))
    logs.append(torch.linalg.det((rest / norms).float()).log().double())
    total = torch.stack(logs).sum(0).to(matrices.dtype)
    return torch.ones_like(total), total


DECOMPOSITIONS = {
    aten.softplus.default: softplus,
    aten.cdist.default: euclidean_distances,
    aten.linalg_slogdet.default: slogdet,
}
