"""A detector as a subclass of pyod's base class; needs pyod."""

from numbers import Real

import numpy as np
from pyod.models.base import BaseDetector
from sklearn.base import clone
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from .._tables import refuse_masked
from .._validation import last_step
from ..base._resuming import all_or_nothing
from ..base._training_scores import scores_of_training_rows

# Share of anomalies if the detector names none; pyod's default.
CONTAMINATION = 0.1


class DetectorOfPyOD(BaseDetector):
    """Outlier detector of scikit-learn's as one of pyod's; :func:`to_pyod` makes one.

    Parameters
    ----------
    detector : estimator
    contamination : float in (0, 0.5], thresholder of pythresh or None, default=None
    """

    def __init__(self, detector, contamination=None):
        if contamination is None:
            own = _contamination_of(detector)
            contamination = own if isinstance(own, Real) else CONTAMINATION
        elif isinstance(contamination, str):  # pyod asks for an object in the middle of a fit
            raise ValueError(
                f"contamination={contamination!r} must be a share in (0, 0.5], a thresholder of "
                "pythresh or None."
            )
        super().__init__(contamination=contamination)
        self.detector = detector

    def fit(self, X, y=None):
        """Fit a clone of the detector.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or None, default=None
            1 for known anomalies, 0 for other rows; detectors that do not learn from labels ignore
            them.

        Returns
        -------
        self : object
        """
        signs, X = None, _rows(X)
        if y is not None:
            refuse_masked(y, "y", "y.filled(0), where 0 is no known anomaly")
            y = column_or_1d(y)
            check_consistent_length(X, y)
            if y.dtype.kind not in "biuf" or not np.isin(y, [0, 1]).all():
                raise ValueError("y must hold 1 for a known anomaly and 0 for any other row.")
            signs = -y.astype(int)
        with all_or_nothing(self):
            self._set_n_classes(None)  # with labels, it warns that it ignores them
            self.detector_ = clone(self.detector).fit(X, signs)
            self.decision_scores_ = -np.asarray(scores_of_training_rows(self.detector_, X))
            self._process_decision_scores()
        return self

    def decision_function(self, X):
        """Return the anomaly score of each row; higher scores are more abnormal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        scores : ndarray of shape (n_samples,)
        """
        check_is_fitted(self, ["decision_scores_", "threshold_", "labels_"])
        return -np.asarray(self.detector_.score_samples(_rows(X)))


def _rows(X):
    """Return a data frame as it is, and anything else as an array; the detector checks values."""
    refuse_masked(X, "X", "X.astype(float).filled(np.nan)")
    return X if hasattr(X, "columns") else check_array(X, ensure_all_finite=False)


def _contamination_of(detector):
    """Return the share that a detector names, or one that it is made of; None without one."""
    detector = last_step(detector)
    while detector is not None and not hasattr(detector, "contamination"):
        detector = last_step(getattr(detector, "detector", getattr(detector, "estimator", None)))
    return getattr(detector, "contamination", None)
