"""LeSiNN: distances to nearest neighbours in small samples of the training rows."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.utils import check_random_state, gen_batches

from .._documentation import DocumentedEstimator
from .._validation import (
    HasMethods,
    Integral,
    Interval,
    RealNotInt,
    check_is_fitted,
    fit_context,
)
from ..base._gradients import of_features
from ..base._parameters import CONTAMINATION, COUNT, POSITIVE, SHARE_BELOW_ONE, detector, param
from ..base._resuming import all_or_nothing
from ..base._rows import rows_to_train_on
from ..base._saved_state import SavedVersionMixin
from ..base._scaled_rows import ScaledRowsMixin
from ..base._scaling import SCALERS
from ..base._threshold import ThresholdMixin
from ..base._training_scores import warn_if_degenerate

# Up to so many nearest rows are found one after the other, which is faster than a partition.
FEW = 10
METRICS = {"manhattan": "cityblock", "euclidean": "euclidean"}
# Rows are scored in blocks of about this many distances, or of differences for contributions.
BLOCK_VALUES = 2**20


@detector
class LeSiNN(SavedVersionMixin, ScaledRowsMixin, ThresholdMixin, DocumentedEstimator):
    r"""Mean distance to the nearest neighbours in samples of the training rows.

    A row is compared with :math:`t` samples :math:`R_1, \dots, R_t` of the training rows [1]_:

    .. math:: s(x) = \frac1t \sum_{i=1}^t \frac1k \sum_{r \in N_k(x, R_i)} d(x, r),

    where :math:`N_k` are the :math:`k` nearest rows of a sample, and [2]_ takes a single sample.
    In a small sample, the anomalies of a cluster are as far from one another as they are rare,
    whatever their number in the table.
    The default adds three things to the paper that keep contaminated rows from filling the
    neighbourhood of anomalies: :math:`k` is a tenth of a sample; a share ``trim`` of each sample is
    left out, the rows that are the farthest from the others; and distances are Manhattan ones, of
    values that are clipped. Nothing is trained, and the time is linear in the number of rows.

    Read more in the :ref:`User Guide <lesinn>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    n_estimators : int, default=6
        Number of samples :math:`t`. A table of at most ``max_samples`` rows is one sample.
    max_samples : int, default=256
        Number of training rows in a sample, drawn without replacement. Larger ones cost more and
        detect no more (``benchmarks/results/neighbors.md``).
    n_neighbors : int or float in (0, 1), default=0.1
        Number of nearest rows :math:`k`, as a number or as a share of the rows of a sample.
    trim : float in [0, 1), default=0.2
        Share of the rows of a sample, rounded down, that are left out: those with the largest mean
        distance to their own nearest rows in the sample. At least two rows remain.
    metric : {"manhattan", "euclidean"}, default="manhattan"
        Distance :math:`d`.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="robust"
        Scaler of the input, by name or as a transformer. ``"robust"`` is by median and quartiles,
        which anomalies hardly move. With a scaler given by name, scaled values beyond ±20 are
        compressed: they grow with their logarithm.
    clip : float or None, default=5.0
        Scaled values beyond ±``clip`` count as ±``clip``, so that no single feature decides. If
        None, there is no limit.
    contamination : "auto" or float in (0, 0.5], default=0.1
        Share of the training rows that the threshold declares outliers. It can be changed after
        ``fit``. ``"auto"`` is 0.1.
    random_state : int, RandomState instance or None, default=None
        Seed of the samples.

    Attributes
    ----------
    samples_ : list of ndarray of shape (n_kept, n_features)
        The scaled rows of each sample.
    scaler_ : transformer or None
        The fitted scaler.
    training_scores_ : ndarray of shape (n_samples,)
        Scores of the training rows, in ascending order. A row is not its own neighbour here, so
        that the threshold holds for new rows; ``score_samples`` of a training row is higher.
    offset_ : float
        Threshold on ``score_samples``.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    REPEN : Learns a space for such distances.
    DetectorEnsemble : Mean of detectors of different kinds.

    Notes
    -----
    The paper's settings are ``n_estimators=50, max_samples=8, n_neighbors=1, trim=0,
    metric="euclidean", scaler="minmax", clip=None``. ``benchmarks/results/neighbors.md``, computed
    by ``python benchmarks/neighbors.py``, compares them with the default.

    References
    ----------
    .. [1] G. Pang, K. M. Ting, D. Albrecht, "LeSiNN: Detecting anomalies by identifying least
       similar nearest neighbours", ICDM workshops, 2015.
    .. [2] M. Sugiyama, K. M. Borgwardt, "Rapid distance-based outlier detection via sampling",
       NIPS 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import LeSiNN
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> det = LeSiNN(random_state=0).fit(X)
    >>> det.predict([np.zeros(8), 3 * (-1.0) ** np.arange(8)])
    array([ 1, -1])
    """

    n_estimators: int = param(COUNT, default=6)
    max_samples: int = param(Interval(Integral, 2, None, closed="left"), default=256)
    n_neighbors: int | float = param(
        COUNT, Interval(RealNotInt, 0, 1, closed="neither"), default=0.1
    )
    trim: float = param(SHARE_BELOW_ONE, default=0.2)
    metric: str = param(set(METRICS), default="manhattan")
    scaler: Any = param(set(SCALERS), HasMethods(["fit", "transform"]), None, default="robust")
    clip: float | None = param(POSITIVE, None, default=5.0)
    contamination: float | str = param(*CONTAMINATION, default=0.1)
    random_state: Any = param("random_state", default=None)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Draw the samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, at least two.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Number of times each row counts. Fractions are rounded and large weights divided as in
            :meth:`VAE.fit`. If None, each row counts once.

        Returns
        -------
        self : object
            The fitted detector.
        """
        with all_or_nothing(self):
            X = self._validate(X, ensure_min_samples=2)
            counts = None
            if sample_weight is not None:
                counts = self._repetitions(X, sample_weight, 2)
            rng = check_random_state(self.random_state)
            self._begin_scaling(rng.randint(2**31 - 1))
            rows = self._scale_rows(X, rows_to_train_on(X, counts=counts), fit=True)
            self._metric, self._clip, self._k = self.metric, self.clip, self.n_neighbors
            self.samples_ = [
                self._trimmed(self._clipped(rows[chosen])) for chosen in self._draws(len(rows), rng)
            ]
            self._forget_threshold()
            self.training_scores_ = np.sort(self._score(rows, without_itself=True))
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
            The negative of the mean distance to the nearest rows of each sample.
        """
        return self._score(self._read(X))

    def feature_contributions(self, X):
        """Return each feature's part of the anomaly score.

        It is the mean distance to the same nearest rows along the feature. With
        ``metric="euclidean"`` the square of a distance is the sum over the features, and each has
        its share of the distance.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to explain.

        Returns
        -------
        contributions : ndarray of shape (n_samples, n_features)
            Their sum over the features is the anomaly score, ``-score_samples(X)``.

        Raises
        ------
        ValueError
            If the scaler mixes features.
        """
        rows = self._read(X)
        size = max(
            max(len(sample), self._n_nearest(sample) * rows.shape[1]) for sample in self.samples_
        )
        parts = [
            self._mean(self._parts(part, sample) for sample in self.samples_)
            for part in self._blocks(rows, size)
        ]
        return of_features(self, np.concatenate(parts))

    def _score_known_rows(self, X) -> np.ndarray:
        """Return scores of rows of which each is one of the training rows."""
        return self._score(self._read(X), without_itself=True)

    def _read(self, X) -> np.ndarray:
        check_is_fitted(self)
        return self._scale(self._validate(X, reset=False))

    def _draws(self, n_rows: int, rng: np.random.RandomState) -> Iterator[np.ndarray]:
        """Yield the numbers of the rows of each sample."""
        if n_rows <= self.max_samples:
            yield np.arange(n_rows)
            return
        for _ in range(self.n_estimators):
            yield rng.choice(n_rows, self.max_samples, replace=False)

    def _trimmed(self, sample: np.ndarray) -> np.ndarray:
        """Return a sample without its most isolated rows."""
        n_kept = max(2, len(sample) - int(self.trim * len(sample) + 1e-9))
        if n_kept == len(sample):
            return sample
        distances = self._mean_of_nearest(sample, sample, without_itself=True)
        return sample[np.sort(np.argsort(distances, kind="stable")[:n_kept])]

    def _clipped(self, rows) -> np.ndarray:
        rows = np.asarray(rows, dtype=np.float64)
        return rows if self._clip is None else rows.clip(-self._clip, self._clip)

    def _blocks(self, rows, n_values: int) -> Iterator[np.ndarray]:
        """Yield clipped rows in blocks; ``n_values`` are computed for each row."""
        for block in gen_batches(len(rows), max(1, BLOCK_VALUES // n_values)):
            yield self._clipped(rows[block])

    def _score(self, rows, without_itself: bool = False) -> np.ndarray:
        """Return the scores of scaled rows."""
        size = max(map(len, self.samples_))
        means = [
            self._mean(self._mean_of_nearest(part, r, without_itself) for r in self.samples_)
            for part in self._blocks(rows, size)
        ]
        return -np.concatenate(means)

    def _mean(self, of_samples: Iterable[np.ndarray]) -> np.ndarray:
        """Return the mean over the samples, for one row alone in the same order as for many."""
        return sum(of_samples) / len(self.samples_)

    def _n_nearest(self, sample: np.ndarray) -> int:
        k = self._k if isinstance(self._k, Integral) else int(self._k * len(sample))
        return min(max(1, k), len(sample) - 1)

    def _mean_of_nearest(
        self, rows: np.ndarray, sample: np.ndarray, without_itself: bool = False
    ) -> np.ndarray:
        """Return the mean distance of each row to its nearest rows of a sample, (n_rows,).

        A row that may not be its own neighbour is taken for one of the sample if they are equal.
        """
        distances, k = cdist(rows, sample, METRICS[self._metric]), self._n_nearest(sample)
        if without_itself:
            places, nearest = np.arange(len(rows)), distances.argmin(axis=1)
            own = distances[places, nearest] == 0
            distances[places[own], nearest[own]] = np.inf
        return _mean_of_least(distances, k)

    def _parts(self, rows: np.ndarray, sample: np.ndarray) -> np.ndarray:
        """Return each feature's part of the mean distance to a sample, (n_rows, n_features)."""
        k = self._n_nearest(sample)
        distances = cdist(rows, sample, METRICS[self._metric])
        nearest = np.argpartition(distances, k - 1, axis=1)[:, :k]
        parts = np.abs(rows[:, None] - sample[nearest])
        if self._metric == "euclidean":
            lengths = np.take_along_axis(distances, nearest, axis=1)[..., None]
            parts = np.divide(parts**2, lengths, out=np.zeros_like(parts), where=lengths > 0)
        return parts.mean(axis=1)


def _mean_of_least(distances: np.ndarray, k: int) -> np.ndarray:
    """Return the mean of the k least values of each row, (n_rows,); the values are overwritten."""
    if k > FEW:
        return np.partition(distances, k - 1, axis=1)[:, :k].mean(axis=1)
    places, total = np.arange(len(distances)), 0.0
    for _ in range(k):
        nearest = distances.argmin(axis=1)
        total = total + distances[places, nearest]
        distances[places, nearest] = np.inf
    return total / k
