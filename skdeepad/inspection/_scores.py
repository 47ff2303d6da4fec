"""Display of scores with their threshold."""

import numpy as np
from sklearn.utils import column_or_1d

from .._tables import refuse_masked
from .._validation import check_integer, check_matplotlib_support, last_step, own_offset
from ._axes import BLACK, by_label, named, read_mask, take_axes


class ScoreDisplay:
    """Display of the distribution of scores, by label, with the threshold.

    Create it by :meth:`from_estimator` or :meth:`from_predictions`. Several detectors share axes by
    ``ax`` if their scores have the same units.

    Read more in the :ref:`User Guide <pictures>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Scores, higher for more normal rows.
    is_anomaly : ndarray of shape (n_samples,), dtype bool, or None, default=None
        Which rows are anomalies. If None, all rows are drawn alike.
    offset : float or None, default=None
        Threshold; scores below it are those of outliers.
    name : str or None, default=None
        Name of the detector, for the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the display.
    figure_ : matplotlib Figure
        Figure of the axes.
    bars_ : list of matplotlib containers
        Histograms, of all rows or of normal rows and of anomalies.
    line_ : matplotlib Line2D or None
        The threshold.

    See Also
    --------
    sklearn.metrics.RocCurveDisplay : The rates of all thresholds; see
        :class:`skdeepad.interop.DetectorClassifier`.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skdeepad import AutoEncoder
    >>> from skdeepad.datasets import load_wine
    >>> from skdeepad.inspection import ScoreDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> det = AutoEncoder(max_epochs=20, random_state=0).fit(X)
    >>> display = ScoreDisplay.from_estimator(det, X, y)
    >>> plt.show()  # doctest: +SKIP
    """

    def __init__(self, *, scores, is_anomaly=None, offset=None, name=None):
        self.scores = scores
        self.is_anomaly = is_anomaly
        self.offset = offset
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, bins=40, name=None, ax=None, **kwargs):
        """Draw the scores of a fitted detector.

        Parameters
        ----------
        estimator : estimator
            Outlier detector with ``score_samples``, or a pipeline that ends in one. With
            ``offset_``, the threshold is drawn.
        X : array-like of shape (n_samples, n_features)
            Rows to score.
        y : array-like of shape (n_samples,) or None, default=None
            Labels, as in :func:`skdeepad.metrics.anomaly_mask`: 0/1 with 1 for an anomaly, or ±1
            with −1 for an anomaly.
        bins : int, default=40
            Number of bars over the range of the scores.
        name : str or None, default=None
            Name in the legend. If None, that of the estimator's class.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.hist`.

        Returns
        -------
        display : ScoreDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if not hasattr(estimator, "score_samples"):
            raise ValueError(f"estimator={estimator!r} must be a detector with score_samples.")
        last = last_step(estimator)
        offset = own_offset(last)
        return cls.from_predictions(
            estimator.score_samples(X),
            y,
            offset=offset,
            bins=bins,
            name=type(last).__name__ if name is None else name,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls, scores, y=None, *, offset=None, bins=40, name=None, ax=None, **kwargs
    ):
        """Draw scores.

        Parameters
        ----------
        scores : array-like of shape (n_samples,)
            Scores, higher for more normal rows. Those that are not finite are left out.
        y : array-like of shape (n_samples,) or None, default=None
            Labels, as in :meth:`from_estimator`.
        offset : float or None, default=None
            Threshold.
        bins : int, default=40
            Number of bars over the range of the scores.
        name : str or None, default=None
            Name in the legend.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.hist`.

        Returns
        -------
        display : ScoreDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        refuse_masked(scores, "scores", "scores.filled(np.nan)")
        scores = column_or_1d(scores, dtype=np.float64)
        is_anomaly = read_mask(y, len(scores), "scores")
        display = cls(scores=scores, is_anomaly=is_anomaly, offset=offset, name=name)
        return display.plot(bins=bins, ax=ax, **kwargs)

    def plot(self, *, bins=40, ax=None, **kwargs):
        """Draw the display.

        Parameters
        ----------
        bins : int, default=40
            Number of bars over the range of the scores.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.hist`.

        Returns
        -------
        display : ScoreDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        check_integer("bins", bins)
        finite = np.isfinite(self.scores)
        if not finite.any():
            raise ValueError("scores has no finite value to draw.")
        ax, scores = take_axes(self, ax), self.scores[finite].astype(np.float64)
        is_anomaly = None if self.is_anomaly is None else self.is_anomaly[finite]
        edges = _edges(scores, bins)
        self.bars_ = []
        for kind, mask, color in by_label(is_anomaly, len(scores)):
            style = {"density": True, "alpha": 0.6, "color": color} | kwargs
            style = {"label": named(self.name, kind)} | style
            self.bars_.append(ax.hist(scores[mask], bins=edges, **style)[2])
        self.line_ = None
        if self.offset is not None and np.isfinite(self.offset):
            style = {"color": BLACK, "linewidth": 1.2, "label": named(self.name, "threshold")}
            self.line_ = ax.axvline(self.offset, **style)
        ax.set(xlabel="score (lower: more abnormal)", ylabel="density")
        ax.legend()
        return self


def _edges(scores: np.ndarray, bins: int) -> np.ndarray:
    """Return edges of bins of equal widths, around scores that are nearly all equal, too."""
    low, high, limits = scores.min(), scores.max(), np.finfo(np.float64)
    size = max(abs(low), abs(high))
    with np.errstate(over="ignore"):
        width, padding = high - low, 0.5 * size if size > 1 / limits.max else 0.5
        if width <= max(1e-12 * size, bins / limits.max):  # a density can't be drawn
            low, high = max(low - padding, limits.min), min(high + padding, limits.max)
    if not np.isfinite(width):
        raise ValueError(f"scores are too far apart to be drawn: from {low:.3g} to {high:.3g}.")
    return np.linspace(low, high, bins + 1)
