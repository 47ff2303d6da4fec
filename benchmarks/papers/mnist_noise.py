"""Digits under growing noise: scores of models that were trained on clean images.

Run ``SKDEEPAD_DATA=... python benchmarks/papers/mnist_noise.py``. A share of the pixels of each
test image is replaced by grey values at random. The score is the negative mean of log p(x|·) over
draws of the codes, the reconstruction probability; ADGM, which has ten labels of each digit, is
scored by the bound of log p(x). The page comes with a picture of a digit at each level of the noise
and of its reconstructions. ``--quick`` is a trial, with scikit-learn's digits if
need be. ``--images`` and ``--steps`` name less or more.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from _path import study
from sklearn.base import clone

from skdeepad import ADGM, VAE, AuxiliaryVAE, LadderVAE
from skdeepad.metrics import anomaly_roc_auc

SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
N_TEST = 2000
COMMON = {
    "hidden_layer_sizes": (200, 200),
    "activation": "relu",
    "likelihood": "bernoulli",
    "scaler": None,
    "trim": 0.0,
    "max_epochs": 1000,
    "batch_size": 100,
    "lr": 1e-3,
}
MODELS = {
    "VAE": VAE(n_latent=20, anomaly_score="reconstruction_probability", **COMMON),
    "AuxiliaryVAE": AuxiliaryVAE(
        n_latent=20, n_auxiliary=20, anomaly_score="reconstruction_probability", **COMMON
    ),
    "LadderVAE": LadderVAE(
        n_latent=(20, 10, 5),
        anomaly_score="reconstruction_probability",
        **COMMON | {"hidden_layer_sizes": (200, 100, 50)},
    ),
    "ADGM": ADGM(n_latent=20, n_auxiliary=20, anomaly_score="marginal", **COMMON),
}


def load(options):
    """Images to train on and their digits, and images to test."""
    mnist = study.load_mnist(quick=options.quick)
    X, X_test = (
        mnist[f"X_{part}"].reshape(len(mnist[f"y_{part}"]), -1) for part in ("train", "test")
    )
    return X[: options.images], mnist["y_train"][: options.images], X_test[:N_TEST]


def with_noise(X, share):
    """Images of which a share of the pixels has grey values at random."""
    rng = np.random.RandomState(0)
    return np.where(rng.uniform(size=X.shape) < share, rng.uniform(size=X.shape), X)


def ten_labels(digits):
    """Labels 1 to 10 of ten images of each digit, 0 for all others."""
    y = np.zeros(len(digits), dtype=int)
    for digit in range(10):
        y[np.flatnonzero(digits == digit)[:10]] = digit + 1
    return y


def evaluate(name, options):
    """Rows of the table, a model's reconstructions of the first image, and its median scores."""
    X, digits, X_test = load(options)
    det = clone(MODELS[name]).set_params(max_steps=options.steps, random_state=0)
    _, seconds = study.timed(det.fit, X, ten_labels(digits) if name == "ADGM" else None)
    clean = det.score_samples(X_test)
    rows, pictures = [], []
    for share in SHARES:
        noisy = with_noise(X_test, share)
        scores = det.score_samples(noisy)
        y = np.repeat([0, 1], len(clean))
        rows.append(
            {
                "model": name,
                "share": f"{share:.0%}",
                "score": -np.median(scores),
                "AUROC": 100 * anomaly_roc_auc(y, np.r_[clean, scores]),
                "s of CPU": seconds,
            }
        )
        pictures.append(det.reconstruct(noisy[:1])[0])
    return rows, pictures


def draw(pictures, X):
    """A digit at each level of the noise, and below it each model's reconstruction."""
    rows = {"image": [with_noise(X[:1], share)[0] for share in SHARES], **pictures}
    figure, axes = plt.subplots(
        len(rows), len(SHARES), figsize=(1.3 * len(SHARES), 1.4 * len(rows)), layout="constrained"
    )
    side = int(X.shape[1] ** 0.5)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for ax, image, share in zip(line, images, SHARES, strict=True):
            ax.imshow(image.reshape(side, side), cmap="gray_r", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
            if name == "image":
                ax.set_title(f"{share:.0%}")
        line[0].set_ylabel(name)
    return figure


def main():
    parser = study.make_parser(__doc__)
    names = list(MODELS)
    parser.add_argument("--models", nargs="+", default=names, choices=names, metavar="NAME")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.images, options.steps = 1200, 300
    torch.set_num_threads(1)
    plt.switch_backend("agg")
    # Digits are classes, and none of them is an anomaly.
    warnings.filterwarnings("ignore", message="There is no labelled anomaly")
    rows, pictures = [], {}
    for name in options.models:
        found, pictures[name] = evaluate(name, options)
        rows += found
    figure = draw(pictures, load(options)[2])
    figure.savefig(study.output_file(options.output, ".png"), dpi=80)
    table = pd.DataFrame(rows)
    by_share = table.pivot_table(index="model", columns="share", values="AUROC", sort=False)
    scores = table.pivot_table(index="model", columns="share", values="score", sort=False)
    title = study.load_mnist(quick=options.quick)["title"]
    study.write_page(
        options.output,
        "Digits under growing noise",
        f"{options.steps:,} steps on clean images ({options.images:,} of {title}), seed 0; columns "
        "are the shares of the pixels of a test image that are replaced by grey values at random.",
        "## Median anomaly score, in nats",
        scores.to_markdown(floatfmt=".1f"),
        "## AUROC of noisy images against clean ones, in percent",
        by_share.assign(**{"s of CPU": table.groupby("model")["s of CPU"].first()}).to_markdown(
            floatfmt=".1f"
        ),
        sets=[f"{title} images"],
    )


if __name__ == "__main__":
    main()
