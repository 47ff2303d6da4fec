"""The runner: every detector on every data set, protocol and seed, and nothing twice."""

import itertools
import math
import numbers
import sys
from collections.abc import Iterable
from contextlib import closing

import joblib
import numpy as np
from tqdm import tqdm

from .._validation import is_integer
from ._datasets import SHIPPED, as_datasets
from ._detectors import as_detectors, describe, identify
from ._execute import METRICS, Task, as_metrics, columns_by_kind
from ._pool import BACKENDS, run_tasks
from ._protocols import find_protocol
from ._results import Results, one_writer

DETECTORS = (
    "AutoEncoder",
    "VAE",
    "DeepSVDD",
    "OCNN",
    "pyod.IForest",
    "pyod.ECOD",
    "pyod.KNN",
    "Norm",
)


def run_benchmark(
    detectors=DETECTORS,
    datasets=SHIPPED,
    *,
    protocols="adbench",
    seeds=(1, 2, 3),
    metrics=tuple(METRICS),
    label_column=None,
    n_jobs=None,
    backend="loky",
    scheduler=None,
    time_limit=None,
    output=None,
    retry_errors=False,
    verbose=True,
):
    """Run detectors on data sets and return one row for each run.

    Detectors are fitted with their parameters as given, and with labels where the protocol has
    some; every ``random_state`` they have is set to the seed. A detector that fails, takes too
    long or kills its process leaves a row that says so. With `output`, rows are on disk as soon as
    they arrive, and a second call runs only what is missing: a row stands for a class with all its
    parameters, defaults included, and for the values of a data set, not for their names.

    Parameters
    ----------
    detectors : str, estimator, sequence of these or dict of label to these
        Names are those of skdeepad's detectors and ``"Norm"``, of pyod's (``"pyod.IForest"``;
        the prefix may go where no name of ours is the same), of scikit-learn's outlier detectors
        and of two of its classifiers (``"IsolationForest"``, ``"LogisticRegression"``), or the
        dotted path of a class; parameters go in brackets: ``"AutoEncoder(max_epochs=5)"``.
    datasets : str, path, sequence of these or dict of label to name, path, (X, y) or (X, y, known)
        Names are those of :func:`skdeepad.datasets.fetch_adbench`. Files end in ``.csv``,
        ``.parquet`` or ``.npz`` (arrays ``X`` and ``y``). A column without a name in front of a
        ``.csv``, as pandas writes its index, is left out unless it holds fractions. Labels
        are 0/1 (1 = anomaly) or +1/-1 (-1 = anomaly). `known` is a vector of bool: anomalies
        where it is True are of a kind of which labels may be given, the others are novel.
    protocols : {"adbench", "clean", "leak-free", "adbench-1%", "adbench-5%", "adbench-10%", \
            "dplan", "feedback-10"} or sequence of these, default="adbench"
        How rows become a training and a test part. All of them scale to [0, 1] by the training
        rows. ``"adbench-N%"``, for any percentage up to 100, and ``"dplan"`` give labels of
        some training anomalies to the detectors. ``"feedback-N"``, for any number, answers so
        many questions about training rows to a detector that asks, and gives others as many
        labels of rows at random.
    seeds : int or sequence of int, default=(1, 2, 3)
        Each is one split and one ``random_state``; ADBench's are 1, 2 and 3.
    metrics : sequence of str or dict of label to callable, default: all three
        Some of ``"roc_auc"``, ``"average_precision"``, ``"precision_at_n"``, or functions of
        ``(y_true, y_score)``, where 1 is an anomaly and a higher score more normal. Results are
        in percent.
    label_column : str, default=None
        Column of the labels in data files; ``"y"`` in ``.npz`` files if None.
    n_jobs : int, default=None
        Runs at a time. With 1 (or None) and without a time limit, runs share this process, and
        one that kills it ends all; otherwise each is in a process that it can end without harm to
        the others.
    backend : {"loky", "dask", "ray"}, default="loky"
        Where runs go: processes of this machine, or a cluster. Give dask's workers one thread
        each: runs that share a process share its memory and random state, too.
    scheduler : str, default=None
        Address of the dask scheduler or the ray cluster; None starts one here.
    time_limit : float, default=None
        Seconds that a run may take to build, fit, score and measure its detector. A process that
        is still at it is killed; workers of dask and ray are interrupted instead.
    output : str or path, default=None
        Results file, ``.csv`` or ``.parquet``. A lock of the same name with ``.lock`` behind it
        keeps others from writing to it meanwhile.
    retry_errors : bool, default=False
        Whether runs that failed by their row in `output` are run again, if they are asked for.
    verbose : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    results : DataFrame
        One row for each detector, data set, protocol and seed: sizes, metrics in percent, times
        in seconds, memory in MB, ``status`` ("ok", "error" or "timeout"), ``error``, versions.
        Where anomalies in the test part are novel, ``roc_auc_known`` is that of the normal rows
        and the known anomalies, ``roc_auc_novel`` that of the normal rows and the novel ones, and
        so for each metric.

    Raises
    ------
    ValueError
        If an argument is not among what is accepted, or `output` is there and holds no results.
    OSError
        If another ``run_benchmark`` writes to `output` at this moment.

    See Also
    --------
    summarize : Means, ranks and wins.
    write_report : Tables and pictures in a folder.

    Examples
    --------
    >>> from skdeepad.benchmark import run_benchmark
    >>> results = run_benchmark("Norm", "wine", seeds=[1, 2], verbose=False)
    >>> results["status"].tolist()
    ['ok', 'ok']
    """
    metrics = as_metrics(metrics)
    check_labels("metrics", metrics)
    check_options(n_jobs, backend, time_limit, retry_errors)
    protocols, seeds = as_protocols(protocols), as_seeds(seeds)
    with one_writer(output):
        tasks = make_tasks(detectors, datasets, protocols, seeds, label_column)
        results = Results(output, metrics, columns_by_kind(metrics, tasks), retry_errors)
        pending = [task for task in tasks if task.key not in results]
        options = {"metrics": metrics, "time_limit": time_limit}
        with (
            tqdm(total=len(pending), disable=not verbose, desc="benchmark", unit="run") as bar,
            closing(run_tasks(pending, n_jobs, backend, scheduler, options)) as rows,
        ):
            for row in rows:
                results.append(row)
                if row["status"] != "ok" and verbose:
                    text = "{detector} on {dataset}, {protocol}, seed {seed}: {error}"
                    bar.write(text.format(**row), file=sys.stderr)
                bar.update()
    return results.table([task.key for task in tasks])


