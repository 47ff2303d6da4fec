"""A grid search of 40 candidates and three folds, alone and with the joblib backend "stacked".

Run ``python benchmarks/stacked.py``: one thread, CPU time, defaults of each detector but for the
two parameters that are searched. Both searches run in one process, one after the other.
``--max-steps`` shortens all trainings.
"""

import pandas as pd
import torch
from _study import make_parser, timed, write_page
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skdeepad import VAE, AutoEncoder, DeepSVDD, DevNet
from skdeepad.datasets import load_cardio, load_thyroid
from skdeepad.metrics import anomaly_roc_auc_scorer

RATES = [1e-4, 3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2]
DECAYS = [0.0, 1e-6, 1e-5, 1e-4, 1e-3]
SEARCHES = {
    "AutoEncoder": (AutoEncoder, {"lr": RATES, "weight_decay": DECAYS}),
    "DeepSVDD": (
        DeepSVDD,
        {"nu": [0.01, 0.02, 0.05, 0.1, 0.2], "weight_decay": [*DECAYS, 1e-2, 3e-2, 1e-1]},
    ),
    "VAE": (VAE, {"lr": RATES, "kl_weight": [0.1, 0.3, 0.5, 1.0, 2.0]}),
    "DevNet": (DevNet, {"lr": RATES, "margin": [3.0, 4.0, 5.0, 6.0, 7.0]}),
}
SETS = {"cardio": load_cardio, "thyroid": load_thyroid}


def compare(name, dataset, **params):
    """Run one search alone and stacked; return a row of the table."""
    cls, grid = SEARCHES[name]
    X, y = SETS[dataset](return_X_y=True)
    y = -y if name == "DevNet" else y
    search = GridSearchCV(
        cls(random_state=0, **params),
        grid,
        scoring=anomaly_roc_auc_scorer,
        cv=StratifiedKFold(3, shuffle=True, random_state=0),
        refit=False,
    )
    with parallel_config(backend="stacked", n_jobs=120):
        stacked, of_stacked = timed(search.fit, X, y)
    together = stacked.cv_results_["mean_test_score"]
    alone, of_alone = timed(search.fit, X, y)
    apart = alone.cv_results_["mean_test_score"]
    return {
        "search": f"{name}, {dataset}",
        "alone, s": of_alone,
        "stacked, s": of_stacked,
        "ratio": of_alone / of_stacked,
        "largest difference of a mean AUC": abs(apart - together).max(),
        "AUC of the best, alone": apart.max(),
        "of the best by the stack, alone": apart[together.argmax()],
    }


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--max-steps", type=int, default=None, metavar="N")
    parser.add_argument("--detectors", nargs="+", default=list(SEARCHES), choices=list(SEARCHES))
    parser.add_argument("--datasets", nargs="+", default=list(SETS), choices=list(SETS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    shorter = {} if options.max_steps is None else {"max_steps": options.max_steps}
    rows = []
    for dataset in options.datasets:
        for name in options.detectors:
            rows.append(compare(name, dataset, **shorter))
            print(rows[-1], flush=True)
    write_page(
        options.output,
        "A grid search, alone and stacked",
        "seconds of CPU of 40 candidates and 3 folds, one thread, on a machine with other work to "
        "do.",
        pd.DataFrame(rows).set_index("search").round(5).to_markdown(),
        sets=options.datasets,
    )


if __name__ == "__main__":
    main()
