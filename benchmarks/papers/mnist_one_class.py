"""One digit of MNIST is normal, the others are anomalies: convolutional autoencoders side by side.

Run ``SKDEEPAD_DATA=... python benchmarks/papers/mnist_one_class.py``. The protocol is Deep SVDD's
(Ruff et al., ICML 2018): train on all training images of one digit, test on all 10,000 test images;
images are normalised to global contrast and scaled to [0, 1] by the digit's own. The network is the
paper's LeNet. ``--digits`` and ``--epochs`` name less or more, and ``--quick`` is a trial, with
scikit-learn's digits if need be.
"""

import numpy as np
import pandas as pd
from _path import study
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.decomposition import PCA

from skdeepad import AAE, VAE, WAE, AutoEncoder
from skdeepad.metrics import anomaly_roc_auc
from skdeepad.nn import ConvBackbone

# Deep SVDD's table 1: the deep convolutional autoencoder, 350 epochs, means of ten seeds.
PUBLISHED = [97.6, 98.3, 85.4, 86.7, 86.5, 78.2, 94.6, 92.3, 86.5, 90.4]
COMMON = {"scaler": None, "max_steps": None, "batch_size": 200, "trim": 0.0, "n_latent": 32}
DETECTORS = {
    "AutoEncoder (DCAE)": AutoEncoder(residual_scaling="plain", **COMMON),
    "VAE, ELBO": VAE(likelihood="gaussian", min_std=0.01, **COMMON),
    "AAE": AAE(residual_scaling="plain", **COMMON),
    "WAE": WAE(residual_scaling="plain", **COMMON),
}


def contrast_normalised(images):
    """Rows of mean 0 and mean absolute value 1."""
    rows = images.reshape(len(images), -1)
    rows = rows - rows.mean(1, keepdims=True)
    return rows / np.abs(rows).mean(1, keepdims=True)


def scores_of(name, train, test, n_epochs, seed):
    if name == "PCA, 32 components":
        pca = PCA(32, random_state=seed).fit(train)
        return -((test - pca.inverse_transform(pca.transform(test))) ** 2).mean(1)
    side = int(train.shape[1] ** 0.5)
    det = clone(DETECTORS[name]).set_params(
        backbone=ConvBackbone((1, side, side), kernel_size=5 if side > 8 else 3),
        max_epochs=n_epochs,
        random_state=seed,
    )
    return det.fit(train).score_samples(test)


def run(name, digit, n_epochs, seed, mnist):
    train = contrast_normalised(mnist["X_train"][mnist["y_train"] == digit])
    test, y = contrast_normalised(mnist["X_test"]), (mnist["y_test"] != digit).astype(int)
    low, high = train.min(), train.max()
    train, test = ((rows - low) / (high - low) for rows in (train, test))
    scores, seconds = study.timed(scores_of, name, train, test, n_epochs, seed)
    return {
        "detector": name,
        "digit": digit,
        "AUC": 100 * anomaly_roc_auc(y, scores),
        "s of CPU": seconds,
    }


def main():
    parser = study.make_parser(__doc__, n_jobs=2)
    parser.add_argument("--digits", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.digits, options.epochs = options.digits[:1], 1
    mnist = study.load_mnist(quick=options.quick)
    rows = pd.DataFrame(
        Parallel(options.n_jobs, verbose=1)(
            delayed(run)(name, digit, options.epochs, options.seed, mnist)
            for digit in options.digits
            for name in ["PCA, 32 components", *DETECTORS]
        )
    )
    table = rows.pivot_table(index="digit", columns="detector", values="AUC", sort=False)
    table["DCAE, published"] = [PUBLISHED[digit] for digit in options.digits]
    table.loc["mean"] = table.mean()
    table.loc["s of CPU"] = rows.groupby("detector")["s of CPU"].mean()
    study.write_page(
        options.output,
        "One digit against the rest",
        f"{mnist['title']}, {options.epochs} epochs (the paper: 350), seed {options.seed}, ROC AUC "
        "in percent.",
        table.round(1).astype(object).where(table.notna(), "").to_markdown(),
        sets=[f"{mnist['title']} images"],
    )


if __name__ == "__main__":
    main()
