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


class WholeBatches(TensorBatches):
    """Batches of ``batch_size`` rows, or one of all where these are fewer.

    For losses that depend on the number of rows: what is left over in a pass is left out.
    """

    def __init__(self, dataset: TensorData, batch_size: int, *args, **kwargs) -> None:
        super().__init__(dataset, batch_size, *args, **kwargs)
        self.n_batches = max(1, len(dataset) // batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        for x, y in super().__iter__():
            yield x[: self.batch_size], None if y is None else y[: self.batch_size]


class LabelledBatches(TensorBatches):
    """Batches of all rows, their labels hidden, each with some labelled rows beside them.

    The labelled rows come behind the others, every label equally often however few rows have it,
    each row once before one comes again. Without labels these are :class:`TensorBatches`.

    Parameters
    ----------
    dataset : TensorData
        With labels of an integer type, 0 where there is none.
    batch_size : int
        Rows of a batch, the labelled ones beside them not counted.
    generator : torch.Generator
        Source of all draws.
    device : str
        Where the batches go.
    n_labelled : int or None, default=None
        Labelled rows of a batch, rounded to a multiple of the number of labels; None: as many as
        the data have, but at most ``batch_size``.
    stand_in : int, default=0
        A label whose rows, if there are none, are drawn from the unlabelled ones, others in each
        pass; 0: none.
    """

    def __init__(
        self,
        dataset: TensorData,
        batch_size: int,
        generator: torch.Generator,
        device: str = "cpu",
        *,
        n_labelled: int | None = None,
        stand_in: int = 0,
    ) -> None:
        super().__init__(dataset, batch_size, generator, device)
        y = dataset.y
        labels = [] if y is None else [int(label) for label in y.unique() if label]
        self.rows_of = {label: (y == label).nonzero().flatten() for label in labels}
        n_known = sum(len(rows) for rows in self.rows_of.values())
        if labels and stand_in and stand_in not in labels and n_known < len(y):
            self.rows_of[stand_in] = (y == 0).nonzero().flatten()
        n_labelled = min(batch_size, n_known) if n_labelled is None else n_labelled
        self.n_each = max(1, round(n_labelled / max(1, len(self.rows_of))))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        if not self.rows_of:
            yield from super().__iter__()
            return
        X, y = self.dataset.X, self.dataset.y
        rows = torch.cat([self._draw(rows) for rows in self.rows_of.values()], 1).to(X.device)
        labels = torch.tensor(list(self.rows_of), dtype=y.dtype, device=self.device)
        labels = labels.repeat_interleave(self.n_each)
        for (x, hidden), labelled in zip(super().__iter__(), rows, strict=True):
            beside = X[labelled].to(self.device)
            yield torch.cat([x, beside]), torch.cat([torch.zeros_like(hidden), labels])

    def _draw(self, rows: Tensor) -> Tensor:
        """Rows for each batch, (n_batches, n_each), from as many permutations as it takes."""
        n_drawn = self.n_batches * self.n_each
        keys = torch.rand(
            (-(-n_drawn // len(rows)), len(rows)),
            generator=self.generator,
            device=self.generator.device,
        )
        order = keys.argsort(1).flatten()[:n_drawn].to(rows.device)
        return rows[order].reshape(self.n_batches, self.n_each)


class DrawnBatches:
    """So many batches in each pass, of rows that are drawn with replacement.

    Parameters
    ----------
    dataset : TensorData
    batch_size : int
    generator : torch.Generator
        Source of all draws.
    device : str
        Where the batches go.
    n_batches : int
        Batches of a pass.
    """

    def __init__(
        self,
        dataset: TensorData,
        batch_size: int,
        generator: torch.Generator,
        device: str = "cpu",
        *,
        n_batches: int,
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator
        self.device = device
        self.n_batches = n_batches

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        for _ in range(self.n_batches):
            X, y = self.dataset[self._draw()]
            yield X.to(self.device), None if y is None else y.to(self.device)

    def _draw(self) -> Tensor:
        """Numbers of the rows of a batch."""
        raise NotImplementedError

    def _uniform(self, *size: int) -> Tensor:
        device = self.generator.device
        return torch.rand(size, generator=self.generator, device=device, dtype=torch.float64)


class BalancedBatches(DrawnBatches):
    """Batches of which half the rows are known anomalies, below 0 in ``y``; all of one chance."""

    def __init__(self, dataset: TensorData, *args, **kwargs) -> None:
        super().__init__(dataset, *args, **kwargs)
        self.others = (dataset.y >= 0).nonzero().flatten()
        self.anomalies = (dataset.y < 0).nonzero().flatten()

    def _draw(self) -> Tensor:
        n_anomalies = max(1, self.batch_size // 2)
        sizes = (max(1, self.batch_size - n_anomalies), n_anomalies)
        return torch.cat(
            [
                rows[(len(rows) * self._uniform(size)).long().to(rows.device)]
                for rows, size in zip((self.others, self.anomalies), sizes, strict=True)
            ]
        )


class TupleBatches(DrawnBatches):
    """Batches of tuples of rows, of shape (batch, n_roles, n_features), without labels.

    ``dataset.y``, of shape (n_samples, n_roles), holds the weights with which rows are drawn for
    each role.
    """

    def __init__(self, dataset: TensorData, *args, **kwargs) -> None:
        super().__init__(TensorData(dataset.X), *args, **kwargs)
        self.cumulated = dataset.y.T.to(torch.float64).cumsum(1).contiguous()

    def _draw(self) -> Tensor:
        totals = self.cumulated[:, -1:]
        marks = self._uniform(len(totals), self.batch_size).to(totals.device) * totals
        rows = torch.searchsorted(self.cumulated, marks, right=True).T
        return rows.clamp(max=len(self.dataset) - 1)  # a mark may be rounded up to the total


class HoldOut:
    """Set a random share of the rows aside, as skorch's ``train_split``.

    Of each label at least one row, where there is room, is left to train on: an only known anomaly
    is not held out.
    """

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
        if dataset.y is not None:
            order = _one_of_each_last(order, dataset.y.cpu())
        valid, train = order[:n_valid], order[n_valid:]
        return TensorData(*dataset[train]), TensorData(*dataset[valid])


def _one_of_each_last(order: Tensor, y: Tensor) -> Tensor:
    """``order`` with one row of each label moved to its end."""
    shuffled = y[order]
    last = torch.stack([(shuffled == label).nonzero()[-1, 0] for label in y.unique()])
    others = torch.ones(len(order), dtype=bool)
    others[last] = False
    return torch.cat([order[others], order[~others]])
