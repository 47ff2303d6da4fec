"""Autoencoder."""

from torch import nn

from ..base import NON_NEGATIVE, SHARE_BELOW_ONE, StopsEarly, detector, param
from ..base._scaling import check_unit_interval
from ..nn import RECONSTRUCTION_LOSSES
from ._autoencoder_module import AutoEncoderModule
from ._reconstruction import ReconstructionDetector


@detector
class AutoEncoder(ReconstructionDetector, StopsEarly):
    r"""Autoencoder, with the error of reconstruction through a bottleneck as score.

    An encoder :math:`E` and a decoder :math:`D` minimise

    .. math:: \frac{1}{N} \sum_i \|x_i - D(z_i)\|^2 + \alpha \|z_i\|_1 ,
        \qquad z_i = E(x_i + \varepsilon_i),

    and the anomaly score of a row is the mean square of its residual :math:`x - D(E(x))`, with each
    feature scaled by ``residual_scaling``.

    ``AutoEncoder(hidden_layer_sizes=(k,), activation="sigmoid")`` is the network with one hidden
    layer, :math:`\min_{U,V} \|X - f(XU)V\|_F^2`, and biases. With ``activation="identity"``,
    ``trim=0`` and ``residual_scaling="plain"`` it converges to principal component analysis.

    Read more in the :ref:`User Guide <autoencoder>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    loss : str, default="squared_error"
        Reconstruction loss of a value: "squared_error", "absolute_error", "huber", or
        "binary_cross_entropy" for data in [0, 1], with ``scaler="minmax"`` or None.
    noise : float, default=0.0
        Standard deviation of the noise :math:`\varepsilon` that is added to the scaled input in
        training (denoising autoencoder).
    dropout : float, default=0.0
        Share of the hidden units that are dropped in each step.
    activity_weight : float, default=0.0
        Weight :math:`\alpha` of the L1 penalty on the code, which allows codes wider than the input
        [2]_.
    n_latent : int or None, default=None
        Width of a further layer, the code, after ``hidden_layer_sizes``. If None, the last of these
        is the code; with a ``backbone``, it is 32.
    residual_scaling : {"robust", "plain", "mahalanobis"}, default="robust"
        Scale of the residuals in the score. ``"robust"``: each feature's residual is divided by the
        .75 quantile of its absolute value on the training rows, and grows with its logarithm beyond
        10. ``"plain"``: residuals are not scaled. ``"mahalanobis"``: they are whitened by their
        shrunk covariance.
    norm : {"l2", "l1", "max"}, default="l2"
        Mean square, mean absolute value or largest absolute value over the features.
    n_snapshots : int, default=1
        Maximum number of snapshots of the weights; the score is the mean over them. They are taken
        after evenly spaced epochs and after the last one; at least half as many as this number are
        kept wherever training ends. Rows that are learned late have high scores: with a snapshot of
        each epoch, the scores of the training rows are the cumulative errors of [3]_, divided by
        the number of epochs. Anomalies among the training rows remain visible longer than with the
        last weights alone. Training takes slightly longer, scoring ``n_snapshots`` times as long.
    trim_start : float, default=0.2
        Share of the steps before trimming begins; the net has to learn the normal rows first. With
        0 and ``trim=0.05``, the loss is the percentile loss of [3]_.
    missing : {"raise", "mask"}, default="raise"
        What to do about missing values, which are NaN. ``"raise"`` is an error. ``"mask"`` leaves
        them out of the loss and the score: a mean over the features is that of the values that a
        row has, and a sum is n_features times this mean. The encoder reads 0 in their place, the
        mean of a standardised column, or 1/2 with ``scaler="minmax"``. Not with
        ``residual_scaling="mahalanobis"``.
    hidden_layer_sizes : "auto", int or sequence of int, default="auto"
        Widths from the input to the code, which is the last of them; the decoder mirrors them.
        ``"auto"`` is (64, 32, max(2, n_features // 4)). With a wider code, anomalies are
        reconstructed too.
    activation : str, default="tanh"
        Activation of all hidden layers, including the code: "identity", "sigmoid", "tanh", "relu",
        "leaky_relu", "elu", "gelu" or "silu". The output is linear.
    backbone : Backbone or None, default=None
        Makes the encoder and the decoder instead of ``hidden_layer_sizes``, for example
        :class:`~skdeepad.nn.ConvBackbone` for images.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm.
    max_epochs : int, default=500
        Maximum number of epochs.
    max_steps : int or None, default=1000
        Maximum number of optimizer steps. If None, there is no limit. Long training memorises the
        anomalies among the training rows, for any number of rows.
    lr : float, default=1e-3
        Learning rate.
    batch_size : int or None, default=128
        Number of rows in a batch. If None, a batch holds all training rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`.
    weight_decay : float, default=0.0
        L2 penalty of the optimizer on the weights.
    trim : float, default=0.1
        Share of the rows of a batch, rounded, that an update leaves out: those with the largest
        loss. It prevents anomalies among the training rows from being learned.
    contamination : "auto" or float in (0, 0.5], default=0.1
        Share of the training rows that the threshold declares outliers. It can be changed after
        ``fit``. ``"auto"`` is 0.1.
    callbacks : list of skorch callbacks or None, default=None
        Callbacks of the training; ``fit`` uses copies of them.
    net_params : dict or None, default=None
        Further parameters of the skorch net.
    device : str, default="auto"
        Device to compute on. ``"auto"`` is CUDA if it is available, else the CPU.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the last ``fit``.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the batches and all random draws.
    verbose : int, default=0
        If above 0, progress bars are shown.
    early_stopping : bool or "knee", default=False
        If True, hold out ``validation_fraction`` of the rows and stop once their loss, computed
        with the same noise in each epoch, has not fallen for ``n_iter_no_change`` epochs. The
        weights of the best epoch are kept. If ``"knee"``, hold out no rows and stop after 1.2 times
        the epochs up to the knee of the mean loss so far [3]_; this needs the package kneed.
    validation_fraction : float, default=0.1
        Share of the rows that are held out under ``early_stopping=True``.
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which training stops under
        ``early_stopping=True``.

    Attributes
    ----------
    net_ : skorch net
        The trained net; ``net_.module_`` is the torch module.
    scaler_ : transformer or None
        The fitted scaler.
    training_scores_ : ndarray of shape (n_rows,)
        Scores of the training rows, in ascending order; a row of weight 2 counts twice.
    offset_ : float
        Threshold on ``score_samples``.
    history_ : dict of ndarray of shape (`n_iter_`,)
        Losses of each epoch.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    VAE : Codes with a distribution, and scores from it.
    DeepSVDD : Distance to a centre instead of reconstruction.

    Notes
    -----
    The defaults were chosen in a comparison over the 19 tuning sets
    (``benchmarks/results/defaults.md``) and are the same for every set.

    References
    ----------
    .. [1] P. Baldi, K. Hornik, "Neural networks and principal component analysis", Neural
       Networks 2, 1989.
    .. [2] A. Borghesi et al., "Anomaly detection using autoencoders in high performance
       computing systems", AAAI 2019, arXiv:1811.05269.
    .. [3] N. Merrill, A. Eskandarian, "Modified autoencoder training and scoring for robust
       unsupervised anomaly detection in deep learning", IEEE Access 8, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import AutoEncoder
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> det = AutoEncoder(max_epochs=20, random_state=0).fit(X)
    >>> det.predict([np.zeros(8), 3 * (-1.0) ** np.arange(8)])
    array([ 1, -1])
    """

    loss: str = param(set(RECONSTRUCTION_LOSSES), default="squared_error", to="module")
    noise: float = param(NON_NEGATIVE, default=0.0, to="module")
    dropout: float = param(SHARE_BELOW_ONE, default=0.0)
    activity_weight: float = param(NON_NEGATIVE, default=0.0, to="module")
    early_stopping: bool | str = param("boolean", {"knee"}, default=False, to="net")

    def _make_module(self, n_features: int) -> nn.Module:
        parts = self._make_parts(n_features, self.dropout)
        return AutoEncoderModule(**parts, **self._parameters_to("module"))

    def _check_rows(self, X) -> None:
        super()._check_rows(X)
        if self.loss == "binary_cross_entropy":
            check_unit_interval(X, "loss", self.loss)
