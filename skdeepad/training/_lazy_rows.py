"""Rows of a table that is too large to be copied."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

# Rows are taken and scaled in blocks of this many values.
BLOCK_VALUES = 2**20


class LazyRows:
    """Rows of a table that are taken and scaled when they are asked for.

    In data sets and hooks they stand for a tensor of shape (n_samples, n_features). Indexing gives
    a float32 tensor on the CPU with as many rows as the index names; ``part`` gives lazy rows.

    Parameters
    ----------
    table : ndarray of shape (n_given, n_given_features)
        The rows as they were given. It may be a memory map.
    scale : callable
        Scales a block of the table to float32.
    rows : ndarray of int or None, default=None
        Which rows of the table these are. If None, all of them, in order.
    extra : ndarray of shape (n_extra, n_features) or None, default=None
        Scaled rows that follow those of the table.
    """

    ndim = 2
    dtype = torch.float32
    device = torch.device("cpu")

    def __init__(
        self,
        table: np.ndarray,
        scale: Callable[[np.ndarray], np.ndarray],
        rows: np.ndarray | None = None,
        extra: np.ndarray | None = None,
    ) -> None:
        self.table = table
        self.scale = scale
        self.rows = rows
        width = scale(np.array(table[:1])).shape[1]  # a copy: the scaler may write into it
        self.extra = np.empty((0, width), dtype=np.float32) if extra is None else extra
        n_rows = len(table) + len(self.extra) if rows is None else len(rows)
        self.shape = (n_rows, width)
        self._range: tuple[float, float, bool] | None = None

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of the rows as a tensor."""
        return len(self) * self.shape[1] * self.dtype.itemsize

    def __getitem__(self, index) -> Tensor:
        if isinstance(index, int):
            return self[[index % len(self)]][0]
        if isinstance(index, slice):
            index = np.arange(*index.indices(len(self)))
        index = np.asarray(index)
        out = torch.empty((*index.shape, self.shape[1]))
        flat, rows = index.ravel(), out.view(-1, self.shape[1])
        for block in slices(len(flat), rows_of_a_block(self.shape[1])):
            rows[block] = torch.from_numpy(self._take(flat[block]))
        return out

    def _take(self, index: np.ndarray) -> np.ndarray:
        index = index if self.rows is None else self.rows[index]
        if not len(self.extra):
            return self.scale(np.take(self.table, index, axis=0))
        is_extra = index >= len(self.table)
        taken = np.empty((len(index), self.shape[1]), dtype=np.float32)
        taken[is_extra] = self.extra[index[is_extra] - len(self.table)]
        if not is_extra.all():
            taken[~is_extra] = self.scale(np.take(self.table, index[~is_extra], axis=0))
        return taken

    def part(self, index: np.ndarray | Tensor) -> "LazyRows":
        """Return some of the rows as lazy rows."""
        index = np.asarray(index)
        rows = index if self.rows is None else self.rows[index]
        return LazyRows(self.table, self.scale, rows, self.extra)

    def followed_by(self, extra: np.ndarray) -> "LazyRows":
        """Return these rows of a table and ``extra``, scaled rows, behind them."""
        rows = self.rows
        if rows is not None:
            rows = np.append(rows, len(self.table) + np.arange(len(extra)))
        return LazyRows(self.table, self.scale, rows, extra)

    def of_the_table(self) -> "LazyRows":
        """Return the rows without those that follow the table, in the order of the table.

        A pass in this order reads a file from its beginning to its end.
        """
        rows = self.rows
        if rows is not None:
            rows = np.sort(rows[rows < len(self.table)])
        return LazyRows(self.table, self.scale, rows)

    def split(self, n_rows: int) -> Iterator[Tensor]:
        """Yield the rows in tensors of ``n_rows`` rows; the last one may have fewer."""
        return (self[block] for block in slices(len(self), n_rows))

    def blocks(self) -> Iterator[Tensor]:
        """Yield the rows in tensors of at most ``BLOCK_VALUES`` values."""
        return self.split(rows_of_a_block(self.shape[1]))

    def min(self) -> float:
        """Return the smallest value, without those that are NaN."""
        return self._extremes()[0]

    def max(self) -> float:
        """Return the largest value, without those that are NaN."""
        return self._extremes()[1]

    def has_nan(self) -> bool:
        """Return whether there is a NaN."""
        return self._extremes()[2]

    def _extremes(self) -> tuple[float, float, bool]:
        if self._range is None:
            rows = self if len(self.extra) else self.of_the_table()
            found = [_extremes_of(x) for x in rows.blocks()]
            low, high, has_nan = zip(*found, strict=True)
            self._range = min(low), max(high), any(has_nan)
        return self._range


def _extremes_of(x: Tensor) -> tuple[float, float, bool]:
    """Return the smallest and the largest value without those that are NaN, and if any are."""
    has_nan = bool(x.amin().isnan())
    if has_nan:
        x = x[~x.isnan()]
    return (float(x.min()), float(x.max()), has_nan) if len(x) else (torch.inf, -torch.inf, True)


def rows_of_a_block(n_features: int) -> int:
    """Return the number of rows of a block of ``BLOCK_VALUES`` values."""
    return max(1, BLOCK_VALUES // max(1, n_features))


def slices(n_rows: int, size: int) -> Iterator[slice]:
    """Yield slices of at most ``size`` rows that cover all rows."""
    return (slice(start, min(n_rows, start + size)) for start in range(0, n_rows, size))


def part_of(X, index):
    """Return some of the rows of a tensor, or of lazy rows as lazy rows."""
    return X.part(index) if isinstance(X, LazyRows) else X[index]


def blocks_of(X) -> Iterator[Tensor]:
    """Yield the rows of lazy rows in blocks, and a tensor as it is."""
    return X.blocks() if isinstance(X, LazyRows) else iter([X])
