"""Display of what the features of a row contribute to its anomaly score."""

import numpy as np
from sklearn.utils import check_array

from .._tables import refuse_masked
from .._validation import (
    Real,
    check_integer,
    check_matplotlib_support,
    is_integer,
    n_rows_of,
    take_rows,
)
from ._axes import BLUE, ORANGE, as_written, take_axes
from ._feature_contributions import explain, in_order_of_fit


class ContributionDisplay:
    """Display of the contributions of features to the anomaly score of a row.

    Create it by :meth:`from_estimator` or :meth:`from_contributions`.

    Read more in the :ref:`User Guide <pictures>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    contributions : ndarray of shape (n_features,)
        Contributions; positive ones make the row more abnormal.
    feature_names : sequence of str
        Names of the features.
    values : ndarray of shape (n_features,) or None, default=None
        Values of the row, which are written beside the names.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the display.
    figure_ : matplotlib Figure
        Figure of the axes.
    bars_ : matplotlib BarContainer
        Bars, the largest contribution first, and last the sum of those that are not drawn.

    See Also
    --------
    feature_contributions : The contributions themselves, of many rows.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skdeepad import AutoEncoder
    >>> from skdeepad.datasets import load_wine
    >>> from skdeepad.inspection import ContributionDisplay
    >>> X, y = load_wine(return_X_y=True, as_frame=True)
    >>> det = AutoEncoder(max_epochs=20, random_state=0).fit(X)
    >>> display = ContributionDisplay.from_estimator(det, X, row=3)
    >>> plt.show()  # doctest: +SKIP
    """

    def __init__(self, *, contributions, feature_names, values=None):
        self.contributions = contributions
        self.feature_names = feature_names
        self.values = values

    @classmethod
    def from_estimator(cls, estimator, X, *, row=0, max_features=10, ax=None, **kwargs):
        """Draw the contributions of the features of a row.

        Parameters
        ----------
        estimator : detector or Pipeline
            Fitted estimator, as for :func:`feature_contributions`.
        X : array-like of shape (n_samples, n_features)
            Rows.
        row : int, default=0
            Number of the row in ``X``.
        max_features : int, default=10
            Number of features to draw. The others are added up.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.barh`.

        Returns
        -------
        display : ContributionDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if not is_integer(row) or not 0 <= row < n_rows_of(X):
            raise ValueError(f"row={row!r} must be the number of one of the {n_rows_of(X)} rows.")
        X = in_order_of_fit(estimator, take_rows(X, [row]))
        explained = explain(estimator, X)
        are_named = hasattr(X, "columns") or hasattr(estimator, "feature_names_in_")
        return cls.from_contributions(
            explained.contributions[0],
            feature_names=explained.names if are_named or not explained.are_inputs else None,
            values=np.asarray(X, dtype=object)[0] if explained.are_inputs else None,
            max_features=max_features,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_contributions(
        cls, contributions, *, feature_names=None, values=None, max_features=10, ax=None, **kwargs
    ):
        """Draw contributions.

        Parameters
        ----------
        contributions : array-like of shape (n_features,)
            Contributions; positive ones make the row more abnormal.
        feature_names : sequence of str or None, default=None
            Names of the features. If None, their numbers.
        values : array-like of shape (n_features,) or None, default=None
            Values of the row.
        max_features : int, default=10
            Number of features to draw. The others are added up.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.barh`.

        Returns
        -------
        display : ContributionDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_contributions")
        refuse_masked(contributions, "contributions", "contributions.filled(0)")
        contributions = check_array(
            contributions, ensure_2d=False, dtype=np.float64, input_name="contributions"
        )
        if contributions.ndim != 1:
            raise ValueError(f"contributions has the shape {contributions.shape}: pass one row.")
        n_features = len(contributions)
        if feature_names is None:
            feature_names = [f"feature {i}" for i in range(n_features)]
        for name, given in (("feature_names", feature_names), ("values", values)):
            if given is not None and len(given) != n_features:
                raise ValueError(f"{name} has {len(given)} entries, but there are {n_features}.")
        # Entries of a Series are taken by their place, not by its labels.
        feature_names, values = list(feature_names), None if values is None else list(values)
        display = cls(contributions=contributions, feature_names=feature_names, values=values)
        return display.plot(max_features=max_features, ax=ax, **kwargs)

    def plot(self, *, max_features=10, ax=None, **kwargs):
        """Draw the display.

        Parameters
        ----------
        max_features : int, default=10
            Number of features to draw. The others are added up.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.barh`.

        Returns
        -------
        display : ContributionDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        check_integer("max_features", max_features)
        order = np.argsort(-np.abs(self.contributions), kind="stable")
        drawn, others = order[:max_features], order[max_features:]
        widths = self.contributions[drawn]
        labels = [self._label(i) for i in drawn]
        if len(others):
            widths = np.append(widths, self.contributions[others].sum())
            labels.append(f"{len(others)} others")
        ax = take_axes(self, ax)
        style = {"color": np.where(widths >= 0, ORANGE, BLUE)} | kwargs
        self.bars_ = ax.barh(np.arange(len(widths)), widths, tick_label=labels, **style)
        as_written(*ax.get_yticklabels())
        ax.invert_yaxis()
        ax.axvline(0, color="black", linewidth=0.8)
        ax.set(xlabel="contribution to the anomaly score")
        return self

    def _label(self, i: int) -> str:
        name = str(self.feature_names[i])
        if self.values is None:
            return name
        value = self.values[i]
        return f"{name} = {value:.4g}" if isinstance(value, Real) else f"{name} = {value}"
