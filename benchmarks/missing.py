"""Missing values: left out by the detector, or filled in front of it.

Run ``python benchmarks/missing.py``: seeds 1 to 3 on the sets that are inside the package. Cells
are removed at random from 70 % of the rows, which a detector is trained on, and from the others,
which it scores: each with the same probability, for anomalies too. ``missing="mask"`` of the
detector is compared with ``SimpleImputer(strategy="median")`` and with ``KNNImputer()``, whose
distances are of standardised columns. Training takes at most 500 steps instead of the default.
"""

import numpy as np
import pandas as pd
from _sets import SHIPPED
from _study import make_parser, require_data, write_page
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepad import VAE, AutoEncoder, RobustAutoEncoder
from skdeepad.datasets import fetch_adbench
from skdeepad.metrics import anomaly_roc_auc

SHARES = (0.0, 0.05, 0.1, 0.2, 0.4)
MAX_STEPS = 500
DETECTORS = {
    cls.__name__: cls(max_steps=MAX_STEPS) for cls in (AutoEncoder, RobustAutoEncoder, VAE)
}
IN_FRONT = {
    "mask": (),
    "median": (SimpleImputer(strategy="median"),),
    "neighbours": (StandardScaler(), KNNImputer()),
}


def areas(dataset, share, seed):
    """AUCROC of each detector and treatment on one set with some share of its cells missing."""
    X, y = fetch_adbench(dataset, return_X_y=True)
    X = np.where(np.random.RandomState(seed).rand(*X.shape) < share, np.nan, X)
    train, test, _, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
    for name, detector in DETECTORS.items():
        for treatment, steps in IN_FRONT.items():
            if share or treatment == "mask":  # without missing cells, treatments are the same
                missing = "mask" if treatment == "mask" else "raise"
                last = clone(detector).set_params(missing=missing, random_state=seed)
                model = make_pipeline(*map(clone, steps), last).fit(train)
                area = 100 * anomaly_roc_auc(y_test, model.score_samples(test))
            names = {"dataset": dataset, "detector": name, "treatment": treatment}
            yield names | {"share": share, "roc_auc": area}


def run(*task):
    return list(areas(*task))


def table(results):
    """Means: a detector and a treatment in each row, shares of missing cells in columns."""
    rows = ["detector", "treatment"]
    means = results.pivot_table("roc_auc", index=rows, columns="share", sort=False)
    means.columns = [f"{share:.0%}" for share in means.columns]
    return means.round(1).reset_index().to_markdown(index=False)


def main():
    parser = make_parser(__doc__, n_jobs=2, seeds=[1, 2, 3])
    parser.add_argument("--sets", nargs="+", default=SHIPPED, metavar="NAME")
    options = parser.parse_args()
    require_data(*options.sets)
    tasks = [
        (name, share, seed) for name in options.sets for share in SHARES for seed in options.seeds
    ]
    done = Parallel(options.n_jobs, verbose=1)(delayed(run)(*task) for task in tasks)
    results = pd.DataFrame([row for rows in done for row in rows])
    write_page(
        options.output,
        "Missing values",
        f"mean AUCROC in percent over seeds {', '.join(map(str, options.seeds))}, by the share of "
        f"cells that are missing at random in training and test rows, {MAX_STEPS} steps. *mask*: "
        '`missing="mask"`. *median*, *neighbours*: an imputer in front of the same detector.',
        f"## Means over {len(options.sets)} sets",
        table(results),
        *(
            part
            for name in options.sets
            for part in (f"## {name}", table(results[results["dataset"] == name]))
        ),
        sets=options.sets,
    )


if __name__ == "__main__":
    main()
