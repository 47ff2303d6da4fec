"""One digit of MNIST is the anomaly, the others are normal: GANs for images beside PCA.

Run ``SKDEEPAD_DATA=... python benchmarks/papers/mnist_gans.py``. The protocol is EGBAD's (Zenati et
al., 2018), which GANomaly's paper took over: of all 70,000 images, 80 % of those of the other nine
digits are for training, and the other 20 % with all of the digit are the test part. No image is in
both. ``--digits``, ``--steps``, ``--images`` (at most so many of either part, drawn at random) and
``--width`` cut it to the time there is.
"""

import warnings

import numpy as np
import pandas as pd
from _path import study
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from skdeepad import EGBAD, GANomaly
from skdeepad.metrics import anomaly_average_precision, anomaly_roc_auc
from skdeepad.nn import DCGANBackbone

# Images come in [-1, 1].
COMMON = {"scaler": None, "max_epochs": 1000, "batch_size": 64}
DETECTORS = {
    "GANomaly": GANomaly(**COMMON),
    "EGBAD": EGBAD(gradient_penalty_weight=0.0, lr=5e-4, **COMMON),
    "EGBAD, with residual loss": EGBAD(
        gradient_penalty_weight=0.0, reconstruction_weight=1.0, lr=5e-4, **COMMON
    ),
}
NOTE = """\
{steps} steps of 64 images at base width {width}, at most {images} images of either part, seed
{seed}. In percent.

EGBAD's score is nearly all residual; its cross-entropy alone stands beside it. "With residual loss"
is ``reconstruction_weight=1``, a variant of the survey's that the paper does not have.

What was cut: the papers have 15 epochs (GANomaly) and 100 (EGBAD) of some 50,000 images, which are
12,000 and 50,000 steps, at base width 64, and test on all of the rest. Here the test part is a draw
from the same rest. EGBAD has no gradient penalty, as in its paper; all else, learning rates
included, are the detectors' defaults.

There are no published numbers to compare with: GANomaly's paper and the survey (arXiv:1906.11632)
show MNIST in bar charts. In the former digit 1 is poor for every method; the latter says that EGBAD
is above GANomaly."""


def split(mnist, digit, n_most, seed):
    """Images for training, and images to test with which of them are anomalies."""
    X = np.r_[mnist["X_train"], mnist["X_test"]].reshape(-1, 784).astype(np.float32) / 127.5 - 1
    y = (np.r_[mnist["y_train"], mnist["y_test"]] == digit).astype(int)
    rng = np.random.RandomState(seed)
    normal = rng.permutation(np.flatnonzero(y == 0))
    n_train = int(0.8 * len(normal))
    test = rng.permutation(np.r_[normal[n_train:], np.flatnonzero(y == 1)])[:n_most]
    return X[normal[:n_train][:n_most]], X[test], y[test]


def residuals_of_pca(train, test, seed):
    pca = PCA(32, random_state=seed).fit(train)
    return {
        "PCA, 32 components": -((test - pca.inverse_transform(pca.transform(test))) ** 2).sum(1)
    }


def scores_of(name, train, test, options):
    """Scores of the test part, under one name or several."""
    if name == "PCA":
        return residuals_of_pca(train, test, options.seed)
    det = clone(DETECTORS[name]).set_params(
        backbone=DCGANBackbone((1, 28, 28), width=options.width),
        max_steps=options.steps,
        random_state=options.seed,
    )
    scores = det.fit(train).score_samples(test)
    of_residuals = -det.feature_contributions(test).sum(1)
    return {
        "GANomaly": {name: scores, "GANomaly, residual": of_residuals},
        "EGBAD": {name: scores, "EGBAD, cross-entropy": scores - of_residuals},
    }.get(name, {name: scores})


def run(name, digit, options, mnist):
    warnings.simplefilter("ignore", ConvergenceWarning)
    train, test, y = split(mnist, digit, options.images, options.seed)
    scores, seconds = study.timed(scores_of, name, train, test, options)
    return [
        {
            "score": score,
            "digit": digit,
            "AUROC": 100 * anomaly_roc_auc(y, values),
            "AUPRC": 100 * anomaly_average_precision(y, values),
            "share of anomalies": 100 * y.mean(),
            "s of CPU": seconds,
        }
        for score, values in scores.items()
    ]


def table_of(rows, measure):
    """A row for each digit, a column for each score."""
    table = rows.pivot_table(index="digit", columns="score", values=measure, sort=False)
    if measure == "AUPRC":
        table["at random"] = rows.groupby("digit")["share of anomalies"].first()
    table.loc["mean"] = table.mean()
    if measure == "AUPRC":
        table.loc["s of CPU"] = rows.groupby("score")["s of CPU"].mean()
    return table.round(1).astype(object).where(table.notna(), "").to_markdown()


def main():
    parser = study.make_parser(__doc__, n_jobs=1)
    parser.add_argument("--digits", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    mnist = study.load_mnist()
    found = Parallel(options.n_jobs, verbose=1)(
        delayed(run)(name, digit, options, mnist)
        for digit in options.digits
        for name in ["PCA", *DETECTORS]
    )
    rows = pd.DataFrame([row for part in found for row in part])
    study.write_page(
        options.output,
        "One digit left out",
        NOTE.format(**vars(options)),
        *(f"## {measure}\n\n{table_of(rows, measure)}" for measure in ("AUPRC", "AUROC")),
        sets=["MNIST images"],
    )


if __name__ == "__main__":
    main()
