"""Display of a density in the plane and the boundary of its support."""

import numpy as np
from sklearn.utils import check_array

from .._tables import framed_like
from .._validation import Real, check_integer, check_matplotlib_support, last_step, own_offset
from ._axes import BLACK, ORANGE, as_written, take_axes

#: Maximum number of shades.
N_LEVELS = 12


class BoundaryDisplay:
    """Display of the score or density of a detector of two features.

    It shows the threshold and the boundary too. Create it by :meth:`from_estimator`.

    Read more in the :ref:`User Guide <pictures>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    xx0 : ndarray of shape (grid_resolution, grid_resolution)
        First feature of the points of a grid.
    xx1 : ndarray of shape (grid_resolution, grid_resolution)
        Second feature of the points of the grid.
    response : ndarray of shape (grid_resolution, grid_resolution)
        Score, or density, of the points.
    level : float or None, default=None
        Threshold, in units of ``response``; drawn as a line.
    boundary : ndarray of shape (n_boundary, 2) or None, default=None
        Rows from the boundary.
    rows : ndarray of shape (n_samples, 2) or None, default=None
        Rows of data.
    feature_names : tuple of (str, str), default=("feature 0", "feature 1")
        Names of the axes.
    response_name : str, default="score"
        Name of the response.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the display.
    figure_ : matplotlib Figure
        Figure of the axes.
    surface_ : matplotlib QuadContourSet
        Shades of the response.
    level_ : matplotlib QuadContourSet or None
        The line at ``level``.
    boundary_ : matplotlib PathCollection or None
        Points of the boundary.
    rows_ : matplotlib PathCollection or None
        Points of the data.

    See Also
    --------
    skdeepad.BDSGM : The detector with a boundary.
    sklearn.inspection.DecisionBoundaryDisplay : The display for classifiers.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skdeepad import BDSGM
    >>> from skdeepad.inspection import BoundaryDisplay
    >>> X = np.random.RandomState(0).randn(1000, 2)
    >>> det = BDSGM(density="gaussian", generator_steps=200, random_state=0).fit(X)
    >>> display = BoundaryDisplay.from_estimator(det, X)
    >>> plt.show()  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        xx0,
        xx1,
        response,
        level=None,
        boundary=None,
        rows=None,
        feature_names=("feature 0", "feature 1"),
        response_name="score",
    ):
        self.xx0 = xx0
        self.xx1 = xx1
        self.response = response
        self.level = level
        self.boundary = boundary
        self.rows = rows
        self.feature_names = feature_names
        self.response_name = response_name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        *,
        response="score",
        n_boundary=1000,
        grid_resolution=100,
        eps=0.15,
        random_state=None,
        ax=None,
        **kwargs,
    ):
        """Draw the scores or densities of a detector in the plane.

        Parameters
        ----------
        estimator : detector, density or Pipeline
            Estimator that is fitted to two features, with ``score_samples``. With
            ``sample_boundary``, as in :class:`~skdeepad.BDSGM`, the boundary is drawn; with
            ``offset_``, the threshold.
        X : array-like of shape (n_samples, 2) or None, default=None
            Rows to draw. They may be None if there is a boundary.
        response : {"score", "density"}, default="score"
            ``"score"`` draws ``score_samples``, which is the log-density of detectors with a
            density, and ``"density"`` its exponential.
        n_boundary : int, default=1000
            Number of rows drawn from the boundary. With 0, no boundary is drawn.
        grid_resolution : int, default=100
            Number of points on each side of the grid.
        eps : float, default=0.15
            Margin of the grid around rows and boundary, as a share of their range.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw from the boundary.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.contourf`.

        Returns
        -------
        display : BoundaryDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        _check(estimator, response, n_boundary, grid_resolution, eps)
        rows = None if X is None else check_array(X, dtype=np.float64)
        boundary = None
        if n_boundary and hasattr(estimator, "sample_boundary"):
            boundary = estimator.sample_boundary(n_boundary, random_state=random_state)
        xx0, xx1 = _grid(estimator, [boundary, rows], grid_resolution, eps)
        points = np.column_stack([xx0.ravel(), xx1.ravel()])
        values = estimator.score_samples(framed_like(X, points)).reshape(xx0.shape)
        level = own_offset(last_step(estimator))
        if response == "density":
            values, level = np.exp(values), None if level is None else np.exp(level)
        names = getattr(estimator, "feature_names_in_", ("feature 0", "feature 1"))
        return cls(
            xx0=xx0,
            xx1=xx1,
            response=values,
            level=level,
            boundary=boundary,
            rows=rows,
            feature_names=tuple(names),
            response_name=response,
        ).plot(ax=ax, **kwargs)

    def plot(self, *, ax=None, **kwargs):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.contourf`.

        Returns
        -------
        display : BoundaryDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        ax = take_axes(self, ax)
        grid = self.xx0, self.xx1, self.response
        kwargs = {"levels": self._levels(), "cmap": "Blues", "extend": "min"} | kwargs
        self.surface_ = ax.contourf(*grid, **kwargs)
        self.figure_.colorbar(self.surface_, ax=ax, label=self.response_name)
        self.rows_ = self._points(self.rows, "rows", color=BLACK, s=4, alpha=0.35)
        self.boundary_ = self._points(self.boundary, "boundary", color=ORANGE, s=8, alpha=0.8)
        self.level_ = None
        if self.level is not None:
            self.level_ = ax.contour(*grid, levels=[self.level], colors=BLACK, linestyles="-")
            if any(map(len, self.level_.allsegs[0])):  # it crosses the plane
                ax.plot([], [], color=BLACK, label="threshold")
        if ax.get_legend_handles_labels()[0]:
            ax.legend(loc="upper right", markerscale=2)
        ax.set(xlabel=self.feature_names[0], ylabel=self.feature_names[1])
        as_written(ax.xaxis.label, ax.yaxis.label)
        return self

    def _levels(self) -> np.ndarray:
        """Return round levels of the shades, symmetric around the threshold.

        Without a threshold they start at the median, because a log-density is unbounded below.
        """
        from matplotlib.ticker import MaxNLocator

        top = self.response.max()
        below = np.median(self.response) if self.level is None else 2 * self.level - top
        low = max(self.response.min(), below)
        return MaxNLocator(N_LEVELS).tick_values(low, top if top > low else low + 1)

    def _points(self, points, label, **style):
        if points is None:
            return None
        return self.ax_.scatter(*points.T, label=label, linewidths=0, **style)


