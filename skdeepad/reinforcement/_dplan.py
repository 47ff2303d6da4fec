"""Deep Q-learning with partially labelled anomalies."""

from collections.abc import Sequence

from torch import nn

from .._validation import Real, check_is_fitted
from ..base import (
    COUNT,
    COUNT_OR_ZERO,
    NON_NEGATIVE,
    SHARE,
    SHARE_BELOW_ONE,
    BaseDetector,
    GradientContributionsMixin,
    detector,
    param,
)
from ..base._labels import LABELS_OR_PSEUDO_ANOMALIES, with_pseudo_anomalies
from ..nn import check_widths, make_activation
from ._agent import AgentNet, Interaction
from ._dplan_module import DPLANModule, QNetwork


@detector
class DPLAN(GradientContributionsMixin, BaseDetector):
    r"""DPLAN, an agent that learns from few known anomalies to call rows anomalous.

    States are rows; the actions are to call the row normal, :math:`a^0`, or anomalous, :math:`a^1`.
    The agent's network is trained to

    .. math:: \min_\theta E\, \big(r + \gamma \max_{a'} Q(s', a'; \theta^-) - Q(s, a; \theta)\big)^2

    on transitions from a replay memory, where :math:`\theta^-` is an older copy of the weights. The
    reward :math:`r = r^e + r^i` has an external part for known labels,

    .. math:: r^e = 1 \text{ for } a^1 \text{ on a known anomaly},\;
        0 \text{ for } a^0 \text{ on another row},\; -1 \text{ otherwise},

    and an intrinsic part :math:`r^i(s) \in [0, 1]` for exploration, an isolation forest's anomaly
    score of the row in the network's hidden features. The next state is a random known anomaly with
    probability p. Otherwise it is the row of a random subset of the other rows that is nearest to
    :math:`s` after :math:`a^1`, or farthest after :math:`a^0`, in these features. The anomaly score
    is :math:`Q(x, a^1)` [1]_.

    Read more in the :ref:`User Guide <dplan>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    least_anomalies : int, default=30
        Number of known anomalies below which the agent gets others beside them: unlabelled rows
        that an isolation forest finds most anomalous are added up to this number, or to a twentieth
        of the rows, and are drawn as often as the known ones. With only a few known anomalies the
        agent gains 5 points of AUCROC by them (``benchmarks/results/families-agent.md``). The
        paper's value is 0.
    discount : float in [0, 1), default=0.99
        Discount :math:`\gamma` of later rewards.
    loss : {"squared_error", "huber"}, default="squared_error"
        Loss of a transition; "huber" is linear for errors beyond 1.
    anomaly_probability : float in [0, 1], default=0.5
        Probability p that the next state is a known anomaly.
    subset_size : int, default=1000
        Number of rows among which the nearest or farthest one is searched for.
    intrinsic_weight : float, default=1.0
        Weight of the intrinsic reward. With 0, only known labels count, and other kinds of
        anomalies are missed.
    warm_up_steps : int, default=10000
        Number of steps with random actions that fill the memory before training begins.
    steps_per_epoch : int, default=2000
        Number of steps in an episode, each followed by an update. An episode is an epoch.
    exploration : (float, float), default=(1.0, 0.1)
        Share :math:`\varepsilon` of random actions at the start of training and at the end.
    exploration_steps : int, default=10000
        Number of steps in which this share falls, linearly.
    replay_size : int, default=100000
        Maximum number of transitions in the memory.
    target_update : int, default=10000
        Number of steps between two updates of :math:`\theta^-`.
    reward_update : int, default=2000
        Number of steps between two updates of the intrinsic reward.
    hidden_layer_sizes : int or sequence of int, default=(40,)
        Widths of the hidden layers; the last one is the space of distances and of the intrinsic
        reward. The paper has one layer, because few labels can't train more. With the paper's width
        of 20, the detection of unknown kinds of anomalies depends on the initial weights.
    activation : str, default="relu"
        Activation of the hidden layers, as in :class:`AutoEncoder`.
    backbone : Backbone or None, default=None
        Makes the layers before the last hidden layer, instead of the other ``hidden_layer_sizes``.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm.
    max_epochs : int, default=10
        Maximum number of epochs. An epoch is an episode. Half of them at twice the rate detect less
        (``benchmarks/results/families-agent.md``).
    max_steps : int or None, default=None
        Maximum number of optimizer steps. If None, there is no limit.
    lr : float, default=2.5e-4
        Learning rate. The default is that of deep Q-learning.
    batch_size : int or None, default=32
        Number of rows in a batch. If None, a batch holds all training rows. Here they are
        transitions of the agent.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="rmsprop"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`. RMSprop's ``alpha``
        is 0.95 and its ``eps`` 0.01 unless ``net_params`` sets them.
    weight_decay : float, default=0.02
        L2 penalty of the optimizer on the weights. It applies to the hidden layers only; the
        default is the paper's 0.01 on the squares.
    trim : float, default=0.0
        Share of a batch's transitions from rows that are not known anomalies, rounded, that an
        update leaves out after a fifth of the steps: those with the largest loss. It prevents the
        agent from learning the reward of -1 for calling an unlabelled anomaly anomalous. The
        default is the paper's: on the tuning sets with 5 % of the anomalies labelled 0.3 detects
        alike (``benchmarks/results/families-agent-trim.md``). With 1 % it is worth a trial.
    contamination : "auto" or float in (0, 0.5], default=0.1
        Share of the training rows that the threshold declares outliers. It can be changed after
        ``fit``. ``"auto"`` is 0.1. Known anomalies count among the rows.
    callbacks : list of skorch callbacks or None, default=None
        Callbacks of the training; ``fit`` uses copies of them.
    net_params : dict or None, default=None
        Further parameters of the skorch net.
    device : str, default="auto"
        Device to compute on. ``"auto"`` is CUDA if it is available, else the CPU. The default
        network is as fast on a CPU.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the last ``fit``. As in ``partial_fit``, the
        memory is new and is filled by ``warm_up_steps`` random actions.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the batches and all random draws.
    verbose : int, default=0
        If above 0, progress bars are shown.

    Attributes
    ----------
    net_ : skorch net
        The trained net; ``net_.module_`` is the torch module, ``net_.module_.target`` the network
        with weights :math:`\theta^-`.
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
        Statistics of each episode: the mean loss, the mean ``reward`` of a step, the share of rows
        called anomalous, ``anomalous_share``, the share of random actions at its end,
        ``exploration``, and the number of ``steps``.
    n_iter_ : int
        Number of episodes.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    DevNet : An equally small network, often better if all anomalies are of known kinds.
    DeepSAD : Distances to a centre, from which known anomalies are pushed away.

    Notes
    -----
    Rows known to be normal count as unlabelled ones. Without known anomalies a warning is given,
    and the 5 % of the unlabelled rows that an isolation forest finds most anomalous replace them.

    With columns scaled to [0, 1] instead of standardised ones, the paper's optimizer learns little;
    ``optimizer="adam", lr=1e-3`` learns on both. A row is not its own nearest neighbour, because
    it would be the next state again and again. The share of random actions falls from the end of
    the warm-up on.

    The score is not :math:`Q(x, a^1) - Q(x, a^0)`: the intrinsic reward, through which unknown
    kinds are learned, is part of both values and cancels. :meth:`q_values` returns both.

    The environment is not a Gymnasium environment: its next state depends on the features of the
    agent that acts in it, which that interface does not support.

    References
    ----------
    .. [1] G. Pang, A. van den Hengel, C. Shen, L. Cao, "Toward deep supervised anomaly detection:
       reinforcement learning from partially labeled anomaly data", KDD 2021, arXiv:2009.06847.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import DPLAN
    >>> X = np.random.RandomState(0).randn(300, 4)
    >>> X[:5] += 4
    >>> y = np.repeat([-1, 0], [5, 295])
    >>> det = DPLAN(max_epochs=2, steps_per_epoch=200, warm_up_steps=100, random_state=0)
    >>> det.fit(X, y).predict([[0, 0, 0, 0], [4, 4, 4, 4]])
    array([ 1, -1])
    """

    net_class = AgentNet
    _labels = LABELS_OR_PSEUDO_ANOMALIES

    least_anomalies: int = param(COUNT_OR_ZERO, default=30)
    discount: float = param(SHARE_BELOW_ONE, default=0.99, to="module")
    loss: str = param({"squared_error", "huber"}, default="squared_error", to="module")
    anomaly_probability: float = param(SHARE, default=0.5, to="batches")
    subset_size: int = param(COUNT, default=1000, to="batches")
    intrinsic_weight: float = param(NON_NEGATIVE, default=1.0, to="batches")
    warm_up_steps: int = param(COUNT_OR_ZERO, default=10000, to="batches")
    steps_per_epoch: int = param(COUNT, default=2000, to="net")
    exploration: Sequence = param("array-like", default=(1.0, 0.1), to="batches")
    exploration_steps: int = param(COUNT, default=10000, to="batches")
    replay_size: int = param(COUNT, default=100000, to="batches")
    target_update: int = param(COUNT, default=10000, to="batches")
    reward_update: int = param(COUNT, default=2000, to="batches")
    hidden_layer_sizes = (40,)
    activation = "relu"
    max_epochs = 10
    max_steps = None
    lr = 2.5e-4
    batch_size = 32
    optimizer = "rmsprop"
    weight_decay = 0.02
    trim = 0.0

    def _make_module(self, n_features: int) -> nn.Module:
        widths = check_widths(self.hidden_layer_sizes)
        if not widths:
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} must have at least one entry."
            )
        *widths, width = widths
        backbone = self._make_backbone(hidden_layer_sizes=widths)
        features = nn.Sequential(
            backbone.make_encoder(n_features, width), make_activation(backbone.activation)
        )
        network = QNetwork(features, width)
        return DPLANModule(network, **self._parameters_to("module"))

    def _train(self, run, net, X, y) -> None:
        run(net, X, with_pseudo_anomalies(X, y, net.seed, self.least_anomalies))

    def _check_rows(self, X) -> None:
        super()._check_rows(X)
        if len(self.exploration) != 2 or not all(
            isinstance(share, Real) and 0 <= share <= 1 for share in self.exploration
        ):
            raise ValueError(f"exploration={self.exploration!r} must be two shares from 0 to 1.")

    def _net_parameters(self) -> dict:
        return super()._net_parameters() | {
            "iterator_train": Interaction,
            "optimizer__param_groups": [("network.head*", {"weight_decay": 0.0})],
        }

    def q_values(self, X):
        """Return the values of both actions on rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to evaluate.

        Returns
        -------
        values : ndarray of shape (n_samples, 2)
            Q(x, a⁰), the value of calling the row normal, and Q(x, a¹), that of calling it
            anomalous.
        """
        check_is_fitted(self)
        return self._apply(self.net_.module_.q_values, X)
