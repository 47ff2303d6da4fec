"""AnoGAN's latent search, all rows at once, beside PyOD's loop over rows, in one process.

Run ``SKDEEPAD_DATA=... python benchmarks/search.py``. One thread, CPU time, 100 steps a row, nets
of equal widths. PyOD searches in ``fit`` alone, row by row, and moves the nets' weights too; with
``epochs=0`` its ``fit`` is that loop and nothing else. It is timed on 100 rows and scaled to the
others' number.
"""

import numpy as np
import pandas as pd
import torch
from _study import make_parser, require_data, timed, write_page
from sklearn.model_selection import train_test_split

from skdeepad import AnoGAN
from skdeepad.datasets import fetch_adbench

SETS = ("optdigits", "pendigits")
N_ROWS, N_TIMED, N_STEPS = 3500, 100, 100


def seconds(function, *args):
    """Median of three runs."""
    return np.median([timed(function, *args)[1] for _ in range(3)])


def pyod_search(X, n_latent):
    """The loop, as a function of nothing."""
    from pyod.models.anogan import AnoGAN as Rival

    rival = Rival(
        latent_dim_G=n_latent, G_layers=[64, 128], D_layers=[128, 64], epochs=0,
        epochs_query=N_STEPS, device="cpu",
    )  # fmt: skip
    return lambda: rival.fit(X)


def main():
    options = make_parser(__doc__).parse_args()
    require_data(*SETS)
    torch.set_num_threads(1)
    rows = []
    for name in SETS:
        X, y = fetch_adbench(name, return_X_y=True)
        X, normal = train_test_split(X[y == 0], train_size=N_ROWS, random_state=0)
        det = AnoGAN(n_latent_steps=N_STEPS, random_state=0)
        encoder = AnoGAN(train_encoder=True, random_state=0)
        for each in (det, encoder):
            each.fit(normal)
        n_latent = det.net_.module_.n_latent
        scaled = det.scaler_.transform(X[:N_TIMED])
        ours = seconds(det.score_samples, X)
        theirs = seconds(pyod_search(scaled, n_latent)) * N_ROWS / N_TIMED
        rows.append(
            {
                "rows": f"{name}, {N_ROWS}",
                "skdeepad, search": ours,
                "skdeepad, encoder": seconds(encoder.score_samples, X),
                "PyOD's loop, scaled": theirs,
                "ratio of the searches": ours / theirs,
            }
        )
    write_page(
        options.output,
        "AnoGAN's latent search",
        f"seconds of CPU to score rows, one thread, {N_STEPS} steps a row, medians of three. "
        f"PyOD's loop is timed on {N_TIMED} rows.",
        pd.DataFrame(rows).set_index("rows").round(4).to_markdown(),
        sets=SETS,
    )


if __name__ == "__main__":
    main()
