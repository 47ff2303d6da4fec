"""Answers about rows, one for each."""

from typing import NamedTuple

import numpy as np

from .._tables import lines_of
from .._validation import n_rows_of
from ..base._labels import check_labels, warn_of_ones


class Answers(NamedTuple):
    """Answers about training rows and about other rows, whatever the order in which they came.

    Signs are -1 for an anomaly and 1 for a normal row.
    """

    numbers: np.ndarray  #: of the training rows, ascending
    signs: np.ndarray
    rows: np.ndarray  #: the other rows, in the order of their bytes
    columns: np.ndarray  #: prior scores of these
    signs_of_rows: np.ndarray

    @classmethod
    def none(cls, rows: np.ndarray, columns: np.ndarray) -> "Answers":
        """Return no answers about rows of this kind."""
        empty = np.empty(0, dtype=int)
        return cls(empty, empty, rows[:0], columns[:0], empty)

    def to(self, numbers: np.ndarray, signs: np.ndarray, kinds: np.ndarray) -> "Answers":
        """Return these with answers about training rows; sign 0 withdraws one.

        They take the place of all earlier ones about rows of the same kind.
        """
        others = ~np.isin(kinds[self.numbers], kinds[numbers])
        numbers, signs = np.r_[self.numbers[others], numbers], np.r_[self.signs[others], signs]
        kept = _latest(numbers.tolist(), signs)
        return self._replace(numbers=numbers[kept], signs=signs[kept])

    def to_others(self, rows: np.ndarray, columns: np.ndarray, signs: np.ndarray) -> "Answers":
        """Return these with answers about other rows; sign 0 withdraws one."""
        rows, columns = np.vstack([self.rows, rows]), np.vstack([self.columns, columns])
        signs = np.r_[self.signs_of_rows, signs]
        kept = _latest(lines_of(rows).tolist(), signs)
        return self._replace(rows=rows[kept], columns=columns[kept], signs_of_rows=signs[kept])


def kinds_of(rows: np.ndarray) -> np.ndarray:
    """Return for each row the number of the first row that equals it."""
    _, first, kinds = np.unique(lines_of(rows), return_index=True, return_inverse=True)
    return first[kinds.ravel()]


def numbers_among(rows: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return the number of the first row of a table that equals each row; -1 without one."""
    numbers: dict = {}
    for i, line in enumerate(lines_of(table).tolist()):
        numbers.setdefault(line, i)
    return np.array([numbers.get(line, -1) for line in lines_of(rows).tolist()], dtype=int)


def shape_of(rows) -> tuple[int, ...]:
    """Return the shape of rows, or of numbers; that of ragged lists has one entry."""
    try:
        return np.shape(rows)
    except ValueError:
        return (len(rows),)


def read_numbers(rows, n_samples: int, n_features: int) -> np.ndarray:
    """Return numbers of training rows; raise if they are none."""
    refused = ValueError(
        f"rows={rows!r} must hold numbers of training rows, from 0 to {n_samples - 1}, or rows of "
        f"{n_features} features."
    )
    try:
        numbers = np.asarray(rows)
    except ValueError as error:
        raise refused from error
    is_number = numbers.ndim == 1 and numbers.dtype.kind in "iu"
    if not is_number or not 0 <= numbers.min() <= numbers.max() < n_samples:
        raise refused
    return numbers.astype(int)


def read_answers(labels, keys: list) -> np.ndarray:
    """Return the signs of answers about rows with these keys, 0 for what is withdrawn."""
    if labels is None:
        raise ValueError("labels must hold an answer for each row, got None.")
    if shape_of(labels) and n_rows_of(labels) != len(keys):
        raise ValueError(
            f"labels must hold one for each of {len(keys)} row(s), got {n_rows_of(labels)}."
        )
    labels = check_labels(labels, len(keys), all_known=True, name="labels")
    signs = np.sign(labels).astype(int)
    _check_consistent(keys, signs)
    warn_of_ones(signs, "1 is a normal row, and 0 withdraws an answer", name="labels")
    return signs


def _check_consistent(keys: list, signs: np.ndarray) -> None:
    """Raise if equal keys have different signs."""
    answers: dict = {}
    for i, (key, sign) in enumerate(zip(keys, signs.tolist(), strict=True)):
        if answers.setdefault(key, sign) != sign:
            raise ValueError(
                f"labels must agree on a row: labels[{i}] contradicts that of an equal row."
            )


def _latest(keys: list, signs: np.ndarray) -> list[int]:
    """Return the place of the last sign of each key, without zeros, in the order of the keys."""
    last = {key: i for i, key in enumerate(keys)}
    return [last[key] for key in sorted(last) if signs[last[key]]]
