"""Display of p-values."""

from sklearn.pipeline import Pipeline
from sklearn.utils import column_or_1d

from .._tables import refuse_masked
from .._validation import check_matplotlib_support
from ._axes import GREY, by_label, named, read_mask, take_axes


class PValueDisplay:
    """Display of the distribution functions of p-values.

    Those of normal rows lie on the diagonal or below it, if the p-values are right. Those of
    anomalies should be far above it. Create it by :meth:`from_estimator` or
    :meth:`from_predictions`.

    Read more in the :ref:`User Guide <pictures>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    p_values : ndarray of shape (n_samples,)
        P-values.
    is_anomaly : ndarray of shape (n_samples,), dtype bool, or None, default=None
        Which rows are anomalies. If None, all rows are drawn alike.
    name : str or None, default=None
        Name of the detector, for the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the display.
    figure_ : matplotlib Figure
        Figure of the axes.
    lines_ : list of matplotlib StepPatch
        Distribution functions, of all rows or of normal rows and of anomalies.

    See Also
    --------
    skdeepad.calibration.ConformalDetector : The detector with p-values.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skdeepad import AutoEncoder
    >>> from skdeepad.calibration import ConformalDetector
    >>> from skdeepad.datasets import load_cardio
    >>> from skdeepad.inspection import PValueDisplay
    >>> X, y = load_cardio(return_X_y=True)
    >>> det = ConformalDetector(AutoEncoder(max_epochs=5), random_state=0).fit(X[y == 0][::2])
    >>> display = PValueDisplay.from_estimator(det, X, y)
    >>> plt.show()  # doctest: +SKIP
    """

    def __init__(self, *, p_values, is_anomaly=None, name=None):
        self.p_values = p_values
        self.is_anomaly = is_anomaly
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, name=None, ax=None, **kwargs):
        """Draw the p-values of rows.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator with ``p_values``, or a pipeline that ends in one.
        X : array-like of shape (n_samples, n_features)
            Rows to test.
        y : array-like of shape (n_samples,) or None, default=None
            Labels, as in :func:`skdeepad.metrics.anomaly_mask`.
        name : str or None, default=None
            Name in the legend.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.ecdf`.

        Returns
        -------
        display : PValueDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if isinstance(estimator, Pipeline):
            X, estimator = estimator[:-1].transform(X), estimator[-1]
        if not hasattr(estimator, "p_values"):
            raise ValueError(
                f"estimator={estimator!r} must have p_values, as ConformalDetector does."
            )
        return cls.from_predictions(estimator.p_values(X), y, name=name, ax=ax, **kwargs)

    @classmethod
    def from_predictions(cls, p_values, y=None, *, name=None, ax=None, **kwargs):
        """Draw p-values.

        Parameters
        ----------
        p_values : array-like of shape (n_samples,)
            P-values, in [0, 1].
        y : array-like of shape (n_samples,) or None, default=None
            Labels, as in :func:`skdeepad.metrics.anomaly_mask`.
        name : str or None, default=None
            Name in the legend.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.ecdf`.

        Returns
        -------
        display : PValueDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        refuse_masked(p_values, "p_values", "the rows that have none")
        p_values = column_or_1d(p_values)
        if not ((p_values >= 0) & (p_values <= 1)).all():
            raise ValueError("p_values must be in [0, 1].")
        is_anomaly = read_mask(y, len(p_values), "p-values")
        return cls(p_values=p_values, is_anomaly=is_anomaly, name=name).plot(ax=ax, **kwargs)

    def plot(self, *, ax=None, **kwargs):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.ecdf`.

        Returns
        -------
        display : PValueDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        ax = take_axes(self, ax)
        self.lines_ = []
        for kind, mask, color in by_label(self.is_anomaly, len(self.p_values)):
            style = {"color": color, "label": named(self.name, kind)} | kwargs
            self.lines_.append(ax.ecdf(self.p_values[mask], **style))
        if "uniform" not in ax.get_legend_handles_labels()[1]:
            ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--", label="uniform")
        ax.set(xlabel="p-value", ylabel="share of rows with at most this p-value", xlim=(0, 1))
        ax.legend(loc="lower right")
        return self
