"""Adversarial autoencoder."""

import torch
from torch import Tensor, nn

from ..base import detector, param
from ..training import AdversarialNet
from ._matched_codes import CodeDiscriminator, MatchedCodes, MatchedCodesDetector


class AAEModule(MatchedCodes):
    """Module of an autoencoder with a discriminator D that the encoder learns to fool."""

    players = {
        "reconstruction": ("encoder", "decoder"),
        "discriminator": ("discriminator",),
        "generator": ("encoder",),
    }

    def __init__(self, *, discriminator: CodeDiscriminator, **parts) -> None:
        super().__init__(**parts)
        self.discriminator = discriminator

    def loss_reconstruction(self, x: Tensor) -> Tensor:
        return self.row_loss(self.decode(self.draw_codes(x)), x)

    def loss_discriminator(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            z = self.draw_codes(x)
        return self.discriminator.loss(z, self.draw_prior(z))

    def loss_generator(self, x: Tensor) -> Tensor:
        return self.discriminator.fooling_loss(self.draw_codes(x))

    def discriminator_score(self, x: Tensor) -> Tensor:
        """Return −D(E(x))."""
        return -self.discriminator(self.encode(x)).double()


@detector
class AAE(MatchedCodesDetector):
    r"""Adversarial autoencoder, whose codes have a chosen prior distribution.

    On each batch three players take turns [1]_: encoder :math:`E` and decoder :math:`G` minimise
    the reconstruction error, the discriminator :math:`D` learns to distinguish codes from draws
    from the prior, and the encoder learns to fool it:

    .. math::
        \min_{E,G} & \; \textstyle\frac1N\sum_i \|x_i - G(E(x_i))\|^2 \\
        \min_D & \; -\textstyle\frac1N\sum_i \log D(z'_i) + \log(1 - D(E(x_i))),
            \quad z'_i \sim p(z) \\
        \min_E & \; -\textstyle\frac1N\sum_i \log D(E(x_i)) .

    The prior is any distribution that can be drawn from. The default anomaly score of a row is the
    mean square of its residual, with each feature scaled by ``residual_scaling``.

    Read more in the :ref:`User Guide <latent_priors>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    anomaly_score : str, default="reconstruction"
        ``"reconstruction"``: size of the residual. ``"discriminator"``: log odds under the
        discriminator that the code is not from the prior; the discriminator has not been trained on
        codes far from both. ``"latent_density"``: :math:`-\log p(E(x))`, for priors with a density.
        A change takes effect in ``fit``.
    n_latent : int or None, default=None
        Size of the code. If None, max(2, n_features // 4), or 32 with a ``backbone``.
    posterior : {"deterministic", "gaussian"}, default="deterministic"
        With ``"gaussian"``, z is drawn from a normal distribution whose mean and variance are
        functions of x; scores use the mean.
    prior : str, distribution or callable, default="normal"
        Prior :math:`p(z)`. ``"normal"``: standard normal. ``"uniform"``: uniform on
        :math:`[-1, 1]^d`, with a tanh of the codes. ``"sphere"``: uniform on the unit sphere, with
        normalised codes. ``"mixture"``: 2d Gaussians of standard deviation 1/2, one on each half of
        each axis, with unit total variance. Other priors are a
        :class:`torch.distributions.Distribution` of codes, or of one value if all values of a code
        are independent and identically distributed, or a function from (n, torch.Generator) to a
        tensor of shape (n, n_latent) on the generator's device.
    discriminator_layer_sizes : int or sequence of int, default=(64, 64)
        Widths of the discriminator's hidden layers of rectified linear units.
    lr_discriminator : float, default=5e-4
        Learning rate of the discriminator. Lower it if the discriminator wins, that is, if
        ``history_["discriminator_loss"]`` falls far below 2 log 2.
    residual_scaling : {"robust", "plain", "mahalanobis"}, default="robust"
        Scale of the residuals in ``"reconstruction"``, as in :class:`AutoEncoder`.
    lr_milestones : sequence of float, default=()
        Shares of the training after which all learning rates are divided by 10. They bring codes
        closer to the prior.
    missing : {"raise", "mask"}, default="raise"
        What to do about missing values, which are NaN. ``"raise"`` is an error. ``"mask"`` leaves
        them out of the loss and the score: a mean over the features is that of the values that a
        row has, and a sum is n_features times this mean. The encoder reads 0 in their place, the
        mean of a standardised column, or 1/2 with ``scaler="minmax"``. Not with
        ``residual_scaling="mahalanobis"``.
    hidden_layer_sizes : int or sequence of int, default=(64, 32)
        Widths from the input towards the code; the decoder mirrors them.
    activation : str, default="tanh"
        Activation of the hidden layers, as in :class:`AutoEncoder`. The code is linear.
    backbone : Backbone or None, default=None
        Makes the encoder and the decoder instead of ``hidden_layer_sizes``.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm.
    max_epochs : int, default=500
        Maximum number of epochs.
    max_steps : int or None, default=1000
        Maximum number of optimizer steps. If None, there is no limit. Long training memorises the
        anomalies among the training rows; codes that match the prior closely, as needed by
        ``sample``, need more steps.
    lr : float, default=1e-3
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
    WAE : One weighted objective for encoder and decoder, without a need for a discriminator.
    VAE : A normal prior for the code of each single row, and scores from likelihoods.

    Notes
    -----
    The published training is gradient descent with momentum; here each player has an Adam optimizer
    with :math:`\beta_1 = 0.5`, because two players oscillate with a larger value. Their settings
    are ``optimizer__*``, ``optimizer_discriminator__*`` and ``optimizer_generator__*`` in
    ``net_params``. ``train_loss``, early stopping and ``trim`` refer to the reconstruction. Outside
    the support of a distribution, ``"latent_density"`` is :math:`10^6`. Distributions have to be on
    the CPU.

    References
    ----------
    .. [1] A. Makhzani et al., "Adversarial autoencoders", arXiv:1511.05644.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import AAE
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> det = AAE(max_epochs=20, random_state=0).fit(X)
    >>> det.predict([np.zeros(8), 3 * (-1.0) ** np.arange(8)])
    array([ 1, -1])
    """

    net_class = AdversarialNet

    anomaly_score: str = param(
        {"reconstruction", "discriminator", "latent_density"}, default="reconstruction"
    )

    def _make_module(self, n_features: int) -> nn.Module:
        parts = self._make_parts(n_features)
        return AAEModule(discriminator=self._make_discriminator(n_features), **parts)

    def _net_parameters(self) -> dict:
        return super()._net_parameters() | self._discriminator_parameters()
