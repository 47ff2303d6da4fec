"""Sampler of anomalies near the boundary of the data and far from it."""

from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state

from .._documentation import DocumentedEstimator
from .._tables import framed_like, validate_data
from .._validation import (
    HasMethods,
    Interval,
    Real,
    check_integer,
    check_is_fitted,
    check_parameter,
    fit_context,
    take_rows,
)
from ..base._parameters import NON_NEGATIVE, detector, param
from ..base._resuming import all_or_nothing
from ..base._saved_state import SavedVersionMixin
from ..base._scaled_rows import scaled_by
from ..base._seeds import with_seeds
from ..flow import BDSGM

#: Kinds of anomalies, from those near the boundary to those far from it.
KINDS = ("strong", "adversarial", "weak")
# Number of candidates in a draw; the distances that separate the kinds are computed from a draw.
N_CANDIDATES = 2048
# Give up after this many consecutive draws without an anomaly.
N_TRIES = 20


@detector
class StrongAnomalySampler(SavedVersionMixin, DocumentedEstimator):
    r"""Sampler of anomalies near the boundary of normal rows and far from it.

    Labelled anomalies are few and of known kinds, while anomalies in general are the complement of
    the support of the normal rows. A :class:`~skdeepad.BDSGM` finds the boundary of the support,
    from which three kinds of anomalies are generated [1]_:

    *strong*
        near the boundary: draws b from it with a density below :math:`\tau`, moved away from the
        data,

        .. math:: b + \text{margin} \cdot \frac{b - x(b)}{\|b - x(b)\|} ,

        where :math:`x(b)` is the nearest training row in the support, that is, with a density of at
        least :math:`\tau`;
    *adversarial*
        close to rows of high density: the strong anomalies that are closest to the densest part of
        the support after the move;
    *weak*
        far from the boundary: uniform in the box of the training rows, and farther from the support
        than most of the strong anomalies after the move.

    All have a density below :math:`\tau`. The distance of an anomaly from the support, or from its
    densest part, is the distance from the nearest training row in it, with the scaling of the
    :class:`~skdeepad.BDSGM`.

    Read more in the :ref:`User Guide <strong_anomalies>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    boundary : BDSGM or None, default=None
        Model of the boundary; a copy is fitted. If None, :class:`~skdeepad.BDSGM` with its
        defaults. One that is already fitted to the same rows can be passed in a
        :class:`sklearn.frozen.FrozenEstimator`.
    margin : float, default=0.5
        Distance by which strong anomalies are moved from the boundary, in units of the scaled rows.
        With 0 they lie on the boundary, where a row may be normal; with larger margins they are
        easier to detect.
    tail_share : float in (0, 0.5], default=0.1
        Share of the strong anomalies, those closest to the densest rows, that are adversarial.
        Weak anomalies are at least as far from the support as the same share of the strong ones
        that are farthest from it.
    dense_share : float in (0, 1], default=0.5
        Share of the rows of the support that are its densest part. With 1, adversarial anomalies
        are those closest to any row of the support.
    box_margin : float, default=0.1
        Margin of the box at each side, as a share of its width.
    random_state : int, RandomState instance or None, default=None
        Seed of ``fit``, and of ``boundary`` if its own is None.

    Attributes
    ----------
    boundary_ : BDSGM
        The fitted boundary.
    support_ : ndarray of shape (n_rows, n_features)
        Scaled training rows in the support, to which distances are measured.
    densest_ : ndarray of shape (n_dense, n_features)
        The rows of ``support_`` with the highest densities.
    adversarial_distance_ : float
        Maximum distance of an adversarial anomaly from ``densest_``.
    weak_distance_ : float
        Minimum distance of a weak anomaly from the support.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    leave_one_class_out : Evaluation of detectors on such anomalies and on a class left out.
    skdeepad.inspection.BoundaryDisplay : Display of a boundary in the plane.

    Notes
    -----
    The sampler's density defines the normal rows. A detector that uses the same density has an
    advantage, and one with a better model of the normal rows is not rewarded for it. With few rows
    or many features the boundary is a poor estimate.

    The row :math:`x(b)` must be in the support: a draw from the boundary that is close to a row
    outside the support would be moved inwards.

    References
    ----------
    .. [1] N. Dionelis, M. Yaghoobi, S. A. Tsaftaris, "Boundary of distribution support generator
       (BDSG): sample generation on the boundary", ICIP 2020, arXiv:2107.09950.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import BDSGM
    >>> from skdeepad.model_selection import StrongAnomalySampler
    >>> X = np.random.RandomState(0).randn(1000, 2)
    >>> boundary = BDSGM(density="gaussian", generator_steps=100)
    >>> sampler = StrongAnomalySampler(boundary, random_state=0).fit(X)
    >>> strong = sampler.sample(100, random_state=0)
    >>> weak = sampler.sample(100, kind="weak", random_state=0)
    >>> density = sampler.boundary_.score_samples
    >>> bool(density(X).mean() > density(strong).mean() > density(weak).mean())
    True
    """

    boundary: Any = param(
        HasMethods(["fit", "score_samples", "sample_boundary"]), None, default=None, kw_only=False
    )
    margin: float = param(NON_NEGATIVE, default=0.5)
    tail_share: float = param(Interval(Real, 0, 0.5, closed="right"), default=0.1)
    dense_share: float = param(Interval(Real, 0, 1, closed="right"), default=0.5)
    box_margin: float = param(NON_NEGATIVE, default=0.1)
    random_state: Any = param("random_state", default=None)

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Find the boundary of normal rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Normal rows.
        y : Ignored
            Not used, present for API consistency.

        Returns
        -------
        self : object
            The fitted sampler.
        """
        with all_or_nothing(self):
            rows = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
            self._no_rows = take_rows(X, np.arange(0))
            rng = check_random_state(self.random_state)
            boundary = BDSGM() if self.boundary is None else self.boundary
            self.boundary_ = with_seeds(boundary, rng.randint(2**31 - 1)).fit(X, None)
            scaled = scaled_by(self.boundary_, rows)
            self._box = scaled.min(0), scaled.max(0)
            density = self.boundary_.score_samples(framed_like(self._no_rows, rows))
            inside = density >= self.boundary_.log_density_threshold_
            self.support_ = scaled[inside]
            if not len(self.support_):
                raise ValueError(
                    f"boundary={boundary!r} has no row of X inside: the density of each is below "
                    f"{self.boundary_.log_density_threshold_}, the level of the boundary."
                )
            density = density[inside]
            self.densest_ = self.support_[density >= np.quantile(density, 1 - self.dense_share)]
            self._to_support = NearestNeighbors(n_neighbors=1).fit(self.support_)
            self._to_densest = NearestNeighbors(n_neighbors=1).fit(self.densest_)
            strong = self._strong(rng)
            if not len(strong):
                raise self._none_found("strong")
            self.adversarial_distance_ = float(
                np.quantile(_distances(self._to_densest, strong), self.tail_share)
            )
            self.weak_distance_ = float(
                np.quantile(_distances(self._to_support, strong), 1 - self.tail_share)
            )
        return self

    def sample(self, n_samples=1, kind="strong", random_state=None):
        """Generate anomalies.

        Parameters
        ----------
        n_samples : int, default=1
            Number of anomalies.
        kind : {"strong", "adversarial", "weak"}, default="strong"
            Kind of the anomalies, see above.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            Anomalies, in the units of the training data.
        """
        check_is_fitted(self)
        check_integer("n_samples", n_samples)
        for name in ("margin", "box_margin"):
            check_parameter(self, name)
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r} must be 'strong', 'adversarial' or 'weak'.")
        draw = {"strong": self._strong, "adversarial": self._adversarial, "weak": self._weak}[kind]
        rng = check_random_state(random_state)
        found, n_empty = np.empty((0, self.n_features_in_)), 0
        while len(found) < n_samples:
            rows = draw(rng)
            n_empty = 0 if len(rows) else n_empty + 1
            if n_empty == N_TRIES:
                raise self._none_found(kind)
            found = np.concatenate([found, rows])
        return self._unscale(found[:n_samples])

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        if "_neighbors" in state:  # a file of an earlier version, where all rows counted as dense
            self.dense_share, self.densest_ = 1.0, self.support_
            self._to_support = self._to_densest = vars(self).pop("_neighbors")

    # Scaled anomalies among candidates -----------------------------------------------------------

    def _strong(self, rng) -> np.ndarray:
        rows = self.boundary_.sample_boundary(N_CANDIDATES, random_state=rng)
        b = self._outside(scaled_by(self.boundary_, rows))
        if not len(b):
            return b
        distances, nearest = self._to_support.kneighbors(b)
        away = (b - self.support_[nearest[:, 0]]) / np.maximum(distances, np.finfo(float).tiny)
        return self._outside(b + self.margin * away)

    def _adversarial(self, rng) -> np.ndarray:
        strong = self._strong(rng)
        if not len(strong):
            return strong
        return strong[_distances(self._to_densest, strong) <= self.adversarial_distance_]

    def _weak(self, rng) -> np.ndarray:
        low, high = self._box
        wider = self.box_margin * (high - low)
        candidates = rng.uniform(low - wider, high + wider, (N_CANDIDATES, len(low)))
        candidates = self._outside(candidates)
        if not len(candidates):
            return candidates
        return candidates[_distances(self._to_support, candidates) >= self.weak_distance_]

    def _outside(self, scaled) -> np.ndarray:
        """Return those of scaled rows whose density is below the level of the boundary."""
        rows = framed_like(self._no_rows, self._unscale(scaled))
        scores = self.boundary_.score_samples(rows)
        return scaled[scores < self.boundary_.log_density_threshold_]

    def _unscale(self, scaled) -> np.ndarray:
        scaler = self.boundary_.scaler_
        return scaled if scaler is None else scaler.inverse_transform(scaled)

    def _none_found(self, kind: str) -> ValueError:
        what = {"weak": f"box_margin={self.box_margin!r} leaves no space for weak anomalies"}
        none = f"margin={self.margin!r} leaves no {kind} anomaly outside the support"
        return ValueError(f"{what.get(kind, none)}: use a larger value.")


def _distances(neighbors: NearestNeighbors, scaled) -> np.ndarray:
    """Return the distance of each scaled row from the nearest row of those fitted."""
    return neighbors.kneighbors(scaled)[0][:, 0]
