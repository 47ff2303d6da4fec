"""Data as whole tensors: batches are slices, not collated rows."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

# Rows are gathered in blocks of this many values, so that shuffling never copies the whole table.
BLOCK_VALUES = 2**22


def as_tensor(X: np.ndarray | Tensor) -> Tensor:
    """The rows as a tensor, without a copy unless the array is read-only."""
    if isinstance(X, Tensor):
        return X
    return torch.from_numpy(X if X.flags.writeable else X.copy())


class TensorData:
    """A table of rows, with or without labels, as a skorch data set."""

    def __init__(self, X: Tensor, y: Tensor | None = None) -> None:
        self.X = X
        self.y = y

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, index) -> tuple[Tensor, Tensor | None]:
        return self.X[index], None if self.y is None else self.y[index]


def count_batches(n_rows: int, batch_size: int) -> int:
    """Number of batches, a last one of one row having joined the one before it."""
    n_batches = -(-n_rows // batch_size)
    return n_batches - (n_batches > 1 and n_rows % batch_size == 1)


class TensorBatches:
    """Iterate over a :class:`TensorData` in batches, shuffled anew in each pass.

    A last batch of one row joins the one before it: batch statistics need two rows.

    Parameters
    ----------
    dataset : TensorData
    batch_size : int
    generator : torch.Generator or None
        Source of the permutations; None keeps the order of the rows.
    device : str
        Where the batches go; the table itself may stay elsewhere if it is too large.
    """

    def __init__(
        self,
        dataset: TensorData,
        batch_size: int,
        generator: torch.Generator | None = None,
        device: str = "cpu",
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator
        self.device = device
        self.n_batches = count_batches(len(dataset), batch_size)

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        n, size = len(self.dataset), self.batch_size
        order = None
        if self.generator is not None:
            order = torch.randperm(n, generator=self.generator, device=self.generator.device)
            order = order.to(self.dataset.X.device)
        n_values = size * max(1, self.dataset.X[0].numel())
        per_block = max(1, BLOCK_VALUES // n_values)
        for first in range(0, self.n_batches, per_block):
            last = min(first + per_block, self.n_batches)
            stop = n if last == self.n_batches else last * size
            rows = slice(first * size, stop)
            X, y = self.dataset[rows if order is None else order[rows]]
            for i in range(last - first):
                end = len(X) if first + i + 1 == self.n_batches else (i + 1) * size
                yield (
                    X[i * size : end].to(self.device),
                    None if y is None else y[i * size : end].to(self.device),
                )


class HoldOut:
    """Set a random share of the rows aside, as skorch's ``train_split``."""

    def __init__(self, fraction: float, seed: int) -> None:
        self.fraction = fraction
        self.seed = seed

    def n_valid(self, n: int) -> int:
        """Number of rows set aside out of ``n``."""
        if n < 3:
            raise ValueError(f"early_stopping=True needs at least 3 rows, got {n}.")
        return min(max(1, round(self.fraction * n)), n - 2)

    def __call__(self, dataset: TensorData, y=None) -> tuple[TensorData, TensorData]:
        n = len(dataset)
        n_valid = self.n_valid(n)
        order = torch.randperm(n, generator=torch.Generator().manual_seed(self.seed))
        valid, train = order[:n_valid], order[n_valid:]
        return TensorData(*dataset[train]), TensorData(*dataset[valid])
