"""Deep Semi-Supervised Anomaly Detection."""

import torch
from torch import Tensor, nn

from ..base import NON_NEGATIVE, detector, param
from ..base._labels import SignedLabels
from ._sphere import SphereDetector, SphereModule

# Added to distances before they are inverted.
EPS = 1e-6


class DeepSADModule(SphereModule):
    """Net and centre, from which known anomalies are pushed away."""

    def __init__(self, encoder: nn.Module, *, n_latent: int, labelled_weight: float) -> None:
        super().__init__(encoder, n_latent)
        self.labelled_weight = labelled_weight

    def loss(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the distance of unlabelled rows and η (distance)^y of rows with a known sign y."""
        distance = self.distance(x)
        if y is None:
            return distance
        known = torch.where(y > 0, distance, 1 / (distance + EPS))
        return torch.where(y == 0, distance, self.labelled_weight * known)


@detector
class DeepSAD(SphereDetector):
    r"""Deep SAD, a Deep SVDD that pushes known anomalies away from the centre.

    A net :math:`\phi(\cdot\,; W)` without biases maps n unlabelled rows and known normal rows,
    :math:`\tilde y_j = +1`, close to a fixed centre :math:`c`, and known anomalies,
    :math:`\tilde y_j = -1`, far from it:

    .. math:: \min_W \frac1{n + m} \sum_i \|\phi(x_i; W) - c\|^2
        + \frac\eta{n + m} \sum_j \big(\|\phi(\tilde x_j; W) - c\|^2\big)^{\tilde y_j}
        + \frac\lambda2 \|W\|_F^2 .

    The anomaly score is :math:`\|\phi(x) - c\|^2` [1]_. Without labels this is the one-class
    objective of :class:`DeepSVDD`.

    Read more in the :ref:`User Guide <deep_sad>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    labelled_weight : float, default=10.0
        Weight :math:`\eta` of a labelled row. The paper's value of 1 is the weight of an unlabelled
        row, and learns less from a few labels (``benchmarks/results/families-few-labels.md``).
    n_latent : int, default=16
        Dimension of the space of the centre.
    batch_norm : bool, default=True
        Batch normalisation, without affine parameters, before each activation.
    center_eps : float, default=0.1
        Minimum absolute value of an entry of the centre.
    lr_milestones : sequence of float, default=(0.66,)
        Shares of the training after which all learning rates are divided by 10.
    pretrain_epochs : int, default=50
        Epochs of pre-training the net as the encoder of an autoencoder. With 0 there is no
        pre-training.
    hidden_layer_sizes : int or sequence of int, default=(64, 32)
        Widths from the input towards the code.
    activation : str, default="leaky_relu"
        Activation of the hidden layers, as in :class:`AutoEncoder`. A bounded activation can
        saturate and act as a bias.
    backbone : Backbone or None, default=None
        Makes the net, and the decoder for pre-training, instead of ``hidden_layer_sizes``.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm.
    max_epochs : int, default=20
        Maximum number of epochs. More epochs are not better, because the objective continues to
        shrink all distances, including those of unknown anomalies.
    max_steps : int or None, default=2500
        Maximum number of optimizer steps. If None, there is no limit. The limit applies to
        pre-training and to training separately.
    lr : float, default=1e-3
        Learning rate.
    batch_size : int or None, default=128
        Number of rows in a batch. If None, a batch holds all training rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`. "adamw" decouples
        the weight decay, which is not the objective above.
    weight_decay : float, default=5e-7
        L2 penalty of the optimizer on the weights. It is :math:`\lambda` above.
    trim : float, default=0.1
        Share of the unlabelled rows of a batch, rounded, that an update leaves out after a fifth of
        the steps: those with the largest loss. It prevents unknown anomalies among them from being
        pulled to the centre.
    contamination : "auto" or float in (0, 0.5], default=0.1
        Share of the training rows that the threshold declares outliers. It can be changed after
        ``fit``. ``"auto"`` is 0.1. Known anomalies count among the rows.
    callbacks : list of skorch callbacks or None, default=None
        Callbacks of the training; ``fit`` uses copies of them. They are not called in
        pre-training.
    net_params : dict or None, default=None
        Further parameters of the skorch net.
    device : str, default="auto"
        Device to compute on. ``"auto"`` is CUDA if it is available, else the CPU.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the last ``fit``. The centre is kept too.
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
    center_ : ndarray of shape (n_latent,)
        Centre c, the mean of the initial codes in evaluation mode.
    pretrain_history_ : dict of ndarray
        Losses of each epoch of pre-training, if there was any.
    baseline_ : ndarray of shape (`n_features_in_`,)
        Median of each feature over the training rows, or over 4,096 of them. It is where the paths
        of ``feature_contributions`` begin.
    training_scores_ : ndarray of shape (n_rows,)
        Scores of the training rows, in ascending order; a row of weight 2 counts twice.
    offset_ : float
        Threshold on ``score_samples``.
    history_ : dict of ndarray of shape (`n_iter_`,)
        Losses of each epoch.
    n_iter_ : int
        Number of epochs run, without pre-training.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    DeepSVDD : The same without labels.
    DevNet : A score that is the output of the network.
    DPLAN : A detector for kinds of anomalies without any label.

    Notes
    -----
    Only the last phase uses labels. Pre-training and the centre use all rows, including known
    anomalies, as in the authors' code. 1e-6 is added to distances before they are inverted. Without
    any label a warning is given, and weights and scores are those of a :class:`DeepSVDD` with the
    same parameters, to the bit.

    References
    ----------
    .. [1] L. Ruff et al., "Deep semi-supervised anomaly detection", ICLR 2020, arXiv:1906.02694.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import DeepSAD
    >>> X = np.random.RandomState(0).randn(300, 4)
    >>> X[:5] += 3
    >>> y = np.repeat([-1, 0], [5, 295])
    >>> det = DeepSAD(max_epochs=10, pretrain_epochs=5, random_state=0).fit(X, y)
    >>> det.predict([[0, 0, 0, 0], [3, 3, 3, 3]])
    array([ 1, -1])
    """

    labelled_weight: float = param(NON_NEGATIVE, default=10.0)

    _labels = SignedLabels("none is pushed away from the centre")

    def _make_module(self, n_features: int) -> nn.Module:
        return DeepSADModule(
            self._make_encoder(n_features),
            n_latent=self.n_latent,
            labelled_weight=self.labelled_weight,
        )

    def _train(self, run, net, X, y) -> None:
        super()._train(run, net, X, None if y is None else y.to(X.device))
