"""DPLAN's protocol: 60 labels of one kind of anomaly, and other kinds that nobody has seen.

Run ``SKDEEPAD_DATA=... python benchmarks/papers/dplan.py``. The protocol is that of Pang et al.
(2021): 60 labelled anomalies of one kind, unlabelled rows of which 2 % are anomalies of all kinds,
and a test part of a fifth with all kinds. On KDD Cup 1999 each of the four categories of attacks is
the known one in turn, on UNSW-NB15 (``--data unsw_nb15``) each of seven kinds; ADBench's cover has
one kind only. pyod's XGBOD needs ``xgboost``.
``--ablation`` compares variants of DPLAN instead. ``--quick`` is a trial of two detectors on a
table of the package, of which all anomalies are known.
"""

import numpy as np
import pandas as pd
from _path import study

from skdeepad import DPLAN
from skdeepad.benchmark import run_benchmark
from skdeepad.datasets import fetch_adbench, fetch_kddcup99, load_thyroid, load_unsw_nb15

CATEGORIES = {
    "dos": ("back", "land", "neptune", "pod", "smurf", "teardrop"),
    "probe": ("ipsweep", "nmap", "portsweep", "satan"),
    "r2l": (
        *("ftp_write", "guess_passwd", "imap", "multihop", "phf", "spy"),
        *("warezclient", "warezmaster"),
    ),
    "u2r": ("buffer_overflow", "loadmodule", "perl", "rootkit"),
}
# Kinds of attacks of UNSW-NB15 that the paper takes for the known one.
OF_UNSW = ("analysis", "backdoor", "dos", "exploits", "fuzzers", "generic", "reconnaissance")
CATEGORY = {attack: category for category, attacks in CATEGORIES.items() for attack in attacks}
# Normal rows that are drawn, and rows of each kind of anomaly, where there are more.
MOST_NORMAL, MOST_OF_A_KIND = 10_000, 1_000
DETECTORS = {
    **{name: f"skdeepad.{name}" for name in ("DPLAN", "DeepSAD", "DevNet", "REPEN")},
    **{name: name for name in ("pyod.IForest", "pyod.XGBOD")},
    "HistGradientBoosting": "HistGradientBoostingClassifier",
    "LogisticRegression": "LogisticRegression(max_iter=1000)",
}
# What the paper leaves out or changes in turn, and what this library adds to it.
ABLATION = {
    "DPLAN": DPLAN(),
    "DPLAN, no intrinsic reward": DPLAN(intrinsic_weight=0.0),
    "DPLAN, p .05": DPLAN(anomaly_probability=0.05),
    "DPLAN, p .95": DPLAN(anomaly_probability=0.95),
    "DPLAN, trim .3": DPLAN(trim=0.3),
    "DPLAN, 20 units (the paper's)": DPLAN(hidden_layer_sizes=(20,)),
}
METRICS = {"average_precision": "AUC-PR", "roc_auc": "AUC-ROC"}
PARTS = {"": "all anomalies", "_known": "known", "_novel": "novel"}
METHODS = ["DPLAN", "DevNet", "Deep SAD", "REPEN", "iForest", "DUA"]
# Averages are those of the paper's thirteen data sets.
PUBLISHED = {
    "AUC-PR": {
        "Cottonwood (CoverType)": [0.709, 0.670, 0.678, 0.424, 0.443, 0.593],
        "Douglas-fir (CoverType)": [0.776, 0.722, 0.728, 0.453, 0.456, 0.669],
        "average of 13": [0.690, 0.641, 0.621, 0.347, 0.355, 0.613],
    },
    "AUC-ROC": {
        "Cottonwood (CoverType)": [0.923, 0.868, 0.876, 0.891, 0.849, 0.841],
        "Douglas-fir (CoverType)": [0.976, 0.974, 0.973, 0.901, 0.862, 0.963],
        "average of 13": [0.882, 0.867, 0.842, 0.789, 0.780, 0.871],
    },
}


def drawn(X, kinds):
    """Distinct rows, at most so many of each kind, by one draw for all runs."""
    rng = np.random.RandomState(0)
    distinct = np.flatnonzero(~pd.DataFrame(X).assign(kind=kinds).duplicated())
    rows = []
    for kind in np.unique(kinds):
        of_kind = distinct[kinds[distinct] == kind]
        most = MOST_NORMAL if kind == "normal" else MOST_OF_A_KIND
        rows.append(rng.permutation(of_kind)[:most])
    rows = np.concatenate(rows)
    return X[rows], kinds[rows]


def kdd99():
    """Rows of KDD Cup 1999, and the category of each."""
    kdd = fetch_kddcup99()
    kinds = [CATEGORY.get(attack, attack) for attack in kdd.attacks]
    return drawn(kdd.data, np.array(kinds))


def cover():
    """Rows of ADBench's cover, whose anomalies are one type of forest."""
    bunch = fetch_adbench("cover")
    return drawn(bunch.data, np.where(bunch.target, "anomaly", "normal"))


def unsw_nb15():
    """Rows of UNSW-NB15, and the kind of each."""
    unsw = load_unsw_nb15()
    return drawn(unsw.data, np.char.lower(unsw.attacks))


# Name, rows with the kind of each, and the kinds that are the known one in turn.
DATA = {
    "kdd99": ("KDD99", kdd99, tuple(CATEGORIES)),
    "unsw_nb15": ("UNSW-NB15", unsw_nb15, OF_UNSW),
    "cover": ("cover", cover, ("anomaly",)),
}


