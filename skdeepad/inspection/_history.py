"""Display of the losses of a training."""

import numpy as np

from .._validation import check_matplotlib_support, last_step
from ._axes import named, take_axes


class HistoryDisplay:
    """Display of the losses of the epochs of a training.

    Create it by :meth:`from_estimator` or :meth:`from_history`. Several detectors share axes by
    ``ax``.

    Read more in the :ref:`User Guide <pictures>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    history : dict of ndarray of shape (n_epochs,)
        Values of each epoch by their names, as in ``history_``.
    keys : sequence of str
        Names of the values to draw.
    name : str or None, default=None
        Name of the detector, for the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the display.
    figure_ : matplotlib Figure
        Figure of the axes.
    lines_ : list of matplotlib Line2D
        One line for each of ``keys``.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skdeepad import AutoEncoder
    >>> from skdeepad.datasets import load_wine
    >>> from skdeepad.inspection import HistoryDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> det = AutoEncoder(max_epochs=20, early_stopping=True, random_state=0).fit(X)
    >>> HistoryDisplay.from_estimator(det).keys
    ['train_loss', 'valid_loss']
    >>> plt.show()  # doctest: +SKIP
    """

    def __init__(self, *, history, keys, name=None):
        self.history = history
        self.keys = keys
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, *, keys=None, name=None, ax=None, **kwargs):
        """Draw the history of a fitted detector.

        Parameters
        ----------
        estimator : estimator
            Detector with ``history_``, a pipeline that ends in one, or a fitted wrapper of one,
            such as :class:`~skdeepad.interop.DetectorClassifier`.
        keys : str, sequence of str or None, default=None
            Names of the values to draw. If None, all losses.
        name : str or None, default=None
            Name in the legend. If None, that of the estimator's class.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : HistoryDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        last = last_step(estimator)
        last = last_step(getattr(last, "detector_", last))
        if not hasattr(type(last), "history_") and not hasattr(last, "history_"):
            raise ValueError(f"estimator={estimator!r} must be a detector with history_.")
        name = type(last).__name__ if name is None else name
        return cls.from_history(last.history_, keys=keys, name=name, ax=ax, **kwargs)

    @classmethod
    def from_history(cls, history, *, keys=None, name=None, ax=None, **kwargs):
        """Draw a history.

        Parameters
        ----------
        history : dict of array-like of shape (n_epochs,)
            Values of each epoch by their names, as in ``history_``.
        keys : str, sequence of str or None, default=None
            Names of the values to draw. If None, all losses.
        name : str or None, default=None
            Name in the legend.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : HistoryDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{cls.__name__}.from_history")
        if keys is None:
            keys = [key for key in history if key.endswith("loss")]
            if not keys:
                raise ValueError(f"history has no losses: keys must be some of {list(history)}.")
        keys = [keys] if isinstance(keys, str) else list(keys)
        unknown = [key for key in keys if key not in history]
        if unknown or not keys:
            raise ValueError(f"keys={keys!r} must be some of {list(history)}.")
        return cls(history=history, keys=keys, name=name).plot(ax=ax, **kwargs)

    def plot(self, *, ax=None, **kwargs):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw in. If None, those of a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : HistoryDisplay
            The drawn display.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        from matplotlib.ticker import MaxNLocator

        ax = take_axes(self, ax)
        self.lines_ = []
        for key in self.keys:
            values = np.asarray(self.history[key], dtype=float)
            style = {
                "label": named(self.name, key),
                "marker": "." if len(values) == 1 else None,
            } | kwargs
            self.lines_ += ax.plot(np.arange(1, len(values) + 1), values, **style)
        are_losses = all(key.endswith("loss") for key in self.keys)
        ax.set(xlabel="epoch", ylabel="loss" if are_losses else "value")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend()
        return self
