"""Train on a stratified 70 % of a set, of whose anomalies a share is known; test on the rest."""

from math import ceil

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split

from skdeepad.datasets import fetch_adbench


def few_labels(name, share, seed=1):
    """Training rows, their labels (-1 or 0), test rows, and which of them are anomalies."""
    X, y = fetch_adbench(name, return_X_y=True, download_if_missing=False)
    rng = np.random.RandomState(seed)
    rows = np.arange(len(y))
    if len(y) < 1000 or len(y) > 10_000:  # ADBench's sizes
        rows = rng.choice(rows, min(max(len(y), 1000), 10_000), replace=len(y) < 1000)
    train, test = train_test_split(rows, test_size=0.3, stratify=y[rows], random_state=rng)
    anomalies = rng.permutation(np.flatnonzero(y[train]))
    labels = np.zeros(len(train), dtype=int)
    labels[anomalies[: ceil(share * len(anomalies))]] = -1
    return X[train], labels, X[test], y[test]


def scores_of(detector, name, share, seed=1):
    """ROC AUC and average precision, in percent, of a detector with few labels."""
    X, labels, X_test, y_test = few_labels(name, share, seed)
    scores = -detector.fit(X, labels).score_samples(X_test)
    return 100 * roc_auc_score(y_test, scores), 100 * average_precision_score(y_test, scores)


def published_and_ours(cls, published, shares=(0.01, 0.1), seeds=(1, 2, 3)):
    """Mean published and own average precision over sets and shares of known anomalies.

    ``published`` has for each set one value for each share.
    """
    ours = [
        scores_of(cls(random_state=seed), name, share, seed)[1]
        for name in published
        for share in shares
        for seed in seeds
    ]
    return np.mean(list(published.values())), np.mean(ours)
