"""Display of codes in the plane."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from .._tables import as_labels, is_missing, refuse_masked
from .._validation import check_matplotlib_support
from ._axes import as_written, entry, take_axes

#: Maximum number of classes with matplotlib's categorical colours; more have a colour scale.
N_COLORS = 10
#: Number of classes in the legend.
N_NAMED = 20
ENDLESS = (np.inf, -np.inf)


class LatentSpaceDisplay:
    """Display of codes as points, coloured by class, cluster or score.

    Create it by :meth:`from_estimator` or :meth:`from_codes`.

    Read more in the :ref:`User Guide <pictures>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
        Positions of the rows in the plane.
    y : array-like of shape (n_samples,) or None, default=None
        Classes of the rows, as numbers or strings, or a value for each, as floats.
    axis_names : tuple of (str, str), default=("code 0", "code 1")
        Names of the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the points.
    figure_ : matplotlib Figure
        Figure of the axes.
    scatters_ : list of matplotlib PathCollection
        Points of each class in the order of the legend, or one collection of all points.

    See Also
    --------
    ReconstructionDisplay : Display of rows and their reconstructions.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skdeepad import AutoEncoder
    >>> from skdeepad.datasets import load_wine
    >>> from skdeepad.inspection import LatentSpaceDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> det = AutoEncoder(max_epochs=20, random_state=0).fit(X)
    >>> display = LatentSpaceDisplay.from_estimator(det, X, y)
    >>> plt.show()  # doctest: +SKIP
    """

    def __init__(self, *, points, y=None, axis_names=("code 0", "code 1")):
        self.points = points
        self.y = y
        self.axis_names = axis_names

    @classmethod
    def from_estimator(
        cls, estimator, X, y=None, *, method="pca", random_state=None, ax=None, **kwargs
    ):
        """Draw a detector's codes of rows.

        Parameters
        ----------
        estimator : detector or Pipeline
            Fitted estimator with ``transform``.
        X : array-like of shape (n_samples, n_features)
            Rows to encode.
        y : array-like of shape (n_samples,) or None, default=None
            Classes of the rows (labels, clusters, ``names[labels]``), or a value for each as floats
            (scores). Pass labels that are floats as ``y.astype(int)``.
        method : {"pca", "tsne"} or None, default="pca"
            Projection of codes with more than two values: their principal components, t-SNE, or, if
            None, their first two values.
        random_state : int, RandomState instance or None, default=None
            Seed of t-SNE.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        display : LatentSpaceDisplay
            The drawn display.
        """
        if not hasattr(estimator, "transform"):
            raise ValueError(
                f"estimator={estimator!r} has no codes to show: it must be a detector with "
                "transform, such as AutoEncoder() or VAE(), or a Pipeline that ends with one."
            )
        codes = estimator.transform(X)
        return cls.from_codes(codes, y, method=method, random_state=random_state, ax=ax, **kwargs)

    @classmethod
    def from_codes(cls, codes, y=None, *, method="pca", random_state=None, ax=None, **kwargs):
        """Draw codes.

        Parameters
        ----------
        codes : array-like of shape (n_samples, n_latent)
            Codes with at least two values.
        y : array-like of shape (n_samples,) or None, default=None
            Classes of the rows, or a value for each as floats.
        method : {"pca", "tsne"} or None, default="pca"
            Projection of codes with more than two values: their principal components, t-SNE, or, if
            None, their first two values.
        random_state : int, RandomState instance or None, default=None
            Seed of t-SNE.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        display : LatentSpaceDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_codes")
        refuse_masked(codes, "codes", "the rows that have none")
        codes = check_array(codes, input_name="codes", ensure_min_features=2)
        if y is not None:
            refuse_masked(y, "y", "the rows that have none")
            y = column_or_1d(as_labels(y))
            check_consistent_length(codes, y)
            wrong = [value for value in y.tolist() if is_missing(value) or value in ENDLESS]
            if wrong:
                raise ValueError(
                    f"y must have a class or a finite number for each row, got {wrong[0]}."
                )
            try:
                np.unique(y)
            except TypeError as error:
                raise ValueError(f"y must hold classes of one type: {error}.") from error
        points, axis_names = _project(codes, method, random_state)
        return cls(points=points, y=y, axis_names=axis_names).plot(ax=ax, **kwargs)

    def plot(self, *, ax=None, **kwargs):
        """Draw the points.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        display : LatentSpaceDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        ax = take_axes(self, ax)
        kwargs = {"s": 14, "alpha": 0.8, "linewidths": 0} | kwargs
        if self.y is None:
            self.scatters_ = [ax.scatter(*self.points.T, **kwargs)]
        elif np.asarray(self.y).dtype.kind == "f":
            self.scatters_ = [ax.scatter(*self.points.T, c=self.y, **kwargs)]
            self.figure_.colorbar(self.scatters_[0], ax=ax)
        else:
            self._plot_classes(kwargs)
        ax.set(xlabel=self.axis_names[0], ylabel=self.axis_names[1])
        return self

    def _plot_classes(self, kwargs):
        from matplotlib import colormaps

        classes, members, counts = np.unique(self.y, return_inverse=True, return_counts=True)
        few = len(classes) <= N_COLORS
        colors = (
            colormaps["tab10"].colors
            if few
            else colormaps["turbo"].resampled(len(classes))(range(len(classes)))
        )
        self.scatters_ = [
            self.ax_.scatter(
                *self.points[members == k].T,
                # Smaller classes, such as anomalies, are drawn on top of larger ones.
                **{"color": colors[k], "label": str(name), "zorder": 2 - counts[k] / len(members)}
                | kwargs,
            )
            for k, name in enumerate(classes)
        ]
        # The largest classes if there are many.
        named = np.sort(np.argsort(-counts, kind="stable")[:N_NAMED])
        names = [str(classes[k]) for k in named]
        legend = self.ax_.legend(
            [self.scatters_[k] for k in named],
            [entry(name) for name in names],
            title=None if len(named) == len(classes) else f"{N_NAMED} of {len(classes)} classes",
            loc="upper left",
            bbox_to_anchor=(1, 1),
            frameon=False,
            markerscale=1.5,
        )
        as_written(*legend.get_texts())
        for handle in legend.legend_handles:
            handle.set_alpha(1)


def _project(codes, method, random_state):
    """Return codes projected to two values, and the names of these."""
    if method not in ("pca", "tsne", None):
        raise ValueError(f"method={method!r} must be 'pca', 'tsne' or None.")
    if codes.shape[1] == 2 or method is None:
        return codes[:, :2], ("code 0", "code 1")
    if len(codes) < 2:
        raise ValueError(f"method={method!r} needs at least two rows: method=None needs one.")
    if method == "pca":
        with np.errstate(invalid="ignore"):  # codes that are all equal have no variance to share
            pca = PCA(n_components=2).fit(codes)
        shares = np.nan_to_num(pca.explained_variance_ratio_)
        names = (f"principal component {k} ({share:.0%})" for k, share in enumerate(shares, 1))
        return pca.transform(codes), tuple(names)
    # This is scikit-learn's default of 30, or less for few rows.
    perplexity = min(30, (len(codes) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, random_state=random_state)
    return tsne.fit_transform(codes), ("t-SNE 1", "t-SNE 2")
