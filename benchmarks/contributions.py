"""Whether contributions name the spoilt column, for all detectors, beside SHAP values of the same.

Run ``pip install shap`` and ``python benchmarks/contributions.py``, which takes some minutes. Half
of the normal rows of each set train a detector with its defaults, and in each of the others one
column gets a wrong value: that of another row, at least a standard deviation away (*exchanged*), or
moved three standard deviations further, too (*shifted*). A hit is a row whose spoilt column has the
largest contribution. Detectors that learn from labels get twenty known anomalies of each kind.

SHAP values are those of ``score_samples``, by one permutation of the columns and its reverse, with
ten training rows as background; for fewer rows, because they take longer.
"""

import warnings

import numpy as np
import pandas as pd
import torch
from _study import LEARN_FROM_LABELS, make_parser, timed, write_page
from joblib import Parallel, delayed

from skdeepad import all_detectors
from skdeepad.datasets import load_cardio, load_vowels, load_wdbc

SETS = {"cardio": load_cardio, "vowels": load_vowels, "wdbc": load_wdbc}
KINDS = {"shifted": 3.0, "exchanged": 0.0}
MOST_TRAINING_ROWS = 500
N_KNOWN, N_BACKGROUND = 20, 10


def spoilt(rows, others, shift, rng):
    """Rows with a wrong value in one column each, and the columns."""
    rows, std = rows.copy(), others.std(0)
    columns = rng.choice(np.flatnonzero(std > 0), len(rows))
    for row, column in zip(rows, columns, strict=True):
        apart = others[:, column] - row[column]
        candidates = np.flatnonzero(np.abs(apart) >= std[column])
        # Without such a value, the one farthest away.
        chosen = rng.choice(candidates) if len(candidates) else np.abs(apart).argmax()
        row[column] += apart[chosen] + shift * std[column] * np.sign(apart[chosen])
    return rows, columns


def shap_values(det, rows, background):
    """SHAP values of the anomaly score, (n_samples, n_features)."""
    import shap

    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.PermutationExplainer(lambda X: -det.score_samples(X), masker, seed=0)
    return explainer(rows, max_evals=2 * rows.shape[1] + 1, silent=True).values


def one_run(dataset, name, n_rows, n_shap_rows):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    X, y = SETS[dataset](return_X_y=True)
    rng = np.random.RandomState(0)
    normal = rng.permutation(X[y == 0])
    half = len(normal) // 2
    train, test = normal[: min(half, MOST_TRAINING_ROWS)], normal[half:][:n_rows]
    rows, labels = train, None
    if name in LEARN_FROM_LABELS:
        known = [spoilt(train[:N_KNOWN], train, shift, rng)[0] for shift in KINDS.values()]
        rows = np.vstack([train, *known])
        labels = np.where(np.arange(len(rows)) < len(train), 0, -1)
    det = dict(all_detectors())[name](random_state=0).fit(rows, labels)
    det.feature_contributions(test[:1])  # imports and compilation take time once
    shap_values(det, test[:1], train[:N_BACKGROUND])
    found = {"set": dataset, "detector": name}
    for kind, shift in KINDS.items():
        wrong, columns = spoilt(test, train, shift, rng)
        values, seconds = timed(det.feature_contributions, wrong)
        found[f"hits, {kind}"] = (values.argmax(1) == columns).mean()
        found["ms a row"] = found.get("ms a row", 0) + 500 * seconds / len(wrong)
        few, columns = wrong[:n_shap_rows], columns[:n_shap_rows]
        found[f"same rows, {kind}"] = (values[:n_shap_rows].argmax(1) == columns).mean()
        values, seconds = timed(shap_values, det, few, train[:N_BACKGROUND])
        found[f"SHAP, {kind}"] = (values.argmax(1) == columns).mean()
        found["SHAP, ms a row"] = found.get("SHAP, ms a row", 0) + 500 * seconds / len(few)
    return found


def main():
    names = [name for name, _ in all_detectors()]
    parser = make_parser(__doc__, n_jobs=1)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--detectors", nargs="+", choices=names, default=names)
    parser.add_argument("--rows", type=int, default=150, metavar="N")
    parser.add_argument("--shap-rows", type=int, default=20, metavar="N")
    options = parser.parse_args()
    runs = Parallel(n_jobs=options.n_jobs)(
        delayed(one_run)(dataset, name, options.rows, options.shap_rows)
        for name in options.detectors
        for dataset in options.sets
    )
    table = pd.DataFrame(runs)
    hits = [column for column in table if "hits" in column or "rows," in column]
    hits += [f"SHAP, {kind}" for kind in KINDS]
    times = ["ms a row", "SHAP, ms a row"]
    means = table.groupby("detector", sort=False)[[*hits, *times]].mean()
    means.loc["mean"] = means.mean()
    text = means[hits].map("{:.2f}".format).join(means[times].map("{:.3g}".format))
    by_set = table.groupby("set", sort=False)[hits].mean().map("{:.2f}".format)
    write_page(
        options.output,
        "Contributions of the spoilt column",
        f"share of rows in which the spoilt column has the largest contribution, mean over "
        f"{', '.join(options.sets)}, {options.rows} rows of each and kind, and CPU time. SHAP has "
        f"the first {options.shap_rows} of the rows, for which *same rows* repeats the share of "
        "the detector's own contributions.",
        text.to_markdown(),
        "Means over the detectors:",
        by_set.to_markdown(),
        sets=options.sets,
    )


if __name__ == "__main__":
    main()
