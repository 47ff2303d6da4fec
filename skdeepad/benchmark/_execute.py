"""One run: split, fit, score, measure; whatever happens, a row comes back."""

import functools
import json
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from ..interop._foreign import seeded
from ._detectors import asks, build, fit_with_answers, fit_with_labels, normality
from ._guards import PeakMemory, TimeLimitError, deadline, limited_threads
from ._protocols import find_protocol

KEY = ("dataset", "detector", "params", "protocol", "seed", "fingerprint")
METRICS = {
    "roc_auc": "anomaly_roc_auc",
    "average_precision": "anomaly_average_precision",
    "precision_at_n": "precision_at_n",
}
SIZES = ("n_train", "n_test", "n_features", "anomaly_share", "twin_share")
COSTS = ("fit_time", "fit_cpu_time", "score_time", "peak_memory_mb")
OUTCOME = ("status", "error", "versions")
# Where anomalies are of two kinds, metrics are also those of the normal rows and one kind.
KINDS = ("known", "novel")


@dataclass(frozen=True)
class Task:
    """A detector, a data set, a protocol and a seed: what one result row stands for."""

    dataset: str
    detector: str
    params: str
    protocol: str
    seed: int
    fingerprint: str
    X: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    estimator: Any = field(repr=False)
    known: np.ndarray | None = field(default=None, repr=False)

    @property
    def key(self):
        """What tells this run from every other, in results too."""
        return tuple(getattr(self, name) for name in KEY)


def as_metrics(metrics):
    """Return metrics, by name or as label → ``metric(y_true, y_score)``, as a dictionary."""
    from skdeepad import metrics as own

    accepted = f"pass some of {list(METRICS)}, or a dictionary label → metric(y_true, y_score)"
    if isinstance(metrics, str):
        metrics = [metrics]
    if not isinstance(metrics, Iterable):
        raise ValueError(f"metrics={metrics!r}: {accepted}")
    found = {}
    for label in metrics:
        metric = metrics[label] if isinstance(metrics, dict) else label
        if not isinstance(label, str):
            raise ValueError(f"metrics holds the label {label!r}, which is no str: {accepted}")
        if not callable(metric) and metric not in list(METRICS):
            raise ValueError(f"metrics={metric!r} is unknown: {accepted}")
        if label in (*KEY, *SIZES, *COSTS, *OUTCOME):
            raise ValueError(f"metrics={label!r} is the name of another column of the results")
        found[label] = metric if callable(metric) else getattr(own, METRICS[metric])
    return found


def columns_by_kind(metrics, tasks):
    """Columns that metrics have besides their own, where data sets hold novel anomalies."""
    told_apart = any(task.known is not None and (task.y & ~task.known).any() for task in tasks)
    return [f"{name}_{kind}" for name in metrics for kind in KINDS] if told_apart else []


def execute(task, metrics, *, time_limit=None, n_threads=1, isolated=False, on_start=None):
    """Run a task and return its result row; no error of the detector leaves this function.

    `isolated` says that the process may be killed if the time limit is ignored; `on_start`
    is called with what is known of the row when the detector is about to be built.
    """
    row = new_row(task)
    memory = PeakMemory()
    try:
        with (
            memory,
            limited_threads(n_threads),
            seeded(task.seed),
            deadline(time_limit, kill=isolated),
        ):
            _measure(task, metrics, row, on_start)
        row["status"] = "ok"
    except TimeLimitError:
        row |= timed_out(time_limit)
    except (Exception, SystemExit) as error:
        row["error"] = one_line(error)
    row["peak_memory_mb"] = memory.mb
    return row


def new_row(task):
    """The row of a run of which nothing is known yet but that it has not succeeded."""
    row = dict(zip(KEY, task.key, strict=True))
    return row | {"status": "error", "error": "", "versions": versions()}


def timed_out(time_limit):
    """Return the result row of a stopped run."""
    return {"status": "timeout", "error": f"stopped after time_limit={time_limit:g} s"}


def one_line(error):
    """An error as text that fits on one line of a CSV file."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # its own __str__ fails
        text = type(error).__name__
    text = text.encode(errors="replace").decode()  # lone surrogates can't be written
    return " ".join(text.split())[:1000]


@functools.cache
def versions():
    """Versions of what takes part in a run, as JSON."""
    found = {"python": platform.python_version()}
    libraries = ("numpy", "scipy", "scikit-learn", "torch", "skorch", "pyod", "xgboost")
    for name in ("skdeepad", *libraries):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return json.dumps(found)


def _measure(task, metrics, row, on_start=None):
    split = find_protocol(task.protocol)(task.X, task.y, task.seed, task.known)
    row |= {
        "n_train": len(split.X_train),
        "n_test": len(split.X_test),
        "n_features": split.X_train.shape[1],
        "anomaly_share": float(split.y_test.mean()),
        "twin_share": split.twin_share,
    }
    if on_start:
        on_start(row)
    detector = build(task.estimator, task.seed, split.X_train.shape[1])
    started, cpu_started = time.perf_counter(), time.process_time()
    if split.truth is not None and asks(detector):
        fit_with_answers(detector, split.X_train, split.truth, split.n_answers)
    else:
        fit_with_labels(detector, split.X_train, split.y_train)
    fitted = time.perf_counter()
    row |= {"fit_time": fitted - started, "fit_cpu_time": time.process_time() - cpu_started}
    scores = np.asarray(normality(detector, split.X_test)).ravel()
    row["score_time"] = time.perf_counter() - fitted
    for suffix, rows in _test_parts(split):
        y_test = split.y_test[rows].astype(int)
        row |= {f"{m}{suffix}": 100 * float(f(y_test, scores[rows])) for m, f in metrics.items()}


def _test_parts(split):
    """Ends of the metrics' names, and the test rows of each."""
    yield "", np.ones_like(split.y_test)
    if split.known_test is None or split.known_test[split.y_test].all():
        return
    for kind, of_kind in zip(KINDS, (split.known_test, ~split.known_test), strict=True):
        if (split.y_test & of_kind).any():
            yield f"_{kind}", of_kind | ~split.y_test
