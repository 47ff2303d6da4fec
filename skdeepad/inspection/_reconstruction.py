"""Display of rows and their reconstructions."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array

from .._validation import check_matplotlib_support, is_integer
from ._axes import BLUE, GREY, ORANGE, as_written

#: Maximum number of feature names on an axis; more would overlap.
MAX_NAMES = 40


class ReconstructionDisplay:
    """Display of rows, their reconstructions and the residuals.

    Each row of a table has a panel with its features in order. Each image has a column of three
    panels: image, reconstruction, residual. Create it by :meth:`from_estimator`.

    Read more in the :ref:`User Guide <pictures>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Rows to show.
    reconstruction : ndarray of shape (n_rows, n_features)
        Reconstruction of the rows.
    image_shape : tuple of int or None, default=None
        Shape of images that are given as rows: (height, width), or (channels, height, width) with 1
        or 3 channels. None for a table.
    feature_names : sequence of str or None, default=None
        Names of the columns of a table. If None, their numbers.
    titles : sequence of str or None, default=None
        Title of each row. If None, its number.
    unit : str, default="value"
        Unit of the values of a table.

    Attributes
    ----------
    axes_ : ndarray of Axes
        Axes of shape (n_rows,) for a table, (3, n_rows) for images.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    LatentSpaceDisplay : Display of codes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skdeepad import AutoEncoder
    >>> from skdeepad.datasets import load_wine
    >>> from skdeepad.inspection import ReconstructionDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> det = AutoEncoder(max_epochs=20, random_state=0).fit(X)
    >>> worst = det.score_samples(X).argsort()[:2]
    >>> display = ReconstructionDisplay.from_estimator(det, X, rows=worst)
    >>> plt.show()  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        X,
        reconstruction,
        image_shape=None,
        feature_names=None,
        titles=None,
        unit="value",
    ):
        self.X = X
        self.reconstruction = reconstruction
        self.image_shape = image_shape
        self.feature_names = feature_names
        self.titles = titles
        self.unit = unit

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        rows=4,
        image_shape=None,
        standardize=True,
        titles=None,
        ax=None,
        **kwargs,
    ):
        """Draw rows and their reconstructions by a detector.

        Parameters
        ----------
        estimator : detector or Pipeline
            Fitted detector with ``reconstruct``, or a pipeline that ends with one. The rows of a
            pipeline are shown as they reach the detector.
        X : array-like of shape (n_samples, n_features)
            Rows, of which some are shown.
        rows : int or array-like of int, default=4
            Number of first rows to show, or indices of the rows.
        image_shape : tuple of int or None, default=None
            Shape of images that are given as rows: (height, width), or (channels, height, width)
            with 1 or 3 channels. None for a table.
        standardize : bool, default=True
            Whether to show the features of a table in standard deviations from the mean of ``X``,
            on a common scale, or in their own units.
        titles : sequence of str or None, default=None
            Title of each row shown. If None, its number.
        ax : matplotlib Axes or None, default=None
            Axes to divide among the panels. If None, a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.imshow` for images, and to
            :meth:`matplotlib.axes.Axes.plot` for tables.

        Returns
        -------
        display : ReconstructionDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        feature_names = getattr(estimator, "feature_names_in_", None)
        if isinstance(estimator, Pipeline) and len(estimator) > 1:
            steps, estimator = estimator[:-1], estimator[-1]
            X = steps.transform(X)
            if feature_names is not None and hasattr(steps, "get_feature_names_out"):
                feature_names = steps.get_feature_names_out()
        if not hasattr(estimator, "reconstruct"):
            raise ValueError(
                f"estimator={estimator!r} has no reconstruction to show: it must be a detector "
                "with reconstruct, such as AutoEncoder() or VAE(), or a Pipeline that ends with "
                "one."
            )
        values = check_array(X, input_name="X", dtype=np.float64, ensure_all_finite="allow-nan")
        index = _read_rows(rows, len(values))
        reconstruction = np.asarray(estimator.reconstruct(X), dtype=np.float64)[index]
        unit, shown = "value", values[index]
        if image_shape is None and standardize:
            unit, mean, std = (
                "standard deviations",
                np.nanmean(values, axis=0),
                np.nanstd(values, axis=0),
            )
            std[std == 0] = 1
            shown, reconstruction = (shown - mean) / std, (reconstruction - mean) / std
        return cls(
            X=shown,
            reconstruction=reconstruction,
            image_shape=image_shape,
            feature_names=feature_names,
            titles=[f"row {i}" for i in index] if titles is None else titles,
            unit=unit,
        ).plot(ax=ax, **kwargs)

    def plot(self, *, ax=None, **kwargs):
        """Draw the rows, their reconstruction and the residual.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to divide among the panels. If None, a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.imshow` for images, and to
            :meth:`matplotlib.axes.Axes.plot` for tables.

        Returns
        -------
        display : ReconstructionDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        titles = self.titles
        if titles is None:
            titles = [f"row {i}" for i in range(len(self.X))]
        if len(titles) != len(self.X):
            raise ValueError(
                f"titles={titles!r} must have one entry for each of {len(self.X)} rows."
            )
        if self.image_shape is None:
            self._plot_table(ax, titles, kwargs)
        else:
            self._plot_images(ax, titles, kwargs)
        return self

    def _plot_table(self, ax, titles, kwargs):
        n_rows, n_features = self.X.shape
        self._make_axes(ax, n_rows, 1, figsize=(8, 1 + 1.8 * n_rows), sharex=True, sharey=True)
        self.axes_ = self.axes_[:, 0]
        at = np.arange(n_features)
        for panel, x, restored, title in zip(
            self.axes_, self.X, self.reconstruction, titles, strict=True
        ):
            panel.vlines(at, x, restored, color=GREY, linewidth=1.5, label="residual", zorder=1)
            marks = {"linestyle": "", "markersize": 5} | kwargs
            panel.plot(
                at,
                restored,
                **{
                    "marker": "_",
                    "color": ORANGE,
                    "markeredgewidth": 2.5,
                    "label": "reconstruction",
                }
                | marks,
            )
            panel.plot(at, x, **{"marker": "o", "color": BLUE, "label": "row"} | marks)
            panel.set_title(title, loc="left", fontsize="medium")
            panel.grid(axis="y", alpha=0.3)
        names = self.feature_names
        if names is not None and n_features <= MAX_NAMES:
            self.axes_[-1].set_xticks(at, names, rotation=45, ha="right", rotation_mode="anchor")
            as_written(*self.axes_[-1].get_xticklabels())
        else:
            self.axes_[-1].set_xlabel("feature")
        self.axes_[n_rows // 2].set_ylabel(self.unit)
        self.axes_[0].legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, borderaxespad=0.2
        )

    def _plot_images(self, ax, titles, kwargs):
        images, restored = (
            _as_images(rows, self.image_shape) for rows in (self.X, self.reconstruction)
        )
        n_rows, height, width = images.shape[:3]
        size = (1.1 * n_rows + 1.5, 3.3 * height / width + 0.4)
        self._make_axes(ax, 3, n_rows, figsize=size)
        low, high = np.nanmin(images), np.nanmax(images)
        if images.ndim == 4:  # imshow needs colours in [0, 1]
            images, restored = ((x - low) / ((high - low) or 1) for x in (images, restored))
            residual = (images - restored).mean(axis=-1)
        else:
            residual = images - restored
        most = np.nanmax(np.abs(residual)) or 1
        shades = {"cmap": "gray", "vmin": low, "vmax": high} | kwargs
        for column, title in enumerate(titles):
            top, middle, bottom = self.axes_[:, column]
            top.imshow(images[column], **shades)
            top.set_title(title, fontsize="medium")
            middle.imshow(
                np.clip(restored[column], 0, 1) if images.ndim == 4 else restored[column], **shades
            )
            map_ = bottom.imshow(residual[column], cmap="RdBu_r", vmin=-most, vmax=most)
        for panel in self.axes_.flat:
            panel.set(xticks=[], yticks=[])
        for panel, name in zip(
            self.axes_[:, 0], ("image", "reconstruction", "residual"), strict=True
        ):
            panel.set_ylabel(name, rotation=0, ha="right", va="center")
        self.figure_.colorbar(map_, ax=list(self.axes_[2]), shrink=0.9)

    def _make_axes(self, ax, n_rows, n_columns, figsize, **sharing):
        """Create a grid of panels, in a new figure or in the place of ``ax``."""
        import matplotlib.pyplot as plt

        if ax is None:
            self.figure_ = plt.figure(figsize=figsize, layout="constrained")
            grid = self.figure_.add_gridspec(n_rows, n_columns)
        else:
            place = ax.get_subplotspec()
            if place is None:
                raise ValueError(f"ax={ax!r} must be in a grid of axes, as plt.subplots() creates.")
            self.figure_ = ax.figure
            ax.set_axis_off()
            grid = place.subgridspec(n_rows, n_columns)
        self.axes_ = grid.subplots(squeeze=False, **sharing)


def _read_rows(rows, n_samples):
    """Return the indices of the rows to show."""
    index = np.arange(min(rows, n_samples)) if is_integer(rows) else np.asarray(rows)
    if index.ndim != 1 or not len(index) or index.dtype.kind not in "iu":
        raise ValueError(
            f"rows={rows!r} must be a number of rows, at least 1, or a list of indices."
        )
    if index.min() < -n_samples or index.max() >= n_samples:
        raise ValueError(
            f"rows={rows!r} must be indices below {n_samples}, the number of rows of X."
        )
    return index


def _as_images(rows, shape):
    """Return rows as images (n, height, width), or (n, height, width, 3) in colour."""
    shape = tuple(shape) if np.iterable(shape) else (shape,)
    if len(shape) == 3 and shape[0] == 1:
        shape = shape[1:]
    colours = len(shape) == 3 and shape[0] == 3
    if not (len(shape) == 2 or colours) or np.prod(shape) != rows.shape[1]:
        raise ValueError(
            f"image_shape={shape!r} must be (height, width), or (channels, height, width) with 1 "
            f"or 3 channels, and have a product of {rows.shape[1]}."
        )
    images = rows.reshape(-1, *shape)
    return np.moveaxis(images, 1, -1) if colours else images
