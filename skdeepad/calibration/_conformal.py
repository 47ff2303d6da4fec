"""Conformal p-values of an outlier detector."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.special import gammaln
from scipy.stats import false_discovery_control
from sklearn.base import clone
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.utils import check_random_state, indexable

from .._documentation import DocumentedEstimator
from .._validation import (
    HasMethods,
    Interval,
    check_is_fitted,
    check_parameter,
    fit_context,
    n_rows_of,
    take_rows,
)
from ..autoencoder import AutoEncoder
from ..base._labels import check_labels, warn_of_ones
from ..base._parameters import detector, param
from ..base._resuming import all_or_nothing
from ..base._saved_state import SavedVersionMixin
from ..base._seeds import reseeded
from ..base._threshold import DecisionMixin, lowered
from ..base._wrapper import WrapperMixin
from ..training import warn

BELOW_ONE = Interval(Real, 0, 1, closed="neither")
# Shares that are equal but for rounding differ by less.
ROUNDING = 1e-9
# Places between two calibration scores stay below 1 by more than rounding.
ALMOST_ONE = 1 - 1e-6


@detector
class ConformalDetector(SavedVersionMixin, WrapperMixin, DecisionMixin, DocumentedEstimator):
    r"""Outlier detector whose rate of false alarms is known.

    Some rows are kept from the training of the detector: n calibration rows with scores
    :math:`s_i`. The p-value of a row of score s is the share of them that are at least as abnormal,
    the row itself included [1]_,

    .. math:: p = \frac{1 + |\{i: s_i \le s\}|}{n + 1} .

    If the row is normal, and normal rows are drawn independently of one another from the same
    distribution, :math:`p \le \alpha` has a probability of at most :math:`\alpha`, whatever the
    detector. ``predict`` calls such rows outliers.

    Read more in the :ref:`User Guide <conformal>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    detector : estimator or None, default=None
        Outlier detector with ``fit`` and ``score_samples``, or a pipeline that ends in one. If
        None, it is :class:`~skdeepad.AutoEncoder` with its defaults.
    alpha : float in (0, 1), default=0.1
        Rate of false alarms. It can be changed after ``fit``. With fewer than
        :math:`1 / \alpha - 1` calibration rows there is no alarm, and ``fit`` warns.
    cv : float in (0, 1), int, "prefit" or splitter, default=0.5
        Calibration rows. A float is the share of the rows that calibrate one detector, which is
        trained on the others; half of the rows is the choice of [1]_. An int is the number of folds
        of k-fold cross-validation: each row calibrates the detector that is trained without its
        fold (cross-conformal, [2]_). It uses all rows for both, at the cost of several trainings.
        Its promise is a little more than :math:`2 \alpha`; in practice the rate is close to
        :math:`\alpha`, or far below it if the detectors of the folds disagree. ``"prefit"``:
        ``detector`` is fitted, and all rows of ``fit`` calibrate it. A splitter of scikit-learn's
        that needs no groups gives one fold or several, which share no row.
    guarantee : {"marginal", "conditional"}, default="marginal"
        ``"marginal"``: the rate of false alarms is ``alpha`` in the mean over all sets of
        calibration rows. ``"conditional"``: with a probability of :math:`1 - \delta`, the
        calibration rows at hand are such that the rate is at most ``alpha``, for all ``alpha`` at
        once. P-values are then larger, by Simes' adjustment [1]_.
    delta : float in (0, 1), default=0.1
        :math:`\delta`, the probability that a conditional guarantee fails.
    random_state : int, RandomState instance or None, default=None
        Source of the folds, and of the detectors' seeds, which replace any ``random_state`` in
        ``detector``.

    Attributes
    ----------
    detectors_ : list of estimators
        The fitted detectors, one for each fold.
    calibration_scores_ : list of ndarray
        Scores of the calibration rows of each fold, in ascending order.
    n_calibration_ : int
        Number of calibration rows of all folds.
    offset_ : float
        Threshold on ``score_samples``.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    skdeepad.interop.from_pyod : PyOD's detectors with the signs that are needed here.

    Notes
    -----
    The promise is one for normal rows, and so the calibration rows must be normal ones. Known
    anomalies (``y`` below 0) train a detector that learns from labels and do not calibrate it.
    Unknown ones among the calibration rows make p-values larger, so that there are fewer alarms
    than promised, true ones among them.

    :meth:`discoveries` selects rows by the procedure of [3]_.

    ``score_samples`` is the p-value as a continuous number: between two calibration scores it is
    interpolated, so that rows of the same p-value are still ordered as the detector orders them. It
    lies between :math:`p - 1 / (n + 1)` and p.

    References
    ----------
    .. [1] S. Bates et al., "Testing for outliers with conformal p-values", Annals of Statistics
       51, 2023, arXiv:2104.08279.
    .. [2] V. Vovk, "Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence
       74, 2015, arXiv:1208.0806.
    .. [3] Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", JRSS B 57, 1995.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import AutoEncoder
    >>> from skdeepad.calibration import ConformalDetector
    >>> rng = np.random.RandomState(0)
    >>> X, new = rng.randn(2, 400, 3) @ np.ones((3, 8)) / 3
    >>> det = ConformalDetector(AutoEncoder(max_epochs=20), alpha=0.05, random_state=0).fit(X)
    >>> bool((det.predict(new) == -1).mean() < 0.1)
    True
    >>> det.p_values([3 * (-1.0) ** np.arange(8)]).round(4)
    array([0.005])
    """

    detector: Any = param(HasMethods(["fit", "score_samples"]), None, default=None, kw_only=False)
    alpha: float = param(BELOW_ONE, default=0.1)
    cv: Any = param(
        BELOW_ONE,
        Interval(Integral, 2, None, closed="left"),
        {"prefit"},
        HasMethods(["split"]),
        default=0.5,
    )
    guarantee: str = param({"marginal", "conditional"}, default="marginal")
    delta: float = param(BELOW_ONE, default=0.1)
    random_state: Any = param("random_state", default=None)

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit the detectors, and score the calibration rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to train on and to calibrate with, normal ones but for those that ``y`` marks.
        y : array-like of shape (n_samples,) or None, default=None
            Known labels, as for detectors that learn from them: below 0 an anomaly.

        Returns
        -------
        self : object
            The fitted detector.
        """
        prototype = self._prototype()
        X, y = indexable(X, y)
        n_samples = n_rows_of(X)
        is_anomaly = np.zeros(n_samples, dtype=bool)
        if y is not None:
            labels = check_labels(y, n_samples, all_known=True)
            warn_of_ones(np.sign(labels), "no row is left out of the calibration")
            is_anomaly = labels < 0
        rng = check_random_state(self.random_state)
        folds = self._folds(X, y, rng)
        self._check_guarantee(len(folds))
        folds = [(train, own) for train, own in folds if not is_anomaly[own].all()]
        if not folds:
            raise ValueError("y marks all rows that would calibrate as anomalies.")
        with all_or_nothing(self):
            self.detectors_, self.calibration_scores_ = [], []
            for train, held_out in folds:
                fitted = prototype
                if train is not None:
                    labels = None if y is None else take_rows(y, train)
                    fitted = reseeded(clone(prototype), rng.randint(2**31 - 1))
                    fitted = fitted.fit(take_rows(X, train), labels)
                self.detectors_.append(fitted)
                scores = _read_scores(fitted, take_rows(X, held_out[~is_anomaly[held_out]]))
                self.calibration_scores_.append(np.sort(scores))
            self._below = [lowered(scores) for scores in self.calibration_scores_]
            self.n_calibration_ = sum(map(len, self.calibration_scores_))
        if self.offset_ == 0:
            warn(
                f"With alpha={self.alpha!r} and {self.n_calibration_} calibration rows there is no "
                "alarm: the smallest p-value is larger."
            )
        return self

    def _folds(self, X, y, rng) -> list[tuple[np.ndarray | None, np.ndarray]]:
        """Return the rows to train on and to calibrate with; the former are None if prefit."""
        rows = np.arange(n_rows_of(X))
        if isinstance(self.cv, str):
            return [(None, rows)]
        if hasattr(self.cv, "split"):
            try:
                splits = list(self.cv.split(X, y))
            except (TypeError, ValueError) as error:
                given = "without y and groups" if y is None else "without groups"
                raise ValueError(f"cv={self.cv!r} failed {given}: {error}") from error
            if not splits:
                raise ValueError(f"cv={self.cv!r} makes no fold.")
            folds = [tuple(self._indices(part, rows) for part in split) for split in splits]
            if any(np.intersect1d(train, own).size for train, own in folds):
                raise ValueError(f"cv={self.cv!r} must not train on rows that it holds out.")
            held_out = np.concatenate([own for _, own in folds])
            if len(np.unique(held_out)) < len(held_out):
                raise ValueError(f"cv={self.cv!r} must hold each row out at most once.")
            return folds
        if isinstance(self.cv, Integral):
            splitter = KFold(self.cv, shuffle=True, random_state=rng)
        else:
            splitter = ShuffleSplit(1, test_size=self.cv, random_state=rng)
        try:
            return list(splitter.split(rows))
        except ValueError as error:
            raise ValueError(f"cv={self.cv!r} does not fit {len(rows)} rows: {error}") from error

    def _indices(self, part, rows: np.ndarray) -> np.ndarray:
        """Return indices of rows, of which a splitter may yield a mask."""
        part = np.asarray(part)
        is_mask = part.dtype == bool and part.shape == rows.shape
        are_numbers = part.dtype.kind in "iu" and part.ndim == 1 and len(part) > 0
        if not is_mask and not (are_numbers and 0 <= part.min() <= part.max() < len(rows)):
            raise ValueError(
                f"cv={self.cv!r} must yield indices or masks of rows, got {part!r} for "
                f"{len(rows)} rows."
            )
        if not rows[part].size:
            raise ValueError(f"cv={self.cv!r} must hold out some rows and train on some.")
        return rows[part]

    def _check_guarantee(self, n_folds: int) -> None:
        """Raise if a parameter that may change after ``fit`` has a value that is not accepted."""
        for name in ("alpha", "guarantee", "delta"):
            check_parameter(self, name)
        if self.guarantee == "conditional" and n_folds > 1:
            raise ValueError(
                "guarantee='conditional' needs one set of calibration rows, but "
                f"cv={self.cv!r} makes {n_folds} folds."
            )

    # P-values ---------------------------------------------------------------------------------

    def p_values(self, X):
        """Return the conformal p-value of each row; small ones are abnormal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to test.

        Returns
        -------
        p_values : ndarray of shape (n_samples,)
            P-values, above 0 and at most 1. A score of NaN counts as the lowest one.
        """
        check_is_fitted(self)
        self._check_guarantee(len(self.detectors_))
        counts, _ = self._places(X)
        if self.guarantee == "conditional":
            return self._conditional_p_values()[counts]
        return (1 + counts) / (1 + self.n_calibration_)

    def discoveries(self, X, alpha=None):
        """Select rows such that few of the selected ones are normal.

        The share of normal rows among those selected, the false discovery rate, is at most
        ``alpha`` in the mean (Benjamini and Hochberg, 1995; Bates et al., 2023, show it for
        conformal p-values of one fold).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to select from; the selection depends on all of them.
        alpha : float in (0, 1) or None, default=None
            False discovery rate. If None, ``alpha`` of the detector.

        Returns
        -------
        selected : ndarray of shape (n_samples,), dtype bool
            Whether each row is selected.
        """
        p_values = self.p_values(X)
        alpha = self.alpha if alpha is None else alpha
        if not isinstance(alpha, Real) or alpha not in BELOW_ONE:
            raise ValueError(f"alpha={alpha!r} must be above 0 and below 1.")
        return false_discovery_control(p_values, method="bh") <= alpha + ROUNDING

    def _places(self, X) -> tuple[np.ndarray, np.ndarray]:
        """Return how many calibration scores are at most that of each row, and how far the next is.

        The second value is the place between two calibration scores, in [0, 1).
        """
        check_is_fitted(self)
        counts, parts = 0, []
        for fitted, calibration in zip(self.detectors_, self._below, strict=True):
            scores = _read_scores(fitted, X)
            below = np.searchsorted(calibration, scores, side="right")
            counts = counts + below
            parts.append(_part_of_the_way(scores, calibration, below))
        return counts, np.mean(parts, axis=0)

    def _conditional_p_values(self) -> np.ndarray:
        """Return the adjusted p-values for each number of calibration scores below: Simes."""
        n = self.n_calibration_
        k = max(1, n // 2)
        at_least = n - np.arange(n)  # rank of the calibration score, from the most normal one
        with np.errstate(divide="ignore", invalid="ignore"):
            log_ratio = _log_falling(at_least, k) - _log_falling(np.array(n), k)
        adjusted = 1 - np.exp((np.log(self.delta) + log_ratio) / k)
        return np.append(adjusted, 1.0)

    # Scores -----------------------------------------------------------------------------------

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        if "_below" not in state and "calibration_scores_" in state:  # a file of an earlier version
            self._below = [lowered(scores) for scores in self.calibration_scores_]

    def score_samples(self, X):
        """Return the p-value of each row as a continuous number; higher is more normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Marginal p-values, less at most 1 / (n + 1).
        """
        counts, parts = self._places(X)
        return (counts + parts) / (1 + self.n_calibration_)

    @property
    def offset_(self) -> float:
        check_is_fitted(self)
        self._check_guarantee(len(self.detectors_))
        if self.guarantee == "conditional":
            n_alarming = int((self._conditional_p_values() <= self.alpha).sum())
        else:
            n_alarming = int(self.alpha * (1 + self.n_calibration_) + ROUNDING)
        return n_alarming / (1 + self.n_calibration_)

    def _prototype(self):
        return AutoEncoder() if self.detector is None else self.detector

    def _fitted_detector(self):
        return self.detectors_[0]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_calibration_")


def _read_scores(estimator, X) -> np.ndarray:
    """Return the scores of rows; NaN is read as the lowest one, in calibration as later."""
    scores = np.asarray(estimator.score_samples(X), dtype=np.float64)
    return np.where(np.isnan(scores), -np.inf, scores)


def _part_of_the_way(scores: np.ndarray, calibration: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return how far each score is on the way from one calibration score to the next, in [0, 1).

    Beyond the first and the last one, distances are in units of their range.
    """
    first, last = calibration[0], calibration[-1]
    low = np.where(below > 0, calibration[below - 1], np.nan)
    high = np.where(below < len(calibration), calibration.take(below, mode="clip"), np.nan)
    unit = last - first if np.isfinite(last - first) and last > first else 1.0
    with np.errstate(all="ignore"):
        before, beyond = ((first - scores) / unit).clip(0), ((scores - last) / unit).clip(0)
        part = np.select(
            [below == 0, below == len(calibration)],
            [1 / (1 + before), 1 - 1 / (1 + beyond)],
            (scores - low) / (high - low),
        )
    return np.clip(np.nan_to_num(part), 0, ALMOST_ONE)


def _log_falling(i: np.ndarray, k: int) -> np.ndarray:
    """Return log i (i − 1) … (i − k + 1), which is −∞ for i < k."""
    return np.where(i >= k, gammaln(i + 1) - gammaln(np.maximum(i - k, 0) + 1), -np.inf)
