"""Groups of rows: the paper's synthetic task, and images as groups of one row.

Run ``SKDEEPAD_DATA=... python benchmarks/groups.py``. Figures are AUCROC, means over seeds, of
detectors that are fitted to all groups and score the same groups.
"""

import numpy as np
import pandas as pd
from _study import load_mnist, make_parser, require_data, write_page
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skdeepad import VAE, GroupAnomalyDetector
from skdeepad.metrics import anomaly_roc_auc

POINTS = VAE(hidden_layer_sizes=(32, 32), n_latent=1, n_draws=4, max_steps=1000)
IMAGES = VAE(hidden_layer_sizes=(256, 128), n_latent=16, likelihood="bernoulli", scaler=None)
SCORES = ("characterization", "reference", "mean_point", "max_point")


def correlated(n_groups, rho, rng, n_members=1536):
    """Groups of points in the plane with correlation ``rho``."""
    points = rng.standard_normal((n_groups, n_members, 2)).astype(np.float32)
    points[..., 1] = rho * points[..., 0] + np.sqrt(1 - rho**2) * points[..., 1]
    return points


def synthetic(n_normal, rng):
    X = np.concatenate([correlated(n_normal, 0.7, rng), correlated(50, -0.7, rng)])
    return X, np.repeat([0, 1], [n_normal, 50])


def digits(*wanted):
    mnist = load_mnist()
    return [mnist["X_train"][mnist["y_train"] == digit] for digit in wanted]


def rotated(rng):
    """3,000 fours, and 50 on their side."""
    fours = rng.permutation(digits(4)[0])[:3050]
    anomalies = np.rot90(fours[3000:], axes=(1, 2))
    return np.concatenate([fours[:3000], anomalies]), np.repeat([0, 1], [3000, 50])


def stitched(rng):
    """3,000 threes and fours, and 50 that are the left half of one and the right of the other."""
    threes, fours = (rng.permutation(images)[:1550] for images in digits(3, 4))
    halves = np.concatenate([threes[1500:, :, :14], fours[1500:, :, 14:]], axis=2)
    X = np.concatenate([threes[:1500], fours[:1500], halves])
    return X, np.repeat([0, 1], [3000, 50])


def flattened(groups):
    return groups.reshape(len(groups), -1)


def distance_to_the_mean(groups):
    rows = flattened(groups)
    return -np.linalg.norm(rows - rows.mean(0), axis=1)


def reconstruction_error(estimator, rows):
    return -((rows - estimator.reconstruct(rows)) ** 2).sum(1)


def aucs(X, y, estimator, as_rows):
    """AUCROC of each score, on one and the same fit, and of what knows no groups."""
    X = flattened(X) if as_rows else X
    members = X if as_rows else X.reshape(-1, X.shape[2])
    fitted = clone(estimator).fit(members)
    whole = fitted if as_rows else VAE(max_steps=1000, random_state=0).fit(flattened(X))
    result = {}
    for score in SCORES:
        detector = GroupAnomalyDetector(
            FrozenEstimator(fitted), anomaly_score=score, random_state=0
        )
        result[score] = detector.fit(X).score_samples(X)
    result["distance to the mean group"] = distance_to_the_mean(X)
    result["reconstruction error of the flattened group"] = reconstruction_error(
        whole, flattened(X)
    )
    return {name: anomaly_roc_auc(y, scores) for name, scores in result.items()}


def main():
    options = make_parser(__doc__, seeds=[0, 1, 2]).parse_args()
    require_data("MNIST")
    tasks = {
        "500 groups of points": (lambda rng: synthetic(500, rng), POINTS, False),
        "2,000 groups of points": (lambda rng: synthetic(2000, rng), POINTS, False),
        "rotated digits": (rotated, IMAGES, True),
        "stitched digits": (stitched, IMAGES, True),
    }
    table = {}
    for name, (make, estimator, as_rows) in tasks.items():
        runs = []
        for seed in options.seeds:
            X, y = make(np.random.RandomState(seed))
            runs.append(aucs(X, y, estimator.set_params(random_state=seed), as_rows))
            print(name, seed, {key: round(value, 3) for key, value in runs[-1].items()}, flush=True)
        table[name] = pd.DataFrame(runs).mean()
    write_page(
        options.output,
        "Groups of rows",
        f"AUCROC, mean over the seeds {' '.join(map(str, options.seeds))}. Points: 50 "
        "groups of 1,536 points in the plane with correlation -.7 among groups with .7. Digits: "
        "each image is a group of one row, as in the paper; 50 fours rotated by 90 degrees among "
        "3,000, and 50 images stitched of halves of a three and a four among 3,000 threes and "
        "fours.",
        pd.DataFrame(table).round(3).to_markdown(),
        sets=["points", "MNIST images"],
    )


if __name__ == "__main__":
    main()
