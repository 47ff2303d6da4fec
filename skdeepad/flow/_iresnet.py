"""Invertible residual network."""

from torch import nn

from ..base import StopsEarly, detector
from ._flow import FlowDetector, begin_flow, make_flow


@detector
class InvertibleResNet(FlowDetector, StopsEarly):
    r"""Invertible residual network, a flow that scores rows by their density.

    Blocks :math:`F_t(x) = x + g_t(x)` map rows to a standard normal distribution. They are
    invertible, because each :math:`g_t` has a Lipschitz constant below 1. The density of a row is,
    by the change of variables [1]_,

    .. math:: \log p(x) = \log N(F(x); 0, I) + \sum_t \log |\det(I + J_{g_t}(x_t))| ,

    and its mean over the training rows is maximised. The anomaly score is :math:`-\log p(x)`.

    Read more in the :ref:`User Guide <iresnet>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    n_blocks : int, default=6
        Number of blocks. Two take half of the time. They rank anomalies better if there are some
        among the training rows, and worse if there are none: ``families-flows.md`` and
        ``families-flows-clean.md`` in ``benchmarks/results``.
    lipschitz_constant : float in (0, 0.999], default=0.97
        Bound c of each layer's spectral norm; the default is the largest of the paper's values. A
        lower bound needs more blocks, and with a higher one inversion is slow.
    log_det : {"auto", "exact", "series", "roulette"}, default="auto"
        Computation of the log-determinant in training. ``"exact"``: the determinant itself.
        ``"series"``: the truncated series :math:`\sum_k (-1)^{k+1} \mathrm{tr}(J^k) / k` with a
        random estimate of each trace. ``"roulette"``: a random number of terms, weighted so that
        the mean is exact [2]_. ``"auto"``: exact up to 20 features, else the series, which then has
        a lower cost. Scores are exact if the number of features or the last hidden width is at most
        64, or with ``log_det="exact"``; otherwise they use the series.
    n_power_terms : int, default=10
        Terms of the series.
    noise : float, default=0.1
        Standard deviation, in units of the scaled data, of the noise that is added to rows in
        training. Without noise, the density of repeated values or of a constant column is
        unbounded. If values do not repeat, less noise resolves finer structure.
    lr_milestones : sequence of float, default=(0.6, 0.85)
        Shares of the training after which all learning rates are divided by 10.
    hidden_layer_sizes : int or sequence of int, default=(32, 32)
        Widths of the hidden layers of each :math:`g_t`.
    activation : {"lipswish", "elu"}, default="lipswish"
        Activation of the hidden layers. Both have slopes up to 1; the first is smooth, as
        log-determinants require [2]_.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm.
    max_epochs : int, default=200
        Maximum number of epochs.
    max_steps : int or None, default=1000
        Maximum number of optimizer steps. If None, there is no limit.
    lr : float, default=3e-3
        Learning rate.
    batch_size : int or None, default=256
        Number of rows in a batch. If None, a batch holds all training rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`.
    weight_decay : float, default=0.0
        L2 penalty of the optimizer on the weights.
    trim : float, default=0.0
        Share of the rows of a batch, rounded, that an update leaves out after a fifth of the steps:
        those with the largest loss. Values above 0 cut off the tails of the density, with the
        anomalies among the training rows: anomalies are then ranked better (the same pages). With
        the default the density is that of all training rows.
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
    early_stopping : bool, default=False
        If True, hold out ``validation_fraction`` of the rows and stop once their loss, computed
        with the same noise in each epoch, has not fallen for ``n_iter_no_change`` epochs. The
        weights of the best epoch are kept.
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
    baseline_ : ndarray of shape (`n_features_in_`,)
        Median of each feature over the training rows, or over 4,096 of them. It is where the paths
        of ``feature_contributions`` begin.
    training_scores_ : ndarray of shape (n_rows,)
        Scores of the training rows, in ascending order; a row of weight 2 counts twice.
    offset_ : float
        Threshold on ``score_samples``, a log-density.
    history_ : dict of ndarray of shape (`n_iter_`,)
        Losses of each epoch, in nats per row.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    BDSGM : Samples from the boundary of such a density, and a threshold from them.
    sklearn.neighbors.KernelDensity : A density without training, for few features.
    sklearn.mixture.GaussianMixture : A mixture of Gaussians.

    Notes
    -----
    Let W be the last layer of a block and :math:`J = W A`. Since
    :math:`\det(I + W A) = \det(I + A W)`, the determinant has the size of the last hidden layer if
    that is smaller than the number of features, and scores are exact up to a size of 64. If both
    are above 64 and ``log_det`` is not ``"exact"``, scores use the series with 32 directions that
    are fixed in ``fit``. Their error is some tenths of a nat, and more after long training.

    ``score_samples`` is the log-density in the units of ``X`` if the scaler is given by name, is a
    StandardScaler, MinMaxScaler or RobustScaler, or is None. With any other transformer it is that
    of the scaled rows. Each block begins with a learned scale and shift, initialised so that
    training rows have mean 0 and variance 1. Spectral norms are computed exactly; the Lipschitz
    constant of a block is their product. With the default ``noise`` a constant column adds at most
    1.4 nats to the log-density of scaled rows.

    References
    ----------
    .. [1] J. Behrmann et al., "Invertible residual networks", ICML 2019, arXiv:1811.00995.
    .. [2] R. T. Q. Chen et al., "Residual flows for invertible generative modeling", NeurIPS 2019,
       arXiv:1906.02735.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import InvertibleResNet
    >>> X = np.random.RandomState(0).randn(500, 2)
    >>> det = InvertibleResNet(max_epochs=20, random_state=0).fit(X)
    >>> det.predict([[0, 0], [4, -4]])
    array([ 1, -1])
    >>> det.sample(3, random_state=0).shape
    (3, 2)
    """

    def _make_module(self, n_features: int) -> nn.Module:
        return make_flow(self, n_features)

    def _train(self, run, net, X, y) -> None:
        if not net.history:
            begin_flow(net.module_, X)
        run(net, X, y)
