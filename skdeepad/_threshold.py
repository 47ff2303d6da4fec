"""From scores to labels: what everything with ``score_samples`` shares."""

from typing import final

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils.validation import check_is_fitted

from ._validation import check_parameter


class OffsetMixin(OutlierMixin):
    """Threshold of an estimator that scores.

    ``fit`` leaves the scores of what it was trained on in ascending order in
    ``training_scores_``.
    """

    training_scores_: np.ndarray

    def _paper_offset(self) -> float:
        """Return the threshold on ``score_samples`` that the paper defines, ``"auto"``."""
        raise NotImplementedError

    @property
    def offset_(self) -> float:
        """Threshold on ``score_samples``.

        It follows ``contamination``, which can be changed after ``fit`` without training again.
        """
        check_is_fitted(self)
        check_parameter(self, "contamination")
        if self.contamination == "auto":
            return self._paper_offset()
        return self._training_quantile(self.contamination)

    def _training_quantile(self, share: float) -> float:
        """Score that a share of the training rows lies below; linear, in constant time."""
        position, last = share * (len(self.training_scores_) - 1), len(self.training_scores_) - 1
        below = int(position)
        low, high = self.training_scores_[[below, min(below + 1, last)]]
        return float(low + (position - below) * (high - low))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "training_scores_")


def labels_of(decision: np.ndarray) -> np.ndarray:
    """+1 for inliers, −1 for outliers; what has no finite score is an outlier."""
    return np.where(decision >= 0, 1, -1)


class ThresholdMixin(OffsetMixin):
    """Threshold and labels of an estimator with ``score_samples`` of rows."""

    @final
    def decision_function(self, X):
        """Return the score of each row relative to the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            ``score_samples(X) - offset_``: negative for outliers.
        """
        return self.score_samples(X) - self.offset_

    @final
    def predict(self, X):
        """Label each row as inlier or outlier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to label.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            +1 for inliers, −1 for outliers. A row without a finite score is an outlier.
        """
        return labels_of(self.decision_function(X))

    @final
    def fit_predict(self, X, y=None):
        """Fit the detector to ``X`` and label its rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, at least two.
        y : array-like of shape (n_samples,), default=None
            What ``fit`` takes.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            +1 for inliers, −1 for outliers.
        """
        return self.fit(X, y).predict(X)
