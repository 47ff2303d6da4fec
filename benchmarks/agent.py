"""Steps of DPLAN's agent in a second of CPU time.

Run ``python benchmarks/agent.py``: the default network and schedule on two of the shipped sets, one
thread. Of the 30,000 steps the first 10,000 fill the memory and are followed by no update.
"""

import warnings

import numpy as np
import pandas as pd
import torch
from _study import make_parser, timed, write_page

from skdeepad import DPLAN
from skdeepad.datasets import load_cardio, load_thyroid
from skdeepad.preprocessing import semi_labels


def steps_per_second(X, y, **schedule):
    """Steps of a whole fit, forests of the intrinsic reward included, by its CPU seconds."""
    known = np.zeros_like(y)
    known[np.flatnonzero(y == 1)[:60]] = 1
    detector = DPLAN(random_state=0, **schedule)
    _, seconds = timed(detector.fit, X, semi_labels(known))
    steps = detector.warm_up_steps + detector.n_iter_ * detector.steps_per_epoch
    return steps / seconds


def main():
    options = make_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows = {}
    for name, load in {"cardio": load_cardio, "thyroid": load_thyroid}.items():
        X, y = load(return_X_y=True)
        steps_per_second(X, y, max_epochs=1, warm_up_steps=10)  # torch's start-up
        rows[name] = {
            "rows": len(X),
            "features": X.shape[1],
            "steps per CPU second": round(steps_per_second(X, y)),
        }
    write_page(
        options.output,
        "Steps of DPLAN's agent",
        "defaults, one thread; CPU time of `fit`, on a machine that may do other things.",
        pd.DataFrame(rows).T.rename_axis("set").to_markdown(),
        sets=["cardio", "thyroid"],
    )


if __name__ == "__main__":
    main()
