"""EGBAD, a bidirectional generative adversarial net."""

from collections.abc import Sequence

import numpy as np
from torch import nn

from .._validation import check_is_fitted
from ..base import LAYER_SIZES, NON_NEGATIVE, SHARE, SHARE_BELOW_ONE, detector, param
from ..nn import check_widths, make_mlp
from ._adversarial import ContextualDetector
from ._egbad_module import NORMS, EGBADModule, PairDiscriminator


@detector
class EGBAD(ContextualDetector):
    r"""EGBAD, an adversarial net whose encoder learns to invert the generator.

    On normal rows a generator :math:`G`, an encoder :math:`E` and a discriminator :math:`D` of
    pairs play BiGAN's game [2]_,

    .. math::
        \min_D \; -\tfrac1N\textstyle\sum_i \log D(x_i, E(x_i)) + \log(1 - D(G(z_i), z_i)),
        \qquad z_i \sim N(0, I), \\
        \min_G \; -\tfrac1N\textstyle\sum_i \log D(G(z_i), z_i), \qquad
        \min_E \; -\tfrac1N\textstyle\sum_i \log(1 - D(x_i, E(x_i))).

    At the optimum both kinds of pairs have the same distribution, so that :math:`G(E(x)) \approx x`
    for rows like the training rows, without a reconstruction loss. The anomaly score is [1]_

    .. math::
        A(x) = \alpha \, \|x - G(E(x))\|_1 + (1 - \alpha) \, L_D(x), \qquad
        L_D(x) = -\log D(x, E(x)),

    or :math:`L_D(x) = \|f(x, E(x)) - f(G(E(x)), E(x))\|_1` with the features f in the last hidden
    layer of D. One pass through the networks replaces AnoGAN's search.

    Read more in the :ref:`User Guide <egbad>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    generator_layer_sizes : int or sequence of int, default=(64, 128)
        Widths of the generator, starting at the code.
    discriminator_layer_sizes : int or sequence of int, default=(128,)
        Widths of the discriminator's two branches, for rows and for codes. The layer that joins
        them, whose output is f, is as wide as their last layer.
    dropout : float, default=0.2
        Share of the discriminator's hidden units that are dropped in training; the default is the
        paper's.
    residual_weight : float, default=0.9
        Weight :math:`\alpha` of the residual; the default is the paper's. The norm is a sum over
        the features, so that :math:`L_D` has hardly any effect at 0.9 with many features: see
        ``score_scaling``.
    discriminator_term : {"cross_entropy", "feature_matching"}, default="cross_entropy"
        Term :math:`L_D`. Cross-entropy was better in the paper, and is more stable.
    discriminator_input : {"row", "reconstruction"}, default="row"
        Input of the cross-entropy: :math:`D(x, E(x))`, as in the paper, or
        :math:`D(G(E(x)), E(x))`, as in its published code, which is less stable.
    norm : {"l1", "l2"}, default="l1"
        Norm of residuals and of differences of features: sum of absolute values, or root of the sum
        of squares.
    score_scaling : {"train"} or None, default=None
        ``"train"`` divides both terms by their means over the training rows, so that
        ``residual_weight`` weighs terms of the same size; 0.5 is then a suitable weight.
    reconstruction_weight : float, default=0.0
        Weight of the mean of :math:`|x - G(E(x))|` in the encoder's loss. The paper has none; it
        speeds up short training.
    context_columns : sequence of int or str, or None, default=None
        Columns of ``X`` that are the context c of a row. A conditional net of :math:`G(z|c)`,
        :math:`E(x|c)` and :math:`D(x, z|c)` then scores the values of the other columns given that
        context. Categories have to be in indicator columns. With a ``backbone`` for images each
        column is a further channel for D and E.
    n_latent : int or None, default=None
        Size of z. If None, half of the number of features, at least 2 and at most 32, which is the
        paper's value for KDD99; or 100 with a ``backbone``.
    label_smoothing : float, default=0.0
        The target probability of real pairs for the discriminator is 1 minus this value. With 0.1
        the discriminator is less overconfident.
    gradient_penalty_weight : float, default=1.0
        Weight of :math:`\tfrac12 \|\nabla_{x, z} \log\frac{D}{1 - D}\|^2` of real pairs in the
        discriminator's loss. The paper has none. It prevents D from winning if columns have few
        distinct values, as pixels and indicators do; the encoder could then not learn to invert G.
    average_decay : float, default=0.999
        Decay of the averages of all weights, with which rows are scored. With 0, rows are scored
        with the weights of the last step, which oscillate during the game.
    turns : tuple of two ints, default=(1, 1)
        Turns of the discriminator, and of generator and encoder, in a cycle of as many batches as
        the larger number.
    lr_milestones : sequence of float, default=()
        Shares of the training after which all learning rates are divided by 10.
    hidden_layer_sizes : int or sequence of int, default=(64,)
        Widths of the encoder, starting at the input. All default widths are the paper's for KDD99.
    activation : str, default="leaky_relu"
        Activation of the hidden layers of encoder and discriminator, as in :class:`AutoEncoder`;
        the generator has rectified linear units.
    backbone : Backbone or None, default=None
        Makes the encoder, the generator and the discriminator's branch for rows instead of layers
        of the widths above, for example :class:`~skdeepad.nn.DCGANBackbone` for images.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="minmax"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm. ``"minmax"`` scales to [-1, 1],
        because a generator learns bounded values of all columns sooner than long tails.
    max_epochs : int, default=2000
        Maximum number of epochs.
    max_steps : int or None, default=1500
        Maximum number of optimizer steps. If None, there is no limit. A step is a batch on which
        each player takes its turn. A generator needs this many steps for any number of rows. Twice
        as many at half the rate are no better (``benchmarks/results/steps.md``).
    lr : float, default=1e-3
        Learning rate. It applies to all players; ``net_params={"optimizer_generator__lr": ...}``
        sets it for one. DCGAN has 2e-4 for images.
    batch_size : int or None, default=64
        Number of rows in a batch. If None, a batch holds all training rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`. Adam's betas are
        (0.5, 0.999), as in DCGAN.
    weight_decay : float, default=0.0
        L2 penalty of the optimizer on the weights.
    trim : float, default=0.0
        Share of the rows of a batch, rounded, that the discriminator leaves out after a fifth of
        the steps: those that it takes for generated ones.
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
    encoder_ : torch module
        E, from scaled rows to (n, n_latent).
    discriminator_ : torch module
        D, from scaled rows and codes to log odds; ``discriminator_.features(x, z)`` is f.
    scaler_ : transformer or None
        The fitted scaler.
    training_scores_ : ndarray of shape (n_rows,)
        Scores of the training rows, in ascending order; a row of weight 2 counts twice.
    offset_ : float
        Threshold on ``score_samples``.
    history_ : dict of ndarray of shape (`n_iter_`,)
        Losses of each epoch: ``"train_loss"`` is the discriminator's, ``"generator_loss"`` the sum
        of the generator's and the encoder's. ``"spread"`` is the standard deviation of
        generated rows over that of the training rows, ``"fooled"`` the mean probability under D
        that generated pairs are real.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    AnoGAN : Search for codes instead of an encoder.
    GANomaly : Scores from codes of rows and of their reconstructions.

    Notes
    -----
    The published code scores by the cross-entropy of :math:`D(G(E(x)), E(x))` where the paper has
    :math:`D(x, E(x))`; ``discriminator_input`` offers both. It trains for 50 epochs at a learning
    rate of 1e-5, which are 200,000 steps on KDD99; the defaults here are 1,500 steps at a rate of
    1e-3. Generator and encoder learn at once, from one loss, as in [2]_, on the batch that the
    discriminator had, with new noise.

    The discriminator's term is not a score by itself: on some sets it ranks rows in reverse. The
    code of [3]_ gives it the weight of 0.9 and divides scores by the norm of those of the batch.
    That survey compares the best of several variants of EGBAD and GANomaly, chosen on the test set.

    References
    ----------
    .. [1] H. Zenati et al., "Efficient GAN-based anomaly detection", arXiv:1802.06222.
    .. [2] J. Donahue et al., "Adversarial feature learning", ICLR 2017, arXiv:1605.09782.
    .. [3] F. Di Mattia et al., "A survey on GANs for anomaly detection", arXiv:1906.11632.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import EGBAD
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> det = EGBAD(max_steps=200, random_state=0).fit(X)
    >>> det.predict([np.zeros(8), 3 * (-1.0) ** np.arange(8)])
    array([ 1, -1])
    """

    generator_layer_sizes: int | Sequence[int] = param(*LAYER_SIZES, default=(64, 128))
    discriminator_layer_sizes: int | Sequence[int] = param(*LAYER_SIZES, default=(128,))
    dropout: float = param(SHARE_BELOW_ONE, default=0.2)
    residual_weight: float = param(SHARE, default=0.9, to="module")
    discriminator_term: str = param(
        {"cross_entropy", "feature_matching"}, default="cross_entropy", to="module"
    )
    discriminator_input: str = param({"row", "reconstruction"}, default="row", to="module")
    norm: str = param(set(NORMS), default="l1", to="module")
    score_scaling: str | None = param({"train"}, None, default=None)
    reconstruction_weight: float = param(NON_NEGATIVE, default=0.0, to="module")
    hidden_layer_sizes = (64,)
    gradient_penalty_weight = 1.0
    max_steps = 1500
    lr = 1e-3
    trim = 0.0

    def _make_module(self, n_features: int) -> nn.Module:
        context = self._make_context(n_features)
        n_latent = self._n_latent(context.n_values)
        backbone = context.conditioned(
            self._make_backbone(hidden_layer_sizes=self.hidden_layer_sizes)
        )
        return EGBADModule(
            generator=self._make_generator(n_latent + context.n_columns, context.n_values),
            discriminator=PairDiscriminator(
                n_features,
                n_latent,
                self.discriminator_layer_sizes,
                activation=self.activation,
                dropout=self.dropout,
                backbone=None if self.backbone is None else backbone,
            ),
            encoder=backbone.make_encoder(n_features, n_latent),
            context=context,
            n_noise=n_latent,
            **self._parameters_to("module"),
        )

    def _make_generator(self, n_inputs: int, n_values: int) -> nn.Module:
        if self.backbone is not None:
            return self.backbone.make_decoder(n_inputs, n_values)
        widths = check_widths(self.generator_layer_sizes, "generator_layer_sizes")
        return make_mlp([n_inputs, *widths, n_values], "relu")

    def _calibrate(self, net, X: np.ndarray) -> None:
        if self.score_scaling == "train":
            net.module_.scale_by(net.apply(net.module_.terms, X))

    @property
    def encoder_(self) -> nn.Module:
        check_is_fitted(self)
        return self.net_.module_.encoder
