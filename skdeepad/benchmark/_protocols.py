"""How a data set becomes a training and a test part, the same one for every detector."""

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

# ADBench's constants: sizes between which a set is left alone, share of test rows.
MIN_ROWS, MAX_ROWS = 1_000, 10_000
TEST_SIZE = 0.3


class Split(NamedTuple):
    """One split of a data set, scaled to [0, 1] by the training rows.

    Detectors see `X_train` and `X_test`; `y_test` (True = anomaly) is for the metrics alone.
    `twin_share` is the share of test rows that have an exact copy among the training rows.
    """

    X_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    twin_share: float


def adbench(X, y, seed):
    """ADBench's protocol, draw for draw.

    Fewer than 1,000 rows are drawn up to 1,000 with replacement, more than 10,000 down to 10,000;
    then a stratified 70/30 split. Anomalies stay in training. As rows are copied *before* the
    split, small sets leak into the test part: see `twin_share`.
    """
    random_state = np.random.RandomState(seed)
    if len(y) < MIN_ROWS:
        rows = random_state.choice(np.arange(len(y)), MIN_ROWS, replace=True)
    elif len(y) > MAX_ROWS:
        rows = random_state.choice(np.arange(len(y)), MAX_ROWS, replace=False)
    else:
        rows = np.arange(len(y))
    # One stream for both draws, as one seeding of numpy's global state gives.
    train, test = train_test_split(
        rows, test_size=TEST_SIZE, stratify=y[rows], random_state=random_state
    )
    return _scaled(X[train], X[test], y[test])


def clean(X, y, seed):
    """Train on a random half of the normal rows, test on the other half and all anomalies."""
    normal = np.random.RandomState(seed).permutation(np.flatnonzero(~y))
    half = len(normal) // 2
    test = np.concatenate([normal[half:], np.flatnonzero(y)])
    return _scaled(X[normal[:half]], X[test], y[test])


def leak_free(X, y, seed):
    """Split 70/30 so that no row has a twin on the other side, then resample training alone.

    Identical rows move together; the split is stratified by whether a group of them holds an
    anomaly. Training is brought to ADBench's sizes (700 to 7,000 rows); the test part is not
    resampled.
    """
    random_state = np.random.RandomState(seed)
    groups = row_ids(X)
    has_anomaly = np.bincount(groups, weights=y) > 0
    _, test_groups = train_test_split(
        np.arange(len(has_anomaly)),
        test_size=TEST_SIZE,
        stratify=has_anomaly,
        random_state=random_state,
    )
    in_test = np.isin(groups, test_groups)
    train, test = np.flatnonzero(~in_test), np.flatnonzero(in_test)
    at_least, at_most = (round(n * (1 - TEST_SIZE)) for n in (MIN_ROWS, MAX_ROWS))
    if len(train) < at_least:
        train = random_state.choice(train, at_least, replace=True)
    elif len(train) > at_most:
        train = random_state.choice(train, at_most, replace=False)
    return _scaled(X[train], X[test], y[test])


PROTOCOLS = {"adbench": adbench, "clean": clean, "leak-free": leak_free}


def row_ids(X):
    """Number the rows of `X` so that two rows share a number when they are identical."""
    X = np.ascontiguousarray(X, dtype=np.float64) + 0.0  # -0.0 and 0.0 are the same value
    rows = X.view(np.dtype((np.void, X.itemsize * X.shape[1]))).ravel()
    return np.unique(rows, return_inverse=True)[1].ravel()


def _scaled(X_train, X_test, y_test):
    ids = row_ids(np.concatenate([X_train, X_test]))
    twins = np.isin(ids[len(X_train) :], ids[: len(X_train)])
    scaler = MinMaxScaler().fit(X_train)
    return Split(scaler.transform(X_train), scaler.transform(X_test), y_test, float(twins.mean()))
