"""Threshold of an outlier detector that is tuned with labels."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score, f1_score, matthews_corrcoef
from sklearn.utils import check_random_state, indexable

from .._documentation import DocumentedEstimator
from .._validation import (
    HasMethods,
    Integral,
    Interval,
    Real,
    check_is_fitted,
    fit_context,
    last_step,
    n_rows_of,
    own_offset,
    take_rows,
)
from ..autoencoder import AutoEncoder
from ..base._labels import check_labels, warn_of_ones
from ..base._parameters import detector, param
from ..base._resuming import all_or_nothing
from ..base._saved_state import SavedVersionMixin
from ..base._seeds import reseeded
from ..base._threshold import DecisionMixin, below_ties, read_offset
from ..base._training_scores import ranks_among, score_of_rank, scores_of_training_rows
from ..base._wrapper import WrapperMixin
from ..training import warn

METRICS: dict[str, Callable] = {
    "f1": f1_score,
    "balanced_accuracy": balanced_accuracy_score,
    "matthews_corrcoef": matthews_corrcoef,
}
# Largest number of thresholds that are compared.
MAX_THRESHOLDS = 200


@detector
class TunedThreshold(SavedVersionMixin, WrapperMixin, DecisionMixin, DocumentedEstimator):
    r"""Outlier detector whose threshold is tuned with known labels.

    A threshold is a rank among the scores of the training rows: the share of them that is more
    abnormal. It means the same for detectors that are trained on different rows or with different
    seeds, whose scores may differ in scale. Detectors that are trained without a fold score the
    labelled rows of that fold, and the rank with the best metric over all of them is the threshold
    of the detector that is trained on all rows.

    Read more in the :ref:`User Guide <tuned_threshold>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    detector : estimator or None, default=None
        Outlier detector with ``fit`` and ``score_samples``, or a pipeline that ends in one. If
        None, it is :class:`~skdeepad.AutoEncoder` with its defaults.
    metric : {"f1", "balanced_accuracy", "matthews_corrcoef"}, callable or thresholder, default="f1"
        Metric to maximise, or a function of the true and the predicted labels of rows, in which 1
        is an anomaly and 0 a normal row, whose larger values are better. A thresholder of pythresh,
        an object with ``eval``, needs no labels: it separates the scores of the training rows.
    costs : pair of float or None, default=None
        Costs of a false alarm and of an anomaly that is missed. If given, their mean is minimised,
        and ``metric`` is ignored.
    cv : int or "prefit", default=5
        Number of folds, in each of which the shares of anomalies, normal and unlabelled rows are
        those of all rows. ``"prefit"``: ``detector`` is fitted, and all labelled rows of ``fit``
        tune its threshold.
    random_state : int, RandomState instance or None, default=None
        Source of the folds, and of the detectors' seeds, which replace any ``random_state`` in
        ``detector``.

    Attributes
    ----------
    detector_ : estimator
        The detector that is trained on all rows.
    best_score_ : float
        Metric of the labelled rows at the threshold, or the negative of the mean cost; NaN if the
        threshold is not tuned. It is that of the best of many thresholds, and with few labels is
        not reached on new rows.
    share_ : float
        Share of the rows of ``fit`` below the threshold.
    offset_ : float
        Threshold on ``score_samples``. It can be set.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    ConformalDetector : A threshold with a known rate of false alarms, without labelled anomalies.
    sklearn.model_selection.TunedThresholdClassifierCV : The same for classifiers, with complete
        labels; see :class:`skdeepad.interop.DetectorClassifier`.

    Notes
    -----
    A detector that fits its training rows closely, as a one-class SVM with a small ``nu`` does, may
    give rows that it has not seen lower scores than any of them. The threshold is then below those
    of all training rows, and ``fit`` warns.

    Without both kinds of labelled rows, the threshold is that of the detector itself, its
    ``offset_``.

    Examples
    --------
    >>> from skdeepad import AutoEncoder
    >>> from skdeepad.calibration import TunedThreshold
    >>> from skdeepad.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> signs = -y  # anomalies are known, and other rows are unlabelled
    >>> signs[20:60] = 1  # some are known to be normal
    >>> det = TunedThreshold(AutoEncoder(max_epochs=20), costs=(1, 10), cv=3, random_state=0)
    >>> set(det.fit(X, signs).predict(X).tolist())
    {1, -1}
    """

    detector: Any = param(HasMethods(["fit", "score_samples"]), None, default=None, kw_only=False)
    metric: Any = param(set(METRICS), callable, HasMethods(["eval"]), default="f1")
    costs: Any = param("array-like", None, default=None)
    cv: Any = param(Interval(Integral, 2, None, closed="left"), {"prefit"}, default=5)
    random_state: Any = param("random_state", default=None)

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit the detector, and tune its threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or None, default=None
            Known labels: below 0 an anomaly, above 0 a normal row, 0 an unlabelled row. A detector
            that learns from labels gets them, too.

        Returns
        -------
        self : object
            The fitted detector.
        """
        measure = self._measure()
        X, y = indexable(X, y)
        signs = np.sign(check_labels(y, n_rows_of(X), all_known=True))
        prototype = self._prototype()
        rng = check_random_state(self.random_state)
        with all_or_nothing(self):
            vars(self).pop("_given_offset", None)
            if self.cv == "prefit":
                self.detector_, scores = prototype, prototype.score_samples(X)
            else:
                self.detector_ = _trained(prototype, X, y, rng)
                scores = scores_of_training_rows(self.detector_, X)
            self._training = np.sort(_finite(scores))
            if self.costs is None and hasattr(self.metric, "eval"):
                self.best_score_ = np.nan
                self._tuned_offset = _offset_of(self.metric, self._training)
            elif (signs < 0).any() and (signs > 0).any():
                known = np.flatnonzero(signs)
                ranks = ranks_among(_finite(scores), self._training)[known]
                if self.cv != "prefit":
                    ranks = self._held_out_ranks(prototype, X, y, signs, rng)[known]
                rank, self.best_score_ = _best(ranks, signs[known], measure)
                self._tuned_offset = below_ties(score_of_rank(rank, self._training), self._training)
                if rank < 0 and self.cv != "prefit":
                    warn(
                        "The tuned threshold is below the scores of all training rows: rows that "
                        "the detector has not seen have lower scores than any that it was trained "
                        "on, so that it is uncertain. Use more folds, or fit the detector first "
                        "and tune it with other rows, by cv='prefit'."
                    )
            else:
                warn_of_ones(signs, "the threshold is that of the detector")
                self.best_score_, self._tuned_offset = np.nan, _threshold_of(self.detector_)
        return self

    def _measure(self) -> Callable[[np.ndarray, np.ndarray], float]:
        """Return the function of true and predicted labels to maximise."""
        if self.costs is None:
            return METRICS[self.metric] if isinstance(self.metric, str) else self.metric
        costs = list(self.costs)
        if len(costs) != 2 or not all(isinstance(c, Real) and 0 <= c < np.inf for c in costs):
            raise ValueError(
                f"costs={self.costs!r} must be two finite numbers of at least 0: the cost of a "
                "false alarm, and that of a missed anomaly."
            )
        of_alarm, of_miss = costs
        return lambda y, found: -float(np.mean(of_alarm * (found > y) + of_miss * (found < y)))

    def _held_out_ranks(self, prototype, X, y, signs, rng) -> np.ndarray:
        """Return the ranks of the labelled rows among the training scores without their fold."""
        n_samples = len(signs)
        if n_samples < self.cv:
            raise ValueError(f"cv={self.cv!r} folds need as many rows, got n_samples={n_samples}.")
        folds, ranks = np.empty(n_samples, dtype=int), np.full(n_samples, np.nan)
        shuffled = rng.permutation(n_samples)
        folds[shuffled[np.argsort(signs[shuffled], kind="stable")]] = np.arange(n_samples) % self.cv
        for fold in range(self.cv):
            train = np.flatnonzero(folds != fold)
            test = np.flatnonzero((folds == fold) & (signs != 0))
            if not len(test):
                continue
            rows = take_rows(X, train)
            fitted = _trained(prototype, rows, None if y is None else take_rows(y, train), rng)
            training = np.sort(_finite(scores_of_training_rows(fitted, rows)))
            scores = _finite(fitted.score_samples(take_rows(X, test)))
            ranks[test] = ranks_among(scores, training)
        return ranks

    # Scores -----------------------------------------------------------------------------------

    def score_samples(self, X):
        """Return the score of each row; higher scores are more normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            ``score_samples`` of the detector.
        """
        check_is_fitted(self)
        return self.detector_.score_samples(X)

    @property
    def offset_(self) -> float:
        check_is_fitted(self)
        return vars(self).get("_given_offset", self._tuned_offset)

    @offset_.setter
    def offset_(self, value: float) -> None:
        check_is_fitted(self)
        self._given_offset = read_offset(value)

    @property
    def share_(self) -> float:
        check_is_fitted(self)
        return float((self._training < self.offset_).mean())

    def _prototype(self):
        return AutoEncoder() if self.detector is None else self.detector

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_tuned_offset")


def _trained(prototype, X, y, rng):
    """Return a clone with a seed of its own, fitted."""
    labels = () if y is None else (y,)
    return reseeded(clone(prototype), rng.randint(2**31 - 1)).fit(X, *labels)


def _finite(scores) -> np.ndarray:
    """Return scores with infinite ones beyond all others; NaN is read as the lowest one."""
    scores = np.asarray(scores, dtype=np.float64)
    finite = scores[np.isfinite(scores)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    unit = high - low or 1.0
    return np.nan_to_num(scores, nan=low - unit, neginf=low - unit, posinf=high + unit)


def _threshold_of(detector) -> float:
    """Return the threshold of a fitted detector, or of a pipeline that ends in one."""
    detector = last_step(detector)
    offset = own_offset(detector)
    if offset is None:
        raise ValueError(
            f"y must have known anomalies and known normal rows: {type(detector).__name__} has no "
            "threshold of its own."
        )
    return offset


def _offset_of(thresholder, training: np.ndarray) -> float:
    """Return the threshold between the sorted scores that a thresholder separates."""
    labels = np.asarray(deepcopy(thresholder).eval(-training))
    if labels.shape != training.shape or not np.isin(labels, [0, 1]).all():
        raise ValueError(
            f"metric={thresholder!r} must label each row 0 or 1, but its eval returned "
            f"{labels.dtype} values of shape {labels.shape}."
        )
    n_outliers = int(labels.sum())
    if not n_outliers:
        return float(training[0])
    last = training[n_outliers - 1]
    above = training[training > last]
    return float((last + above[0]) / 2 if len(above) else np.nextafter(last, np.inf))


def _best(ranks: np.ndarray, signs: np.ndarray, measure) -> tuple[float, float]:
    """Return the threshold, as a rank, of the best measure, and the measure.

    Of equally good neighbours the middle one is taken.
    """
    different = np.unique(ranks)
    between = (different[1:] + different[:-1]) / 2
    candidates = np.concatenate([[different[0] - 1e-9], between, [different[-1] + 1e-9]])
    if len(candidates) > MAX_THRESHOLDS:
        candidates = np.quantile(candidates, np.linspace(0, 1, MAX_THRESHOLDS))
    y = (signs < 0).astype(int)
    found = [measure(y, (ranks < c).astype(int)) for c in candidates]
    for value in found:
        if np.ndim(value) or np.asarray(value).dtype.kind not in "biuf" or np.isnan(value):
            raise ValueError(
                f"metric must return a number for any predicted labels, got {value!r} for some."
            )
    values = np.array(found, dtype=float)
    best = np.flatnonzero(values >= values.max() - 1e-12)
    run = best[: np.flatnonzero(np.diff(best, append=np.inf) > 1)[0] + 1]  # the first run
    return float(candidates[run[len(run) // 2]]), float(values.max())
