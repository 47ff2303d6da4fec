"""Variational autoencoder."""

from collections.abc import Iterator
from functools import partial

import torch
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor, nn

from ..base import COUNT, NON_NEGATIVE, SHARE_BELOW_ONE, detector, param
from ..base._residual_calibration import calibrate_residuals
from ..base._rows import evenly_spaced
from ..nn import (
    RESIDUAL_SCALINGS,
    ResidualScore,
    Stochastic,
    even_normal_draws,
    kl_standard_normal,
    split_gaussian,
)
from ..training import warn
from ._likelihood import Likelihood
from ._vae_scores import SCORES
from ._variational import VariationalDetector

# Maximum number of training rows for distances in latent space.
MAX_REFERENCE = 4096


class VAEModule(Stochastic):
    """Module with p(z) = N(0, I), q(z|x) = N(μ(x), diag σ²(x)) and a decoder p(x|z)."""

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        likelihood: Likelihood,
        residual: ResidualScore,
        *,
        n_features: int,
        n_latent: int,
        kl_weight: float,
        score: str,
        n_draws: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood
        self.residual = residual
        self.n_latent = n_latent
        self.kl_weight = kl_weight
        self.score = score
        # With the same draws for every row and every call, a score is a function of the row. Their
        # errors don't average out over the rows, so that the draws are evenly spread.
        self.register_buffer("z_noise", even_normal_draws(n_draws, n_latent))
        self.register_buffer("x_noise", torch.randn(n_draws, n_features))

    def code_distribution(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of q(z|x)."""
        return split_gaussian(self.encoder(x))

    def loss(self, x: Tensor) -> Tensor:
        """Return −log p(x|z) + β KL(q(z|x) ‖ p(z)) with z = μ + σ ⊙ ε."""
        mu, logvar = self.code_distribution(x)
        z = mu + torch.exp(0.5 * logvar) * self.randn_like(mu)
        nll = self.likelihood.nll(self.decoder(z), x).sum(1)
        return nll + self.kl_weight * kl_standard_normal(mu, logvar).sum(1)

    def nll(self, x: Tensor, z: Tensor) -> Tensor:
        """Return −log p(x|z), summed over the features in float64."""
        return self.likelihood.nll(self.decoder(z), x).sum(1, dtype=torch.float64)

    def encode(self, x: Tensor) -> Tensor:
        return self.code_distribution(x)[0]

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean of p(x|z)."""
        return self.likelihood.mean(self.decoder(z))

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))

    def observe(self, z: Tensor, noise: Tensor) -> Tensor:
        """Draw x̃ ~ p(x|z) from standard normal noise."""
        return self.likelihood.observe(self.decoder(z), noise)

    @property
    def n_noise(self) -> int:
        """Number of standard normal values from which a row is generated."""
        return self.n_latent + self.x_noise.shape[1]

    def generate(self, noise: Tensor) -> Tensor:
        """Generate a row from p(x|z), z ~ p(z)."""
        return self.observe(noise[:, : self.n_latent], noise[:, self.n_latent :])

    def draws(self, x: Tensor) -> Iterator[Tensor]:
        """Yield draws from q(z|x)."""
        mu, logvar = self.code_distribution(x)
        std = torch.exp(0.5 * logvar)
        for noise in self.z_noise:
            yield mu + std * noise

    def anomaly_score(self, x: Tensor) -> Tensor:
        return SCORES[self.score](self, x)

    def negative_elbo(self, x: Tensor) -> Tensor:
        return SCORES["elbo"](self, x)

    def contributions(self, x: Tensor) -> Tensor:
        """Return each feature's part of the residual's score, or else of −E_q log p(x|z)."""
        if self.score == "reconstruction_error":
            return self.residual.contributions(x, self.reconstruct(x))
        nll = [self.likelihood.nll(self.decoder(z), x) for z in self.draws(x)]
        return torch.stack(nll).mean(0)


