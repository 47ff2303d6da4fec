"""Validation of tables, with errors that name the column and a way out."""

from datetime import date, time, timedelta

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array, gen_batches
from sklearn.utils.validation import validate_data as sklearn_validate_data

from ._documentation import read_more
from ._validation import Integral, take_rows

# Words of messages about values that are no numbers.
NO_NUMBERS = (
    *("could not convert", " argument must be", "setting an array", "Cannot cast"),
    *("int too large", "Complex data not supported"),
)
# Names of types of dates, and of spans of time, begin with these in numpy and in data frames.
TIMES = ("date", "time", "duration", "period")
WAY_OUT_OF_COMPLEX = "make two columns of their real and imaginary parts"
WAY_OUT_OF_TIMES = (
    "make them numbers, e.g. elapsed seconds, or use skrub.TableVectorizer or skrub.DatetimeEncoder"
)
# Types of missing values that are not NaN, and that numpy can't convert to it.
MISSING = ("NAType", "NaTType")
OF_MISSING = read_more("Missing values", "missing")
OF_TEXT = read_more("Text, dates and categories", "missing")
# A large table is searched in blocks of about this many values.
BLOCK_VALUES = 2**20


@np.errstate(over="ignore", invalid="ignore")  # values too large are an error, which needs no more
def validate_data(estimator, X, **kwargs):
    """Validate rows as scikit-learn does; errors name the column and what can be done about it."""
    _refuse_misread(X)
    try:
        return sklearn_validate_data(estimator, X, **kwargs)
    except (TypeError, ValueError, OverflowError) as error:
        try:
            explained = _explain(error, estimator, X, kwargs)
        except Exception:  # the table can't be searched, and the error is explanation enough
            explained = None
        if explained is None:
            raise
        raise explained from error


def is_missing(value) -> bool:
    """Return whether a value is None, NaN, or a missing value of pandas."""
    # pandas' NA has no truth value.
    return value is None or type(value).__name__ in MISSING or value != value


def as_labels(values) -> np.ndarray:
    """Return labels as an array, of objects if another type would change the value of one."""
    if hasattr(values, "dtype"):
        return np.asarray(values)
    labels, alike = np.asarray(values, dtype=object), np.asarray(values)
    return alike if np.array_equal(alike.astype(object), labels) else labels


def are_among(labels, known: np.ndarray) -> np.ndarray:
    """Return which labels are among known ones; text is no number, and units of dates differ."""
    labels = as_labels(labels)
    if labels.dtype.kind in "mM" or known.dtype.kind in "mM":
        return np.isin(labels, known)
    among = set(known.tolist())
    return np.array([label in among for label in labels.tolist()], dtype=bool)


def lines_of(rows: np.ndarray) -> np.ndarray:
    """Return the bytes of each row, the same for equal rows."""
    rows = np.ascontiguousarray(rows + 0.0)  # -0.0 is 0.0
    return rows.view(f"V{rows.itemsize * rows.shape[1]}").ravel()


def framed_like(X, values):
    """Give ``values`` the column names of ``X``, which a detector fitted on a frame expects."""
    if hasattr(X, "iloc"):
        return type(X)(values, columns=X.columns)
    if hasattr(X, "columns"):  # polars
        return type(X)(values, schema=list(X.columns))
    return values


def refuse_masked(values, name: str, way_out: str) -> None:
    """Raise if some values are masked, which numpy's functions would read as they are."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(f"{name} has masked cells: use {way_out}.")


def _refuse_misread(X) -> None:
    """Raise if X holds what scikit-learn silently takes for numbers, but is none."""
    refuse_masked(X, "X", "X.astype(float).filled(np.nan)")
    if type(X).__name__ == "LazyFrame":
        raise ValueError("X is a lazy frame, which has no rows yet: use X.collect().")
    _refuse_types(X, TIMES, f"dates or times: {WAY_OUT_OF_TIMES}")
    for i in _columns_of_objects(X):  # numpy makes numbers of its dates, such as counts of days
        column = np.asarray(take_rows(X, slice(i, i + 1), axis=1), dtype=object).ravel()
        if not {np.datetime64, np.timedelta64}.isdisjoint(map(type, column)):
            name = _names(X)[i]
            raise ValueError(f"Column {name!r} holds dates or times: {WAY_OUT_OF_TIMES}.{OF_TEXT}")
    if not isinstance(X, np.ndarray):  # of which scikit-learn does
        _refuse_types(X, ("complex",), f"complex numbers: {WAY_OUT_OF_COMPLEX}")


def _columns_of_objects(X) -> list[int]:
    """Return the numbers of the columns that hold objects."""
    if isinstance(X, np.ndarray):
        return list(range(X.shape[1])) if X.dtype == object and X.ndim == 2 else []
    return [i for i, dtype in enumerate(types_of(X)) if str(dtype) == "object"]


def _refuse_types(X, beginnings: tuple[str, ...], what: str) -> None:
    """Raise if a column has a type of such a name."""
    types = types_of(X)
    odd = {dtype for dtype in set(types) if _type_of_values(dtype).startswith(beginnings)}
    if odd:
        name = next(name for name, dtype in zip(_names(X), types, strict=False) if dtype in odd)
        raise ValueError(f"Column {name!r} holds {what}.{OF_TEXT}")


def _type_of_values(dtype) -> str:
    """Return the name of a type, or that of what its categories, codes or filled cells are."""
    inner = getattr(getattr(dtype, "categories", None), "dtype", None)  # pandas, polars
    for name in ("subtype", "pyarrow_dtype", "value_type"):  # pandas, pyarrow
        inner = getattr(dtype, name, inner)
    return str(dtype).lower() if inner is None else _type_of_values(inner)


def types_of(X) -> list:
    """Return the types of a data frame's columns, or that of an array."""
    if isinstance(X, np.ndarray):
        return [X.dtype]
    if not hasattr(X, "columns"):
        return []
    return list(X.dtypes if hasattr(X, "dtypes") else X.schema.types)  # the latter is pyarrow's


