"""Thresholds and labels of estimators with ``score_samples``."""

from typing import final

import numpy as np
from sklearn.base import OutlierMixin

from .._validation import Real, check_is_fitted, check_parameter

# Share of the training rows below the threshold of contamination="auto", if no paper defines one.
AUTO_SHARE = 0.1
# Scores of equal rows differ by less than this share of their size, or of the quartiles' distance,
# whatever computes them: another type of the rows, another device or a runtime.
ROUNDING = 1e-5


def read_offset(value) -> float:
    """Return a threshold that a user sets; raise if it is no number."""
    if not isinstance(value, Real) or np.isnan(value):
        raise ValueError(f"offset_={value!r} must be a number, in the units of score_samples.")
    return float(value)


class OffsetMixin(OutlierMixin):
    """Threshold of an estimator that scores.

    ``fit`` stores the sorted scores of the training rows, ascending, in ``training_scores_``.
    """

    training_scores_: np.ndarray

    def _paper_offset(self) -> float:
        """Return the threshold of ``contamination="auto"``: the paper's, or the .1 quantile."""
        return self._training_quantile(AUTO_SHARE)

    @property
    def offset_(self) -> float:
        """Threshold on ``score_samples``.

        It follows ``contamination``, which can be changed after ``fit`` without training again. A
        value that is set here holds until ``contamination`` is set or ``fit`` is called.
        """
        check_is_fitted(self)
        if "_given_offset" in vars(self):
            return self._given_offset
        check_parameter(self, "contamination")
        share = self.contamination
        threshold = self._paper_offset() if share == "auto" else self._training_quantile(share)
        return below_ties(threshold, self.training_scores_)

    @offset_.setter
    def offset_(self, value: float) -> None:
        check_is_fitted(self)
        self._given_offset = read_offset(value)

    def __setattr__(self, name: str, value) -> None:
        if name == "contamination":
            vars(self).pop("_given_offset", None)
        super().__setattr__(name, value)

    def _forget_threshold(self) -> None:
        """Remove the threshold until a fit is complete."""
        for name in ("training_scores_", "_given_offset"):
            vars(self).pop(name, None)

    def _training_quantile(self, share: float) -> float:
        """Return a quantile of the training scores, linearly interpolated, in constant time."""
        position, last = share * (len(self.training_scores_) - 1), len(self.training_scores_) - 1
        below = int(position)
        low, high = self.training_scores_[[below, min(below + 1, last)]]
        # The difference of infinite scores is not defined.
        return float(low if low == high else low + (position - below) * (high - low))

    def _score_above(self, share: float) -> float:
        """Return the score above those of a share of the training rows, rounded down."""
        return float(self.training_scores_[_rank(share, len(self.training_scores_))])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "training_scores_")


def below_ties(threshold: float, ordered: np.ndarray) -> float:
    """Return a threshold below sorted scores that several rows share, if it is such a score.

    Otherwise rounding would decide the label of all these rows.
    """
    first, last = (int(np.searchsorted(ordered, threshold, side)) for side in ("left", "right"))
    if last - first < 2 or not np.isfinite(threshold):
        return threshold
    return _below(threshold, ordered)


def _below(score: float, ordered: np.ndarray) -> float:
    """Return what is below one of sorted scores by rounding, but above the next lower one."""
    first = int(np.searchsorted(ordered, score))
    lower = ordered[first - 1] if first else -np.inf
    return float(score - min(_rounding(score, ordered), (score - lower) / 2))


def lowered(ordered: np.ndarray) -> np.ndarray:
    """Return sorted scores, each as ``below_ties`` lowers one that several rows share.

    A row that has the score of one of them is then above it, whatever rounds.
    """
    values, counts = np.unique(ordered, return_counts=True)
    with np.errstate(invalid="ignore"):  # of infinite scores
        gaps = np.diff(values, prepend=-np.inf) / 2
        lower = values - np.minimum(_rounding(values, ordered), gaps)
    return np.repeat(np.where(np.isfinite(values), lower, values), counts)


def _rounding(scores, ordered: np.ndarray):
    """Return a bound of the rounding errors of scores, from all sorted scores."""
    n = len(ordered)
    low, high = ordered[[n // 4, 3 * n // 4]]
    spread = high - low if np.isfinite([low, high]).all() else 0.0
    return ROUNDING * np.maximum(spread, np.abs(scores))


def hinge_above(values: np.ndarray, share: float) -> float:
    r"""Return the threshold of a hinge: the value above a share of the values, rounded down.

    That is the largest v that minimises :math:`\frac1{\nu n} \sum_i \max(0, v - v_i) - v`, the term
    of a threshold v in objectives that allow a share :math:`\nu` beyond it. It is moved by
    rounding, so that in any batch, type and device the same rows have a gradient, :math:`\nu n` of
    them, rounded up. It stays where it is if several rows have this value, of which a part should
    have a gradient.
    """
    ordered = np.sort(values)
    rank = _rank(share, len(ordered))
    value = float(ordered[rank])
    first, last = (int(np.searchsorted(ordered, value, side)) for side in ("left", "right"))
    if last - first > 1 or not np.isfinite(value):
        return value
    if share * len(ordered) < rank + 1e-9:
        return _below(value, ordered)
    return -_below(-value, -ordered[::-1])


def _rank(share: float, n: int) -> int:
    return min(int(share * n + 1e-9), n - 1)  # 0.07 * 100 is a little above 7


def labels_of(decision: np.ndarray) -> np.ndarray:
    """Return +1 for inliers and −1 for outliers; rows without a finite score are outliers."""
    return np.where(decision >= 0, 1, -1)


class DecisionMixin(OutlierMixin):
    """Labels of an estimator with ``score_samples`` and ``offset_``."""

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

    def fit_predict(self, X, y=None):
        """Fit to ``X`` and label its rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,), default=None
            Labels, as for ``fit``.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            +1 for inliers, −1 for outliers.
        """
        return self.fit(X, y).predict(X)


class ThresholdMixin(DecisionMixin, OffsetMixin):
    """Threshold and labels of a detector that scores rows."""

    @final
    def fit_predict(self, X, y=None, sample_weight=None):
        """Fit the detector to ``X`` and label its rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, at least two.
        y : array-like of shape (n_samples,), default=None
            Labels, as for ``fit``.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights, as for ``fit``.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            +1 for inliers, −1 for outliers.
        """
        return self.fit(X, y, sample_weight=sample_weight).predict(X)
