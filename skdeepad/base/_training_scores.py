"""Scores of the training rows of an estimator."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from ..training import warn


def scores_of_training_rows(estimator, X) -> np.ndarray:
    """Return the scores of the training rows of an estimator, in their order.

    Scores that compare a row with the training rows leave out the row itself.
    """
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        X, estimator = estimator[:-1].transform(X), estimator[-1]
    if isinstance(estimator, FrozenEstimator):  # its training rows are unknown
        return estimator.score_samples(X)
    return getattr(estimator, "_score_known_rows", estimator.score_samples)(X)


def warn_if_degenerate(scores: np.ndarray) -> None:
    """Warn if the scores of the training rows are not finite or all equal."""
    low, high = scores.min(), scores.max()  # NaN if there is one
    if not np.isfinite([low, high]).all():
        what = "are not finite; scale the input or lower lr"
    elif len(scores) > 1 and high - low <= 1e-7 * max(abs(low), abs(high)):
        what = "are all equal: the model has collapsed, or all rows are the same"
    else:
        return
    warn(f"The scores of the training rows {what}.", ConvergenceWarning)
