"""The results file: a row is safe as soon as it has arrived, and a rerun finds it again."""

import csv
import io
import itertools
import os
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
from filelock import FileLock, Timeout
from pyarrow import parquet

from ._execute import COSTS, KEY, METRICS, OUTCOME, SIZES

TEXT = tuple(name for name in (*KEY, *OUTCOME) if name != "seed")
NUMBERS = (*SIZES, *METRICS, *COSTS)


@contextmanager
def one_writer(path):
    """Keep every other process and thread from writing to a results file.

    The lock is the operating system's, which releases it when the process ends in whatever way.
    """
    if path is None:
        yield
        return
    path = Path(path)
    if path.suffix not in (".csv", ".parquet"):
        raise ValueError(f"output={str(path)!r}: the name must end in .csv or .parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise OSError(
            f"output={str(path)!r} is being written by another run of the benchmark: wait for its "
            "end, or choose another file"
        ) from None
    try:
        yield
    finally:
        lock.release()


class Results:
    """Result rows in a CSV or parquet file, or in memory where `path` is None.

    A row holds what is known of its run: a metric that is NaN was measured, one that is missing was
    not. CSV grows line by line; a line that was cut off is dropped when the file is opened again.
    Parquet cannot grow and is replaced as a whole, in one step, with each row.
    """

    def __init__(self, path, metrics, by_kind=(), retry_errors=False):
        self.path = None if path is None else Path(path)
        rows = read_rows(self.path) if self.path and self.path.exists() else []
        self._metrics, self._retry_errors = tuple(metrics), retry_errors
        self._rows = {}
        for row in rows:
            self._put(row)
        # Columns of an earlier run stay, so that one file can gather runs with other metrics.
        self._asked_for = [*KEY, *SIZES, *metrics, *by_kind, *COSTS, *OUTCOME]
        self._columns = list(dict.fromkeys([*self._asked_for, *itertools.chain(*rows)]))
        if self.path:
            self._rewrite()

    def __contains__(self, key):
        """Whether the run has a row that stands: with its metrics, or failed and not retried."""
        row = self._rows.get(key)
        if row is None or row["status"] != "ok":
            return row is not None and not self._retry_errors
        return all(name in row for name in self._metrics)

    def append(self, row):
        """Add a row, or merge it into an older one of its run; on disk before this returns."""
        is_new = row_key(row) not in self._rows
        self._put(row)
        if self.path and self.path.suffix == ".csv" and is_new:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                file.write(self._csv_line(row))
                file.flush()
                os.fsync(file.fileno())
        elif self.path:
            self._rewrite()

    def table(self, keys):
        """Rows of the given keys, in their order, without what else the file holds."""
        return pd.DataFrame([self._rows[key] for key in keys], columns=self._asked_for)

    def _put(self, row):
        """Let a row take the place of an older one, whose other metrics stay."""
        older = self._rows.get(row_key(row), {})
        kept = {name: older[name] for name in older if name not in (*SIZES, *COSTS, *OUTCOME)}
        self._rows[row_key(row)] = kept | row

    def _rewrite(self):
        partial = self.path.with_name(self.path.name + ".partial")
        rows = self._rows.values()
        with partial.open("wb") as file:
            if self.path.suffix == ".csv":
                lines = [csv_line(self._columns), *map(self._csv_line, rows)]
                file.write("".join(lines).encode())
            else:  # through pandas, NaN would be read back as missing
                columns = {name: [row.get(name) for row in rows] for name in self._columns}
                parquet.write_table(pa.table(columns), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self.path)

    def _csv_line(self, row):
        return csv_line([row.get(name, "") for name in self._columns])


def row_key(row):
    """What a row is known by; resuming compares it."""
    return tuple(row[name] for name in KEY)


def read_rows(path):
    """Rows of a results file, less a last one that was cut off, as dictionaries.

    Names are read as they were written, be they ``NA`` or ``007``. A file that holds something
    else is refused.
    """
    if not path.stat().st_size:
        return []
    try:
        columns, rows = (_read_parquet if path.suffix == ".parquet" else _read_csv)(path)
    except (ValueError, OSError, csv.Error) as error:  # no UTF-8, no parquet file, too few fields
        raise ValueError(f"output={str(path)!r} is no results file: {error}") from error
    if missing := [name for name in (*KEY, "status") if name not in columns]:
        raise ValueError(f"output={str(path)!r} is no results file: it has no columns {missing}")
    for place, row in rows.items():
        if not isinstance(row["seed"], int):
            raise ValueError(
                f"output={str(path)!r}, {place}: seed={row['seed']!r}, where an integer is needed"
            )
        for name in NUMBERS:
            if isinstance(row.get(name), str):
                raise ValueError(
                    f"output={str(path)!r}, {place}: {name}={row[name]!r}, where a number is needed"
                )
    return [
        dict.fromkeys(TEXT, "") | {name: value for name, value in row.items() if value is not None}
        for row in rows.values()
    ]


def _read_parquet(path):
    with parquet.ParquetFile(path) as file:
        table = file.read()
    rows = {f"row {i}": row for i, row in enumerate(table.to_pylist(), 1)}
    return table.column_names, rows


def _read_csv(path):
    with path.open(encoding="utf-8-sig", newline="") as file:  # Excel writes a byte order mark
        text = file.read()
    complete = text[: text.rfind("\n") + 1] or text
    reader = csv.reader(io.StringIO(complete, newline=""))
    (_, columns), *lines = ((f"line {reader.line_num}", cells) for cells in reader)
    if lines and len(lines[-1][1]) < len(columns):  # cut off after a line break in a name
        lines.pop()
    rows = {}
    for place, cells in lines:
        if len(cells) != len(columns):
            raise ValueError(f"{place} has {len(cells)} cells, and the first line {len(columns)}")
        row = zip(columns, cells, strict=True)
        rows[place] = {name: cell if name in TEXT else _number(cell) for name, cell in row}
    return columns, rows


def _number(cell):
    """The number of a cell, None where it is empty, and its text where somebody wrote a note."""
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell or None


def csv_line(values):
    """Write values as a line of a CSV file, text in quotes."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).writerow(values)
    return line.getvalue()
