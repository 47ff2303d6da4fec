"""Scores of the rows that an estimator was fitted to."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from ..training import warn


def scores_of_training_rows(estimator, X) -> np.ndarray:
    """Scores of the rows that an estimator was fitted to, in their order.

    What compares a row with the training rows leaves out the row itself.
    """
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        X, estimator = estimator[:-1].transform(X), estimator[-1]
    if isinstance(estimator, FrozenEstimator):  # what it was fitted to is not known
        return estimator.score_samples(X)
    return getattr(estimator, "_score_known_rows", estimator.score_samples)(X)


def warn_if_degenerate(scores: np.ndarray) -> None:
    """Warn where the scores of the training rows can't rank anything."""
    if not np.isfinite(scores).all():
        what = "are not finite; scale the input or lower lr"
    elif len(scores) > 1 and np.ptp(scores) <= 1e-7 * np.abs(scores).max():
        what = "are all alike: the model has collapsed, or all rows are equal"
    else:
        return
    warn(f"The scores of the training rows {what}.", ConvergenceWarning)
