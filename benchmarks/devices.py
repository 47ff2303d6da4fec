"""Training and scoring on a GPU, beside one thread and beside all cores of the CPU.

Run ``python benchmarks/devices.py``. Seconds of the wall clock, the median over interleaved repeats
in one process after a first round that warms up. ``--device cpu`` is a trial without a GPU.
"""

import time
import warnings
from functools import partial

import numpy as np
import pandas as pd
import torch
from _study import make_parser, write_page
from joblib import cpu_count, parallel_config
from sklearn.exceptions import ConvergenceWarning

from skdeepad import VAE, AutoEncoder, DeepSVDD, DetectorEnsemble, GANomaly, InvertibleResNet
from skdeepad.nn import DCGANBackbone

TABLE, MANY, IMAGES = "10,000 rows of 30", "1,000,000 rows of 30", "5,000 images, 28 × 28"
SHAPES = {TABLE: (10_000, 30), MANY: (1_000_000, 30), IMAGES: (5_000, 784)}
IMAGE = {"backbone": DCGANBackbone(width=64), "scaler": None, "batch_size": 64}


def many_nets(**params):
    return DetectorEnsemble(VAE(**params), n_estimators=40)


# Each with its rows and its training steps.
CASES = {
    "VAE": (VAE, TABLE, 500),
    "DeepSVDD": (partial(DeepSVDD, pretrain_epochs=0), TABLE, 500),
    "InvertibleResNet": (InvertibleResNet, TABLE, 100),
    "40 VAEs, trained as one": (many_nets, TABLE, 200),
    "VAE, batches of 8,192": (partial(VAE, batch_size=8_192), MANY, 200),
    "AutoEncoder, layers of 2,048 and 512": (
        partial(AutoEncoder, hidden_layer_sizes=(2048, 512), batch_size=1_024),
        TABLE,
        200,
    ),
    "AutoEncoder, DCGAN of width 64": (partial(AutoEncoder, **IMAGE), IMAGES, 60),
    "GANomaly, DCGAN of width 64": (partial(GANomaly, **IMAGE), IMAGES, 60),
}


def rows(shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def seconds(name, device, n_threads, scale):
    """Seconds of the clock to fit, and to score as many rows as were fitted."""
    make, table, n_steps = CASES[name]
    X = rows((max(300, int(SHAPES[table][0] * scale)), SHAPES[table][1]))
    steps = {"max_epochs": 100_000, "max_steps": max(2, int(n_steps * scale))}
    detector = make(**steps, device=device).set_params(random_state=0)
    torch.set_num_threads(n_threads)
    with parallel_config(backend="stacked"):
        start = time.perf_counter()
        detector.fit(X)
        fitted = time.perf_counter()
    detector.score_samples(X)
    return fitted - start, time.perf_counter() - fitted


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--device", default="cuda", help="beside the CPU (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, metavar="N")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows and steps")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    options = parser.parse_args()
    # So short a training need not have converged.
    warnings.simplefilter("ignore", ConvergenceWarning)
    n_cores = cpu_count()
    places = {
        "CPU, 1 thread": ("cpu", 1),
        f"CPU, {n_cores} threads": ("cpu", n_cores),
        options.device: (options.device, 1),
    }
    found = []
    for case in options.cases:
        for repeat in range(options.repeats + 1):
            for place, (device, n_threads) in places.items():
                fit, score = seconds(case, device, n_threads, options.scale)
                if repeat:
                    found.append({"case": case, "place": place, "fit": fit, "score": score})
        print(found[-len(places) :], flush=True)
    medians = pd.DataFrame(found).groupby(["case", "place"], sort=False).median()
    sections = []
    for what, title in {"fit": "Training", "score": "Scoring the rows that were fitted"}.items():
        table = medians[what].unstack("place")[list(places)]
        ratio = table.drop(columns=options.device).min(axis=1) / table[options.device]
        table = table.round(3).assign(ratio=ratio.round(2))
        table.insert(0, "rows", [CASES[case][1] for case in table.index])
        if what == "fit":
            table.insert(1, "steps", [CASES[case][2] for case in table.index])
        sections.append(f"## {title}\n\n{table.to_markdown()}")
    gpu = torch.cuda.get_device_name() if options.device.startswith("cuda") else "no GPU"
    write_page(
        options.output,
        "A GPU beside the CPU",
        f"seconds of the clock, medians of {options.repeats} interleaved repeats after a first "
        f"one, {gpu}, torch {torch.__version__}, of rows and steps the share {options.scale}. The "
        "ratio is the better time of the CPU over that of the device.",
        *sections,
        sets=[],
    )


if __name__ == "__main__":
    main()