def check_labels(parameter, labels):
    """Refuse text that no file can hold."""
    for label in labels:
        if label != label.encode(errors="replace").decode():
            raise ValueError(
                f"{parameter} holds the label {label!r}, which has lone surrogates: pass one that "
                "can be written to a file"
            )


def check_options(n_jobs, backend, time_limit, retry_errors):
    """Refuse values that would make each run fail, or none start, or that mean something else."""
    if n_jobs is not None and (not is_integer(n_jobs) or n_jobs == 0):
        raise ValueError(
            f"n_jobs={n_jobs!r}: pass a positive integer, a negative one (-1 is all cores) or None"
        )
    if backend not in BACKENDS:
        raise ValueError(f"backend={backend!r} is unknown: pass one of {BACKENDS}")
    is_number = isinstance(time_limit, numbers.Real) and not isinstance(time_limit, bool)
    if time_limit is not None and not (is_number and 0 < time_limit < math.inf):
        raise ValueError(
            f"time_limit={time_limit!r}: pass a positive finite number of seconds or None"
        )
    if not isinstance(retry_errors, (bool, np.bool_)):
        raise ValueError(f"retry_errors={retry_errors!r}: pass True or False")


def as_protocols(protocols):
    """Return the name of one protocol, or those of several, as a list."""
    several = isinstance(protocols, Iterable) and not isinstance(protocols, str)
    found = list(protocols) if several else [protocols]
    if not found:
        raise ValueError(f"protocols={protocols!r}: pass at least one, such as 'adbench'")
    for name in found:
        find_protocol(name)
    if len(set(found)) < len(found):
        raise ValueError(f"protocols={protocols!r} holds one of them twice")
    return found


def as_seeds(seeds):
    """Return one seed, or several, as a list of what NumPy and torch accept."""
    found = list(seeds) if isinstance(seeds, Iterable) else [seeds]
    if not found or not all(is_integer(seed) and 0 <= seed < 2**32 for seed in found):
        raise ValueError(
            f"seeds={seeds!r}: pass an integer from 0 to 2**32 - 1, or several of these"
        )
    if len(set(found)) < len(found):
        raise ValueError(f"seeds={seeds!r} holds one of them twice")
    return [int(seed) for seed in found]


def make_tasks(detectors, datasets, protocols="adbench", seeds=(1, 2, 3), label_column=None):
    """Every combination, one data set after the other."""
    protocols, seeds = as_protocols(protocols), as_seeds(seeds)
    detectors = as_detectors(detectors)
    datasets = as_datasets(datasets, label_column)
    check_labels("detectors", detectors)
    check_labels("datasets", datasets)
    identities = {detector: identify(estimator) for detector, estimator in detectors.items()}
    return [
        Task(
            dataset,
            detector,
            describe(estimator),
            protocol,
            seed,
            joblib.hash((identities[detector], fingerprint))[:12],
            *arrays[:2],
            estimator,
            *arrays[2:],
        )
        for dataset, arrays in datasets.items()
        for fingerprint in [joblib.hash(arrays)]
        for protocol, seed in itertools.product(protocols, seeds)
        for detector, estimator in detectors.items()
    ]
