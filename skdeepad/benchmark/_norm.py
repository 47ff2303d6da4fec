"""The floor: what a detector must beat to have learned anything."""

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from .._documentation import DocumentedEstimator


class Norm(OutlierMixin, DocumentedEstimator):
    """Squared norm of the standardised row, a detector without a model.

    A row is as abnormal as it is far from the mean, in standard deviations of each column. On a
    data set where a detector does not beat this floor, its model has found nothing.

    Parameters
    ----------
    contamination : float, default=0.1
        Share of the training rows that :meth:`predict` calls outliers.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        Mean of each column.
    scale_ : ndarray of shape (n_features,)
        Standard deviation of each column, 1 where the column is constant.
    offset_ : float
        Threshold on :meth:`score_samples`.
    n_features_in_ : int
        Number of columns seen in :meth:`fit`.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad.benchmark import Norm
    >>> Norm().fit([[0.0], [2.0]]).score_samples([[1.0], [3.0]])
    array([-0., -4.])
    """

    def __init__(self, contamination=0.1):
        self.contamination = contamination

    def fit(self, X, y=None):
        """Learn each column's mean and standard deviation.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : None
            Ignored.

        Returns
        -------
        self : Norm
            The fitted detector.
        """
        X = check_array(X, dtype=np.float64)
        self.n_features_in_ = X.shape[1]
        self.mean_, scale = X.mean(axis=0), X.std(axis=0)
        self.scale_ = np.where(scale > 0, scale, 1.0)
        self.offset_ = float(np.quantile(self.score_samples(X), self.contamination))
        return self

    def score_samples(self, X):
        """Minus the squared norm of each standardised row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            The higher, the more normal.
        """
        check_is_fitted(self)
        X = check_array(X, dtype=np.float64)
        return -np.square((X - self.mean_) / self.scale_).sum(axis=1)

    def decision_function(self, X):
        """Score minus the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            Negative for outliers.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Tell inliers from outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to judge.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            +1 for inliers, -1 for outliers.
        """
        return np.where(self.decision_function(X) >= 0, 1, -1)