def data(names):
    """Numbers of rows of each kind, by the name of the data, and data sets by known kind."""
    counts, sets = {}, {}
    for title, load, known in map(DATA.get, names):
        X, kinds = load()
        counts[title] = pd.Series(kinds).value_counts()
        for kind in known:
            name = title if len(known) == 1 else f"{title}, {kind} known"
            sets[name] = (X, kinds != "normal", kinds == kind)
    return counts, sets


def spread(deviation):
    """Text of a standard deviation; one seed has none."""
    return "" if pd.isna(deviation) else f" ± {deviation:.3f}"


def table(results):
    """Mean and standard deviation over seeds of each measure on each part of the test rows."""
    runs = results.groupby("detector", sort=False)
    columns = {}
    for metric, title in METRICS.items():
        for suffix, part in PARTS.items():
            name = f"{metric}{suffix}"
            if name in results and results[name].notna().any():
                means, deviations = runs[name].mean() / 100, runs[name].std() / 100
                columns[f"{title}, {part}"] = [
                    "failed" if pd.isna(mean) else f"{mean:.3f}{spread(deviation)}"
                    for mean, deviation in zip(means, deviations, strict=True)
                ]
    return pd.DataFrame(columns, index=list(runs.groups)).to_markdown(disable_numparse=True)


def mean_of_sets(results):
    """A row for each detector and seed, of those that failed on no set."""
    runs = results.groupby(["detector", "seed"], sort=False)
    whole = runs.filter(lambda rows: rows["status"].eq("ok").all())
    return whole.groupby(["detector", "seed"], sort=False).mean(numeric_only=True).reset_index()


def report(results, counts, options, sets, part):
    family = results["dataset"].str.partition(",")[0]
    text = (
        f"seeds {' '.join(map(str, options.seeds))}, 60 labelled anomalies of one kind (all of "
        "them, where there are fewer), unlabelled rows of which 2 % are anomalies of all kinds, a "
        "fifth of the rows to test; defaults but for what is named. Mean ± standard deviation over "
        "the seeds, if there are several. *Known* leaves the novel anomalies out of the test rows, "
        "*novel* the known ones. An isolation forest ignores labels."
    )
    drawn_rows = "; ".join(
        f"of {title} {', '.join(f'{n:,} {kind}' for kind, n in of_kinds.items())}, anomalies are "
        f"{100 * results.loc[family == title, 'anomaly_share'].mean():.0f} % of its test rows"
        for title, of_kinds in counts.items()
    )
    sections = [
        f"Rows are distinct ones, at most {MOST_NORMAL:,} normal and {MOST_OF_A_KIND:,} of each "
        f"kind of anomaly, drawn once: {drawn_rows}. {results['status'].ne('ok').sum()} of "
        f"{len(results)} runs failed."
    ]
    if "UNSW-NB15" not in counts:
        sections[0] += " UNSW-NB15 was not run (`--data unsw_nb15`)."
    for title, rows in results.groupby(family, sort=False):
        n_sets = rows["dataset"].nunique()
        if n_sets > 1:
            sections += [f"## {title}, mean of the {n_sets}", table(mean_of_sets(rows))]
        for dataset, rows_of_set in rows.groupby("dataset", sort=False):
            sections += [f"## {dataset}", table(rows_of_set)]
    sections += [
        "## Published",
        "For orientation: the data sets are others (seven classes of attacks of UNSW-NB15, two of "
        "thyroid disease, two activities of HAR, two forests of CoverType), and so are the shares "
        "of anomalies among the test rows, on which AUC-PR depends. The detectors are the "
        "authors'. ADBench's cover has ten of CoverType's 54 columns, and Cottonwood as the only "
        "anomaly, so that nothing in it is novel.",
    ]
    for title, rows in PUBLISHED.items():
        published = pd.DataFrame.from_dict(rows, orient="index", columns=METHODS)
        sections.append(published.rename_axis(title).to_markdown(floatfmt=".3f"))
    title = "DPLAN's protocol: known and novel anomalies"
    study.write_page(options.output, title, text, *sections, sets=sets, part=part)


def main():
    parser = study.make_parser(__doc__, n_jobs=2, seeds=[1, 2, 3])
    names = list(DETECTORS)
    parser.add_argument("--detectors", nargs="+", default=names, choices=names, metavar="NAME")
    parser.add_argument("--data", nargs="+", default=["kdd99", "cover"], choices=list(DATA))
    parser.add_argument("--ablation", action="store_true", help="variants of DPLAN")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.detectors, options.seeds = ["DevNet", "LogisticRegression"], options.seeds[:2]
        X, y = load_thyroid(return_X_y=True)
        sets, titles = {"thyroid": (X, y)}, ["thyroid"]
        counts = {"thyroid": pd.Series(np.where(y, "anomaly", "normal")).value_counts()}
    else:
        titles = [DATA[name][0] for name in options.data]
        study.require_data(*titles)
        counts, sets = data(options.data)
    part = "-ablation" if options.ablation else ""
    results = run_benchmark(
        ABLATION if options.ablation else {name: DETECTORS[name] for name in options.detectors},
        sets,
        protocols="dplan",
        seeds=options.seeds,
        metrics=tuple(METRICS),
        n_jobs=options.n_jobs,
        time_limit=1800,
        output=study.output_file(options.output / "rows", f"{part}.csv"),
    )
    report(results, counts, options, titles, part)


if __name__ == "__main__":
    main()