def _check(estimator, response, n_boundary, grid_resolution, eps) -> None:
    if not hasattr(estimator, "score_samples"):
        raise ValueError(
            f"estimator={estimator!r} has no score_samples: it must be a fitted detector or "
            "density, such as BDSGM() or InvertibleResNet(), or a Pipeline that ends with one."
        )
    if response not in ("score", "density"):
        raise ValueError(f"response={response!r} must be 'score' or 'density'.")
    check_integer("n_boundary", n_boundary, 0)
    check_integer("grid_resolution", grid_resolution, 2)
    if not isinstance(eps, Real) or not 0 <= eps < np.inf:
        raise ValueError(f"eps={eps!r} must be a finite number of at least 0.")


def _grid(estimator, points, grid_resolution, eps):
    """Return both features of a grid around points."""
    points = [each for each in points if each is not None]
    if not points:
        raise ValueError(
            f"X=None leaves nothing to draw around, as estimator={estimator!r} draws no boundary: "
            "pass rows of two features."
        )
    points = np.concatenate(points)
    if points.shape[1] != 2:
        raise ValueError(
            f"A plane has two features, got {points.shape[1]}: fit the estimator to two of them."
        )
    low, high = points.min(0), points.max(0)
    wider = eps * np.where(high > low, high - low, 1.0)
    sides = np.linspace(low - wider, high + wider, grid_resolution)
    return np.meshgrid(*sides.T)