def _names(X) -> list:
    """Return the names of a table's columns, or else their numbers."""
    names = getattr(X, "column_names", getattr(X, "columns", None))  # the former are pyarrow's
    return list(range(X.shape[1]) if names is None else names)


def _explain(error: Exception, estimator, X, kwargs: dict) -> Exception | None:
    """Return an error of scikit-learn with the column and a way out, or None if it has neither."""
    kind = TypeError if isinstance(error, TypeError) else ValueError
    what = _first_line(error)
    if issparse(X) or what.startswith(("Sparse data was passed", "fill value must be 0")):
        dense = "X.toarray()" if issparse(X) else "X.sparse.to_dense()"
        return kind(
            f"Sparse data was passed for X, but {type(estimator).__name__} needs dense rows: use "
            f"{dense}, or a transformer before it that makes few dense columns, e.g. TruncatedSVD."
        )
    if what.startswith("at least one array"):  # numpy's words about a frame without columns
        return kind(f"{_refusal(np.empty(X.shape), kwargs)}.")
    if what.startswith("Input X contains"):
        name, _ = _first_column(X, (what,), kwargs)
        if not what.endswith("NaN"):
            return kind(f"{what} in column {name!r}.")
        return kind(f"{what} in column {name!r}{_way_out_of_missing(estimator)}{OF_MISSING}")
    if not any(words in what for words in NO_NUMBERS):
        return None
    name, column = _first_column(X, NO_NUMBERS, kwargs)
    value = next(v for v in np.asarray(column, dtype=object).ravel() if not _is_number(v))
    if type(value).__name__ in MISSING:
        accepts_nan = kwargs.get("ensure_all_finite") == "allow-nan"
        return ValueError(
            f"Input X contains {value!r}, a missing value, in column {name!r}"
            f"{'.' if accepts_nan else _way_out_of_missing(estimator)} It must be NaN, which "
            f"X.where(X.notna(), np.nan).astype(float) makes of it in a data frame.{OF_MISSING}"
        )
    held, way_out = _describe(value)
    return kind(f"{_refusal(column, kwargs)}. Column {name!r} holds {held}: {way_out}.{OF_TEXT}")


def _way_out_of_missing(estimator) -> str:
    name, choice = type(estimator).__name__, getattr(estimator, "missing", None)
    impute = "put an imputer before it, e.g. SimpleImputer"
    if choice == "raise":
        return f": use {name}(missing='mask'), which leaves it out, or {impute}."
    if choice == "mask" and not getattr(estimator, "_masks", False):
        return f": missing='mask' of this {name} takes effect in a new fit; or {impute}."
    other = "" if choice else ", or use a detector with missing='mask', e.g. AutoEncoder"
    return f", but {name} needs complete rows here: {impute}{other}."


def _describe(value) -> tuple[str, str]:
    """Return what a value is that float64 can't hold, and what to do about it."""
    if isinstance(value, complex):
        return "complex numbers", WAY_OUT_OF_COMPLEX
    if isinstance(value, Integral):
        return "integers too large for float64", "use a larger unit, or their logarithms"
    if isinstance(value, date | time | timedelta) or type(value).__name__ == "Period":
        return "dates or times", WAY_OUT_OF_TIMES
    held = "text" if isinstance(value, str | bytes) else f"values of type {type(value).__name__}"
    return held, "encode it as numbers, e.g. with OneHotEncoder or skrub.TableVectorizer"


def _first_column(X, words: tuple[str, ...], kwargs: dict) -> tuple:
    """Return the name, or else the number, and the values of a column that is refused with words.

    The values are those of the first block of rows that is refused so, in which half of the columns
    after half is left out.
    """
    table = X if hasattr(X, "shape") else np.array(X, dtype=object)
    n_rows, last = table.shape

    def is_refused(part) -> bool:
        refusal = _refusal(part, kwargs)
        return any(word in refusal for word in words)

    blocks = gen_batches(n_rows, max(1, BLOCK_VALUES // last))
    table = next(part for rows in blocks if is_refused(part := take_rows(table, rows)))
    first = 0
    while last - first > 1:
        middle = (first + last) // 2
        if is_refused(take_rows(table, slice(first, middle), axis=1)):
            last = middle
        else:
            first = middle
    return _names(table)[first], take_rows(table, slice(first, last), axis=1)


def _refusal(part, kwargs: dict) -> str:
    """Return the first line of scikit-learn's message about a part of a table."""
    settings = {key: kwargs[key] for key in ("dtype", "ensure_all_finite") if key in kwargs}
    try:
        check_array(part, input_name="X", **settings)
    except (TypeError, ValueError, OverflowError) as error:
        return _first_line(error)
    return ""


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def _is_number(value) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True
