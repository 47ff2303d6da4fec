import os
from pathlib import Path

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data():
    """Folder of the real data sets; tests that need it skip without it."""
    folder = os.environ.get("SKDEEPAD_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs the environment variable SKDEEPAD_DATA to name the data folder")
    return Path(folder)


def correlated_rows(n, rng, n_features=8):
    weights = np.random.RandomState(7).randn(2, n_features)
    return rng.randn(n, 2) @ weights + 0.1 * rng.randn(n, n_features)


@pytest.fixture(scope="session")
def X():
    """300 rows on a noisy plane in 8 dimensions."""
    return correlated_rows(300, np.random.RandomState(0))


@pytest.fixture(scope="session")
def far_anomalies(X):
    """Test rows, the last 50 of them far away, and which are."""
    rng = np.random.RandomState(1)
    directions = rng.randn(50, X.shape[1])
    far = 5 * X.std() * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return np.r_[correlated_rows(200, rng), far], np.repeat([0, 1], [200, 50])


@pytest.fixture(scope="session")
def broken_correlations(X):
    """Test rows, the last 50 with the right marginals and no correlations, and which are."""
    rng = np.random.RandomState(2)
    normal = correlated_rows(200, rng)
    broken = np.column_stack([rng.permutation(column)[:50] for column in normal.T])
    return np.r_[normal, broken], np.repeat([0, 1], [200, 50])
