"""Whether thresholds keep their promises: false alarms and false discoveries over many splits.

Run ``python benchmarks/thresholds.py``. In each split a random half of the normal rows is for
``fit``, of which a half trains the detector and the other one calibrates it. The rest is the test
part: the other normal rows, and a tenth as many anomalies. *Share* is the detector's own threshold,
``contamination`` set to the same number, trained on all rows of ``fit``. *nonconform* is the split
and the selection of that library, if it is installed (it needs Python 3.12), by way of ``to_pyod``.
"""

import numpy as np
import pandas as pd
import torch
from _study import make_parser, write_page
from joblib import Parallel, delayed
from scipy.stats import false_discovery_control
from sklearn.base import clone
from sklearn.ensemble import IsolationForest

from skdeepad import AutoEncoder
from skdeepad.calibration import ConformalDetector
from skdeepad.datasets import load_cardio, load_thyroid
from skdeepad.interop import to_pyod

try:
    import nonconform
except ImportError:
    nonconform = None

ALPHA = 0.1
SETS = {"cardio": load_cardio, "thyroid": load_thyroid}
DETECTORS = {"IsolationForest": IsolationForest(), "AutoEncoder": AutoEncoder()}
CONFORMAL = {
    "split": {"cv": 0.5},
    "split, conditional": {"cv": 0.5, "guarantee": "conditional"},
}


def rates(predicted, is_anomaly):
    """Share of the normal rows and of the anomalies that are flagged, and false share of these."""
    flagged = predicted & ~is_anomaly
    return {
        "false alarms": flagged.sum() / (~is_anomaly).sum(),
        "detected": predicted[is_anomaly].mean(),
        "false discoveries": flagged.sum() / max(1, predicted.sum()),
    }


def one_split(dataset, detector, seed):
    torch.set_num_threads(1)
    X, y = SETS[dataset](return_X_y=True)
    rng = np.random.RandomState(seed)
    normal, anomalies = rng.permutation(np.flatnonzero(y == 0)), np.flatnonzero(y == 1)
    half = len(normal) // 2
    n_anomalies = min(len(anomalies), half // 10)
    test = np.r_[normal[half:], rng.choice(anomalies, n_anomalies, replace=False)]
    rows, is_anomaly = X[normal[:half]], y[test] == 1
    prototype, found = DETECTORS[detector], []
    for name, params in CONFORMAL.items():
        det = ConformalDetector(prototype, alpha=ALPHA, random_state=seed, **params).fit(rows)
        found.append({"threshold": name} | rates(det.predict(X[test]) == -1, is_anomaly))
        if name == "split":
            selected = rates(det.discoveries(X[test]), is_anomaly)
            found.append({"threshold": "discoveries"} | selected)
    if nonconform is not None:
        theirs = nonconform.ConformalDetector(
            detector=to_pyod(clone(prototype).set_params(random_state=seed)),
            strategy=nonconform.Split(n_calib=0.5),
            seed=seed,
        )
        theirs.fit(rows)
        p_values = np.asarray(theirs.compute_p_values(X[test]))
        selected = false_discovery_control(p_values, method="bh") <= ALPHA
        for name, flagged in (("split", p_values <= ALPHA), ("discoveries", selected)):
            found.append({"threshold": f"nonconform, {name}"} | rates(flagged, is_anomaly))
    own = clone(prototype).set_params(random_state=seed, contamination=ALPHA).fit(rows)
    found.append({"threshold": "share"} | rates(own.predict(X[test]) == -1, is_anomaly))
    return [{"set": dataset, "detector": detector} | row for row in found]


def main():
    parser = make_parser(__doc__, n_jobs=2)
    parser.add_argument("--splits", type=int, default=200, metavar="N")
    options = parser.parse_args()
    rows = Parallel(n_jobs=options.n_jobs)(
        delayed(one_split)(dataset, detector, seed)
        for dataset in SETS
        for detector in DETECTORS
        for seed in range(options.splits)
    )
    table = pd.DataFrame([row for several in rows for row in several])
    groups = table.groupby(["set", "detector", "threshold"], sort=False)
    means, errors = groups.mean(), groups.sem()
    quantile = groups["false alarms"].quantile(0.9)
    text = means.map("{:.3f}".format) + " ± " + errors.map("{:.3f}".format)
    text["false alarms, 9th decile"] = quantile.map("{:.3f}".format)
    write_page(
        options.output,
        "Thresholds and their promises",
        f"{options.splits} splits, alpha={ALPHA}, defaults of the detectors; means and their "
        "standard errors. The promise of *split* is on the mean of false alarms, that of *split, "
        "conditional* (delta .1) on their 9th decile, and that of *discoveries* on the mean of "
        "false discoveries.",
        text.reset_index().to_markdown(index=False),
        sets=SETS,
    )


if __name__ == "__main__":
    main()
