import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.ensemble import IsolationForest

from .instances import learning


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def quick_stages(request, monkeypatch):
    """Cut short what takes most of a small fit and has no parameter.

    That is in this process only: tests in which others fit too are marked ``whole_stages``, and
    so are those of what a detector learns.
    """
    if request.node.get_closest_marker("whole_stages"):
        return
    monkeypatch.setattr("skdeepad.flow._boundary.PAIR_STEPS", 5)
    forest = partial(IsolationForest, n_estimators=5)
    for module in ("base._labels", "reinforcement._environment"):
        monkeypatch.setattr(f"skdeepad.{module}.IsolationForest", forest)


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


def far_rows(n, rng, X):
    directions = rng.randn(n, X.shape[1])
    return 5 * X.std() * directions / np.linalg.norm(directions, axis=1, keepdims=True)


def broken_rows(n, rng, normal):
    return np.column_stack([rng.permutation(column)[:n] for column in normal.T])


@pytest.fixture(scope="session")
def far_anomalies(X):
    """Test rows, the last 50 of them far away, and which are."""
    rng = np.random.RandomState(1)
    far = far_rows(50, rng, X)
    return np.r_[correlated_rows(200, rng), far], np.repeat([0, 1], [200, 50])


@pytest.fixture(scope="session")
def broken_correlations(X):
    """Test rows, the last 50 with the right marginals and no correlations, and which are."""
    rng = np.random.RandomState(2)
    normal = correlated_rows(200, rng)
    return np.r_[normal, broken_rows(50, rng, normal)], np.repeat([0, 1], [200, 50])


@pytest.fixture(scope="session")
def known_far(X):
    """Anomalies for training, of the kind of ``far_anomalies``."""
    return far_rows(20, np.random.RandomState(3), X)


@pytest.fixture(scope="session")
def known_broken(X):
    """Anomalies for training, of the kind of ``broken_correlations``."""
    rng = np.random.RandomState(4)
    return broken_rows(20, rng, correlated_rows(200, rng))


@pytest.fixture(scope="session")
def learned(request, X):
    """A detector, by its name, that has learned ``X`` without labels; tests only read it.

    Tests that share it run next to one another.
    """
    return learning(request.param).fit(X)
