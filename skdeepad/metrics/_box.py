"""Scores of a fitted detector, on data and on uniform points around them."""

import numpy as np
from sklearn.utils import check_array

from .._tables import framed_like
from .._validation import check_integer


def detector_scores(estimator, X):
    """Scores in scikit-learn's sign, the higher the more normal.

    ``score_samples`` is asked first: its sign is the same for detectors and densities, and it
    ranks as ``decision_function`` does. The latter alone says nothing about its sign: that of a
    PyOD detector, or of a classifier trained on 0/1, grows with abnormality.
    """
    if hasattr(estimator, "score_samples"):
        return estimator.score_samples(X)
    if not hasattr(estimator, "decision_function"):
        raise TypeError(
            f"estimator={estimator!r} has no scores: a fitted detector with score_samples or "
            "decision_function is accepted"
        )
    if not np.isin(estimator.predict(X), (-1, 1)).all():
        raise TypeError(
            f"estimator={estimator!r} has no score_samples and does not predict -1 for anomalies "
            "and +1 for normal rows, so the sign of its decision_function is not known; "
            "scikit-learn's convention for outlier detectors is accepted"
        )
    return estimator.decision_function(X)


def generator_of(random_state) -> np.random.Generator:
    """A generator with a seed, or the one that is given."""
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"random_state={random_state!r}: an integer of at least 0 or a "
            "numpy.random.Generator is accepted"
        ) from error


def box_scores(estimator, X, *, n_uniform, random_state):
    """Scores of the rows of ``X`` and of uniform points in their bounding box."""
    check_integer("n_uniform", n_uniform)
    values = check_array(X)
    low, high = (np.float64(end(axis=0)) for end in (values.min, values.max))
    unit = generator_of(random_state).random((n_uniform, len(low)))
    # A constant column has no width: it stays constant, and the volume is that of the others.
    points = framed_like(X, low + (high - low) * unit)
    return detector_scores(estimator, X), detector_scores(estimator, points)
