"""Does training help? Each detector beside its own untrained net, on the shipped sets.

Run ``python benchmarks/untrained.py``: clean training (half of the normal rows), seeds 1 to 3.
An untrained net has taken one step of no length, and no pre-training.
"""

import numpy as np
import pandas as pd
from _sets import SHIPPED
from _study import make_parser, rows_file, write_page

from skdeepad import all_detectors
from skdeepad.benchmark import run_benchmark
from skdeepad.datasets import fetch_adbench

# What their training is for takes labels.
WITH_LABELS = {"DPLAN", "DeepSAD", "DevNet", "REPEN"}


def untrained(cls):
    steps = {"max_epochs": 1, "max_steps": 1, "lr": 1e-12, "pretrain_epochs": 0}
    known = cls().get_params()
    return cls(**{key: value for key, value in steps.items() if key in known})


def distinct_shares(cls):
    """Share of distinct scores among distinct rows, for each shipped set."""
    for name in SHIPPED:
        X = np.unique(fetch_adbench(name).data, axis=0)
        yield len(np.unique(cls(random_state=0).fit(X).score_samples(X))) / len(X)


def main():
    detectors = {name: cls for name, cls in all_detectors() if name not in WITH_LABELS}
    parser = make_parser(__doc__, n_jobs=2)
    names = list(detectors)
    parser.add_argument("--detectors", nargs="+", default=names, choices=names, metavar="NAME")
    options = parser.parse_args()
    detectors = {name: detectors[name] for name in options.detectors}
    variants = {name: cls() for name, cls in detectors.items()}
    variants |= {f"{name}, untrained": untrained(cls) for name, cls in detectors.items()}
    results = run_benchmark(
        variants,
        SHIPPED,
        protocols="clean",
        n_jobs=options.n_jobs,
        metrics=["roc_auc"],
        output=rows_file(options.output),
    )
    means = results.groupby(["detector", "dataset"])["roc_auc"].mean().unstack("dataset")
    rows = {}
    for name, cls in detectors.items():
        gain = means.loc[name] - means.loc[f"{name}, untrained"]
        rows[name] = {
            "better on": int((gain > 0).sum()),
            "mean gain": gain.mean(),
            "least share of distinct scores": min(distinct_shares(cls)),
        }
    write_page(
        options.output,
        "Trained and untrained nets",
        f"clean training, seeds 1 to 3, mean AUCROC in percent on the {len(SHIPPED)} "
        "shipped sets. Training is not always a gain: where the scaled distance from the mean says "
        "all (cardio), an untrained net, which keeps it, is hard to beat.",
        pd.DataFrame(rows).T.round(3).to_markdown(),
        means.round(1).to_markdown(),
        sets=SHIPPED,
    )


if __name__ == "__main__":
    main()
