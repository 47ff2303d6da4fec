"""Data sets of whole tensors, whose batches are slices instead of collated rows."""

from collections.abc import Iterator
from itertools import pairwise, repeat
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ._lazy_rows import LazyRows, part_of

# Rows are gathered in blocks of this many values, so that shuffling does not copy the whole table.
BLOCK_VALUES = 2**22


def as_tensor(X: np.ndarray | Tensor | LazyRows) -> Tensor | LazyRows:
    """Return the rows as a tensor, without a copy unless the array is read-only.

    Lazy rows stay what they are.
    """
    if isinstance(X, Tensor | LazyRows):
        return X
    return torch.from_numpy(X if X.flags.writeable else X.copy())


class Batch(NamedTuple):
    """Rows of a training step, with their labels and targets."""

    x: Tensor  #: rows, (batch, ...)
    y: Tensor | None = None  #: labels, (batch,), 0 for unlabelled rows
    target: Tensor | None = None  #: values that a loss compares the rows with, (batch, ...)

    def loss_arguments(self) -> dict[str, Tensor]:
        """Return the keyword arguments of a module's ``loss``."""
        known = {"y": self.y, "target": self.target}
        return {name: value for name, value in known.items() if value is not None}

    def to(self, device: str) -> "Batch":
        """Return the batch on a device."""
        return Batch(*(None if value is None else value.to(device) for value in self))


class TensorData:
    """Table of rows as a skorch data set, whose items are of class :class:`Batch`.

    Parameters
    ----------
    X : Tensor of shape (n_samples, ...) or LazyRows
    y : Tensor of shape (n_samples,) or None, default=None
        Labels, 0 for unlabelled rows.
    target : Tensor of shape (n_samples, ...) or None, default=None
        Values that a loss compares the rows with.
    weight : Tensor of shape (n_samples, n_roles) or None, default=None
        Weights of the draws of rows for each role, for :class:`TupleBatches`.
    """

    def __init__(
        self,
        X: Tensor | LazyRows,
        y: Tensor | None = None,
        *,
        target: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> None:
        self.X = X
        self.y = y
        self.target = target
        self.weight = weight

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, index) -> Batch:
        known = (self.y, self.target)
        return Batch(self.X[index], *(None if v is None else v[index] for v in known))

    def rows(self, index) -> "TensorData":
        """Return a table of some of the rows."""
        x = part_of(self.X, index)
        y, target, weight = (
            None if v is None else v[index] for v in (self.y, self.target, self.weight)
        )
        return TensorData(x, y, target=target, weight=weight)

    def permutation(self, generator: torch.Generator) -> Tensor:
        """Return a random order of the rows; that of lazy rows takes half the memory."""
        small = isinstance(self.X, LazyRows) and len(self) < 2**31
        return torch.randperm(
            len(self),
            generator=generator,
            device=generator.device,
            dtype=torch.int32 if small else torch.int64,
        )


