"""Densities of the plane that are known, and what is asked of a boundary."""

import numpy as np
import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

EYE = torch.eye(2, dtype=torch.float64)
FACTOR = torch.tensor([[1.0, 0.0], [0.8, 0.6]], dtype=torch.float64)
MEANS = torch.tensor([[3.0, 0.0], [-3.0, 0.0]], dtype=torch.float64)

STANDARD = MultivariateNormal(torch.zeros(2, dtype=torch.float64), EYE)
ONE_MODE = MultivariateNormal(torch.tensor([1.0, -1.0]).double(), FACTOR @ FACTOR.T)
TWO_MODES = MixtureSameFamily(
    Categorical(torch.ones(2, dtype=torch.float64)), MultivariateNormal(MEANS, 0.5 * EYE)
)


class KnownDensity:
    """A density in closed form, as BDSGM takes it."""

    def __init__(self, distribution):
        self.distribution = distribution

    def log_density(self, x):
        return self.distribution.log_prob(x)

    def score_samples(self, X):
        return self.log_density(torch.as_tensor(X, dtype=torch.float64)).numpy()


def draw(distribution, n, seed):
    """Rows of a distribution, torch's global generator left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return distribution.sample((n,)).numpy()


def share_of_bins(rows, center=(0, 0), n_bins=36):
    """Share of equal angles around a centre in which there are rows."""
    x, y = (rows - np.asarray(center)).T
    bins = np.floor((np.arctan2(y, x) + np.pi) / (2 * np.pi) * n_bins) % n_bins
    return len(np.unique(bins)) / n_bins


def level(distribution, boundary, seed=99):
    """Share of the distribution below the median density of the boundary's rows."""
    density = KnownDensity(distribution)
    rows = density.score_samples(draw(distribution, 50_000, seed))
    return np.mean(rows < np.median(density.score_samples(boundary)))
