"""Deep Support Vector Data Description."""

import numpy as np
import torch
from torch import Tensor, nn

from .._validation import Interval, Real, check_is_fitted
from ..base import COUNT_OR_ZERO, SHARE_BELOW_ONE, detector, param
from ..base._threshold import hinge_above
from ._sphere import SphereDetector, SphereModule


class DeepSVDDModule(SphereModule):
    """Net, centre and the radius R of a sphere around it."""

    def __init__(self, encoder: nn.Module, *, n_latent: int, objective: str, nu: float) -> None:
        super().__init__(encoder, n_latent)
        self.objective = objective
        self.nu = nu
        self.register_buffer("radius_squared", torch.zeros(()))

    def loss(self, x: Tensor) -> Tensor:
        distance = self.distance(x)
        if self.objective == "one-class":
            return distance
        outside = torch.relu(distance - self.radius_squared)
        return self.radius_squared + outside / self.nu


@detector
class DeepSVDD(SphereDetector):
    r"""Deep SVDD, with the distance of a row's code from a centre as score.

    A net :math:`\phi(\cdot\,; W)` without biases maps the training rows close to a fixed centre
    :math:`c`. The one-class objective is

    .. math:: \min_W \frac1n \sum_i \|\phi(x_i; W) - c\|^2 + \frac\lambda2 \|W\|_F^2 ,

    and the soft-boundary objective, with a share :math:`\nu` of the rows outside a sphere of radius
    R, is

    .. math:: \min_{R, W} R^2 + \frac1{\nu n} \sum_i \max(0, \|\phi(x_i; W) - c\|^2 - R^2)
        + \frac\lambda2 \|W\|_F^2 .

    The anomaly score is :math:`\|\phi(x) - c\|^2` [1]_.

    Read more in the :ref:`User Guide <deep_svdd>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    objective : {"one-class", "soft-boundary"}, default="one-class"
        Objective to minimise. "one-class" assumes that most training rows are normal.
    nu : float in (0, 1], default=0.1
        Share :math:`\nu` of the training rows outside the sphere.
    warm_up_epochs : int, default=10
        Epochs with R = 0 for "soft-boundary", at most a fifth of all epochs. After each later epoch
        R² is set to the exact minimiser of the objective in R, an order statistic of the squared
        distances of all training rows: ν n of them, rounded down, are larger.
    n_latent : int, default=16
        Dimension of the space of the sphere.
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
        shrink all distances, including those of anomalies among the training rows.
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
    trim : float or "auto", default="auto"
        Share of the rows of a batch, rounded, that an update leaves out after a fifth of the steps:
        those with the largest loss. It prevents anomalies among the training rows from being pulled
        to the centre. ``"auto"`` is 0.1 for "one-class" and 0 for "soft-boundary". There, only the
        share ``nu`` of rows outside has a gradient, so that ``trim`` must be less than ``nu``.
    contamination : "auto" or float in (0, 0.5], default="auto"
        Share of the training rows that the threshold declares outliers. It can be changed after
        ``fit``. With ``"auto"``, the threshold is the sphere, −R², outside of which a share ``nu``
        of the rows lies.
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
    radius_ : float
        Radius R; a share ``nu`` of the training rows is farther from the centre.
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
    DeepSAD : The same objective with known anomalies, which are pushed away from the centre.
    OCNN : A hyperplane instead of a sphere.
    sklearn.svm.OneClassSVM : The method without a net.

    Notes
    -----
    R is updated after each epoch from all training rows, not after each batch from its rows. An
    entry of the centre that is exactly 0 is moved to ``+center_eps``.

    References
    ----------
    .. [1] L. Ruff et al., "Deep one-class classification", ICML 2018, PMLR 80.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import DeepSVDD
    >>> X = np.random.RandomState(0).randn(300, 4)
    >>> det = DeepSVDD(objective="soft-boundary", nu=0.05, max_epochs=10, pretrain_epochs=5,
    ...                random_state=0).fit(X)
    >>> float((det.predict(X) == -1).mean())
    0.05
    """

    objective: str = param({"one-class", "soft-boundary"}, default="one-class")
    nu: float = param(Interval(Real, 0, 1, closed="right"), default=0.1)
    warm_up_epochs: int = param(COUNT_OR_ZERO, default=10)
    trim: float | str = param(SHARE_BELOW_ONE, {"auto"}, default="auto", to="net")
    contamination = "auto"

    def _make_module(self, n_features: int) -> nn.Module:
        return DeepSVDDModule(
            self._make_encoder(n_features),
            n_latent=self.n_latent,
            objective=self.objective,
            nu=self.nu,
        )

    def _net_parameters(self) -> dict:
        soft = self.objective == "soft-boundary"
        trim = (0.0 if soft else 0.1) if self.trim == "auto" else self.trim
        if soft and trim >= self.nu:
            raise ValueError(
                f"trim={self.trim!r} must be less than nu={self.nu!r} with "
                "objective='soft-boundary'."
            )
        return super()._net_parameters() | {"trim": trim}

    def _make_update(self, net, X):
        module = net.module_
        warm_up = min(self.warm_up_epochs, net.planned_epochs(len(X)) // 5)

        def update_radius(net):
            if self.objective == "soft-boundary" and len(net.history) >= warm_up:
                distances = net.apply(module.anomaly_score, X)
                scores = np.negative(distances, out=distances)
                module.radius_squared.fill_(-hinge_above(scores, self.nu))

        return update_radius

    def _paper_offset(self) -> float:
        return self._score_above(self.net_.module_.nu)

    @property
    def radius_(self) -> float:
        check_is_fitted(self)
        return (-self._paper_offset()) ** 0.5
