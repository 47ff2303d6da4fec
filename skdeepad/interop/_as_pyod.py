"""A detector as a subclass of pyod's base class; needs pyod."""

from numbers import Real

import numpy as np
from pyod.models.base import BaseDetector
from sklearn.base import clone
from sklearn.utils.validation import check_array, check_is_fitted

from .._validation import innermost
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
            own = getattr(innermost(detector), "contamination", None)
            contamination = own if isinstance(own, Real) else CONTAMINATION
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
        X = check_array(X)
        self._set_n_classes(None)  # with labels, it warns that it ignores them
        signs = None if y is None else -(np.asarray(y) > 0).astype(int)
        self.detector_ = clone(self.detector).fit(X, signs)
        self.decision_scores_ = -scores_of_training_rows(self.detector_, X)
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
        return -self.detector_.score_samples(check_array(X))
