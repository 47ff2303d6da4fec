"""Auxiliary variational autoencoder."""

from collections.abc import Sequence
from numbers import Integral

from sklearn.exceptions import ConvergenceWarning
from torch import nn

from .._validation import is_count
from ..base import COUNT, COUNT_OR_ZERO, detector, param
from ..base._rows import evenly_spaced
from ..nn import MLPBackbone
from ..training import warn
from ._auxiliary_module import AuxiliaryVAEModule, make_networks
from ._layered_scores import SCORES, kl
from ._variational import VariationalDetector

# Number of training rows used to estimate the mean cost of the codes.
MAX_ROWS = 4096


@detector
class AuxiliaryVAE(VariationalDetector):
    r"""Auxiliary variational autoencoder, a VAE with a mixture as posterior.

    An auxiliary variable :math:`a` makes the posterior :math:`q(z|x) = \int q(a|x)\, q(z|a,x)\, da`
    a mixture. It does not change generation, because its model is :math:`p(a|z,x)`. The detector
    minimises

    .. math:: -E_{q(a|x)\, q(z|a,x)}\left[\log
        \frac{p(x|z)\, p(a|z,x)\, p(z)}{q(a|x)\, q(z|a,x)}\right], \qquad p(z) = N(0, I),

    summed over the features and averaged over the rows [1]_. With ``skip`` the auxiliary variable
    is a layer of the model, :math:`p(a|z)\, p(x|a,z)`; with a second layer of codes, the
    distributions are :math:`q(z_1|a,x)\, q(z_2|a,x,z_1)` and
    :math:`p(z_2)\, p(z_1|z_2)\, p(x|z_1)`.

    Read more in the :ref:`User Guide <auxiliary_vae>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    n_latent : int or pair of int, default=8
        Size of the code :math:`z`, or of :math:`z_1` and :math:`z_2`.
    n_auxiliary : int, default=4
        Size of the auxiliary variable :math:`a`, at least 1: without it the model is :class:`VAE`.
    skip : bool, default=False
        Whether :math:`x` depends on :math:`a`, which is then part of the code.
    kl_warm_up_epochs : int, default=0
        Epochs in which the cost of the codes rises from 0 to its weight. It can prevent layers from
        being switched off before they become useful.
    anomaly_score : {"elbo", "reconstruction_probability", "iwae", "kl"}, default="elbo"
        ``"elbo"``: negative evidence lower bound. ``"reconstruction_probability"``:
        :math:`-E_q \log p(x|\cdot)`. ``"iwae"``: importance-weighted bound. ``"kl"``: cost of the
        codes. A change takes effect in ``fit``.
    likelihood : {"heteroscedastic", "gaussian", "bernoulli"}, default="heteroscedastic"
        :math:`p(x|z)`, as in :class:`VAE`.
    min_std : float, default=0.135
        Minimum standard deviation of :math:`p(x|z)`, in units of the scaled data.
    n_draws : int, default=4
        Number of draws of the codes for the scores, the same for every row. The
        default ranks rows nearly as well as more draws do (``benchmarks/results/draws.md``).
    missing : {"raise", "mask"}, default="raise"
        What to do about missing values, which are NaN. ``"raise"`` is an error. ``"mask"`` leaves
        them out of the loss and the score: a mean over the features is that of the values that a
        row has, and a sum is n_features times this mean. The encoder reads 0 in their place, the
        mean of a standardised column, or 1/2 with ``scaler="minmax"``.
    hidden_layer_sizes : int or sequence of int, default=(64, 32)
        Widths of the hidden layers of each conditional distribution's net; those of the decoder are
        in reverse order.
    activation : str, default="tanh"
        Activation of the hidden layers, as in :class:`AutoEncoder`.
    backbone : Backbone or None, default=None
        Makes the decoder, and an encoder from a row to 64 features, which replace the row as the
        input of the nets of ``hidden_layer_sizes``, together with :math:`a` and :math:`z`.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm.
    max_epochs : int, default=500
        Maximum number of epochs.
    max_steps : int or None, default=1250
        Maximum number of optimizer steps. If None, there is no limit. Twice as many at half the
        rate are no better (``benchmarks/results/steps.md``).
    lr : float, default=2e-3
        Learning rate.
    batch_size : int or None, default=128
        Number of rows in a batch. If None, a batch holds all training rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`.
    weight_decay : float, default=0.0
        L2 penalty of the optimizer on the weights.
    trim : float, default=0.1
        Share of the rows of a batch, rounded, that an update leaves out after a fifth of the steps:
        those with the largest loss.
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
    VAE : One layer, a Gaussian posterior and more scores.
    SDGM : The same with labels.

    Notes
    -----
    The auxiliary variable models correlations within the posterior, but not posteriors with distant
    modes: training then ends in one mode, as for a VAE. Log variances are clamped to ±10.

    A Gaussian penalises absolute deviations. If values are amplitudes, whose noise grows with their
    level, rows of small values have small scores. A learned variance corrects this only in part,
    because it is learned at the levels of the training rows. Taking the logarithm of the amplitudes
    beforehand does correct it.

    References
    ----------
    .. [1] L. Maaløe, C. K. Sønderby, S. K. Sønderby, O. Winther, "Auxiliary deep generative
       models", ICML 2016, arXiv:1602.05473.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import AuxiliaryVAE
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> det = AuxiliaryVAE(max_epochs=20, random_state=0).fit(X)
    >>> det.predict([np.zeros(8), 3 * (-1.0) ** np.arange(8)])
    array([ 1, -1])
    """

    n_latent: int | Sequence = param(COUNT, "array-like", default=8)
    n_auxiliary: int = param(COUNT, default=4)
    skip: bool = param("boolean", default=False)
    kl_warm_up_epochs: int = param(COUNT_OR_ZERO, default=0)
    anomaly_score: str = param(set(SCORES), default="elbo")
    max_steps = 1250
    lr = 2e-3

    def _make_module(self, n_features: int) -> nn.Module:
        heads = MLPBackbone(self.hidden_layer_sizes, self.activation)
        return AuxiliaryVAEModule(
            **make_networks(self.backbone, heads, n_features, self._reading),
            likelihood=self._make_likelihood(n_features),
            widths=self._widths(),
            n_auxiliary=self.n_auxiliary,
            skip=self.skip,
            score=self.anomaly_score,
            n_draws=self.n_draws,
        )

    def _widths(self) -> tuple[int, ...]:
        """Return the sizes of the layers of codes."""
        one = isinstance(self.n_latent, Integral)
        widths = (self.n_latent,) if one else tuple(self.n_latent)
        if len(widths) not in (1, 2) or not all(map(is_count, widths)):
            raise ValueError(
                f"n_latent={self.n_latent!r} must be a positive integer, or a pair of them."
            )
        return widths

    def _train(self, run, net, X, y) -> None:
        module = net.module_
        run(net, X, y, module.warm_up.follow(net, self.kl_warm_up_epochs))
        rows = evenly_spaced(X, MAX_ROWS)
        if net.apply(lambda x: kl(module, x), rows).mean() <= 0.01:
            warn(
                "The codes carry no information (posterior collapse): raise kl_warm_up_epochs, "
                "or train longer.",
                ConvergenceWarning,
            )
