"""Wasserstein autoencoder."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from .._validation import Real
from ..base import NON_NEGATIVE, detector, param
from ..nn import KERNELS, reconstruction_loss, squared_mmd
from ..training import AdversarialNet, DetectorNet, find_device, seeded_generator, to_tensor
from ._matched_codes import CodeDiscriminator, MatchedCodes, MatchedCodesDetector
from ._priors import Prior, make_prior


def squared_error(x: Tensor, reconstruction: Tensor, row_loss=reconstruction_loss) -> Tensor:
    """Return ‖x − x̂‖²."""
    return row_loss(reconstruction, x, "squared_error")


def absolute_error(x: Tensor, reconstruction: Tensor, row_loss=reconstruction_loss) -> Tensor:
    """Return ‖x − x̂‖₁."""
    return row_loss(reconstruction, x, "absolute_error")


def euclidean(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Return ‖x − x̂‖."""
    return (x - reconstruction).norm(dim=1)


COSTS = {f.__name__: f for f in (squared_error, absolute_error, euclidean)}


class WAEModule(MatchedCodes):
    """Module with loss c(x, G(z)) + λ D(Q, P) of codes z ~ Q and draws z' ~ P."""

    def __init__(
        self,
        *,
        cost: Callable[[Tensor, Tensor], Tensor],
        divergence: Callable[[Tensor, Tensor], Tensor] | CodeDiscriminator,
        divergence_weight: float,
        **parts,
    ) -> None:
        super().__init__(**parts)
        self.cost = cost
        self.divergence = divergence
        self.divergence_weight = divergence_weight

    def loss(self, x: Tensor) -> Tensor:
        z = self.draw_codes(x)
        cost = self.cost(x, self.decode(z))
        # With weight 0 nothing is drawn, and the loss is that of a plain autoencoder to the bit.
        return cost + self.divergence_weight * self.penalty(z) if self.divergence_weight else cost

    def penalty(self, z: Tensor) -> Tensor:
        """Return D(Q, P) of the whole batch."""
        return self.divergence(z, self.draw_prior(z))

    def cost_score(self, x: Tensor) -> Tensor:
        """Return c(x, G(E(x)))."""
        return self.cost(x, self.reconstruct(x)).double()


