"""Detector of anomalous groups of rows."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.utils import check_random_state

from .._documentation import DocumentedEstimator
from .._tables import are_among, as_labels, validate_data
from .._validation import HasMethods, check_is_fitted, fit_context
from ..base._parameters import CONTAMINATION, COUNT, detector, param
from ..base._resuming import all_or_nothing
from ..base._rows import repeated
from ..base._saved_state import SavedVersionMixin
from ..base._scaled_rows import scaled_by
from ..base._seeds import with_seeds
from ..base._threshold import OffsetMixin, labels_of
from ..base._training_scores import scores_of_training_rows, warn_if_degenerate
from ..base._wrapper import WrapperMixin
from ..variational import VAE
from ._members import Members, read_groups
from ._scores import Characterization, GreatestScore, MeanScore

#: Methods of the estimator that each score needs, besides ``fit``.
NEEDS = {
    "characterization": ("score_samples", "transform"),
    "reference": ("transform", "inverse_transform"),
    "mean_point": ("score_samples",),
    "max_point": ("score_samples",),
}
#: Class that learns each score from normal groups.
LEARNED = {
    "characterization": Characterization,
    "reference": MeanScore,
    "mean_point": MeanScore,
    "max_point": GreatestScore,
}
# Distances that depend on the two rows alone.
DISTANCES = {"euclidean", "sqeuclidean", "cityblock", "chebyshev", "cosine", "correlation"}
DISTANCES |= {"braycurtis", "canberra"}


@detector
class GroupAnomalyDetector(SavedVersionMixin, WrapperMixin, OffsetMixin, DocumentedEstimator):
    r"""Detector of groups of rows that are anomalous together, even if each row looks normal.

    A generative detector is fitted to the rows of all groups, and groups are compared by the codes
    and scores of their rows. The default score describes the group m by the mean and the covariance
    of its rows' codes and the mean of their anomaly scores, :math:`f_m`, and compares each entry
    with the weighted median :math:`c_k` of the normal groups in units of its error:

    .. math:: s_m = \sqrt{\sum_k w_k \frac{(f_{mk} - c_k)^2}{B_k + e_k(n_m)}} ,

    where means, covariances and the score have a weight of one third each, for any number of
    entries; a row alone has no covariance, and the other two have one half each. The sampling
    variance :math:`e_k` of an entry falls with the number :math:`n_m` of the group's rows.
    :math:`B_k` is the additional variance between normal groups, chosen such that the median
    absolute deviation is that of a normal variable. Small groups are therefore not anomalous
    because of their size.

    The algorithm of [1]_ is ``anomaly_score="reference"``: codes :math:`\mu` and spreads
    :math:`\sigma` are averaged over rows and groups, and references
    :math:`r_l = g(z_l), z_l \sim N(\mu, \sigma^2)` are decoded. A group's score is the mean
    distance of its rows x from them, also in units of its error:
    :math:`s_m = \operatorname{mean}_{l, x \in m} d(r_l, x)`.

    Read more in the :ref:`User Guide <groups>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimator : estimator or None, default=None
        Detector of rows with ``transform`` and, for "reference", ``inverse_transform``;
        "mean_point" and "max_point" accept any detector with scores. If None, it is :class:`VAE`
        with its defaults. A copy is fitted; a :class:`sklearn.frozen.FrozenEstimator` is not fitted
        again.
    anomaly_score : str, default="characterization"
        ``"characterization"`` and ``"reference"`` are described above. ``"mean_point"``: the mean
        anomaly score of the group's rows, compared with normal groups as above. ``"max_point"``:
        minus the log of the probability that the maximum anomaly score of as many normal rows is at
        least that of the group; it finds groups with a few anomalous members. A change takes effect
        in ``fit``.
    n_references : int, default=20
        Number of references for "reference".
    distance : str or callable, default="euclidean"
        Distance d for "reference": a metric of :func:`scipy.spatial.distance.cdist` that depends on
        two rows alone, or a function of two rows. The rows are scaled by the estimator's
        ``scaler_``, if it has one.
    reference_groups : array-like or None, default=None
        Labels of training groups that are known to be normal. Other groups are compared with these
        alone. If None, they are compared with all groups.
    contamination : "auto" or float in (0, 0.5], default=0.1
        Share of the training groups that the threshold declares outliers. It can be changed after
        ``fit``. ``"auto"`` is 0.1.
    random_state : int, RandomState instance or None, default=None
        Seed of the references, and of the estimator if its own ``random_state`` is None.

    Attributes
    ----------
    estimator_ : estimator
        The fitted detector of rows.
    groups_ : ndarray of shape (n_groups,)
        Labels of the training groups, in the order of their first rows.
    group_codes_ : ndarray of shape (n_groups, n_latent)
        Mean codes of the training groups, if the score uses codes.
    reference_ : ndarray of shape (n_references, n_features)
        References of "reference", in the units of the training data.
    training_scores_ : ndarray of shape (n_groups,)
        Scores of the training groups, in ascending order.
    offset_ : float
        Threshold on ``score_samples``.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    VAE : A detector of rows.

    Notes
    -----
    Groups are given as rows with a label for each in ``groups``, or as an array of shape (n_groups,
    n_members, n_features); with neither, each row is a group. All methods return one value for each
    group, in the order of the groups' first rows. With scikit-learn's metadata routing,
    ``set_fit_request(groups=True)`` and similar methods pass ``groups`` through a pipeline to
    ``fit``, ``fit_predict``, ``predict`` and ``decision_function``; scikit-learn does not route
    metadata to ``score_samples``.

    A group's score depends on its own rows alone, and not on their order. Covariances are shrunk to
    those within all normal groups, with the weight of n_latent + 1 additional rows, because small
    groups have no covariance of their own. The sums over rows in [1]_ would grow with the number of
    rows and leave the region on which the decoder is trained; here they are means. For estimators
    without a distribution of the code, :math:`\sigma` is the spread of the codes around their mean.
    References are close to the mean row, so that the distance from them finds the same groups as
    the distance from the mean; see the user guide for figures.

    References
    ----------
    .. [1] R. Chalapathy, E. Toth, S. Chawla, "Group anomaly detection using deep generative
       models", ECML PKDD 2018, arXiv:1804.04876.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import VAE, GroupAnomalyDetector
    >>> rng = np.random.RandomState(0)
    >>> X = rng.randn(40, 100, 1) * [1, 1] + 0.3 * rng.randn(40, 100, 2)
    >>> X[-1, :, 1] *= -1                                  # correlated the other way round
    >>> det = GroupAnomalyDetector(VAE(n_latent=1, max_epochs=10), random_state=0).fit(X)
    >>> int(det.score_samples(X).argmin())
    39
    """

    estimator: Any = param(HasMethods(["fit"]), None, default=None, kw_only=False)
    anomaly_score: str = param(set(NEEDS), default="characterization")
    n_references: int = param(COUNT, default=20)
    distance: str | Callable = param(DISTANCES, callable, default="euclidean")
    reference_groups: Sequence | None = param("array-like", None, default=None)
    contamination: float | str = param(*CONTAMINATION, default=0.1)
    random_state: Any = param("random_state", default=None)

    # Fit -------------------------------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, groups=None, sample_weight=None):
        """Fit the estimator to the rows, and the score to normal groups.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_groups, n_members, n_features)
            Training rows, or groups of rows.
        y : Ignored
            Not used, present for API consistency.
        groups : array-like of shape (n_samples,), default=None
            Label of each row's group. If None, each row is a group, unless X is an array of groups.
        sample_weight : array-like of shape (n_samples,), default=None
            Number of times each row counts. A row of weight 2 is the same as the row given twice.
            Fractions are rounded and large weights divided as in :meth:`VAE.fit`.

        Returns
        -------
        self : object
            The fitted detector.
        """
        with all_or_nothing(self):
            if sample_weight is not None:
                X, groups = _repeated(X, groups, sample_weight)
            rows, members = read_groups(X, groups)
            normal = self._normal_groups(members)
            rng = check_random_state(self.random_state)
            estimator = with_seeds(self._checked_estimator(), rng.randint(2**31 - 1))
            self.estimator_ = estimator.fit(rows, None)
            self.groups_ = members.labels
            self._scored_by = self.anomaly_score
            if self._scored_by == "reference":
                self._draw_references(rows, members, normal, rng)
            values = self._values(rows, scores_of_training_rows)
            if self._scored_by == "characterization":
                self.group_codes_ = members.mean(values[0])
            self._learned = LEARNED[self._scored_by].learn(*values, members, normal)
            self._forget_threshold()
            self.training_scores_ = np.sort(self._learned.scores(*values, members))
        warn_if_degenerate(self.training_scores_)
        return self

    def _checked_estimator(self):
        """Return the estimator to copy; raise if it lacks methods that the score needs."""
        estimator = self._prototype()
        missing = [name for name in NEEDS[self.anomaly_score] if not hasattr(estimator, name)]
        if missing:
            raise ValueError(
                f"anomaly_score={self.anomaly_score!r} needs an estimator with "
                f"{' and '.join(NEEDS[self.anomaly_score])}, got estimator={estimator!r}."
            )
        return estimator

    def _normal_groups(self, members: Members) -> np.ndarray:
        """Return the mask of the groups with which the others are compared."""
        if self.reference_groups is None:
            return np.ones(len(members.labels), dtype=bool)
        wanted = as_labels(self.reference_groups)
        if not wanted.size or not are_among(wanted, members.labels).all():
            raise ValueError(
                f"reference_groups={self.reference_groups!r} must be labels of training groups."
            )
        return are_among(members.labels, wanted)

    def _draw_references(self, rows, members: Members, normal: np.ndarray, rng) -> None:
        codes = self._codes(rows)
        self.group_codes_ = members.mean(codes)
        mu = self.group_codes_[normal].mean(0)
        spread = self._code_spread(rows)
        if spread is None:
            sigma = np.sqrt(members.mean((codes - mu) ** 2)[normal].mean(0))
        else:
            sigma = members.mean(spread)[normal].mean(0)
        z = mu + sigma * rng.standard_normal((self.n_references, len(mu)))
        self.reference_ = np.asarray(self.estimator_.inverse_transform(z))

    # Score -----------------------------------------------------------------------------------

    def score_samples(self, X, groups=None):
        """Return the score of each group; higher scores are more normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_groups, n_members, n_features)
            Rows, or groups of rows.
        groups : array-like of shape (n_samples,), default=None
            Label of each row's group. If None, each row is a group, unless X is an array of groups.

        Returns
        -------
        scores : ndarray of shape (n_groups,)
            The negative of the anomaly scores, in the order of the groups' first rows.
        """
        check_is_fitted(self)
        rows, members = read_groups(X, groups)
        values = self._values(rows, lambda estimator, rows: estimator.score_samples(rows))
        return self._learned.scores(*values, members)

    def decision_function(self, X, groups=None):
        """Return the score of each group relative to the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_groups, n_members, n_features)
            Rows, or groups of rows.
        groups : array-like of shape (n_samples,), default=None
            Label of each row's group. If None, each row is a group, unless X is an array of groups.

        Returns
        -------
        decision : ndarray of shape (n_groups,)
            ``score_samples(X, groups) - offset_``: negative for outliers.
        """
        return self.score_samples(X, groups) - self.offset_

    def predict(self, X, groups=None):
        """Label each group as inlier or outlier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_groups, n_members, n_features)
            Rows, or groups of rows.
        groups : array-like of shape (n_samples,), default=None
            Label of each row's group. If None, each row is a group, unless X is an array of groups.

        Returns
        -------
        labels : ndarray of shape (n_groups,)
            +1 for inliers, −1 for outliers.
        """
        return labels_of(self.decision_function(X, groups))

    def fit_predict(self, X, y=None, groups=None, sample_weight=None):
        """Fit the detector to groups and label them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_groups, n_members, n_features)
            Training rows, or groups of rows.
        y : Ignored
            Not used, present for API consistency.
        groups : array-like of shape (n_samples,), default=None
            Label of each row's group. If None, each row is a group, unless X is an array of groups.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, as for ``fit``.

        Returns
        -------
        labels : ndarray of shape (n_groups,)
            +1 for inliers, −1 for outliers.
        """
        return self.fit(X, y, groups, sample_weight).predict(X, groups)

    def _values(self, rows, scores) -> tuple[np.ndarray, ...]:
        """Return the values of each row that the score of groups needs."""
        if self._scored_by == "reference":
            return (self._distances(rows),)
        points = -scores(self.estimator_, rows)
        return (self._codes(rows), points) if self._scored_by == "characterization" else (points,)

    def _distances(self, rows) -> np.ndarray:
        """Return the mean distance of each row from the references."""
        rows = validate_data(self.estimator_, rows, dtype=np.float64, reset=False)
        scaled, references = (scaled_by(self.estimator_, each) for each in (rows, self.reference_))
        return cdist(scaled, references, self.distance).mean(1)

    def _codes(self, rows) -> np.ndarray:
        return np.asarray(self.estimator_.transform(rows), dtype=np.float64)

    def _code_spread(self, rows) -> np.ndarray | None:
        """Return the standard deviations of the codes of rows, or None without a distribution."""
        module = getattr(getattr(self.estimator_, "net_", None), "module_", None)
        if not hasattr(module, "code_distribution"):
            return None
        return np.exp(0.5 * self.estimator_._apply(lambda x: module.code_distribution(x)[1], rows))

    # Attributes ------------------------------------------------------------------------------

    def _prototype(self):
        return VAE() if self.estimator is None else self.estimator

    def _fitted_detector(self):
        return self.estimator_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan &= self.anomaly_score != "reference"  # it compares rows
        return tags


def _repeated(X, groups, sample_weight):
    """Repeat rows and labels of their groups by the weights."""
    X = X if hasattr(X, "ndim") else np.asarray(X)
    if X.ndim == 3:
        raise ValueError(
            "sample_weight must be None if X is an array of groups: it is a weight of rows."
        )
    return repeated((X, groups), sample_weight)
