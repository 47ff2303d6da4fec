"""How many draws the scores of variational detectors need.

Run ``SKDEEPAD_DATA=... python benchmarks/draws.py``: the tuning sets, 70 % of at most
5,000 rows for training, seeds 1 to 3. Each detector is fitted once and scores the other rows with
several numbers of draws. Rankings are compared with those by 256 draws, and times with that of an
autoencoder on the same rows. ADGM and SDGM know 5 % of the training anomalies.
"""

import numpy as np
import pandas as pd
import torch
from _sets import TUNING
from _study import make_parser, require_data, timed, write_page
from joblib import Parallel, delayed
from scipy.stats import spearmanr
from sklearn.model_selection import train_test_split

from skdeepad import ADGM, SDGM, VAE, AutoEncoder, AuxiliaryVAE, LadderVAE
from skdeepad.datasets import fetch_adbench
from skdeepad.metrics import anomaly_average_precision, anomaly_roc_auc
from skdeepad.nn import even_normal_draws

DETECTORS = {cls.__name__: cls for cls in (VAE, AuxiliaryVAE, LadderVAE, ADGM, SDGM)}
NUMBERS, REFERENCE = (1, 2, 4, 8, 16), 256
LEARN_FROM_LABELS, SHARE_LABELLED = ("ADGM", "SDGM"), 0.05
MAX_ROWS, REPETITIONS = 5000, 5


def set_draws(module, n_draws, seed):
    """Replace the draws from which a module computes its scores."""
    name = "z_noise" if hasattr(module, "z_noise") else "noise"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        setattr(module, name, even_normal_draws(n_draws, getattr(module, name).shape[1]))


def some_labels(y, seed):
    """Labels, -1, of some of the anomalies, at least one; 0 for all other rows."""
    anomalies = np.flatnonzero(y)
    n_labelled = max(1, round(SHARE_LABELLED * len(anomalies)))
    known = np.zeros(len(y), dtype=int)
    known[np.random.RandomState(seed).choice(anomalies, n_labelled, replace=False)] = -1
    return known


def seconds(detector, X):
    """CPU time of scoring."""
    return min(timed(detector.score_samples, X)[1] for _ in range(REPETITIONS))


def study(dataset, seed, names):
    torch.set_num_threads(1)
    X, y = fetch_adbench(dataset, return_X_y=True)
    rows = np.random.RandomState(seed).permutation(len(X))[:MAX_ROWS]
    X_train, X_test, y_train, y_test = train_test_split(
        X[rows], y[rows], train_size=0.7, stratify=y[rows], random_state=seed
    )
    unit = seconds(AutoEncoder(random_state=seed).fit(X_train), X_test)
    results = []
    for name in names:
        labels = some_labels(y_train, seed) if name in LEARN_FROM_LABELS else None
        detector = DETECTORS[name](random_state=seed).fit(X_train, labels)
        set_draws(detector.net_.module_, REFERENCE, seed)
        reference = detector.score_samples(X_test)
        for n_draws in NUMBERS:
            set_draws(detector.net_.module_, n_draws, seed)
            scores = detector.score_samples(X_test)
            results.append(
                {
                    "detector": name,
                    "draws": n_draws,
                    "dataset": dataset,
                    "AUCROC": 100 * anomaly_roc_auc(y_test, scores),
                    "AUCPR": 100 * anomaly_average_precision(y_test, scores),
                    "Spearman": spearmanr(scores, reference).statistic,
                    "time": seconds(detector, X_test) / unit,
                }
            )
    return results


def main():
    parser = make_parser(__doc__, n_jobs=2, seeds=[1, 2, 3])
    parser.add_argument("--detectors", nargs="+", default=list(DETECTORS), choices=list(DETECTORS))
    options = parser.parse_args()
    require_data(*TUNING)
    results = Parallel(options.n_jobs, verbose=1)(
        delayed(study)(dataset, seed, options.detectors)
        for dataset in TUNING
        for seed in options.seeds
    )
    rows = pd.DataFrame([row for part in results for row in part])
    groups = rows.groupby(["detector", "draws"], sort=False)
    table = groups[["AUCROC", "AUCPR"]].mean().round(2)
    table["least Spearman"] = groups["Spearman"].min().round(4)
    table["time"] = groups["time"].median().round(1)
    write_page(
        options.output,
        "Draws of variational detectors",
        f"{len(TUNING)} sets, seeds {' '.join(map(str, options.seeds))}. Means of AUCROC and "
        f"AUCPR, in percent; the least Spearman correlation with the ranking by {REFERENCE} draws; "
        "the median time of scoring, an autoencoder's being 1.",
        table.reset_index().to_markdown(index=False),
        sets=TUNING,
    )


if __name__ == "__main__":
    main()
