"""Transformation of time series to short-time amplitudes."""

import numpy as np
from scipy.signal import ShortTimeFFT, get_window
from sklearn.base import TransformerMixin

from .._documentation import DocumentedEstimator
from .._tables import validate_data
from .._validation import (
    Integral,
    Interval,
    check_feature_names_in,
    check_is_fitted,
    check_parameter,
    fit_context,
    is_integer,
)
from ..base._parameters import COUNT, POSITIVE, detector, param
from ..metrics import anomaly_mask


@detector
class SpectrogramTransformer(TransformerMixin, DocumentedEstimator, auto_wrap_output_keys=None):
    r"""Transformer of time series to amplitudes of frequencies, with a row for each frame.

    A frame consists of ``window_length`` consecutive samples, and one starts every ``hop`` samples.
    With the window's values w, frame i of a series x becomes the row

    .. math:: a_{ik} = \Bigl|\sum_t w_t\, x_{t + i \cdot \mathrm{hop}}\, e^{-2\pi j f_k t}\Bigr|
        \Big/ \sqrt{\textstyle\sum_t w_t^2},

    or :math:`\log(a_{ik} + \mathrm{log\_offset})`. With this scale, the amplitude of white noise
    does not depend on the window.

    The input is **a series, not a set of rows**: its rows are equidistant samples in the order of
    time, each column is a separate series, and the output has fewer rows than the input.
    ``make_pipeline(SpectrogramTransformer(), VAE())`` can therefore be fitted to a series and
    scores its frames. scikit-learn's cross-validation and scorers, which compare each row with its
    label, need the frames and ``frame_labels`` instead.

    Read more in the :ref:`User Guide <series>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    window_length : int, default=64
        Number of samples in a frame. Long frames resolve frequencies, short ones resolve time. A
        frame should cover the period that an anomaly would break.
    hop : int, default=16
        Number of samples from the start of a frame to that of the next, at most ``window_length``.
        The default is a quarter of the window, so that no event falls between frames.
    window : str or tuple, default=("tukey", 0.25)
        Window, as for :func:`scipy.signal.get_window`. The default is flat over three quarters of a
        frame, so that the position of an event in a frame hardly matters.
    detrend : {"constant", "linear"} or None, default=None
        Trend to subtract from a frame first: its mean or its linear trend. The default subtracts
        nothing, because an anomaly may be a change of the level.
    log : bool, default=True
        Whether to take the logarithm, in which half of an amplitude is as distant as twice the
        amplitude. In plain amplitudes all quiet frames are close to one another, and one that is
        too quiet has a *normal* score from detectors with squared differences.
    log_offset : float, default=1e-3
        Value that is added to amplitudes before the logarithm, in their unit. Amplitudes far below
        it count as silence.

    Attributes
    ----------
    frequencies_ : ndarray of shape (n_frequencies,)
        Frequencies :math:`f_k` in cycles per sample, from 0 to 1/2.
    window_ : ndarray of shape (window_length,)
        Values :math:`w_t` of the window.
    hop_ : int
        Number of samples from one frame to the next.
    n_features_in_ : int
        Number of series.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the series, if all of them are strings.

    See Also
    --------
    scipy.signal.ShortTimeFFT : The transform that computes the amplitudes.
    skdeepad.datasets.fetch_nab : Labelled series.

    Notes
    -----
    Only complete frames are computed: up to ``hop - 1`` samples at the end of a series are in no
    frame. A frame depends on its own samples alone. Without ``log`` the result is that of
    ``scipy.signal.spectrogram(x, nperseg=window_length, noverlap=window_length - hop,
    mode="magnitude", detrend=False)``.

    ``set_output`` is not supported, because data frames would have the index of the samples.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad.preprocessing import SpectrogramTransformer
    >>> X = np.sin(2 * np.pi * np.arange(500) / 8)[:, None]  # one series, 8 samples a cycle
    >>> spectrogram = SpectrogramTransformer(window_length=64, hop=16).fit(X)
    >>> frames = spectrogram.transform(X)
    >>> frames.shape
    (28, 33)
    >>> float(spectrogram.frequencies_[frames[0].argmax()])
    0.125
    >>> spectrogram.frame_bounds(len(X))[:3].tolist()
    [[0, 64], [16, 80], [32, 96]]
    """

    window_length: int = param(Interval(Integral, 2, None, closed="left"), default=64)
    hop: int = param(COUNT, default=16)
    window: str | tuple = param(str, tuple, default=("tukey", 0.25))
    detrend: str | None = param({"constant", "linear"}, None, default=None)
    log: bool = param("boolean", default=True)
    log_offset: float = param(POSITIVE, default=1e-3)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Compute the window and check the series; nothing is learned from its values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_series)
            Series as columns, at least ``window_length`` samples.
        y : Ignored
            Not used, present for API consistency.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        if self.hop > self.window_length:
            raise ValueError(
                f"hop={self.hop!r} leaves samples out of all frames: it must be at most "
                f"window_length={self.window_length!r}."
            )
        try:
            with np.errstate(divide="ignore", invalid="ignore"):
                self.window_ = get_window(self.window, self.window_length)
        except (IndexError, TypeError, ValueError) as error:
            raise ValueError(
                f"window={self.window!r} must be a window for scipy.signal.get_window: a name or a "
                "tuple of name and parameters."
            ) from error
        if not np.isfinite(self.window_).all():
            raise ValueError(f"window={self.window!r} has values that are not finite.")
        self.hop_ = self.hop
        self._check_series(X, reset=True)
        self.frequencies_ = np.fft.rfftfreq(len(self.window_))
        return self

    def transform(self, X):
        """Return the amplitudes of each frame.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_series)
            Series as columns, at least ``window_length`` samples.

        Returns
        -------
        frames : ndarray of shape (n_frames, n_series * n_frequencies)
            Amplitudes or their logarithms: those of the first series, of the second, and so on.
        """
        check_is_fitted(self)
        for name in ("detrend", "log", "log_offset"):
            check_parameter(self, name)
        X = self._check_series(X, reset=False)
        stft = ShortTimeFFT(self.window_, self.hop_, fs=1.0, scale_to="psd")
        with np.errstate(over="ignore", invalid="ignore"):
            amplitudes = np.abs(  # (n_series, n_frequencies, n_frames)
                stft.stft_detrend(
                    X.T, self.detrend, p0=0, p1=self._n_frames(len(X)), k_offset=stft.m_num_mid
                )
            )
        frames = np.ascontiguousarray(amplitudes.reshape(-1, amplitudes.shape[-1]).T)
        if not np.isfinite(frames).all():
            raise ValueError(
                f"X is too large: its largest absolute value is {np.abs(X).max():.3g}, of which "
                "amplitudes can't be computed in float64."
            )
        return np.log(frames + self.log_offset) if self.log else frames

    def frame_bounds(self, n_samples):
        """Return the bounds of each frame in a series.

        Parameters
        ----------
        n_samples : int
            Length of the series.

        Returns
        -------
        bounds : ndarray of shape (n_frames, 2)
            Index of the first sample of each frame, and of the first sample after it.
        """
        check_is_fitted(self)
        starts = self.hop_ * np.arange(self._n_frames(n_samples))
        return np.column_stack([starts, starts + len(self.window_)])

    def frame_centers(self, n_samples):
        """Return the index of the sample in the middle of each frame.

        Parameters
        ----------
        n_samples : int
            Length of the series.

        Returns
        -------
        centers : ndarray of shape (n_frames,)
            Index of the sample at the centre of each frame; ``timestamps[centers]`` are times for a
            plot of scores.
        """
        return self.frame_bounds(n_samples)[:, 0] + len(self.window_) // 2

    def frame_labels(self, y):
        """Label each frame with an anomalous sample as anomalous.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Labels of the samples: 0 and 1 with 1 the anomaly, -1 and +1 with -1 the anomaly, or
            bool with True the anomaly.

        Returns
        -------
        labels : ndarray of shape (n_frames,)
            1 for an anomalous frame, 0 for a normal one.
        """
        before = np.concatenate([[0], np.cumsum(anomaly_mask(y))])  # anomalies before each sample
        start, stop = self.frame_bounds(len(before) - 1).T
        return (before[stop] > before[start]).astype(np.int64)

    def get_feature_names_out(self, input_features=None):
        """Return a name for each column of the output.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the series; by default those seen in ``fit``, or ``x0``, ``x1`` and so on.

        Returns
        -------
        feature_names_out : ndarray of str objects
            ``x0_f3`` for ``frequencies_[3]`` of the series ``x0``.
        """
        check_is_fitted(self)
        series = check_feature_names_in(self, input_features)
        names = [f"{name}_f{k}" for name in series for k in range(len(self.frequencies_))]
        return np.asarray(names, dtype=object)

    def _check_series(self, X, *, reset):
        X = validate_data(self, X, dtype=np.float64, reset=reset)
        self._n_frames(len(X))
        return X

    def _n_frames(self, n_samples):
        if not is_integer(n_samples):
            raise ValueError(f"n_samples={n_samples!r} must be an int.")
        if n_samples < len(self.window_):
            raise ValueError(
                f"A series of {n_samples} samples is too short: it must have at least "
                f"window_length={len(self.window_)!r} samples."
            )
        return 1 + (n_samples - len(self.window_)) // self.hop_
