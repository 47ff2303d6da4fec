"""Rows of groups, and moments of their values."""

from typing import NamedTuple

import numpy as np

from .._tables import as_labels, is_missing, refuse_masked
from .._validation import n_rows_of


class Members(NamedTuple):
    """Rows of each group, with groups in the order of their first rows."""

    labels: np.ndarray  #: label of each group, (n_groups,)
    group: np.ndarray  #: index of each row's group, (n_rows,)
    order: np.ndarray  #: indices of the rows, group by group, (n_rows,)
    starts: np.ndarray  #: start of each group in ``order``, (n_groups,)
    sizes: np.ndarray  #: number of rows of each group, (n_groups,)

    @classmethod
    def from_labels(cls, labels: np.ndarray) -> "Members":
        """Group the rows by a label for each of them."""
        _, first, number = np.unique(labels, return_index=True, return_inverse=True)
        group = np.argsort(np.argsort(first))[number]
        sizes = np.bincount(group)
        order = np.argsort(group, kind="stable")
        return cls(labels[np.sort(first)], group, order, np.cumsum(sizes) - sizes, sizes)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Return the sums over the rows of each group, (n_groups, ...)."""
        return np.add.reduceat(values[self.order], self.starts)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Return the means over the rows of each group, (n_groups, ...)."""
        return (self.sum(values).T / self.sizes).T

    def max(self, values: np.ndarray) -> np.ndarray:
        """Return the maxima over the rows of each group, (n_groups, ...)."""
        return np.maximum.reduceat(values[self.order], self.starts)

    def scatter(self, codes: np.ndarray, power: int = 1) -> np.ndarray:
        """Return sums of powers of products of deviations from the group's mean.

        The result holds the upper triangles as rows, (n_groups, n_pairs).
        """
        deviations = codes - self.mean(codes)[self.group]
        pairs = zip(*np.triu_indices(codes.shape[1]), strict=True)
        return np.stack(
            [self.sum((deviations[:, i] * deviations[:, j]) ** power) for i, j in pairs], 1
        )


def read_groups(X, groups) -> tuple[np.ndarray, Members]:
    """Return rows and their groups, from rows and labels or from an array of groups."""
    if _is_ragged(X):
        raise ValueError(
            "Groups of different sizes are not an array: pass the rows of all groups as X, and the "
            "group of each row as groups, e.g. np.concatenate(X) and "
            "np.repeat(np.arange(len(X)), [len(group) for group in X])."
        )
    # np.ndim fails for some array-likes.
    if (X if hasattr(X, "ndim") else np.asarray(X)).ndim == 3:
        if groups is not None:
            raise ValueError(
                "groups must be None if X has the shape (n_groups, n_members, n_features), as "
                f"here {np.shape(X)}."
            )
        X = np.asarray(X)
        labels = np.repeat(np.arange(X.shape[0]), X.shape[1])
        return X.reshape(-1, X.shape[2]), Members.from_labels(labels)
    n_rows = n_rows_of(X)
    if groups is None:
        return X, Members.from_labels(np.arange(n_rows))
    refuse_masked(groups, "groups", "a label for each row")
    labels = as_labels(groups)
    if labels.ndim != 1 and labels.shape[1:] != (1,):
        raise ValueError(
            f"groups must hold one label for each row, got an array of shape {labels.shape}."
        )
    labels = labels.ravel()
    if _has_missing(labels):
        raise ValueError("groups must hold a label for each row, but some are missing or infinite.")
    if len(labels) != n_rows:
        raise ValueError(f"groups has {len(labels)} labels, but X has {n_rows} rows.")
    try:
        return X, Members.from_labels(labels)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in labels})
        raise ValueError(
            f"groups must hold labels of one type that can be sorted, got {', '.join(kinds)}."
        ) from error


def _has_missing(labels: np.ndarray) -> bool:
    """Return whether labels have missing or infinite ones."""
    kind = labels.dtype.kind
    if kind in "mM":
        return bool(np.isnat(labels).any())
    if kind in "fc":
        return not np.isfinite(labels).all()
    return kind == "O" and any(map(is_missing, labels))


def _is_ragged(X) -> bool:
    """Return whether X is a sequence of groups of different sizes."""
    is_array = isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
    if not (is_array or isinstance(X, list | tuple)) or not len(X) or np.ndim(X[0]) != 2:
        return False
    return len({len(group) for group in X}) > 1
