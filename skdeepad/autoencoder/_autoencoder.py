"""Autoencoder."""

from torch import nn

from .._codes import ReconstructorMixin
from .._validation import Integral, Interval, Real, StrOptions
from ..base import LAYER_SIZES, BaseDetector
from ..nn import RECONSTRUCTION_LOSSES
from ._autoencoder_module import make_module
from ._residuals import calibrate_residuals, check_unit_interval
from ._snapshots import train_with_snapshots


class AutoEncoder(ReconstructorMixin, BaseDetector):
    r"""Autoencoder: rows that a bottleneck can't reconstruct are anomalous.

    An encoder :math:`E` and a decoder :math:`D` minimise

    .. math:: \frac{1}{N} \sum_i \|x_i - D(z_i)\|^2 + \alpha \|z_i\|_1 ,
        \qquad z_i = E(x_i + \varepsilon_i),

    and the anomaly score of a row is the mean square of its residual :math:`x - D(E(x))`, each
    feature on the scale that ``residual_scaling`` gives it.

    ``AutoEncoder(hidden_layer_sizes=(k,), activation="sigmoid")`` is the network with one hidden
    layer, :math:`\min_{U,V} \|X - f(XU)V\|_F^2`, and biases. With ``activation="identity"``,
    ``trim=0`` and ``residual_scaling="plain"``, trained to the end, it is principal component
    analysis.

    Parameters
    ----------
    hidden_layer_sizes : "auto" or sequence of int, default="auto"
        Widths from the input to the code, which is the last of them; the decoder mirrors them.
        ``"auto"`` is (64, 32, max(2, n_features // 4)): with a wider code the anomalies are
        reconstructed too.
    n_latent : int or None, default=None
        Width of a further layer, the code, behind ``hidden_layer_sizes``. None: the last of
        these is the code; 32 with a ``backbone``.
    activation : str, default="tanh"
        Activation of all hidden layers, the code's included: "identity", "sigmoid", "tanh",
        "relu", "leaky_relu", "elu", "gelu" or "silu". The output is linear.
    backbone : Backbone or None, default=None
        Makes the encoder and the decoder in place of ``hidden_layer_sizes``, for example
        :class:`~skdeepad.nn.ConvBackbone` for images.
    loss : str, default="squared_error"
        Reconstruction loss of a value: "squared_error", "absolute_error", "huber", or
        "binary_cross_entropy" for data in [0, 1], with ``scaler="minmax"`` or None.
    noise : float, default=0.0
        Standard deviation of the noise :math:`\varepsilon` that is added to the scaled input in
        training (denoising autoencoder).
    dropout : float, default=0.0
        Share of hidden units left out in each step.
    activity_weight : float, default=0.0
        Weight :math:`\alpha` of the L1 penalty on the code, which makes codes wider than the
        input legitimate [2]_.
    residual_scaling : {"robust", "plain", "mahalanobis"}, default="robust"
        Scale of the residuals in the score. ``"robust"``: each feature's residual divided by the
        .75 quantile of its absolute value on the training rows, growing by its logarithm only
        beyond 10.
        ``"plain"``: as they are. ``"mahalanobis"``: whitened by their shrunk covariance.
    residual_norm : {"mse", "mae", "max"}, default="mse"
        Mean square, mean absolute value or largest absolute value over the features.
    n_snapshots : int, default=1
        Weights that the score is the mean over: those after evenly spaced epochs, of which at
        least half as many as this and at most so many are kept wherever the training ends, and
        after the last one. Rows that take long to learn score high: with a snapshot of each
        epoch, the training rows' scores are the cumulative errors of [3]_, divided by their
        number. Anomalies among the training rows show longer than in the last weights alone;
        training takes a little and scoring ``n_snapshots`` times as long.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scales the input. Values scaled by name grow by their logarithm only
        beyond ±20.
    max_epochs : int, default=500
        Upper limit to the number of epochs.
    max_steps : int or None, default=1000
        Upper limit to the number of optimizer steps. Long training memorises the anomalies among
        the training rows, whatever the number of rows.
    lr : float, default=1e-3
        Learning rate.
    batch_size : int or None, default=128
        Rows of a batch; None: all of them.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`.
    weight_decay : float, default=0.0
        L2 penalty of the optimizer on the weights.
    trim : float, default=0.1
        Share of the rows of a batch, rounded, that an update leaves out: those of the largest
        loss. It keeps anomalies among the training rows from being learned.
    trim_start : float, default=0.2
        Share of the steps before trimming begins: first the net has to learn what is usual.
        ``trim=0.05`` from the first step on, 0, is the percentile loss of [3]_.
    early_stopping : bool or "knee", default=False
        True: hold out ``validation_fraction`` of the rows and stop once their loss has not fallen
        for ``n_iter_no_change`` epochs; the weights of the best epoch are kept. ``"knee"``: hold
        out no rows and stop 1.2 times as many epochs in as the mean loss so far took to its knee
        [3]_; it needs the package kneed.
    validation_fraction : float, default=0.1
        Share of the rows held out under ``early_stopping=True``.
    n_iter_no_change : int, default=10
        Epochs without improvement under ``early_stopping=True``.
    contamination : "auto" or float in (0, 0.5], default=0.1
        Share of the training rows below the threshold; ``"auto"`` is 0.1 too. It can be changed
        after ``fit``.
    callbacks : list of skorch callbacks or None, default=None
        Called in training; copies are used.
    net_params : dict or None, default=None
        Further parameters of the skorch net.
    device : str, default="auto"
        Device to compute on; ``"auto"`` is CUDA where there is one.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the last ``fit``.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, shuffles and noise.
    verbose : int, default=0
        Above 0, a progress bar is shown.

    Attributes
    ----------
    net_ : skorch net
        The trained net; ``net_.module_`` is the torch module.
    scaler_ : transformer or None
        The fitted scaler.
    training_scores_ : ndarray of shape (n_samples,)
        Scores of the training rows, in ascending order.
    offset_ : float
        Threshold on ``score_samples``.
    history_ : dict of ndarray of shape (`n_iter_`,)
        Losses of each epoch.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where all of them are strings.

    See Also
    --------
    VAE : Codes with a distribution, and scores from it.
    DeepSVDD : Distance to a centre instead of reconstruction.

    Notes
    -----
    Defaults come from a comparison over all small ADBench sets
    (``benchmarks/results/defaults.md``), the same for every set.

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

    _parameter_constraints: dict = BaseDetector._parameter_constraints | {
        "hidden_layer_sizes": [*LAYER_SIZES, StrOptions({"auto"})],
        "n_latent": [Interval(Integral, 1, None, closed="left"), None],
        "loss": [StrOptions(set(RECONSTRUCTION_LOSSES))],
        "noise": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "activity_weight": [Interval(Real, 0, None, closed="left")],
        "residual_scaling": [StrOptions({"plain", "robust", "mahalanobis"})],
        "residual_norm": [StrOptions({"mse", "mae", "max"})],
        "n_snapshots": [Interval(Integral, 1, None, closed="left")],
        "trim_start": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean", StrOptions({"knee"})],
    }

    def __init__(
        self,
        *,
        hidden_layer_sizes="auto",
        n_latent=None,
        activation="tanh",
        backbone=None,
        loss="squared_error",
        noise=0.0,
        dropout=0.0,
        activity_weight=0.0,
        residual_scaling="robust",
        residual_norm="mse",
        n_snapshots=1,
        scaler="standard",
        max_epochs=500,
        max_steps=1000,
        lr=1e-3,
        batch_size=128,
        optimizer="adam",
        weight_decay=0.0,
        trim=0.1,
        trim_start=0.2,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        contamination=0.1,
        callbacks=None,
        net_params=None,
        device="auto",
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_latent = n_latent
        self.activation = activation
        self.backbone = backbone
        self.loss = loss
        self.noise = noise
        self.dropout = dropout
        self.activity_weight = activity_weight
        self.residual_scaling = residual_scaling
        self.residual_norm = residual_norm
        self.n_snapshots = n_snapshots
        self.scaler = scaler
        self.max_epochs = max_epochs
        self.max_steps = max_steps
        self.lr = lr
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.trim = trim
        self.trim_start = trim_start
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.contamination = contamination
        self.callbacks = callbacks
        self.net_params = net_params
        self.device = device
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _make_module(self, n_features: int) -> nn.Module:
        return make_module(
            self,
            n_features,
            loss=self.loss,
            noise=self.noise,
            activity_weight=self.activity_weight,
        )

    def _train(self, run, net, X, y) -> None:
        train_with_snapshots(run, net, X, y)

    def _check_rows(self, X) -> None:
        if self.loss == "binary_cross_entropy":
            check_unit_interval(X, "loss", self.loss)

    def _calibrate(self, net, X) -> None:
        for module in net.module_.scored():
            calibrate_residuals(net, X, module)
