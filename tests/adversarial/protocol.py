"""Half of the normal rows to train on; the other half and all anomalies to test."""

import numpy as np
from sklearn.model_selection import train_test_split

from skdeepad.datasets import fetch_adbench


def halves(name, seed=0):
    """Training rows, test rows, and which of these are anomalies."""
    X, y = fetch_adbench(name, return_X_y=True, download_if_missing=False)
    X_train, X_test = train_test_split(X[y == 0], test_size=0.5, random_state=seed)
    return X_train, np.r_[X_test, X[y == 1]], np.repeat([0, 1], [len(X_test), (y == 1).sum()])
