"""Ensemble of detectors of one kind, which differ in their seeds, or of several kinds."""

from typing import Any

import numpy as np
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.utils.parallel import Parallel, delayed

from .._documentation import DocumentedEstimator
from .._validation import HasMethods, Integral, check_is_fitted, fit_context, last_step, n_rows_of
from ..base._parameters import CONTAMINATION, COUNT, detector, param
from ..base._resuming import all_or_nothing
from ..base._rows import repeated
from ..base._saved_state import SavedVersionMixin
from ..base._seeds import reseeded
from ..base._threshold import ThresholdMixin
from ..base._training_scores import (
    scores_of_training_rows,
    warn_if_degenerate,
)
from ..calibration import ConformalDetector
from ._combinations import COMBINATIONS
from ._members import MembersMixin, is_dropped


@detector
class DetectorEnsemble(
    SavedVersionMixin, MembersMixin, MetaEstimatorMixin, ThresholdMixin, DocumentedEstimator
):
    r"""Ensemble of detectors, of one kind with different seeds, or of several kinds.

    The weights of a deep detector, and therefore its scores, depend on the seed [1]_, and detectors
    of different kinds find different anomalies [2]_. The score of a row is the mean

    .. math:: s(x) = \frac{\sum_m w_m c_m(s_m(x))}{\sum_m w_m}

    of the members' scores. ``combine`` makes them comparable by means of the scores of the training
    rows, so that the score of a row does not depend on other scored rows.

    Read more in the :ref:`User Guide <ensembles>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimator : estimator, list of (str, estimator) pairs or None, default=None
        Estimator whose clones are the members, or the members by their names. Each has ``fit`` and
        ``score_samples``: detectors of this library, scikit-learn's outlier detectors and density
        estimators, pipelines, and PyOD's detectors through :func:`~skdeepad.interop.from_pyod`. A
        named member is replaced by ``set_params(vae=...)``, its parameters are set by
        ``set_params(vae__lr=...)``, and ``"drop"`` in its place leaves it out; parameters of a
        dropped member are ignored, so that one grid can search both. If None, it is
        :class:`~skdeepad.AutoEncoder` with its defaults.
    n_estimators : int or None, default=None
        Number of members :math:`M` that one estimator has. If None, it is 5. Each pair of a list
        is one member, and another number is refused there: a member may itself be an ensemble, of
        clones of one estimator.
    combine : {"quantile", "log", "rank", "zscore"}, default="quantile"
        ``"quantile"``: distances of the anomaly scores from the median of the training rows',
        divided by that of their .95 quantile from it, and clipped to [-3, 10]. It is the default
        because it takes scores of any sign and spread, and no member outvotes the others. Rows that
        are far out for all members share the lowest score, -10. ``"log"``: logarithms of the
        anomaly scores, which limit the effect of a member with outlying scores, and weigh members
        of several kinds by the ratios between their scores. Anomaly scores must not be negative, as
        those from likelihoods may be. ``"rank"``: shares of lower training scores. ``"zscore"``:
        standard deviations from the mean of the training scores.
    weights : array-like of shape (n_estimators,) or None, default=None
        Weights :math:`w_m` of the members in the mean, not negative: one for each pair, dropped
        ones included, or for each clone. If None, all are 1.
    contamination : "auto" or float in (0, 0.5], default=0.1
        Share of the training rows that the threshold declares outliers. It can be changed after
        ``fit``. ``"auto"`` is 0.1.
    n_jobs : int or None, default=None
        Number of members to train in parallel with joblib. The result is the same for any value and
        backend, as far as that of each member is: an isolation forest's own threads round anew.
    random_state : int, RandomState instance or None, default=None
        Source of the members' seeds, which replace any ``random_state`` in ``estimator``. The seed
        of a named member depends on its name, and not on the other members.
    verbose : int, default=0
        Verbosity of joblib.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted members, without dropped ones.
    named_estimators_ : :class:`~sklearn.utils.Bunch`
        The fitted members by their names, and ``"drop"`` for dropped ones, if ``estimator`` is a
        list.
    member_scores_ : list of ndarray of shape (n_samples,)
        Each member's scores of the training rows, in ascending order.
    training_scores_ : ndarray of shape (n_rows,)
        Scores of the training rows, in ascending order; a row of weight 2 counts twice.
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
    >>> rows = [np.zeros(8), 3 * (-1.0) ** np.arange(8)]
    >>> det.predict(rows)
    array([ 1, -1])

    Members of several kinds, of which the first counts twice:

    >>> from sklearn.ensemble import IsolationForest
    >>> members = [("ae", AutoEncoder(max_epochs=20)), ("forest", IsolationForest())]
    >>> det = DetectorEnsemble(members, weights=[2, 1], random_state=0)
    >>> det.set_params(ae__noise=0.3).fit(X).predict(rows)
    array([ 1, -1])
    >>> det.named_estimators_.ae.noise
    0.3
    """

    estimator: Any = param(
        HasMethods(["fit", "score_samples"]), list, None, default=None, kw_only=False
    )
    n_estimators: int | None = param(COUNT, None, default=None, kw_only=False)
    combine: str = param(set(COMBINATIONS), default="quantile")
    weights: Any = param("array-like", None, default=None)
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
            Number of times each row counts: the members are fitted to repeated rows. Fractions are
            rounded and large weights divided as in :meth:`VAE.fit`. If None, each row counts once.

        Returns
        -------
        self : object
            The fitted ensemble.
        """
        prototypes = self._prototypes()
        weights = self._check_members(prototypes)
        for prototype in prototypes:
            if self.combine == "log" and _is_above_zero(prototype):
                raise self._no_logarithms(prototype)
        if sample_weight is not None:
            X, y = repeated((X, y), sample_weight)
        members = [
            reseeded(clone(prototype), seed)
            for prototype, seed in zip(prototypes, self._seeds(len(prototypes)), strict=True)
            if not is_dropped(prototype)
        ]
        fitted = Parallel(n_jobs=self.n_jobs, verbose=self.verbose)(
            delayed(_fit_member)(member, X, y) for member in members
        )
        with all_or_nothing(self):
            self.estimators_ = [member for member, _ in fitted]
            self._is_kept = {name: not is_dropped(member) for name, member in self._pairs()}
            scores = self._vectors([scores for _, scores in fitted], n_rows_of(X))
            self.member_scores_ = [np.sort(each) for each in scores]
            self._check_scores()
            self._combined_by, self._weights = self.combine, weights
            self._forget_threshold()
            self.training_scores_ = np.sort(self._combined(scores))
            for name in ("n_features_in_", "feature_names_in_"):
                vars(self).pop(name, None)
                for member in self.estimators_:
                    if hasattr(member, name):
                        setattr(self, name, getattr(member, name))
                        break
        are_finite = all(np.isfinite(scores[[0, -1]]).all() for scores in self.member_scores_)
        if not warn_if_degenerate(self.training_scores_) or not are_finite:
            self._warn_of_members()
        return self

    def _warn_of_members(self) -> None:
        """Warn of members that tell no rows apart, or whose scores are not finite."""
        members = zip(self._names(), self.estimators_, self.member_scores_, strict=True)
        for name, member, scores in members:
            if not isinstance(member, ThresholdMixin):  # those have warned in their fit
                warn_if_degenerate(scores, name)

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
        scores = [member.score_samples(X) for member in self.estimators_]
        return self._combined(self._vectors(scores, n_rows_of(X)))

    def __setstate__(self, state: dict) -> None:
        # Ensembles of earlier versions have neither weights nor names.
        equal = np.ones(len(state.get("estimators_", [])))
        super().__setstate__({"_weights": equal, "_is_kept": {}} | state)

    def _score_known_rows(self, X) -> np.ndarray:
        """Return scores of rows of which each is one of the training rows."""
        return self._combined([scores_of_training_rows(each, X) for each in self.estimators_])

    def _combined(self, scores: list[np.ndarray]) -> np.ndarray:
        comparable = COMBINATIONS[self._combined_by]
        parts = zip(self._weights, scores, self.member_scores_, strict=True)
        # numpy's own sum rounds one row alone in another order.
        total = sum(
            weight * comparable(each, training) for weight, each, training in parts if weight
        )
        return total / sum(self._weights)

    def _names(self) -> list[str | int]:
        """Return the names of the members, or their numbers if they have none."""
        kept = [name for name, is_kept in self._is_kept.items() if is_kept]
        return kept or list(range(len(self.estimators_)))

    def _vectors(self, scores: list, n_rows: int) -> list[np.ndarray]:
        """Return the members' scores as vectors; raise if they are none."""
        vectors = [np.asarray(each, dtype=np.float64) for each in scores]
        for name, each in zip(self._names(), vectors, strict=True):
            if each.shape != (n_rows,):
                raise ValueError(
                    f"The member {name!r} must return one score for each of {n_rows} rows, got an "
                    f"array of shape {each.shape}."
                )
        return vectors

    def _check_scores(self) -> None:
        for member, training in zip(self.estimators_, self.member_scores_, strict=True):
            if self.combine == "log" and training[-1] > 0:
                raise self._no_logarithms(member)

    def _no_logarithms(self, member) -> ValueError:
        others = [f"'{name}'" for name in sorted(COMBINATIONS) if name != "log"]
        return ValueError(
            "combine='log' needs anomaly scores that are not negative, but those of "
            f"{type(last_step(member)).__name__} are: combine must be {', '.join(others[:-1])} or "
            f"{others[-1]} here."
        )


def _is_above_zero(prototype) -> bool:
    """Return whether it is known before training that scores of a member are above 0."""
    last = last_step(prototype)
    if isinstance(last, DetectorEnsemble):
        return last.combine != "log"  # at least one training row is above the middle
    return isinstance(last, ConformalDetector)


def _fit_member(member, X, y):
    """Return a fitted member and its scores of the training rows; it may run in a worker."""
    return member.fit(X, y), scores_of_training_rows(member, X)
