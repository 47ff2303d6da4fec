"""scikit-learn's k-means of codes."""

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

# Number of rows on which the starts of k-means are compared; the best one continues with all rows.
START_ROWS = 10_000


def best_centers(codes: np.ndarray, n_clusters: int, n_init: int, seed: int) -> np.ndarray:
    """Return the centres of the best of ``n_init`` starts, (n_clusters, n_latent).

    With fewer rows than clusters, the rows are the centres, some of them more than once.
    """
    if not _are_many(codes, n_clusters):
        return np.resize(codes, (n_clusters, codes.shape[1]))
    n_some, some = max(START_ROWS, n_clusters), codes
    if len(codes) > n_some:
        some = codes[np.random.RandomState(seed).choice(len(codes), n_some, replace=False)]
    return moved_centers(codes, _centers_of(some, n_clusters, n_init=n_init, random_state=seed))


def moved_centers(codes: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Run k-means from ``start`` until each centre is the mean of its rows; return the centres."""
    if not _are_many(codes, len(start)):
        return start
    return _centers_of(codes, len(start), init=start.astype(codes.dtype), n_init=1, tol=0)


def _are_many(codes: np.ndarray, n_clusters: int) -> bool:
    """Return whether k-means can run; codes are not finite if training has failed."""
    return len(codes) >= n_clusters and bool(np.isfinite(codes).all())


def _centers_of(codes: np.ndarray, n_clusters: int, **params) -> np.ndarray:
    # With several threads the order of sums, and with it the result, is random.
    with threadpool_limits(1), warnings.catch_warnings():
        # With few distinct rows, as with fewer rows than clusters, some centres coincide.
        warnings.filterwarnings("ignore", "Number of distinct clusters", ConvergenceWarning)
        return KMeans(n_clusters, **params).fit(codes).cluster_centers_
