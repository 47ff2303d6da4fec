"""GANomaly."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from .._validation import check_is_fitted
from ..base import NON_NEGATIVE, ReconstructorMixin, detector, param
from ._adversarial import AdversarialDetector
from ._discriminator import Discriminator, discriminator_terms


class GANomalyModule(nn.Module):
    """Module of GANomaly: x̂ = G(x) = G_D(G_E(x)), E(x̂), D(x) and A(x) = ‖G_E(x) − E(x̂)‖."""

    players = {"generator": ("generator", "encoder2"), "discriminator": ("discriminator",)}

    def __init__(
        self,
        *,
        encoder: nn.Module,
        decoder: nn.Module,
        encoder2: nn.Module,
        discriminator: Discriminator,
        n_latent: int,
        adversarial_weight: float,
        contextual_weight: float,
        encoder_weight: float,
        anomaly_score: str,
        norm: str,
        label_smoothing: float,
        gradient_penalty_weight: float,
    ) -> None:
        super().__init__()
        self.generator = nn.Sequential(OrderedDict(encoder=encoder, decoder=decoder))
        self.encoder2 = encoder2
        self.discriminator = discriminator
        self.n_latent = n_latent
        self.weights = {
            "adversarial": adversarial_weight,
            "contextual": contextual_weight,
            "encoder": encoder_weight,
        }
        self.score_name = anomaly_score
        self.norm = norm
        self.label_smoothing = label_smoothing
        self.gradient_penalty_weight = gradient_penalty_weight

    def encode(self, x: Tensor) -> Tensor:
        """Return the code z = G_E(x)."""
        return self.generator.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """Return the reconstruction x̂ = G_D(z)."""
        return self.generator.decoder(z)

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.generator(x)

    # Training --------------------------------------------------------------------------------

    def loss_terms(self, x: Tensor) -> dict[str, Tensor]:
        """Return L_adv, L_con and L_enc of each row, without their weights."""
        z = self.encode(x)
        restored = self.decode(z)
        f, f_restored = (self.discriminator.features(rows).flatten(1) for rows in (x, restored))
        return {
            "adversarial": ((f - f_restored) ** 2).mean(1),
            "contextual": (x - restored).abs().mean(1),
            "encoder": ((z - self.encoder2(restored)) ** 2).mean(1),
        }

    def loss_generator(self, x: Tensor) -> Tensor:
        """Return L_G = w_adv L_adv + w_con L_con + w_enc L_enc."""
        return sum(self.weights[name] * term for name, term in self.loss_terms(x).items())

    def loss_discriminator(self, x: Tensor) -> Tensor:
        """Return L_D = −½ log D(x) − ½ log(1 − D(x̂))."""
        with torch.no_grad():
            restored = self.reconstruct(x)
        of_rows, of_restored, penalty = discriminator_terms(
            *(self.discriminator, (x,), (restored,)),
            label_smoothing=self.label_smoothing,
            gradient_penalty_weight=self.gradient_penalty_weight,
        )
        return (of_rows + of_restored) / 2 + penalty

    def contest(self, x: Tensor) -> tuple[Tensor, Tensor, None]:
        """Return rows, reconstructions and None: feature matching works if D has saturated too."""
        return x, self.reconstruct(x), None

    # Scores ----------------------------------------------------------------------------------

    def contributions(self, x: Tensor) -> Tensor:
        return (x - self.reconstruct(x)).double().abs() / x.shape[1]

    def latent_distance(self, x: Tensor) -> Tensor:
        z = self.encode(x)
        difference = (z - self.encoder2(self.decode(z))).double()
        return (difference**2 if self.norm == "l2" else difference.abs()).mean(1)

    def anomaly_score(self, x: Tensor) -> Tensor:
        if self.score_name == "contextual":
            return self.contributions(x).sum(1)
        return self.latent_distance(x)


@detector
class GANomaly(ReconstructorMixin, AdversarialDetector):
    r"""GANomaly, with the distance between the codes of a row and its reconstruction as score.

    A generator :math:`G` encodes a row, :math:`z = G_E(x)`, and decodes it,
    :math:`\hat x = G_D(z)`; a second encoder :math:`E` encodes the reconstruction,
    :math:`\hat z = E(\hat x)`; and a discriminator :math:`D`, with the features :math:`f` in its
    last hidden layer, distinguishes rows from reconstructions. On normal rows they play

    .. math::
        \min_{G, E} \; \frac1N \sum_i
        \frac{w_{adv}}{n_f} \|f(x_i) - f(\hat x_i)\|_2^2
        + \frac{w_{con}}{d} \|x_i - \hat x_i\|_1
        + \frac{w_{enc}}{n_z} \|G_E(x_i) - E(\hat x_i)\|_2^2,

    .. math::
        \min_D \; -\frac1{2N} \textstyle\sum_i \log D(x_i) + \log(1 - D(\hat x_i)).

    If the reconstruction lacks the abnormal part of a row, its code differs from that of the row.
    The anomaly score is [1]_

    .. math::
        A(x) = \tfrac1{n_z} \|G_E(x) - E(G(x))\|_2^2 .

    Read more in the :ref:`User Guide <ganomaly>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    adversarial_weight : float, default=1.0
        Weight :math:`w_{adv}`.
    contextual_weight : float, default=50.0
        Weight :math:`w_{con}`. It is large because a mean of absolute residuals is small. With the
        paper's value :math:`L_{con}` dominates, and the other terms shape the codes.
    encoder_weight : float, default=1.0
        Weight :math:`w_{enc}`. With 0, E learns nothing and the score has no meaning.
    anomaly_score : {"latent", "contextual"}, default="latent"
        ``"latent"`` is A above, ``"contextual"`` the mean absolute residual,
        :math:`\tfrac1d \|x - \hat x\|_1`.
    norm : {"l2", "l1"}, default="l2"
        Whether A is the mean of squares or of absolute values.
    discriminator_reset_tol : float or None, default=1e-5
        The discriminator's weights are initialised again after a step at which its loss was below
        this value. If None, they never are.
    n_latent : int or None, default=None
        Size :math:`n_z` of a code. If None, half of the number of features, at least 2 and at most
        32, or 100 with a ``backbone``.
    label_smoothing : float, default=0.0
        The target probability of real rows for the discriminator is 1 minus this value.
    gradient_penalty_weight : float, default=0.0
        Weight of :math:`\tfrac12 \|\nabla_x \log\frac{D}{1 - D}\|^2` of real rows in the
        discriminator's loss. The paper has none. With 1.0, anomalies in tables are ranked better
        (``benchmarks/results/families-games.md``).
    average_decay : float, default=0.0
        Decay of the averages of all weights, with which rows are scored. With 0, rows are scored
        with the weights of the last step. The contextual loss stabilises the game, and the paper
        does not average.
    turns : tuple of two ints, default=(1, 1)
        Turns of the discriminator and of the other players in a cycle of as many batches as the
        larger number.
    lr_milestones : sequence of float, default=()
        Shares of the training after which all learning rates are divided by 10.
    hidden_layer_sizes : int or sequence of int, default=(128, 64)
        Widths of the encoders and of the discriminator, starting at the input; the decoder mirrors
        them.
    activation : str, default="leaky_relu"
        Activation of the hidden layers of encoders and discriminator, as in :class:`AutoEncoder`;
        the decoder has rectified linear units, as in DCGAN.
    backbone : Backbone or None, default=None
        Makes the networks instead of ``hidden_layer_sizes``, for example
        :class:`~skdeepad.nn.DCGANBackbone` for images. Its encoders have to be an
        ``nn.Sequential``, whose layers before the last one compute f.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="minmax"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm. ``"minmax"`` scales to [-1, 1].
    max_epochs : int, default=2000
        Maximum number of epochs.
    max_steps : int or None, default=1500
        Maximum number of optimizer steps. If None, there is no limit. A step is a batch on which
        each player takes its turn.
    lr : float, default=1e-3
        Learning rate. It applies to both players;
        ``net_params={"optimizer_discriminator__lr": ...}`` sets it for the discriminator. The
        paper's code has 2e-4 for images.
    batch_size : int or None, default=64
        Number of rows in a batch. If None, a batch holds all training rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`. Adam's betas are
        (0.5, 0.999), as in DCGAN.
    weight_decay : float, default=0.0
        L2 penalty of the optimizer on the weights.
    trim : float, default=0.1
        Share of the rows of a batch, rounded, that each player leaves out after a fifth of the
        steps: those with the largest loss. Anomalies among the training rows are then learned less
        well. The paper has clean training rows and does not trim.
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

    Attributes
    ----------
    net_ : skorch net
        The trained net; ``net_.module_`` is the torch module.
    generator_ : torch module
        G, from scaled rows to reconstructions: ``generator_.encoder`` and ``generator_.decoder``.
    encoder_ : torch module
        :math:`G_E`, the generator's encoder, from scaled rows to codes. ``transform`` gives its
        codes.
    encoder2_ : torch module
        E, the second encoder, from reconstructions to codes. It has the layers of the first and its
        own weights.
    discriminator_ : torch module
        D, from scaled rows to log odds; ``discriminator_.features`` is f.
    scaler_ : transformer or None
        The fitted scaler.
    training_scores_ : ndarray of shape (n_rows,)
        Scores of the training rows, in ascending order; a row of weight 2 counts twice.
    offset_ : float
        Threshold on ``score_samples``.
    history_ : dict of ndarray of shape (`n_iter_`,)
        Losses of each epoch: ``"train_loss"`` is that of G and E, ``"discriminator_loss"`` the
        discriminator's. ``"adversarial_loss"``, ``"contextual_loss"`` and ``"encoder_loss"`` are
        the three terms without their weights, on the rows of one batch at the end of the epoch.
        ``"spread"`` is the standard deviation of their reconstructions over that of the rows.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    AnoGAN : A generator from noise, and a search for a row's code.
    AutoEncoder : The contextual term alone.

    Notes
    -----
    The paper prints an L1 norm in A(x), and its code has the mean of squares; both rank rows nearly
    alike. The paper prints an expectation inside of :math:`L_{adv}`; its code compares features row
    by row, as here. Its code scores with the batch statistics of the test set; here batch
    normalisation is in evaluation mode, so that a score depends on its row alone.

    A survey [2]_ scales scores to [0, 1] with a plus sign in its equation 13, where the code has
    the minus of :meth:`min_max_scores`. Some texts call the weights learned parameters, and G a
    pair of autoencoders with a decoder: the weights are constants, 1, 50 and 1, and the nets are
    encoder, decoder and encoder. In the published code D sees the reconstructions before G's step;
    here they are computed again after it.

    A saturated discriminator is not a failure: the matched features still have gradients, and its
    weights are initialised again if its loss is close to 0.

    References
    ----------
    .. [1] S. Akcay et al., "GANomaly: Semi-supervised anomaly detection via adversarial training",
       ACCV 2018, arXiv:1805.06725.
    .. [2] F. Di Mattia et al., "A survey on GANs for anomaly detection", arXiv:1906.11632.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import GANomaly
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> det = GANomaly(max_steps=200, random_state=0).fit(X)
    >>> det.predict([np.zeros(8), 3 * (-1.0) ** np.arange(8)])
    array([ 1, -1])
    """

    adversarial_weight: float = param(NON_NEGATIVE, default=1.0, to="module")
    contextual_weight: float = param(NON_NEGATIVE, default=50.0, to="module")
    encoder_weight: float = param(NON_NEGATIVE, default=1.0, to="module")
    anomaly_score: str = param({"latent", "contextual"}, default="latent", to="module")
    norm: str = param({"l2", "l1"}, default="l2", to="module")
    discriminator_reset_tol: float | None = param(NON_NEGATIVE, None, default=1e-5)
    gradient_penalty_weight = 0.0
    average_decay = 0.0
    max_steps = 1500
    lr = 1e-3

    def _make_module(self, n_features: int) -> nn.Module:
        n_latent = self._n_latent(n_features)
        encoding = self._make_backbone(hidden_layer_sizes=self.hidden_layer_sizes)
        decoding = self._make_backbone(
            hidden_layer_sizes=self.hidden_layer_sizes, activation="relu"
        )
        return GANomalyModule(
            encoder=encoding.make_encoder(n_features, n_latent),
            decoder=decoding.make_decoder(n_latent, n_features),
            encoder2=encoding.make_encoder(n_features, n_latent),
            discriminator=Discriminator(encoding, n_features),
            n_latent=n_latent,
            **self._parameters_to("module"),
        )

    def _net_parameters(self) -> dict:
        tol = self.discriminator_reset_tol
        reset_below = None if tol is None else {"discriminator": tol}
        return super()._net_parameters() | {"reset_below": reset_below}

    def min_max_scores(self, X):
        r"""Return the anomaly scores of a test set, scaled to [0, 1] within the set.

        .. math:: A'(x_i) = \frac{A(x_i) - \min_j A(x_j)}{\max_j A(x_j) - \min_j A(x_j)}

        Unlike ``score_samples``, the result depends on the other rows of ``X``, and high
        values are abnormal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The whole test set.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            0 for the most normal row of the set, 1 for the most abnormal one; 0 for all rows if
            their scores are equal.
        """
        scores = -self.score_samples(X)
        scores -= scores.min()
        return scores / (scores.max() or 1.0)

    @property
    def encoder_(self) -> nn.Module:
        check_is_fitted(self)
        return self.net_.module_.generator.encoder

    @property
    def encoder2_(self) -> nn.Module:
        check_is_fitted(self)
        return self.net_.module_.encoder2
