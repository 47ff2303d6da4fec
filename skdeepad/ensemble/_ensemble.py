"""Ensemble of detectors with different seeds."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from .._validation import HasMethods, Integral, check_is_fitted, fit_context
from ..autoencoder import AutoEncoder
from ..base._parameters import CONTAMINATION, COUNT, detector, param
from ..base._resuming import all_or_nothing
from ..base._rows import repeated
from ..base._seeds import reseeded
from ..base._threshold import ThresholdMixin
from ..base._training_scores import ranks_among, scores_of_training_rows, warn_if_degenerate


def _negative_log(scores: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return −log of the anomaly score, which is the negative of ``scores``."""
    floor = max(1e-12 * -training[0], np.finfo(np.float64).tiny)
    return -np.log(np.maximum(-scores, floor))


def _zscore(scores: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return the number of standard deviations above the mean of the training scores."""
    return (scores - training.mean()) / (training.std() or 1.0)


# Functions that make the scores of members comparable; the ensemble's score is their mean.
COMBINATIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "log": _negative_log,
    "rank": ranks_among,
    "zscore": _zscore,
}


@detector
class DetectorEnsemble(MetaEstimatorMixin, ThresholdMixin, BaseEstimator):
    r"""Ensemble of detectors with different seeds, which reduces the variance of their scores.

    The weights of a deep detector, and therefore its scores, depend on the seed. Each member has
    its own seed, and the score of a row is the mean

    .. math:: s(x) = \frac{1}{M} \sum_m c_m(s_m(x))

    of the members' scores. ``combine`` makes them comparable by means of the scores of the training
    rows, so that the score of a row does not depend on other scored rows.

    Read more in the :ref:`User Guide <ensembles>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimator : estimator or None, default=None
        Estimator whose clones are the members. It has ``fit`` and ``score_samples``, and may be a
        pipeline. If None, it is :class:`~skdeepad.AutoEncoder` with its defaults.
    n_estimators : int, default=5
        Number of members :math:`M`.
    combine : {"log", "rank", "zscore"}, default="log"
        ``"log"``: logarithms of the anomaly scores, which limit the effect of a member with
        outlying scores. Anomaly scores must not be negative, as those from likelihoods may be.
        ``"rank"``: shares of lower training scores. ``"zscore"``: standard deviations from the mean
        of the training scores.
    contamination : "auto" or float in (0, 0.5], default=0.1
        Share of the training rows that the threshold declares outliers. It can be changed after
        ``fit``. ``"auto"`` is 0.1.
    n_jobs : int or None, default=None
        Number of members to train in parallel with joblib. The result is the same for any value and
        backend.
    random_state : int, RandomState instance or None, default=None
        Source of the members' seeds, which replace any ``random_state`` in ``estimator``.
    verbose : int, default=0
        Verbosity of joblib.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted members.
    member_scores_ : list of ndarray of shape (n_samples,)
        Each member's scores of the training rows, in ascending order.
    training_scores_ : ndarray of shape (n_samples,)
        Scores of the training rows, in ascending order.
    offset_ : float
        Threshold on ``score_samples``.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    AutoEncoder : The default member.

    Notes
    -----
    The effect of an ensemble on contaminated training rows is reported in
    ``benchmarks/results/robustness.md``, computed by ``python benchmarks/robustness.py``.

    References
    ----------
    .. [1] J. Chen et al., "Outlier detection with autoencoder ensembles", SDM 2017.
    .. [2] C. C. Aggarwal, S. Sathe, "Theoretical foundations and algorithms for outlier
       ensembles", SIGKDD Explorations 17, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import AutoEncoder, DetectorEnsemble
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> det = DetectorEnsemble(AutoEncoder(max_epochs=20), n_estimators=3, random_state=0).fit(X)
    >>> det.predict([np.zeros(8), 3 * (-1.0) ** np.arange(8)])
    array([ 1, -1])
    """

    estimator: Any = param(HasMethods(["fit", "score_samples"]), None, default=None, kw_only=False)
    n_estimators: int = param(COUNT, default=5, kw_only=False)
    combine: str = param(set(COMBINATIONS), default="log")
    contamination: float | str = param(*CONTAMINATION, default=0.1)
    n_jobs: int | None = param(Integral, None, default=None)
    random_state: Any = param("random_state", default=None)
    verbose: int = param("verbose", default=0)

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Fit the members.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, at least two.
        y : array-like of shape (n_samples,), default=None
            Labels, as for ``fit`` of the members.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Number of times each row counts: the members are fitted to repeated rows. Weights that
            are not multiples of the smallest one are rounded to quarters of their mean. If None,
            each row counts once.

        Returns
        -------
        self : object
            The fitted ensemble.
        """
        if sample_weight is not None:
            X, y = repeated((X, y), sample_weight)
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=self.n_estimators)
        prototype = AutoEncoder() if self.estimator is None else self.estimator
        members = [reseeded(clone(prototype), int(seed)) for seed in seeds]
        fitted = Parallel(n_jobs=self.n_jobs, verbose=self.verbose)(
            delayed(_fit_member)(member, X, y) for member in members
        )
        with all_or_nothing(self):
            self.estimators_ = [member for member, _ in fitted]
            scores = [scores for _, scores in fitted]
            self.member_scores_ = [np.sort(each) for each in scores]
            self._check_scores()
            self._combined_by = self.combine
            self._forget_threshold()
            self.training_scores_ = np.sort(self._combined(scores))
            for name in ("n_features_in_", "feature_names_in_"):
                vars(self).pop(name, None)
                if hasattr(self.estimators_[0], name):
                    setattr(self, name, getattr(self.estimators_[0], name))
        warn_if_degenerate(self.training_scores_)
        return self

    def score_samples(self, X):
        """Return the score of each row; higher scores are more normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Mean of the members' scores, made comparable by ``combine``.
        """
        check_is_fitted(self)
        return self._combined([member.score_samples(X) for member in self.estimators_])

    def _combined(self, scores: list[np.ndarray]) -> np.ndarray:
        comparable = COMBINATIONS[self._combined_by]
        pairs = zip(scores, self.member_scores_, strict=True)
        return np.mean([comparable(each, training) for each, training in pairs], axis=0)

    def _check_scores(self) -> None:
        if self.combine == "log" and any(training[-1] > 0 for training in self.member_scores_):
            raise ValueError(
                "combine='log' needs anomaly scores that are not negative, but those of "
                f"{type(self.estimators_[0]).__name__} are: combine must be 'rank' or 'zscore' "
                "here."
            )


def _fit_member(member, X, y):
    """Return a fitted member and its scores of the training rows; it may run in a worker."""
    return member.fit(X, y), scores_of_training_rows(member, X)
