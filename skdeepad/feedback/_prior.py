"""Scores of a fitted detector as features, and as what answers are added to."""

import numpy as np

from ..base._training_scores import median_and_unit, scores_of_training_rows
from ..ensemble import DetectorEnsemble

# Anomaly scores are clipped to this range, in units of the distance from the median of the training
# rows to their .95 quantile.
LEAST, MOST = -1.0, 5.0


class Prior:
    """A fitted detector, whose anomaly scores have the unit of those of its training rows.

    Parameters
    ----------
    detector : estimator
        The fitted detector. A :class:`~skdeepad.DetectorEnsemble` has a column of scores for each
        member, any other detector one column.
    X : array-like of shape (n_samples, n_features)
        Its training rows.

    Attributes
    ----------
    columns : ndarray of shape (n_samples, n_columns)
        Anomaly scores of the training rows in their units; no row is compared with itself.
    scores : ndarray of shape (n_samples,)
        ``score_samples`` of the training rows, likewise.
    """

    def __init__(self, detector, X) -> None:
        self.detector = detector
        is_ensemble = isinstance(detector, DetectorEnsemble)
        self.members = detector.estimators_ if is_ensemble else [detector]
        self.weights = detector._weights if is_ensemble else np.ones(1)
        scores = [scores_of_training_rows(member, X) for member in self.members]
        self.units = [median_and_unit(np.sort(each)) for each in scores]
        self.columns = in_units(scores, self.units)
        self.scores = detector._combined(scores) if is_ensemble else scores[0]

    def columns_of(self, X) -> np.ndarray:
        """Return the columns of rows, (n_samples, n_columns)."""
        return in_units([member.score_samples(X) for member in self.members], self.units)

    def mean(self, columns: np.ndarray) -> np.ndarray:
        """Return the weighted mean of columns, (n_samples,)."""
        return np.average(columns, axis=1, weights=self.weights)


def in_units(scores: list[np.ndarray], units: list[tuple[float, float]]) -> np.ndarray:
    """Return anomaly scores of several detectors as distances from their medians, clipped."""
    columns = [(median - each) / unit for each, (median, unit) in zip(scores, units, strict=True)]
    return np.column_stack(columns).clip(LEAST, MOST)
