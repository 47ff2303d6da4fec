"""Detectors that learn from a few labels, ADBench's protocol with 1, 5 and 10 % of them.

Run ``SKDEEPAD_DATA=... python benchmarks/labels.py``: all detectors with their defaults, seeds 1
to 3, on those of ADBench's sets with at most 10,000 rows that are at hand. Detectors that ignore
labels run once, as the split is the same for every share of them. ``--sets`` and ``--detectors``
run a part, and ``--report`` makes the tables of what has been run. DeepOD's need ``pip install
deepod``, pyod's XGBOD ``xgboost``.
"""

import numpy as np
import pandas as pd
from _sets import SMALL
from _study import (
    LEARN_FROM_LABELS,
    METRICS,
    make_parser,
    require_data,
    rows_file,
    write_page,
)
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from skdeepad import all_detectors
from skdeepad.benchmark import Norm, by_dataset, published_table, run_benchmark

# Sets of both kinds; pages say which are which.
SETS = [
    *(*SMALL, "annthyroid", "satimage-2", "optdigits", "pendigits", "satellite", "landsat"),
    *("mnist", "InternetAds"),
]
SHARES = (1, 5, 10)
PUBLISHED_SHARES = (1, 10)


class DeepOD(BaseEstimator):
    """A detector of DeepOD as scikit-learn has them: with parameters, and on any machine.

    DeepOD's own have no ``get_params``, train on a GPU unless told otherwise, and take 1 for a
    labelled anomaly.
    """

    def __init__(self, name="DevNet", random_state=None):
        self.name = name
        self.random_state = random_state

    def fit(self, X, y):
        from deepod.models import tabular

        seed = np.random.RandomState(self.random_state).randint(2**31 - 1)
        detector = getattr(tabular, self.name)(device="cpu", verbose=0, random_state=seed)
        self.detector_ = detector.fit(X, (np.asarray(y) < 0).astype(int))
        return self

    def score_samples(self, X):
        return -self.detector_.decision_function(X)


ALL_OURS = {name: cls() for name, cls in all_detectors()}
LABELLED = {name: ALL_OURS[name] for name in LEARN_FROM_LABELS} | {
    "pyod.XGBOD": "pyod.XGBOD",
    "pyod.DevNet": "pyod.DevNet",
    # Its REPEN raises under numpy 2, and PReNet where a single anomaly is labelled.
    "DeepOD.DevNet": DeepOD("DevNet"),
    "HistGradientBoosting": HistGradientBoostingClassifier(),
    "LogisticRegression": LogisticRegression(max_iter=1000),
}
UNLABELLED = {
    name: detector for name, detector in ALL_OURS.items() if name not in LEARN_FROM_LABELS
} | {
    "Norm": Norm(),
    "pyod.IForest": "pyod.IForest",
}


def protocol(share):
    return f"adbench-{share}%"


def method(detector):
    """Name of the method, without whose it is."""
    return detector.rpartition(".")[2]


def means(results, metric, sets):
    """Means over sets: a detector in each row, shares of labels in columns."""
    ours = {name: by_dataset(rows, metric).mean() for name, rows in results.groupby("protocol")}
    empty = pd.Series(dtype=float)
    without_labels = ours.get("adbench", empty)
    table = pd.DataFrame(
        {
            f"{share} %": pd.concat([ours.get(protocol(share), empty), without_labels])
            for share in SHARES
        }
    ).sort_values(f"{SHARES[-1]} %", ascending=False)
    missing = set(published_table(labelled=1)) - {method(name) for name in table.index}
    table = table.reindex([*table.index, *sorted(missing)])
    for share in PUBLISHED_SHARES:
        tables = [published_table(metric, share), published_table(metric)]
        published = pd.concat(tables, axis=1).loc[sets].mean()
        table[f"published, {share} %"] = [published.get(method(name)) for name in table.index]
    runs = results["status"].eq("ok").groupby(results["detector"]).sum()
    return table.assign(runs=runs.reindex(table.index).astype("Int64"))


def markdown(table):
    return table.round(1).astype(object).where(table.notna(), "–").to_markdown()


def report(results, options):
    sets, seeds = options.sets, options.seeds
    labels = ", ".join(f"{share} %" for share in SHARES)
    text = (
        f"ADBench's protocol, {labels} of the training anomalies labelled, seeds "
        f"{' '.join(map(str, seeds))}, defaults of every detector, on {len(sets)} sets: "
        f"{', '.join(sets)}. Percent; means over the sets of means over the seeds, as far as there "
        f"are runs that did not fail: of {len(sets) * len(seeds) * len(SHARES)} with labels, "
        f"{len(sets) * len(seeds)} of detectors that ignore them. "
        "Detectors that ignore labels have the same value in each column. *Published* are "
        "ADBench's own results for the method of that name on the same sets, whoever wrote the "
        "detector in the row. pyod's DevNet (3.6.7) hands its loss the predictions as labels and "
        "the labels as predictions."
    )
    sections = []
    for metric, title in METRICS.items():
        sections += [f"## {title}", markdown(means(results, metric, sets))]
    with_labels = results[results["detector"].isin(list(LABELLED))]
    for metric, title in METRICS.items():
        for share in PUBLISHED_SHARES:
            if len(with_labels):
                table = by_dataset(with_labels, metric, protocol(share))
                sections += [f"## {title} by set, {share} % labelled", markdown(table)]
    part = f"-{options.detectors[0]}" if len(options.detectors) == 1 else ""
    write_page(options.output, "A few labels", text, *sections, sets=sets, part=part)


def main():
    parser = make_parser(__doc__, n_jobs=2, seeds=[1, 2, 3])
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS, metavar="NAME")
    names = [*LABELLED, *UNLABELLED]
    parser.add_argument("--detectors", nargs="+", default=names, choices=names, metavar="NAME")
    parser.add_argument("--report", action="store_true", help="run nothing")
    options = parser.parse_args()
    report(at_hand(options) if options.report else run(options), options)


def at_hand(options):
    """Rows of the detectors, sets and seeds asked for, with labels for those that take them."""
    rows = pd.read_csv(rows_file(options.output))
    rows = rows[rows["dataset"].isin(options.sets) & rows["seed"].isin(options.seeds)]
    rows = rows[rows["detector"].isin(options.detectors)]
    # As run_benchmark gives them: in the order of the sets.
    rows = rows.sort_values("dataset", key=lambda names: names.map(options.sets.index))
    takes_labels = rows["detector"].isin(list(LABELLED))
    return rows[takes_labels == rows["protocol"].ne("adbench")]


def run(options):
    """Run what is missing."""
    require_data(*options.sets)
    results = []
    for detectors, protocols in (
        (LABELLED, [protocol(share) for share in SHARES]),
        (UNLABELLED, ["adbench"]),
    ):
        if chosen := {name: detectors[name] for name in options.detectors if name in detectors}:
            part = run_benchmark(
                chosen,
                options.sets,
                protocols=protocols,
                seeds=options.seeds,
                metrics=tuple(METRICS),
                n_jobs=options.n_jobs,
                time_limit=1800,
                output=rows_file(options.output),
            )
            results.append(part)
    return pd.concat(results)


if __name__ == "__main__":
    main()