class WAEGANModule(WAEModule):
    """Module whose divergence is the loss of a discriminator, a player of its own."""

    players = {"autoencoder": ("encoder", "decoder"), "discriminator": ("divergence",)}

    def penalty(self, z: Tensor) -> Tensor:
        return self.divergence.fooling_loss(z)

    def loss_autoencoder(self, x: Tensor) -> Tensor:
        return self.loss(x)

    def loss_discriminator(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            z = self.draw_codes(x)
        return self.divergence.loss(z, self.draw_prior(z))


@detector
class WAE(MatchedCodesDetector):
    r"""Wasserstein autoencoder, whose codes together match a prior distribution.

    An encoder :math:`Q` and a decoder :math:`G` minimise the relaxed optimal transport cost between
    data and model [1]_,

    .. math:: \frac1N \sum_i c(x_i, G(z_i)) + \lambda \, \mathcal{D}(Q_Z, P_Z),
        \qquad z_i \sim Q(z|x_i), \quad Q_Z = \frac1N \sum_i Q(z|x_i),

    with any cost :math:`c`, any prior :math:`P_Z` and any divergence :math:`\mathcal D`. A
    variational autoencoder pulls the code of each row towards the prior. Here only the distribution
    of all codes is compared with it, so that codes of different rows stay apart. The default
    anomaly score of a row is the mean square of its residual, with each feature scaled by
    ``residual_scaling``.

    Read more in the :ref:`User Guide <latent_priors>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    cost : str or callable, default="squared_error"
        Cost :math:`c` of a row, summed over the features: ``"squared_error"``,
        ``"absolute_error"``, ``"euclidean"`` (the root of the first), or a function from rows and
        reconstructions, (batch, n_features) each, to (batch,).
    divergence : {"mmd", "gan"} or callable, default="mmd"
        Divergence :math:`\mathcal D`. ``"mmd"``: unbiased squared maximum mean discrepancy of a
        batch's codes and as many draws from the prior. ``"gan"``: Jensen-Shannon divergence,
        estimated by a discriminator with the non-saturating loss. A function maps codes and draws,
        (batch, n_latent) each, to a scalar.
    divergence_weight : float, default=10.0
        Weight :math:`\lambda`. With 0 and a deterministic encoder the model is an autoencoder.
    kernel : {"imq", "rbf"}, default="imq"
        Kernel of ``"mmd"``: :math:`C / (C + \|z - z'\|^2)`, whose long tails reach codes far from
        the prior, or :math:`\exp(-\|z - z'\|^2 / C)`.
    kernel_scales : sequence of float, default=(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
        Scales :math:`s`. The kernel is the sum over :math:`C = s C_0`, where :math:`C_0` is the
        mean squared distance of two draws from the prior. A prior with small modes needs smaller
        scales too.
    anomaly_score : str, default="reconstruction"
        ``"reconstruction"``: size of the residual. ``"cost"``: :math:`c(x, G(E(x)))`.
        ``"latent_density"``: :math:`-\log p(E(x))`, for priors with a density. A change takes
        effect in ``fit``.
    n_latent : int or None, default=None
        Size of the code. If None, max(2, n_features // 4), or 32 with a ``backbone``.
    posterior : {"deterministic", "gaussian"}, default="deterministic"
        With ``"gaussian"``, z is drawn from a normal distribution whose mean and variance are
        functions of x; scores use the mean.
    prior : str, distribution or callable, default="normal"
        Prior :math:`P_Z`, as in :class:`AAE`: "normal", "uniform", "sphere", "mixture", a
        :class:`torch.distributions.Distribution`, or a function from (n, torch.Generator) to a
        tensor of shape (n, n_latent) on the generator's device.
    discriminator_layer_sizes : int or sequence of int, default=(64, 64)
        Widths of the discriminator's hidden layers for ``"gan"``.
    lr_discriminator : float, default=5e-4
        Learning rate of the discriminator for ``"gan"``.
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
        ``residual_scaling="mahalanobis"``, and only with the costs ``"squared_error"`` and
        ``"absolute_error"``.
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
    AAE : Codes matched to a prior by a discriminator, without a weight.
    VAE : A normal prior for the code of each single row, and scores from likelihoods.
    AutoEncoder : The same without a prior and without ``sample``.

    Notes
    -----
    Costs are sums over the features, unscaled. Public code sums the same seven kernels but
    multiplies a squared cost by 0.05, so that its :math:`\lambda = 10` is 200 here. Negative
    estimates of the discrepancy are kept, because clipping would bias it. The estimate is noisy for
    batches below 64 rows, and 0 for a batch of one row. A single row has no discrepancy, so that it
    is not a score. ``trim`` leaves out rows by their cost. With ``"gan"`` Adam's :math:`\beta_1` is
    0.5, and the discriminator's settings are ``optimizer_discriminator__*`` in ``net_params``.
    Outside the support of a distribution, ``"latent_density"`` is :math:`10^6`. Distributions have
    to be on the CPU.

    References
    ----------
    .. [1] I. Tolstikhin et al., "Wasserstein auto-encoders", ICLR 2018, arXiv:1711.01558.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import WAE
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> det = WAE(max_epochs=20, random_state=0).fit(X)
    >>> det.predict([np.zeros(8), 3 * (-1.0) ** np.arange(8)])
    array([ 1, -1])
    """

    cost: str | Callable = param(set(COSTS), callable, default="squared_error")
    divergence: str | Callable = param({"mmd", "gan"}, callable, default="mmd")
    divergence_weight: float = param(NON_NEGATIVE, default=10.0)
    kernel: str = param(set(KERNELS), default="imq")
    kernel_scales: Sequence = param("array-like", default=(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0))
    anomaly_score: str = param(
        {"reconstruction", "cost", "latent_density"}, default="reconstruction"
    )

    @property
    def net_class(self) -> type[DetectorNet]:
        """Class of the net; ``divergence="gan"`` has two players."""
        return AdversarialNet if self.divergence == "gan" else DetectorNet

    def _make_module(self, n_features: int) -> nn.Module:
        parts = self._make_parts(n_features)
        parts |= {"cost": self._cost(), "divergence_weight": self.divergence_weight}
        if self.divergence == "gan":
            return WAEGANModule(divergence=self._make_discriminator(n_features), **parts)
        return WAEModule(divergence=self._measure(parts["prior"]), **parts)

    def _cost(self) -> Callable[[Tensor, Tensor], Tensor]:
        if self._masks:
            return partial(COSTS[self.cost], row_loss=self._row_loss)
        # As a partial, the user's cost is not a submodule, and its weights are not trained.
        return COSTS[self.cost] if isinstance(self.cost, str) else partial(self.cost)

    def _measure(self, prior: Prior) -> Callable[[Tensor, Tensor], Tensor]:
        """Return the divergence of two samples as a function."""
        if callable(self.divergence):
            return partial(self.divergence)
        lengths = [scale * prior.squared_length for scale in self.kernel_scales]
        return partial(squared_mmd, kernel=self.kernel, lengths=lengths)

    def _net_parameters(self) -> dict:
        params = super()._net_parameters()
        return params | self._discriminator_parameters() if self.divergence == "gan" else params

    def _check_rows(self, X) -> None:
        super()._check_rows(X)
        check_scales(self.kernel_scales)
        if self.cost not in ("squared_error", "absolute_error"):
            self._need_complete_rows("cost")
        if callable(self.cost):
            rows = to_tensor(X[:2], self.device)
            check_values("cost", self.cost, self.cost(rows, rows), (2,))
        if callable(self.divergence):
            prior = make_prior(self.prior, self._n_latent(X.shape[1]))
            codes = prior.draw(2, seeded_generator(0, find_device(self.device)))
            check_values("divergence", self.divergence, self.divergence(codes, codes), ())


def check_scales(scales: Sequence[float]) -> None:
    """Raise if the scales of kernels are not positive numbers."""
    if not len(scales) or not all(isinstance(s, Real) and 0 < s < np.inf for s in scales):
        raise ValueError(f"kernel_scales={scales!r} must be positive numbers, at least one.")


def check_values(parameter: str, function: Callable, values, shape: tuple[int, ...]) -> None:
    """Raise if a user's function returns anything but a tensor of ``shape``."""
    found = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
    if found != shape:
        raise ValueError(
            f"{parameter}={function!r} must return a tensor of shape {shape} for two rows, got "
            f"{found}."
        )