@detector
class VAE(VariationalDetector):
    r"""Variational autoencoder, which scores rows by a bound of their likelihood.

    The detector minimises the negative evidence lower bound

    .. math:: -E_{q(z|x)}[\log p(x|z)] + \beta\, KL(q(z|x) \,\|\, N(0, I)),
        \qquad z = \mu(x) + \sigma(x) \odot \varepsilon,

    summed over the features and averaged over the rows [1]_. ``anomaly_score`` selects the score.

    Read more in the :ref:`User Guide <vae>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    n_latent : int, default=8
        Size of the code. The KL term switches off units that the data don't need; see
        ``active_units_``.
    kl_weight : float, default=1.0
        Weight :math:`\beta` of the KL term in training.
    anomaly_score : str, default="elbo"
        ``"elbo"``: negative evidence lower bound. ``"reconstruction_probability"``:
        :math:`-E_q \log p(x|z)` [2]_. ``"reconstruction_error"``: residual of the reconstruction
        from the mean code. ``"reconstruction_likelihood"``: :math:`-\log p(x|\mu(x))`.
        ``"stochastic_error"``, ``"decoder_stochastic_error"``, ``"fully_stochastic_error"``: errors
        with a drawn code, a drawn reconstruction or both. ``"kl"``: the KL term. ``"iwae"``:
        importance-weighted bound [4]_. ``"latent_euclidean"``, ``"latent_bhattacharyya"``,
        ``"latent_density"``: distances from the codes of the training rows, or their density.
        ``"decoder_nearest"``: error of the best code. ``"jacodeco"``: change of variables through
        the decoder [5]_. Most of them are from [3]_. A change takes effect in ``fit``.
    residual_scaling : {"robust", "plain", "mahalanobis"}, default="robust"
        Scale of the residuals in ``"reconstruction_error"``, as in :class:`AutoEncoder`.
    trim_start : float, default=0.2
        Share of the steps before trimming begins.
    likelihood : {"heteroscedastic", "gaussian", "bernoulli"}, default="heteroscedastic"
        Distribution p(x|z). ``"heteroscedastic"``: a Gaussian with a variance for each feature that
        is a function of z, without which the reconstruction probability tells no more than the
        error. ``"gaussian"``: one learned variance, which determines the relative weight of the KL
        term. ``"bernoulli"``: for data in [0, 1], with ``scaler="minmax"`` or None.
    min_std : float, default=0.135
        Minimum standard deviation of p(x|z), in units of the scaled data. With a smaller one, a few
        almost constant features dominate the others; anomalies with smaller deviations are not
        visible.
    n_draws : int, default=4
        Number of draws for the Monte-Carlo scores, the same for every row. The default ranks rows
        nearly as well as more draws do (``benchmarks/results/draws.md``). ``"iwae"`` and
        ``"fully_stochastic_error"`` depend on the number.
    missing : {"raise", "mask"}, default="raise"
        What to do about missing values, which are NaN. ``"raise"`` is an error. ``"mask"`` leaves
        them out of the loss and the score: a mean over the features is that of the values that a
        row has, and a sum is n_features times this mean. The encoder reads 0 in their place, the
        mean of a standardised column, or 1/2 with ``scaler="minmax"``. Not with
        ``residual_scaling="mahalanobis"`` or ``anomaly_score="jacodeco"``.
    hidden_layer_sizes : int or sequence of int, default=(64, 32)
        Widths from the input towards the code; the decoder mirrors them.
    activation : str, default="tanh"
        Activation of the hidden layers, as in :class:`AutoEncoder`.
    backbone : Backbone or None, default=None
        Makes the encoder and the decoder instead of ``hidden_layer_sizes``.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm.
    max_epochs : int, default=500
        Maximum number of epochs.
    max_steps : int or None, default=2500
        Maximum number of optimizer steps. If None, there is no limit.
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
        loss.
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
        the epochs up to the knee of the mean loss so far [6]_; this needs the package kneed.
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
    active_units_ : int
        Number of units of the code with a mean KL above 0.01 on the training rows; 0 means
        collapse.
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
    AutoEncoder : Codes without a distribution, and cheaper scores.

    Notes
    -----
    Log variances are clamped, the encoder's to ±10 and the decoder's to at most 4; the KL term is
    not clamped. Distances in latent space are measured to at most 4,096 evenly spaced training
    rows. A training row is its own neighbour there and scores as more normal than a new row;
    ``training_scores_``, from which the threshold is computed, leave out the row itself.
    Likelihoods are those of the scaled rows, in nats.

    References
    ----------
    .. [1] D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014,
       arXiv:1312.6114.
    .. [2] J. An, S. Cho, "Variational autoencoder based anomaly detection using reconstruction
       probability", SNU Data Mining Center, 2015.
    .. [3] A. Vasilev et al., "q-space novelty detection with variational autoencoders",
       arXiv:1806.02997.
    .. [4] Y. Burda et al., "Importance weighted autoencoders", arXiv:1509.00519.
    .. [5] V. Šmídl, J. Bím, T. Pevný, "Anomaly scores for generative models",
       arXiv:1905.11890.
    .. [6] N. Merrill, A. Eskandarian, "Modified autoencoder training and scoring for robust
       unsupervised anomaly detection in deep learning", IEEE Access 8, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import VAE
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> det = VAE(max_epochs=20, random_state=0).fit(X)
    >>> det.predict([np.zeros(8), 3 * (-1.0) ** np.arange(8)])
    array([ 1, -1])
    """

    n_latent: int = param(COUNT, default=8)
    kl_weight: float = param(NON_NEGATIVE, default=1.0)
    anomaly_score: str = param(set(SCORES), default="elbo")
    residual_scaling: str = param(RESIDUAL_SCALINGS, default="robust")
    trim_start: float = param(SHARE_BELOW_ONE, default=0.2, to="net")
    early_stopping: bool | str = param("boolean", {"knee"}, default=False, to="net")

    def _make_module(self, n_features: int) -> nn.Module:
        likelihood = self._make_likelihood(n_features)
        backbone = self._make_backbone(hidden_layer_sizes=self.hidden_layer_sizes)
        return VAEModule(
            self._reading(backbone.make_encoder(n_features, 2 * self.n_latent)),
            backbone.make_decoder(self.n_latent, likelihood.n_outputs),
            likelihood,
            self._make_residual(n_features, self.residual_scaling),
            n_features=n_features,
            n_latent=self.n_latent,
            kl_weight=self.kl_weight,
            score=self.anomaly_score,
            n_draws=self.n_draws,
        )

    def _needs_more_than_a_pass(self) -> str | None:
        searches = self.net_.module_.score in ("decoder_nearest", "jacodeco")
        return f"anomaly_score={self.net_.module_.score!r}" if searches else None

    def _calibrate(self, net, X) -> None:
        module = net.module_
        mu, logvar = self._posteriors(net, X)
        self.active_units_ = int((kl_standard_normal(mu, logvar).mean(0) > 0.01).sum())
        if module.score == "reconstruction_error":
            calibrate_residuals(net, X)
        if module.score.startswith("latent_"):
            module.register_buffer("reference_mu", mu)
            module.register_buffer("reference_logvar", logvar)

    def _training_score(self, module):
        if module.score.startswith("latent_"):
            return partial(SCORES[module.score], module, without_itself=True)
        return super()._training_score(module)

    def _posteriors(self, net, X) -> tuple[Tensor, Tensor]:
        """Return means and log variances of the codes of evenly spaced rows."""
        module = net.module_
        rows = evenly_spaced(X, MAX_REFERENCE)
        stacked = net.apply(lambda x: torch.stack(module.code_distribution(x), 1), rows)
        return torch.as_tensor(stacked, dtype=torch.float32, device=module.z_noise.device).unbind(1)

    def _check_rows(self, X) -> None:
        if self.anomaly_score == "jacodeco":
            self._need_complete_rows("anomaly_score")
        if self.anomaly_score == "jacodeco" and self.likelihood == "bernoulli":
            raise ValueError(
                "anomaly_score='jacodeco' needs a density: likelihood must be 'gaussian' or "
                f"'heteroscedastic', got {self.likelihood!r}."
            )
        if self.anomaly_score == "jacodeco" and self.n_latent > X.shape[1]:
            raise ValueError(
                "anomaly_score='jacodeco' needs a code no wider than the rows: n_latent must be "
                f"at most {X.shape[1]}, got {self.n_latent!r}."
            )
        super()._check_rows(X)

    def _train(self, run, net, X, y) -> None:
        super()._train(run, net, X, y)
        if self.kl_weight and kl_standard_normal(*self._posteriors(net, X)).mean(0).max() <= 0.01:
            warn(
                "No unit of the code carries information (posterior collapse): lower kl_weight, or "
                "train longer.",
                ConvergenceWarning,
            )
