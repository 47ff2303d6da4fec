"""What trimming does at each share of anomalies among the training rows.

Run ``SKDEEPAD_DATA=... python benchmarks/trimming.py``: seeds 1 to 3. First ADBench's protocol,
with each set's own share of anomalies in training, on the tuning sets. Then
training rows of a fixed number with 0, 5, 10 and 20 % of anomalies among them, on those of the sets
that have enough anomalies: half of them stay in the test part, with half of the normal rows.
"""

import numpy as np
import pandas as pd
from _sets import TUNING
from _study import make_parser, require_data, rows_file, write_page
from joblib import Parallel, delayed
from sklearn.base import clone

from skdeepad import VAE, AutoEncoder
from skdeepad.benchmark import run_benchmark
from skdeepad.datasets import fetch_adbench
from skdeepad.metrics import anomaly_roc_auc

SHARES, SEEDS = (0.0, 0.05, 0.1, 0.2), (1, 2, 3)
MIN_ROWS, MAX_ROWS = 200, 5000
VARIANTS = {
    f"{cls.__name__}, trim {trim:g}": cls(trim=trim)
    for cls, trims in ((AutoEncoder, (0.0, 0.1, 0.2)), (VAE, (0.0, 0.1)))
    for trim in trims
}


def n_training_rows(y):
    """As many as the largest share can be made of with half of the anomalies, and at most half."""
    return int(min((y == 0).sum() // 2, (y == 1).sum() // 2 / max(SHARES), MAX_ROWS))


def split(y, share, seed):
    """Indices of training rows, a share of them anomalies, and of the test part."""
    rng, n = np.random.RandomState(seed), n_training_rows(y)
    normal, anomalies = (rng.permutation(np.flatnonzero(y == label)) for label in (0, 1))
    n_mixed = round(share * n)
    train = np.r_[normal[: n - n_mixed], anomalies[:n_mixed]]
    test = np.r_[normal[len(normal) // 2 :], anomalies[len(anomalies) // 2 :]]
    return train, test


def area(dataset, share, seed, variant):
    X, y = fetch_adbench(dataset, return_X_y=True)
    train, test = split(y, share, seed)
    det = clone(VARIANTS[variant]).set_params(random_state=seed).fit(X[train])
    return {
        "variant": variant,
        "dataset": dataset,
        "share": share,
        "roc_auc": 100 * anomaly_roc_auc(y[test], det.score_samples(X[test])),
    }


def main():
    options = make_parser(__doc__, n_jobs=2).parse_args()
    require_data(*TUNING)
    own = run_benchmark(VARIANTS, TUNING, n_jobs=options.n_jobs, output=rows_file(options.output))
    mixable = [
        name
        for name in TUNING
        if n_training_rows(fetch_adbench(name, return_X_y=True)[1]) >= MIN_ROWS
    ]
    mixed = pd.DataFrame(
        Parallel(options.n_jobs, verbose=1)(
            delayed(area)(dataset, share, seed, variant)
            for dataset in mixable
            for share in SHARES
            for seed in SEEDS
            for variant in VARIANTS
        )
    )
    table = mixed.pivot_table(index="variant", columns="share", values="roc_auc", sort=False)
    table.columns = [f"{share:.0%} mixed in" for share in table.columns]
    means = own.groupby("detector")[["roc_auc", "average_precision"]].mean()
    table.insert(0, "AUCROC, own share", means["roc_auc"])
    table.insert(1, "AUCPR, own share", means["average_precision"])
    write_page(
        options.output,
        "Trimming",
        f"means over seeds 1 to 3, in percent. *Own share*: ADBench's protocol on {len(TUNING)} "
        "sets. *Mixed in*: AUCROC with that share of anomalies among a fixed number of training "
        f"rows, on {len(mixable)} sets: {', '.join(mixable)}. The others have too few anomalies "
        f"for {MIN_ROWS} training rows at the largest share.",
        table.round(1).to_markdown(),
        sets=TUNING,
    )


if __name__ == "__main__":
    main()
