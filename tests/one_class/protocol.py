"""Train on normal rows alone, test on held-out rows of both kinds."""

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skdeepad.datasets import fetch_adbench


def one_class_split(name, seed=0):
    """The normal rows of a stratified 60 % of a set, the other 40 %, and which are anomalies."""
    X, y = fetch_adbench(name, return_X_y=True, download_if_missing=False)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=seed)
    return X[y == 0], X_test, y_test


def auc_of(detector, X_test, y_test):
    """ROC AUC of a fitted detector, in (n, d) rows as it was fitted to."""
    return roc_auc_score(y_test, -detector.score_samples(X_test))


def labelled_split(name, seed=0, share=0.01):
    """The same rows and, labelled -1, some of the 60 %'s anomalies: a share of all its rows."""
    X, y = fetch_adbench(name, return_X_y=True, download_if_missing=False)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=seed)
    known = np.random.RandomState(seed).permutation(np.flatnonzero(y == 1))
    known = known[: int(np.ceil(share * len(y)))]
    rows = np.r_[np.flatnonzero(y == 0), known]
    return X[rows], -y[rows], X_test, y_test
