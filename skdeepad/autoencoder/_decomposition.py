"""Decomposition of rows into a part to train on and a sparse part."""

import numpy as np
import torch
from scipy.sparse import csr_array, vstack
from torch import Tensor

from ..nn import masked_residual
from ..training import DetectorNet, LazyRows


def decompose(X: Tensor | LazyRows) -> "Decomposition | LazyDecomposition":
    """Return X = L + S with S = 0, lazily for lazy rows."""
    return LazyDecomposition(X) if isinstance(X, LazyRows) else Decomposition(X)


class Decomposition:
    """X = L + S as tensors.

    ``L`` are the rows that the net is trained on. They change in place.
    """

    def __init__(self, X: Tensor) -> None:
        self.X = X
        self.S = torch.zeros_like(X)
        self.L = X.clone()

    def update(self, net: DetectorNet) -> float:
        """Set the S that minimises the objective given the output for L; return the objective."""
        module = net.module_
        residual = _residual(self.X, net, self.L)
        self.S.copy_(module.sparse_part(residual))
        torch.sub(self.X, self.S, out=self.L)
        return module.objective(residual, self.S)

    def sparse(self) -> csr_array:
        """Return S."""
        return csr_array(self.S.cpu().numpy())


def _residual(X: Tensor, net: DetectorNet, L: Tensor) -> Tensor:
    """Return X less the output for L; it is 0 for missing cells, so that their S is 0."""
    return masked_residual(X, torch.as_tensor(net.apply(net.module_.reconstruct, L)).to(X))


class Remainder(LazyRows):
    """Lazy rows L = X − S, where S may change."""

    def __init__(self, X: LazyRows, owner: "LazyDecomposition", places=None) -> None:
        super().__init__(X.table, X.scale, X.rows, X.extra)
        self.owner = owner
        self.places = places

    def _take(self, index: np.ndarray) -> np.ndarray:
        places = index if self.places is None else self.places[index]
        return super()._take(index) - self.owner.S[places].toarray()

    def part(self, index) -> "Remainder":
        index = np.asarray(index)
        places = index if self.places is None else self.places[index]
        return Remainder(super().part(index), self.owner, places)


class LazyDecomposition:
    """X = L + S with a sparse matrix S, and L computed for the rows that are taken."""

    def __init__(self, X: LazyRows) -> None:
        self.X = X
        self.S = csr_array(X.shape, dtype=np.float32)
        self.L = Remainder(X, self)

    def update(self, net: DetectorNet) -> float:
        """Set the S that minimises the objective given the output for L; return the objective."""
        module, n_rows = net.module_, len(self.X)
        size = None
        if module.penalty == "column":  # it is a mean over all rows, known after a first pass
            size = sum(r.square().sum(0, keepdim=True) for r in self._residuals(net)) / n_rows
            size = size.sqrt()
        blocks, value, squares = [], 0.0, 0.0
        for residual in self._residuals(net):
            S = module.sparse_part(residual, size)
            value += float((residual - S).square().sum(dtype=torch.float64))
            if size is None:
                value += module.weighted_size(S)
            squares = squares + S.square().sum(0, dtype=torch.float64)
            blocks.append(csr_array(S.numpy()))
        if size is not None and squares.any():
            value += module.sparse_weight * n_rows * float((squares / n_rows).sqrt().sum())
        self.S = vstack(blocks, format="csr")
        return value / n_rows

    def _residuals(self, net: DetectorNet):
        for x, L in zip(self.X.blocks(), self.L.blocks(), strict=True):
            yield _residual(x, net, L)

    def sparse(self) -> csr_array:
        """Return S."""
        return self.S
