"""MNIST with 100 labels: test errors of ADGM, SDGM and a model without an auxiliary variable.

Run ``SKDEEPAD_DATA=... python benchmarks/papers/semi_supervised.py``, 25 minutes on one core for
each model. Ten images of each digit have a label, and all images are trained on; errors are of the
test images. Pixels are binarised anew in each step. The page comes with a picture of images that
each model draws for each digit, as the model reconstructs them. ``--images``, ``--epochs`` and
``--width`` name less or more. ``--quick`` is a trial, with scikit-learn's digits if need be.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from _path import study
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from skorch.callbacks import LRScheduler
from torch.optim.lr_scheduler import CosineAnnealingLR

from skdeepad import ADGM, SDGM
from skdeepad.training import LabelledBatches

N_LABELS = 10
MODELS = {"ADGM": (ADGM, {}), "SDGM": (SDGM, {}), "M2": (ADGM, {"n_auxiliary": 0})}
TITLES = {"M2": "M2, no auxiliary variable"}
# Means and deviations over ten seeds.
PUBLISHED = {"ADGM": "0.96 ± 0.02", "SDGM": "1.32 ± 0.07", "M2": "11.97 ± 1.71"}
N_DRAWN = 8


class BinarisedBatches(LabelledBatches):
    """Pixels drawn anew in each step, with their grey values for probabilities."""

    def __iter__(self):
        for batch in super().__iter__():
            yield batch._replace(x=torch.bernoulli(batch.x, generator=self.generator))


def load(options):
    """Grey values in [0, 1] and digits, for training and for testing."""
    mnist = study.load_mnist(quick=options.quick)
    X, X_test = (
        mnist[f"X_{part}"].reshape(len(mnist[f"y_{part}"]), -1) for part in ("train", "test")
    )
    images = slice(options.images)
    return X[images], mnist["y_train"][images], X_test, mnist["y_test"]


def labels_of(digits, seed):
    """Labels 1 to 10 of ten images of each digit, 0 for all others."""
    rng, y = np.random.RandomState(seed), np.zeros(len(digits), dtype=int)
    for digit in range(10):
        y[rng.choice(np.flatnonzero(digits == digit), N_LABELS, replace=False)] = digit + 1
    return y


def run(name, seed, options):
    """Test error of one model and seed, its seconds of CPU, and images that it draws."""
    torch.set_num_threads(1)
    # Digits are classes, and none of them is an anomaly.
    warnings.filterwarnings("ignore", message="There is no labelled anomaly")
    X, digits, X_test, truth = load(options)
    y = labels_of(digits, seed)
    lively = X.std(0) > 0.1  # pixels of the margin carry nothing
    X, X_test = X[:, lively], X_test[:, lively]
    if name == "labels alone":
        model = LogisticRegression(max_iter=1000)
        _, seconds = study.timed(model.fit, X[y > 0], y[y > 0])
        return {
            "seed": seed,
            "model": name,
            "error": 100 * (model.predict(X_test) != truth + 1).mean(),
            "s of CPU": seconds,
        }, None
    cls, params = MODELS[name]
    size = max(2, options.width // 10)
    det = cls(
        hidden_layer_sizes=(options.width, options.width),
        n_latent=size,
        activation="relu",
        batch_norm=True,
        likelihood="bernoulli",
        n_draws=8,
        scaler=None,
        max_epochs=options.epochs,
        max_steps=None,
        lr=3e-3,
        batch_size=100,
        trim=0,
        callbacks=[LRScheduler(CosineAnnealingLR, T_max=options.epochs)],
        net_params={"iterator_train": BinarisedBatches},
        device=options.device,
        random_state=seed,
        **{"n_auxiliary": size} | params,
    )
    _, seconds = study.timed(det.fit, X, y)
    error = 100 * (det.predict_class(X_test) != truth + 1).mean()
    drawn = np.zeros((10, N_DRAWN, len(lively)))
    for digit in range(10):
        # Drawn pixels are black or white; their reconstructions are grey.
        drawn[digit][:, lively] = det.reconstruct(det.sample(N_DRAWN, random_state=0, y=digit + 1))
    return {"seed": seed, "model": name, "error": error, "s of CPU": seconds}, drawn


def draw(images):
    """A panel for each model, with a row of images for each digit."""
    figure, axes = plt.subplots(1, len(images), figsize=(4 * len(images), 5), layout="constrained")
    for ax, (name, drawn) in zip(np.atleast_1d(axes), images.items(), strict=True):
        side = int(drawn.shape[2] ** 0.5)
        tiles = drawn.reshape(10, -1, side, side).transpose(0, 2, 1, 3).reshape(10 * side, -1)
        ax.imshow(tiles, cmap="gray_r")
        ax.set_title(TITLES.get(name, name))
        ax.set_axis_off()
    return figure


def main():
    parser = study.make_parser(__doc__, n_jobs=1, seeds=[0])
    names = list(MODELS)
    parser.add_argument("--models", nargs="+", default=names, choices=names, metavar="NAME")
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--width", type=int, default=200)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.images, options.epochs, options.width = 1200, 8, 64
    plt.switch_backend("agg")
    tasks = [(name, seed) for name in ["labels alone", *options.models] for seed in options.seeds]
    found = Parallel(options.n_jobs, verbose=1)(delayed(run)(*task, options) for task in tasks)
    rows = pd.DataFrame([row for row, _ in found])
    images = {
        name: drawn for (name, _), (_, drawn) in zip(tasks, found, strict=True) if drawn is not None
    }
    figure = draw(images)
    figure.savefig(study.output_file(options.output, ".png"), dpi=80)
    runs = rows.groupby("model", sort=False)
    table = pd.DataFrame({"test error, %": runs["error"].mean().round(2)})
    if len(options.seeds) > 1:
        table["deviation"] = runs["error"].std().round(2)
    table["published, %"] = [PUBLISHED.get(name, "–") for name in table.index]
    table["s of CPU"] = runs["s of CPU"].mean().round()
    title = study.load_mnist(quick=options.quick)["title"]
    study.write_page(
        options.output,
        "MNIST with 100 labels",
        f"{N_LABELS} labels of each digit among {options.images:,} images of {title}, "
        f"{options.epochs} epochs, {options.width} units in each of two layers, codes of "
        f"{max(2, options.width // 10)}, seeds {' '.join(map(str, options.seeds))}. *Labels alone* "
        "is logistic regression on the labelled images.",
        table.rename(TITLES).to_markdown(),
        "Published are Maaløe et al. (2016) for ADGM and SDGM, with 1,000 epochs of 60,000 images, "
        "layers of 500 units and codes of 100, and Kingma et al. (2014) for M2. They take days on "
        "a CPU.",
        sets=[f"{title} images"],
    )


if __name__ == "__main__":
    main()
