"""Ladder variational autoencoder."""

from collections.abc import Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from ..base import COUNT, COUNT_OR_ZERO, detector, param
from ..base._rows import evenly_spaced
from ..nn import check_batch_norm, check_widths, make_activation, make_mlp
from ..training import warn
from ._ladder_module import LadderModule
from ._layered_scores import SCORES
from ._variational import VariationalDetector

# Number of training rows used to estimate the KL of each layer.
MAX_ROWS = 4096


@detector
class LadderVAE(VariationalDetector):
    r"""Ladder variational autoencoder, with several layers of codes.

    The model draws a code given the one above it, :math:`p(z_L) = N(0, I)`,
    :math:`p(z_i|z_{i+1}) = N(\mu_{p,i}, \sigma_{p,i}^2)` and :math:`p(x|z_1)`. The upward pass from
    x is deterministic and computes estimates :math:`\hat\mu_i, \hat\sigma_i^2`. On the downward
    pass each estimate is merged with the model's prediction for its layer, weighted by precision
    [1]_:

    .. math:: \sigma_{q,i}^2 = \frac1{\hat\sigma_i^{-2} + \sigma_{p,i}^{-2}}, \qquad
        \mu_{q,i} = \sigma_{q,i}^2 \left(\hat\mu_i \hat\sigma_i^{-2}
        + \mu_{p,i} \sigma_{p,i}^{-2}\right) .

    The draw :math:`z_i \sim N(\mu_{q,i}, \sigma_{q,i}^2)` is the input of the layer below. The
    detector minimises

    .. math:: -E_q[\log p(x|z_1)] + w \sum_i E_q KL(q(z_i|x, z_{i+1}) \,\|\, p(z_i|z_{i+1})),

    where w rises from 0 to 1 in the first epochs, so that the model learns to use the layers before
    they have a cost. ``anomaly_score`` selects the score.

    Read more in the :ref:`User Guide <ladder_vae>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    n_latent : sequence of int, default=(8, 4, 2)
        Sizes of the codes :math:`z_1, \dots, z_L`, as many as ``hidden_layer_sizes``. The paper
        has five.
    batch_norm : bool, default=True
        Batch normalisation, without affine parameters, before each activation. Without it the
        upper layers tend to stay unused.
    kl_warm_up_epochs : int or "auto", default="auto"
        Epochs in which the weight w rises from 0 to 1; ``"auto"`` is a fifth of the planned epochs.
        Training that resumes has no second warm-up.
    anomaly_score : str, default="elbo"
        ``"elbo"``: negative evidence lower bound. ``"reconstruction_probability"``:
        :math:`-E_q \log p(x|z_1)`. ``"iwae"``: importance-weighted bound, closer to
        :math:`-\log p(x)`. ``"kl"``: the KL term, of all layers or of ``kl_layer``. A change takes
        effect in ``fit``.
    kl_layer : int or None, default=None
        Layer whose KL term is the score ``"kl"``, from 1, next to the data, to the number of
        layers, the most abstract. If None, the sum over the layers.
    likelihood : {"heteroscedastic", "gaussian", "bernoulli"}, default="heteroscedastic"
        Distribution p(x|z_1), as in :class:`VAE`.
    min_std : float, default=0.135
        Minimum standard deviation of p(x|z_1), in units of the scaled data, as in :class:`VAE`.
    n_draws : int, default=4
        Number of draws for the scores, the same for every row. The
        default ranks rows nearly as well as more draws do (``benchmarks/results/draws.md``).
    missing : {"raise", "mask"}, default="raise"
        What to do about missing values, which are NaN. ``"raise"`` is an error. ``"mask"`` leaves
        them out of the loss and the score: a mean over the features is that of the values that a
        row has, and a sum is n_features times this mean. The encoder reads 0 in their place, the
        mean of a standardised column, or 1/2 with ``scaler="minmax"``.
    hidden_layer_sizes : int or sequence of int, default=(64, 32, 16)
        Width of the two hidden layers that lead to each code, from the input upwards; the downward
        pass has the same. With single hidden layers, a plain hierarchy is as good.
    activation : str, default="leaky_relu"
        Activation of the hidden layers, as in :class:`AutoEncoder`; the default is the paper's.
    backbone : Backbone or None, default=None
        Makes the first layer upwards, with ``hidden_layer_sizes[0]`` outputs, and the decoder
        p(x|z_1). A :class:`~skdeepad.nn.ConvBackbone` makes a ladder for images.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm.
    max_epochs : int, default=500
        Maximum number of epochs.
    max_steps : int or None, default=1250
        Maximum number of optimizer steps. If None, there is no limit. Twice as many at half the
        rate are worse (``benchmarks/results/steps.md``).
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
    kl_per_layer_ : ndarray of shape (n_layers,)
        Mean KL of each layer on the training rows, in nats, z_1 first. A layer near 0 is unused.
    training_scores_ : ndarray of shape (n_rows,)
        Scores of the training rows, in ascending order; a row of weight 2 counts twice.
    offset_ : float
        Threshold on ``score_samples``.
    history_ : dict of ndarray of shape (`n_iter_`,)
        Losses of each epoch. In the warm-up they contain the weight w, and rise with it; those of
        held out rows have the full KL terms.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    VAE : One layer, and an equally good detector on many tables.

    Notes
    -----
    ``transform`` concatenates the means of all layers, z_1 first. ``inverse_transform`` uses only
    the columns of z_1, because x depends on z_1 alone; the upper layers define the prior of z_1.
    ``sample`` draws all layers from the top down.

    The KL terms are in closed form given the draw of the layer above; the paper's code estimates
    them from draws. The p of the model is shared with the posterior. Normalisation uses running
    means, and is left out before the Gaussians' parameters. ``score`` and likelihoods are those of
    the scaled rows, in nats.

    References
    ----------
    .. [1] C. K. Sønderby et al., "Ladder variational autoencoders", NIPS 2016,
       arXiv:1602.02282.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import LadderVAE
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> det = LadderVAE(max_epochs=20, random_state=0).fit(X)
    >>> det.predict([np.zeros(8), 3 * (-1.0) ** np.arange(8)])
    array([ 1, -1])
    >>> det.transform(X).shape, det.kl_per_layer_.shape
    ((200, 14), (3,))
    """

    n_latent: Sequence = param("array-like", default=(8, 4, 2))
    batch_norm: bool = param("boolean", default=True)
    kl_warm_up_epochs: int | str = param(COUNT_OR_ZERO, {"auto"}, default="auto")
    anomaly_score: str = param(set(SCORES), default="elbo")
    kl_layer: int | None = param(COUNT, None, default=None)
    hidden_layer_sizes = (64, 32, 16)
    activation = "leaky_relu"
    max_steps = 1250
    lr = 2e-3

    def _make_module(self, n_features: int) -> nn.Module:
        widths, n_latent = check_widths(self.hidden_layer_sizes), list(self.n_latent)
        likelihood = self._make_likelihood(n_features)
        first, decoder = self._ends(n_features, likelihood.n_outputs)
        upward = [self._reading(first), *map(nn.Linear, widths, widths[1:])]
        between = zip(n_latent[1:], widths[1:], n_latent, strict=False)
        return LadderModule(
            [self._block(*layer) for layer in zip(upward, widths, strict=True)],
            [nn.Linear(width, 2 * size) for width, size in zip(widths, n_latent, strict=True)],
            [self._mlp(above, width, 2 * size) for above, width, size in between],
            decoder,
            likelihood,
            n_features=n_features,
            widths=n_latent,
            score=self.anomaly_score,
            kl_layer=self.kl_layer,
            n_draws=self.n_draws,
        )

    def _ends(self, n_features: int, n_outputs: int) -> tuple[nn.Module, nn.Module]:
        """Return the layer next to x upwards, and the decoder p(x|z_1)."""
        width, n_latent = check_widths(self.hidden_layer_sizes)[0], self.n_latent[0]
        if self.backbone is None:
            return nn.Linear(n_features, width), self._mlp(n_latent, width, n_outputs)
        return (
            self.backbone.make_encoder(n_features, width),
            self.backbone.make_decoder(n_latent, n_outputs),
        )

    def _mlp(self, n_in: int, width: int, n_out: int) -> nn.Module:
        widths = [n_in, width, width, n_out]
        return make_mlp(widths, self.activation, batch_norm=self.batch_norm)

    def _block(self, layer: nn.Module, width: int) -> nn.Module:
        """Return ``layer`` and a further one, both followed by normalisation and activation."""
        layers = []
        for linear in (layer, nn.Linear(width, width)):
            norm = [nn.BatchNorm1d(width, affine=False)] if self.batch_norm else []
            layers += [linear, *norm, make_activation(self.activation)]
        return nn.Sequential(*layers)

    def _check_rows(self, X) -> None:
        n_widths = len(check_widths(self.hidden_layer_sizes))
        n_layers = len(check_widths(self.n_latent, "n_latent"))
        if n_layers != n_widths or not n_layers:
            raise ValueError(
                f"n_latent={self.n_latent!r} and hidden_layer_sizes={self.hidden_layer_sizes!r} "
                "must have one entry for each layer of the ladder."
            )
        if self.kl_layer is not None and self.kl_layer > n_layers:
            raise ValueError(
                f"kl_layer={self.kl_layer!r} must be at most {n_layers}, the number of layers, "
                f"for n_latent={self.n_latent!r}."
            )
        check_batch_norm(self.batch_size, self.batch_norm)
        super()._check_rows(X)

    def _train(self, run, net, X, y) -> None:
        kl_warm_up_epochs = self.kl_warm_up_epochs
        if kl_warm_up_epochs == "auto":
            kl_warm_up_epochs = net.planned_epochs(len(X)) // 5
        run(net, X, y, net.module_.warm_up.follow(net, kl_warm_up_epochs))
        if self._kl_per_layer(net, X).max() <= 0.01:
            warn(
                "No layer carries information (posterior collapse): raise kl_warm_up_epochs, or "
                "train longer.",
                ConvergenceWarning,
            )

    def _calibrate(self, net, X) -> None:
        self.kl_per_layer_ = self._kl_per_layer(net, X)

    def _kl_per_layer(self, net, X) -> np.ndarray:
        """Return the mean KL of each layer on evenly spaced rows."""
        return net.apply(net.module_.kl_per_layer, evenly_spaced(X, MAX_ROWS)).mean(0)
