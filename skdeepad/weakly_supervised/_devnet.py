"""Deviation network."""

import torch
from torch import Tensor, nn

from .._validation import Integral, Interval
from ..base import COUNT, POSITIVE, BaseDetector, GradientContributionsMixin, detector, param
from ..base._labels import LABELS_OR_PSEUDO_ANOMALIES, with_pseudo_anomalies
from ..nn import ScalarNet
from ..training import BalancedBatches

# Quantile of order 97.5 % of the standard normal distribution.
CRITICAL_DEVIATION = 1.96


class DevNetModule(nn.Module):
    """Scalar φ(x) and its deviation from scores of a normal prior."""

    def __init__(self, phi: ScalarNet, *, margin: float, n_prior_draws: int) -> None:
        super().__init__()
        self.phi = phi
        self.margin = margin
        reference = torch.randn(n_prior_draws)
        self.register_buffer("mu_R", reference.mean())
        self.register_buffer("sigma_R", reference.std())

    def deviation(self, x: Tensor) -> Tensor:
        """Return dev(x) = (φ(x) − μ_R) / σ_R."""
        return (self.phi(x) - self.mu_R) / self.sigma_R

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        dev = self.deviation(x)
        return torch.where(y < 0, torch.relu(self.margin - dev), dev.abs())

    def anomaly_score(self, x: Tensor) -> Tensor:
        return self.phi.exact(x)


@detector
class DevNet(GradientContributionsMixin, BaseDetector):
    r"""Deviation network, whose scores of known anomalies are far from those of other rows.

    A net :math:`\phi` gives each row a score. A prior defines its deviation from the scores of
    normal rows: :math:`\mu_R` and :math:`\sigma_R` are the mean and the standard deviation of draws
    :math:`r_1, \ldots, r_l \sim N(0, 1)`, and

    .. math:: \mathrm{dev}(x) = \frac{\phi(x) - \mu_R}{\sigma_R} .

    With y = 1 for known anomalies and y = 0 for all other rows the loss is

    .. math:: (1 - y)\, |\mathrm{dev}(x)| + y \max(0, a - \mathrm{dev}(x)) ,

    over batches of which half are known anomalies. The anomaly score is :math:`\phi(x)` [1]_.

    ``y`` is read by its sign: below 0 a known anomaly, 0 unlabelled, above 0 a known normal row.
    Unlabelled rows count as normal ones.

    Read more in the :ref:`User Guide <devnet>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    margin : float, default=5.0
        Target deviation :math:`a` of known anomalies, in standard deviations of the prior.
    n_prior_draws : int, default=5000
        Number :math:`l` of draws from the prior, which are drawn once.
    steps_per_epoch : int, default=20
        Number of batches in an epoch, independent of the number of rows, because batches are drawn
        at random.
    hidden_layer_sizes : int or sequence of int, default=(20,)
        Widths of the hidden layers; the paper has one. Without any layer :math:`\phi` is linear.
    activation : str, default="relu"
        Activation of the hidden layers, as in :class:`AutoEncoder`.
    backbone : Backbone or None, default=None
        Makes the net instead of ``hidden_layer_sizes``, as an ``nn.Sequential`` whose last layer is
        linear.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm. The authors use "minmax", which
        learns less in the same number of steps (``benchmarks/results/families-few-labels.md``).
    max_epochs : int, default=50
        Maximum number of epochs.
    max_steps : int or None, default=None
        Maximum number of optimizer steps. If None, there is no limit.
    lr : float, default=1e-3
        Learning rate.
    batch_size : int or None, default=512
        Number of rows in a batch. If None, a batch holds all training rows. Half of them are known
        anomalies; all are drawn with replacement.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="rmsprop"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`.
    weight_decay : float, default=0.02
        L2 penalty of the optimizer on the weights. The default is the paper's 0.01 on the squares.
    trim : float, default=0.05
        Share of the unlabelled rows of a batch, rounded, that an update leaves out after a fifth of
        the steps: those with the largest deviation, which may be unknown anomalies. The paper's
        value is 0. With 1 % of the anomalies labelled the default is better, with 5 % both are
        alike (``benchmarks/results/families-fewest-labels.md``, ``families-few-labels.md``).
    contamination : "auto" or float in (0, 0.5], default=0.1
        Share of the training rows that the threshold declares outliers. It can be changed after
        ``fit``. With ``"auto"``, rows with :math:`\mathrm{dev}(x) > 1.96` are outliers; a draw from
        the prior exceeds this value with a probability of 2.5 %.
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
    scaler_ : transformer or None
        The fitted scaler.
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
        Number of epochs run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    ADGM : A model of normal rows too, which finds anomalies of unknown kinds.
    skdeepad.preprocessing.semi_labels : Labels in another convention.

    Notes
    -----
    In the paper the penalty is on the hidden layer; here it is on all weights. The paper states a
    confidence of 95 % for the threshold of 1.96, which is two-sided. Only large deviations are
    anomalous, and 97.5 % of the prior lie below it.

    There is no early stopping, because held-out rows would contain few known anomalies or none, and
    training needs them.

    Without known anomalies, the 5 % of the rows that an isolation forest finds most anomalous
    replace them, with a warning.

    References
    ----------
    .. [1] G. Pang, C. Shen, A. van den Hengel, "Deep anomaly detection with deviation networks",
       KDD 2019, arXiv:1911.08623.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import DevNet
    >>> X = np.random.RandomState(0).randn(300, 4)
    >>> X[:15, :2] += 4
    >>> y = np.repeat([-1, 0], [5, 295])
    >>> det = DevNet(contamination="auto", random_state=0).fit(X, y)
    >>> det.predict([[0, 0, 0, 0], [4, 4, 0, 0]])
    array([ 1, -1])
    """

    margin: float = param(POSITIVE, default=5.0)
    n_prior_draws: int = param(Interval(Integral, 2, None, closed="left"), default=5000)
    steps_per_epoch: int = param(COUNT, default=20, to="net")
    hidden_layer_sizes = (20,)
    activation = "relu"
    max_epochs = 50
    max_steps = None
    batch_size = 512
    optimizer = "rmsprop"
    weight_decay = 0.02
    trim = 0.05

    _labels = LABELS_OR_PSEUDO_ANOMALIES

    def _make_module(self, n_features: int) -> nn.Module:
        backbone = self._make_backbone(hidden_layer_sizes=self.hidden_layer_sizes)
        return DevNetModule(
            ScalarNet(backbone, n_features), margin=self.margin, n_prior_draws=self.n_prior_draws
        )

    def _train(self, run, net, X, y) -> None:
        run(net, X, with_pseudo_anomalies(X, y, net.seed))

    def _net_parameters(self) -> dict:
        return super()._net_parameters() | {"iterator_train": BalancedBatches}

    def _paper_offset(self) -> float:
        module = self.net_.module_
        return -(module.mu_R + CRITICAL_DEVIATION * module.sigma_R).item()
