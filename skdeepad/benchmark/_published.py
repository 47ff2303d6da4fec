"""ADBench's published values, and the check of the runner against them."""

import re
from importlib.resources import files

import pandas as pd

from ._runner import run_benchmark
from ._summary import by_dataset

# The data sets small enough to check in a minute or two.
SMALL = (
    "breastw",
    "cardio",
    "fault",
    "glass",
    "Ionosphere",
    "letter",
    "musk",
    "Pima",
    "thyroid",
    "vowels",
    "Waveform",
    "WDBC",
    "wine",
)


def published_table(metric="roc_auc", labelled=None):
    """Return published results of ADBench's detectors [1]_, in percent.

    Parameters
    ----------
    metric : {"roc_auc", "average_precision"}, default="roc_auc"
        Which of the two published measures.
    labelled : {1, 10} or None, default=None
        Percent of the training anomalies that are labelled, as in the protocols ``"adbench-1%"``
        and ``"adbench-10%"``; None for the detectors that learn without labels.

    Returns
    -------
    table : DataFrame of shape (47, 14) or (47, 7)
        Data sets in rows, detectors in columns; means of seeds 1, 2 and 3. NaN where no value was
        published. Without labels they are PCA, OCSVM, LOF, CBLOF, COF, HBOS, KNN, SOD, COPOD, ECOD,
        DeepSVDD, DAGMM, LODA and IForest; with labels GANomaly, DeepSAD, REPEN, DevNet, PReNet,
        FEAWAD and XGBOD.

    References
    ----------
    .. [1] S. Han, X. Hu, H. Huang, M. Jiang, Y. Zhao. "ADBench: Anomaly Detection Benchmark".
       NeurIPS 2022, tables D4 to D7, D10 and D11.

    Examples
    --------
    >>> from skdeepad.benchmark import published_table
    >>> float(published_table().loc["thyroid", "IForest"])
    98.3
    >>> float(published_table(labelled=1).loc["thyroid", "DevNet"])
    96.75
    """
    if metric not in ("roc_auc", "average_precision"):
        raise ValueError(
            f"metric={metric!r} was not published: pass 'roc_auc' or 'average_precision'"
        )
    if labelled not in (None, 1, 10):
        raise ValueError(
            f"labelled={labelled!r} percent are not among the tables: pass 1, 10 or None"
        )
    share = "" if labelled is None else f"_{int(labelled)}pct"
    with (files("skdeepad.benchmark") / "data" / f"adbench_{metric}{share}.csv").open() as file:
        return pd.read_csv(file, index_col="dataset")


def self_test(datasets=SMALL, *, tolerance=0.01, n_jobs=None, **options):
    """Run pyod's IForest and COPOD by ADBench's protocol and compare with what was published.

    Neither detector depends on anything but its seed and the split, so that both must agree to
    rounding: if they do, splits, seeds, scaling, signs and metrics are ADBench's.

    Parameters
    ----------
    datasets : sequence of str
        ADBench's names of data sets; the small ones by default.
    tolerance : float, default=0.01
        Largest gap, in percent, that counts as agreement.
    n_jobs : int, default=None
        Runs at a time.
    **options
        More parameters of :func:`run_benchmark`.

    Returns
    -------
    gaps : DataFrame
        Columns ``ours``, ``published``, ``gap`` and ``agrees`` for each data set and detector.
    """
    datasets = [datasets] if isinstance(datasets, str) else list(datasets)
    published = published_table()
    spelled = {re.sub(r"^\d+_", "", name).lower(): name for name in datasets}
    unknown = [spelled[name] for name in spelled.keys() - set(published.index.str.lower())]
    if unknown:
        raise ValueError(f"datasets={unknown!r}: nothing was published of them to compare with")
    names = {"IForest": "pyod.IForest", "COPOD": "pyod.COPOD"}
    results = run_benchmark(names, datasets, metrics="roc_auc", n_jobs=n_jobs, **options)
    ours = by_dataset(results).stack().rename("ours")
    published = published[list(names)].rename(lambda name: spelled.get(name.lower(), name))
    published = published.reindex(datasets)
    gaps = pd.concat([ours, published.stack().rename("published")], axis=1)
    gaps.index.names = ["dataset", "detector"]
    gaps["gap"] = gaps["ours"].round(2) - gaps["published"]
    # Both sides are rounded: a hair of room for the last digit in floating point.
    gaps["agrees"] = gaps["gap"].abs() <= tolerance + 1e-9
    return gaps
