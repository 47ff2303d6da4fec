"""Selection without labels: what criteria pick among candidates, beside the default and the best.

Run ``SKDEEPAD_DATA=... python benchmarks/selection.py``: 30 % of the rows of each set, anomalies
and all, are test rows. Twelve candidates of each of three detectors are fitted on 70 % of the
others, and the criteria see the rest without labels. Figures are of the test rows.
"""

import numpy as np
import pandas as pd
import torch
from _sets import SMALL
from _study import make_parser, percents, require_data, write_page
from joblib import Parallel, delayed
from scipy.stats import rankdata, spearmanr
from sklearn.model_selection import ParameterGrid, train_test_split

from skdeepad import VAE, AutoEncoder, DeepSVDD
from skdeepad.datasets import fetch_adbench
from skdeepad.metrics import (
    consensus,
    excess_mass_scorer,
    mass_volume_scorer,
)

CODES = {"n_latent": [2, 4, 8], "trim": [0.0, 0.1], "max_steps": [200, 800]}
SPHERES = {"weight_decay": [5e-7, 1e-3], "n_latent": [4, 16]}
FAMILIES = {
    "AutoEncoder": (AutoEncoder, CODES),
    "VAE": (VAE, CODES),
    "DeepSVDD": (
        DeepSVDD,
        [
            SPHERES | {"objective": ["one-class"]},
            SPHERES | {"objective": ["soft-boundary"], "nu": [0.05, 0.2]},
        ],
    ),
}


def study(name, family, seed):
    """Values of what each criterion selects on one data set, and how it ranks the candidates."""
    torch.set_num_threads(1)
    cls, grid = FAMILIES[family]
    X, y = fetch_adbench(name, return_X_y=True)
    X, X_test, _, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
    X, held_out = train_test_split(X, test_size=0.3, random_state=seed)
    detectors = [cls(random_state=seed, **params).fit(X) for params in [{}, *ParameterGrid(grid)]]
    on_test = [det.score_samples(X_test) for det in detectors]
    default, *candidates = (percents(y_test, scores) for scores in on_test)
    candidates = np.array(candidates)
    criteria = {
        "mass volume": [mass_volume_scorer(det, held_out) for det in detectors[1:]],
        "excess mass": [excess_mass_scorer(det, held_out) for det in detectors[1:]],
        "consensus": consensus([det.score_samples(held_out) for det in detectors[1:]]),
    }
    found = {
        "default": default,
        "a candidate at random": candidates.mean(axis=0),
        **{f"the best by {title}": candidates[np.argmax(each)] for title, each in criteria.items()},
        "mean rank of all": percents(y_test, rankdata(on_test[1:], axis=1).mean(axis=0)),
        "the best by labels of test rows": candidates[candidates[:, 0].argmax()],
    }
    rank = {
        f"the best by {title}": spearmanr(each, candidates[:, 0])[0] if np.ptp(each) else 0.0
        for title, each in criteria.items()
    }
    return [
        {"family": family, "detector": who, "AUCROC": roc, "AUCPR": precision}
        | {"rank correlation with AUCROC": rank.get(who, np.nan)}
        for who, (roc, precision) in found.items()
    ]


def main():
    parser = make_parser(__doc__, n_jobs=2, seeds=[1, 2])
    options = parser.parse_args()
    require_data(*SMALL)
    results = Parallel(options.n_jobs, verbose=1)(
        delayed(study)(name, family, seed)
        for name in SMALL
        for family in FAMILIES
        for seed in options.seeds
    )
    rows = pd.DataFrame([row for part in results for row in part])
    sections = []
    for family, part in rows.groupby("family", sort=False):
        means = part.drop(columns="family").groupby("detector", sort=False).mean()
        shown = {"AUCROC": "{:.1f}", "AUCPR": "{:.1f}", means.columns[-1]: "{:+.2f}"}
        cells = {column: means[column].map(form.format) for column, form in shown.items()}
        table = pd.DataFrame(cells).replace("+nan", "–").to_markdown(disable_numparse=True)
        sections += [f"## {family}", table]
    write_page(
        options.output,
        "Selection without labels",
        f"means over {len(SMALL)} sets ({', '.join(SMALL)}) and seeds "
        f"{' '.join(map(str, options.seeds))}, percent, of test rows. Candidates are twelve "
        "settings of each detector. A criterion that is the same for all candidates picks the "
        "first one, and its rank correlation counts as 0.",
        *sections,
        sets=SMALL,
    )


if __name__ == "__main__":
    main()