def count_batches(n_rows: int, batch_size: int) -> int:
    """Return the number of batches of a pass; a single remaining row gets no batch of its own."""
    n_batches = -(-n_rows // batch_size)
    return n_batches - (n_batches > 1 and n_rows % batch_size == 1)


class TensorBatches:
    """Iterator over the batches of a :class:`TensorData`, shuffled again in each pass.

    The rows are spread evenly over the batches, whose sizes differ by at most one. A small last
    batch would give few rows the weight of a whole step.

    Parameters
    ----------
    dataset : TensorData
    batch_size : int
    generator : torch.Generator or None
        Source of the permutations. If None, the order of the rows is kept.
    device : str
        Device of the batches; a large table may be on another one.
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
        self.is_elsewhere = dataset.X.device != torch.device(device)

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[Batch]:
        n, k = len(self.dataset), self.n_batches
        order = None
        if self.generator is not None:
            order = self.dataset.permutation(self.generator).to(self.dataset.X.device)
        starts = [i * n // k for i in range(k + 1)]
        n_values = -(-n // k) * max(1, self.dataset.X[0].numel())
        per_block = max(1, BLOCK_VALUES // n_values)
        for first in range(0, k, per_block):
            block = starts[first : first + per_block + 1]
            rows = slice(block[0], block[-1])
            gathered = self.dataset[rows if order is None else order[rows]]
            if self.is_elsewhere:
                gathered = gathered.to(self.device)
            sizes = [end - begin for begin, end in pairwise(block)]
            columns = [repeat(None) if v is None else v.split(sizes) for v in gathered]
            yield from map(Batch, *columns)


class WholeBatches(TensorBatches):
    """Batches of exactly ``batch_size`` rows, or one batch if there are fewer rows.

    They are for losses that depend on the number of rows. A pass leaves out the remaining rows.
    """

    def __init__(self, dataset: TensorData, batch_size: int, *args, **kwargs) -> None:
        super().__init__(dataset, batch_size, *args, **kwargs)
        self.n_batches = max(1, len(dataset) // batch_size)

    def __iter__(self) -> Iterator[Batch]:
        for batch in super().__iter__():
            yield Batch(*(None if value is None else value[: self.batch_size] for value in batch))


class LabelledBatches(TensorBatches):
    """Batches of all rows with hidden labels, each followed by some labelled rows.

    Every label is equally frequent among the labelled rows, however few rows have it, and each row
    is drawn once before one is repeated. Without labels these are :class:`TensorBatches`.

    Parameters
    ----------
    dataset : TensorData
        Table with integer labels, 0 for unlabelled rows.
    batch_size : int
        Rows of a batch, without the labelled ones at its end.
    generator : torch.Generator
        Source of all draws.
    device : str
        Where the batches go.
    n_labelled : int or None, default=None
        Labelled rows of a batch, rounded to a multiple of the number of labels. If None, as many as
        the data have, but at most ``batch_size``.
    stand_in : int, default=0
        Label that, if no row has it, is given to rows drawn from the unlabelled ones, others in
        each pass. With 0, there is no such label.
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

    def __iter__(self) -> Iterator[Batch]:
        if not self.rows_of:
            yield from super().__iter__()
            return
        X, y = self.dataset.X, self.dataset.y
        rows = torch.cat([self._draw(rows) for rows in self.rows_of.values()], 1).to(X.device)
        labels = torch.tensor(list(self.rows_of), dtype=y.dtype, device=self.device)
        labels = labels.repeat_interleave(self.n_each)
        for (x, hidden, _), labelled in zip(super().__iter__(), rows, strict=True):
            beside = X[labelled].to(self.device)
            yield Batch(torch.cat([x, beside]), torch.cat([torch.zeros_like(hidden), labels]))

    def _draw(self, rows: Tensor) -> Tensor:
        """Draw rows for each batch, (n_batches, n_each), from as many permutations as needed."""
        n_drawn = self.n_batches * self.n_each
        keys = torch.rand(
            (-(-n_drawn // len(rows)), len(rows)),
            generator=self.generator,
            device=self.generator.device,
        )
        order = keys.argsort(1).flatten()[:n_drawn].to(rows.device)
        return rows[order].reshape(self.n_batches, self.n_each)


class DrawnBatches:
    """Fixed number of batches in each pass, of rows that are drawn with replacement.

    Parameters
    ----------
    dataset : TensorData
    batch_size : int
    generator : torch.Generator
        Source of all draws.
    device : str
        Where the batches go.
    n_batches : int
        Number of batches in a pass.
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

    def __iter__(self) -> Iterator[Batch]:
        for _ in range(self.n_batches):
            yield self.dataset[self._draw()].to(self.device)

    def _draw(self) -> Tensor:
        """Return the indices of the rows of a batch."""
        raise NotImplementedError

    def _uniform(self, *size: int) -> Tensor:
        device = self.generator.device
        return torch.rand(size, generator=self.generator, device=device, dtype=torch.float64)


class BalancedBatches(DrawnBatches):
    """Batches of which half the rows are known anomalies (``y`` below 0), drawn uniformly."""

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

    ``dataset.weight`` holds the weights of the draws of rows for each role.
    """

    def __init__(self, dataset: TensorData, *args, **kwargs) -> None:
        super().__init__(TensorData(dataset.X), *args, **kwargs)
        self.cumulated = dataset.weight.T.to(torch.float64).cumsum(1).contiguous()

    def _draw(self) -> Tensor:
        totals = self.cumulated[:, -1:]
        marks = self._uniform(len(totals), self.batch_size).to(totals.device) * totals
        rows = torch.searchsorted(self.cumulated, marks, right=True).T
        return rows.clamp(max=len(self.dataset) - 1)  # a mark may be rounded up to the total


class HoldOut:
    """Splitter that holds out a random share of the rows, for skorch's ``train_split``.

    At least one row of each label is left for training if possible, so that a single known anomaly
    is not held out.
    """

    #: Minimum number of rows: one to hold out and two to train on.
    least = 3

    def __init__(self, fraction: float, seed: int) -> None:
        self.fraction = fraction
        self.seed = seed

    def n_valid(self, n: int) -> int:
        """Return the number of rows to hold out from ``n``."""
        if n < self.least:
            raise ValueError(f"early_stopping=True needs at least {self.least} rows, got {n}.")
        return min(max(1, round(self.fraction * n)), n - 2)

    def __call__(self, dataset: TensorData, y=None) -> tuple[TensorData, TensorData]:
        n = len(dataset)
        n_valid = self.n_valid(n)
        order = dataset.permutation(torch.Generator().manual_seed(self.seed))
        if dataset.y is not None:
            order = _one_of_each_last(order, dataset.y.cpu())
        valid, train = order[:n_valid], order[n_valid:]
        return dataset.rows(train), dataset.rows(valid)


def _one_of_each_last(order: Tensor, y: Tensor) -> Tensor:
    """Return ``order`` with one row of each label moved to the end."""
    shuffled = y[order]
    last = torch.stack([(shuffled == label).nonzero()[-1, 0] for label in y.unique()])
    others = torch.ones(len(order), dtype=bool)
    others[last] = False
    return torch.cat([order[others], order[~others]])
