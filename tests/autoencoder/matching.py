"""How well codes meet a prior, on rows that were held out."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from skdeepad.autoencoder._priors import make_prior
from skdeepad.nn import squared_mmd

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
TURNS = torch.arange(8) * torch.pi / 4
#: Eight Gaussians on a circle of radius 2.
RING = MixtureSameFamily(
    Categorical(torch.ones(8)),
    Independent(Normal(2 * torch.stack([TURNS.cos(), TURNS.sin()], 1), 0.2), 1),
)


def pendigits(folder, n_train=4000, seed=0):
    """Normal rows to train on, and 1,500 held out."""
    path = folder / "adbench" / "28_pendigits.npz"
    if not path.exists():
        pytest.skip(f"needs {path}")
    with np.load(path) as file:
        X, y = file["X"], file["y"]
    order = np.random.RandomState(seed).permutation(np.flatnonzero(y == 0))
    return X[order[:n_train]], X[order[n_train : n_train + 1500]]


def crossed_curves(n, seed):
    """Rows of a surface of two dimensions in six."""
    rng = np.random.RandomState(seed)
    t, u = rng.uniform(-1, 1, (2, n))
    rows = np.column_stack([t, np.sin(3 * t), t**2, u, u * t, np.cos(3 * u)])
    return rows + 0.05 * rng.randn(n, 6)


def draws(prior, n):
    return make_prior(prior, 2).draw(n, torch.Generator().manual_seed(1))


def codes(det, X):
    return torch.as_tensor(det.transform(X), dtype=torch.float32)


def distance_to(prior, det, X):
    """Squared MMD of the codes of ``X`` to draws from the prior, the kernel averaged."""
    lengths = [scale * make_prior(prior, 2).squared_length for scale in SCALES]
    mmd = squared_mmd(codes(det, X), draws(prior, len(X)), "imq", lengths)
    return mmd.item() / len(SCALES)


def reconstruction(det, X):
    """Mean summed squared error of scaled rows."""
    residual = det.scaler_.transform(X) - det.scaler_.transform(det.reconstruct(X))
    return (residual**2).sum(1).mean()


def auc(det, normal, anomalies):
    y = np.repeat([0, 1], [len(normal), len(anomalies)])
    return roc_auc_score(y, -det.score_samples(np.r_[normal, anomalies]))


def accuracy(discriminator, prior, det, X):
    """Share of codes and draws that the discriminator tells apart."""
    with torch.no_grad():
        real, fake = discriminator(draws(prior, len(X))), discriminator(codes(det, X))
    return ((real > 0).float().mean().item() + (fake < 0).float().mean().item()) / 2
