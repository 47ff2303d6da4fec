"""AnoGAN and f-AnoGAN."""

from math import ceil

import numpy as np
import torch
from torch import nn

from .._validation import check_is_fitted
from ..base import COUNT, COUNT_OR_ZERO, NON_NEGATIVE, POSITIVE, SHARE, detector, param
from ..nn import link_generator
from ..training import count_batches, history_table
from ._adversarial import ContextualDetector
from ._anogan_module import AnoGANModule, Encoding
from ._discriminator import Discriminator


@detector
class AnoGAN(ContextualDetector):
    r"""AnoGAN, with the distance of a row from the nearest generated row as score.

    On normal rows a generator :math:`G` and a discriminator :math:`D` play

    .. math::
        \min_D \; -\tfrac1N\textstyle\sum_i \log D(x_i) + \log(1 - D(G(z_i))), \qquad
        \min_G \; -\tfrac1N\textstyle\sum_i \log D(G(z_i)), \qquad z_i \sim N(0, I).

    Then the nearest generated row is searched for: from a start :math:`z_0`, :math:`\Gamma` steps
    of gradient descent minimise

    .. math::
        L(z) = (1 - \lambda) \, \|x - G(z)\|_1 + \lambda \, \|f(x) - f(G(z))\|_1,

    where :math:`f` are the features in the last hidden layer of D. The anomaly score is
    :math:`A(x) = \min_\gamma L(z_\gamma)`, and the residual :math:`x - G(z)` locates the anomaly
    [1]_. With ``train_encoder=True`` an encoder E is trained for G afterwards, and the score is
    that of f-AnoGAN [2]_, without a search:

    .. math::
        A(x) = \tfrac1d \|x - G(E(x))\|^2 + \tfrac{\kappa}{n_f} \|f(x) - f(G(E(x)))\|^2 .

    Read more in the :ref:`User Guide <anogan>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    train_encoder : bool, default=False
        Whether to train an encoder and score without a search.
    encoder_steps : int, default=2000
        Maximum number of optimizer steps of the encoder's training. ``trim`` leaves out the rows
        with the largest error.
    encoder_feature_weight : float, default=1.0
        Weight :math:`\kappa`; the default is that of f-AnoGAN's paper.
    discriminator_term : {"feature_matching", "cross_entropy"}, default="feature_matching"
        Second term of L. ``"cross_entropy"`` is :math:`-\log D(G(z))`; feature matching is its
        improvement in the paper.
    residual_weight : float, default=0.9
        Weight :math:`1 - \lambda` of the residual; the default is the paper's. Both terms are sums,
        so that its effect depends on the number of features in each.
    n_latent_steps : int, default=100
        Number of steps :math:`\Gamma`. The paper has 500; from a near start, 100 steps of length
        0.05 are as good.
    lr_latent : float, default=0.05
        Learning rate of Adam in the search.
    n_starts : int, default=1024
        Size of the fixed set of codes from which the search takes its nearest start.
    n_restarts : int, default=1
        Number of nearest starts from which to search; the best result counts.
    context_columns : sequence of int or str, or None, default=None
        Columns of ``X`` that are the context c of a row. A conditional net [3]_ of :math:`G(z|c)`
        and :math:`D(x|c)` then scores the values of the other columns given that context.
        Categories have to be in indicator columns. With a ``backbone`` for images each column is a
        further channel for D and E.
    n_latent : int or None, default=None
        Size of z. If None, half of the number of features, at least 2 and at most 32, or 100 with a
        ``backbone``.
    label_smoothing : float, default=0.0
        The target probability of real rows for the discriminator is 1 minus this value. With 0.1
        the discriminator is less overconfident.
    gradient_penalty_weight : float, default=0.1
        Weight of :math:`\tfrac12 \|\nabla_x \log\frac{D}{1 - D}\|^2` of real rows in the
        discriminator's loss. The paper has none. A small weight stabilises the game, and 1 prevents
        D from winning if columns have few distinct values.
    average_decay : float, default=0.999
        Decay of the averages of all weights, with which rows are scored. With 0, rows are scored
        with the weights of the last step, which oscillate during the game.
    turns : tuple of two ints, default=(1, 1)
        Turns of the discriminator and of the generator in a cycle of as many batches as the larger
        number.
    lr_milestones : sequence of float, default=()
        Shares of the training after which all learning rates are divided by 10.
    hidden_layer_sizes : int or sequence of int, default=(128, 64)
        Widths of the discriminator and of the encoder, starting at the input; the generator mirrors
        them.
    activation : str, default="leaky_relu"
        Activation of the hidden layers of discriminator and encoder, as in :class:`AutoEncoder`;
        the generator has rectified linear units, as in DCGAN.
    backbone : Backbone or None, default=None
        Makes the networks instead of ``hidden_layer_sizes``, for example
        :class:`~skdeepad.nn.DCGANBackbone` for images. Its encoders have to be an
        ``nn.Sequential``, whose layers before the last one compute f.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="minmax"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm. ``"minmax"`` scales to [-1, 1],
        because a generator learns bounded values of all columns sooner than long tails.
    max_epochs : int, default=2000
        Maximum number of epochs.
    max_steps : int or None, default=3000
        Maximum number of optimizer steps. If None, there is no limit. A step is a batch on which
        each player takes its turn. A generator needs this many steps for any number of rows.
    lr : float, default=5e-4
        Learning rate. It applies to all players; ``net_params={"optimizer_generator__lr": ...}``
        sets it for one. DCGAN has 2e-4 for images.
    batch_size : int or None, default=64
        Number of rows in a batch. If None, a batch holds all training rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`. Adam's betas are
        (0.5, 0.999), as in DCGAN.
    weight_decay : float, default=0.0
        L2 penalty of the optimizer on the weights.
    trim : float, default=0.1
        Share of the rows of a batch, rounded, that the discriminator leaves out after a fifth of
        the steps: those that it takes for generated ones, as it does with anomalies among the
        training rows. The paper has clean training rows and does not trim.
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
        G, from (n, n_latent) to scaled rows.
    discriminator_ : torch module
        D, from scaled rows to log odds; ``discriminator_.features`` is f.
    encoder_ : torch module or None
        E before its tanh; None unless ``train_encoder=True``.
    scaler_ : transformer or None
        The fitted scaler.
    training_scores_ : ndarray of shape (n_rows,)
        Scores of the training rows, in ascending order; a row of weight 2 counts twice.
    offset_ : float
        Threshold on ``score_samples``.
    history_ : dict of ndarray of shape (`n_iter_`,)
        Losses of each epoch: ``"train_loss"`` is the discriminator's, ``"generator_loss"`` the
        generator's. ``"spread"`` is the standard deviation of generated rows over that of the
        training rows, ``"fooled"`` the mean probability under D that generated rows are real.
    encoder_history_ : dict of ndarray
        Losses of each epoch of the encoder's training; empty without an encoder.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    EGBAD : Encoder and generator in one game, without a search.
    GANomaly : Scores from codes of rows and of their reconstructions.

    Notes
    -----
    The paper draws the start at random and takes the last step. Here a row starts from the nearest
    of ``n_starts`` fixed codes, so that its score depends on the row alone, and the best step
    counts, so that the score never rises with :math:`\Gamma`. Each row has its own state of Adam.
    The weight that [4]_ calls :math:`\gamma` in its equation 6 is :math:`\lambda`. Some texts print
    a conditional net whose D has only the row as input; D needs the context too. ``fit`` also
    searches for the training rows, because the threshold needs their scores.

    f-AnoGAN's net is a Wasserstein GAN of residual blocks; here E is trained for the same G and D
    as in the search. The output of E is a tanh, as in the paper.

    References
    ----------
    .. [1] T. Schlegl et al., "Unsupervised anomaly detection with generative adversarial networks
       to guide marker discovery", IPMI 2017, arXiv:1703.05921.
    .. [2] T. Schlegl et al., "f-AnoGAN: Fast unsupervised anomaly detection with generative
       adversarial networks", Medical Image Analysis 54, 2019.
    .. [3] M. Mirza and S. Osindero, "Conditional generative adversarial nets", arXiv:1411.1784.
    .. [4] F. Di Mattia et al., "A survey on GANs for anomaly detection", arXiv:1906.11632.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import AnoGAN
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> det = AnoGAN(max_steps=200, random_state=0).fit(X)
    >>> det.predict([np.zeros(8), 3 * (-1.0) ** np.arange(8)])
    array([ 1, -1])
    """

    train_encoder: bool = param("boolean", default=False)
    encoder_steps: int = param(COUNT, default=2000, resumes=True)
    encoder_feature_weight: float = param(NON_NEGATIVE, default=1.0, to="module")
    discriminator_term: str = param(
        {"feature_matching", "cross_entropy"}, default="feature_matching", to="module"
    )
    residual_weight: float = param(SHARE, default=0.9, to="module")
    n_latent_steps: int = param(COUNT_OR_ZERO, default=100, to="module")
    lr_latent: float = param(POSITIVE, default=0.05, to="module")
    n_starts: int = param(COUNT, default=1024)
    n_restarts: int = param(COUNT, default=1, to="module")

    def _make_module(self, n_features: int) -> nn.Module:
        context = self._make_context(n_features)
        n_latent = self._n_latent(context.n_values)
        judging = context.conditioned(
            self._make_backbone(hidden_layer_sizes=self.hidden_layer_sizes)
        )
        making = self._make_backbone(hidden_layer_sizes=self.hidden_layer_sizes, activation="relu")
        return AnoGANModule(
            generator=making.make_decoder(n_latent + context.n_columns, context.n_values),
            discriminator=Discriminator(judging, n_features),
            context=context,
            starts=torch.randn(self.n_starts, n_latent),
            # Its weights are drawn last, so that the game is the same with and without it.
            encoder=judging.make_encoder(n_features, n_latent) if self.train_encoder else None,
            **self._parameters_to("module"),
        )

    def _needs_more_than_a_pass(self) -> str | None:
        return None if self.net_.module_.encoder is not None else "train_encoder=False"

    def _train(self, run, net, X, y) -> None:
        super()._train(run, net, X, y)
        self.encoder_history_ = {}
        if self.train_encoder:
            net.module_.eval()
            trainer = self._make_net(
                Encoding,
                net.module_,
                seed=net.seed,
                max_steps=self.encoder_steps,
                turns=None,
                callbacks=None,
                net_params=self._net_params_of_encoder(),
            )
            run(trainer, X, stage="encoder")
            self.encoder_history_ = history_table(trainer)
            link_generator(net.module_, net.generator_)

    def _net_params_of_encoder(self) -> dict:
        """Return the entries of ``net_params`` that don't configure a player of the game."""
        of_players = tuple(f"optimizer_{player}__" for player in AnoGANModule.players)
        params = dict(self.net_params or {})
        return {k: v for k, v in params.items() if k != "turns" and not k.startswith(of_players)}

    def _planned_epochs(self, net, n_samples: int, epochs: int | None) -> int:
        planned = super()._planned_epochs(net, n_samples, epochs)
        if not self.train_encoder:
            return planned
        n_batches = count_batches(n_samples, self.batch_size or n_samples)
        return planned + min(epochs or self.max_epochs, ceil(self.encoder_steps / n_batches))

    def _check_rows(self, X: np.ndarray) -> None:
        super()._check_rows(X)
        if self.n_restarts > self.n_starts:
            raise ValueError(
                f"n_restarts={self.n_restarts!r} must be at most n_starts={self.n_starts!r}."
            )

    @property
    def encoder_(self) -> nn.Module | None:
        check_is_fitted(self)
        return self.net_.module_.encoder
