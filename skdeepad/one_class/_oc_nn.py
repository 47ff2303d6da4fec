"""One-class neural network."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from sklearn.pipeline import make_pipeline
from torch import Tensor, nn

from .._validation import HasMethods, Interval, Real, check_is_fitted
from ..base import (
    COUNT,
    NON_NEGATIVE,
    SHARE_BELOW_ONE,
    BaseDetector,
    GradientContributionsMixin,
    detector,
    fixed,
    param,
)
from ..base._seeds import with_seeds
from ..base._threshold import hinge_above
from ..nn import check_widths, make_activation


class OCNNModule(nn.Module):
    """Module with ŷ(x) = ⟨w, g(V u(x))⟩ without biases, and the threshold r."""

    def __init__(
        self, n_features: int, widths, *, activation: str, input_map: str | None, nu: float
    ) -> None:
        super().__init__()
        self.input_map = input_map
        self.nu = nu
        widths = [n_features + (input_map == "sphere"), *check_widths(widths)]
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(widths):
            layers += [nn.Linear(n_in, n_out, bias=False), make_activation(activation)]
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Linear(widths[-1], 1, bias=False)
        self.register_buffer("r", torch.zeros(()))

    def embed(self, x: Tensor) -> Tensor:
        """Return u(x) = [x, √D] / ‖[x, √D]‖ on the unit sphere, where a half-space is a cap."""
        if self.input_map is None:
            return x
        return nn.functional.normalize(nn.functional.pad(x, (0, 1), value=x.shape[1] ** 0.5))

    def output_score(self, x: Tensor) -> Tensor:
        return self.output(self.hidden(self.embed(x))).squeeze(1)

    def penalty(self) -> Tensor:
        """Return ½‖w‖² + ½‖V‖²."""
        return 0.5 * sum((weights**2).sum() for weights in self.parameters())

    def loss(self, x: Tensor) -> Tensor:
        hinge = torch.relu(self.r - self.output_score(x))
        return self.penalty() + hinge / self.nu - self.r

    def anomaly_score(self, x: Tensor) -> Tensor:
        hidden = self.hidden(self.embed(x))
        return -(hidden * self.output.weight).sum(1, dtype=torch.float64)


@detector
class OCNN(GradientContributionsMixin, BaseDetector):
    r"""One-class neural network, a one-class SVM with learned features.

    With :math:`\hat y(x) = \langle w, g(V u(x)) \rangle` the detector minimises

    .. math:: \frac12\|w\|^2 + \frac12\|V\|_F^2
        + \frac1{\nu N} \sum_n \max(0, r - \hat y(x_n)) - r

    in alternation: :math:`w, V` by back-propagation for one epoch with r fixed, then r exactly, as
    the order statistic of :math:`\hat y` above :math:`\nu N` training rows, rounded down. In
    training it is moved by rounding, so that :math:`\nu N` rows, rounded up, have a gradient
    wherever no other row has the same :math:`\hat y`.
    ``score_samples`` is :math:`\hat y` and ``decision_function`` is :math:`\hat y - r`, which is ≥
    0 for normal rows [1]_.

    Read more in the :ref:`User Guide <oc_nn>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    nu : float in (0, 1], default=0.3
        Share :math:`\nu` of the training rows with :math:`\hat y < r`. Only they, without the
        trimmed rows, have a gradient. Less than 0.3 is too small a share if there are anomalies
        among the training rows; see ``benchmarks/results/defaults.md``.
    input_map : {"sphere"} or None, default="sphere"
        Map u of the scaled input. None is the paper's form. On tables this form fails: the data
        surround the origin, or V becomes of rank one and the rows far out on one side are the most
        normal ones. With ``"sphere"``, :math:`u(x) = [x, \sqrt D] / \|[x, \sqrt D]\|`; a half-space
        is then a cap of the sphere, and the normal region is closed.
    encoder : transformer or None, default=None
        Transformer that is fitted to the rows first; its codes are then scaled and replace the
        rows. The deep form of the method uses an :class:`AutoEncoder` here. A fitted one in a
        :class:`sklearn.frozen.FrozenEstimator` is not fitted again.
    tol : float, default=1e-4
        Training ends when the objective over all rows and r have both changed by less than this
        share in ``n_iter_no_change`` consecutive rounds.
    n_iter_no_change : int, default=5
        Number of consecutive rounds that define convergence, see ``tol``.
    lr_milestones : sequence of float, default=(0.66,)
        Shares of the training after which all learning rates are divided by 10. Without a drop, w
        and V don't converge, and low scores depend on the seed.
    hidden_layer_sizes : int or sequence of int, default=(32,)
        Widths of the hidden layers; the paper has one. Without any layer the method is the linear
        one-class SVM.
    activation : str, default="relu"
        Activation g: "identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu" or "silu".
        The first two are the paper's; the second is worse on tables
        (``benchmarks/results/defaults.md``).
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm.
    max_epochs : int, default=100
        Maximum number of epochs. An epoch is a round of the alternating minimisation.
    max_steps : int or None, default=None
        Maximum number of optimizer steps. If None, there is no limit.
    lr : float, default=1e-2
        Learning rate.
    batch_size : int or None, default=512
        Number of rows in a batch. If None, a batch holds all training rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`. The penalty on the
        weights is part of the objective.
    trim : float or "auto", default="auto"
        Share of the rows of a batch, rounded, that an update leaves out after a fifth of the steps:
        those with the largest loss. It must be less than ``nu``, because only rows below r have a
        gradient. ``"auto"`` is a third of ``nu``.
    contamination : "auto" or float in (0, 0.5], default=0.1
        Share of the training rows that the threshold declares outliers. It can be changed after
        ``fit``. With ``"auto"``, the threshold is the method's r, below which a share ``nu`` of the
        rows lies.
    callbacks : list of skorch callbacks or None, default=None
        Callbacks of the training; ``fit`` uses copies of them.
    net_params : dict or None, default=None
        Further parameters of the skorch net.
    device : str, default="auto"
        Device to compute on. ``"auto"`` is CUDA if it is available, else the CPU.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the last ``fit``.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the batches and all random draws. It also seeds an ``encoder``
        without its own seed.
    verbose : int, default=0
        If above 0, progress bars are shown.

    Attributes
    ----------
    net_ : skorch net
        The trained net; ``net_.module_`` is the torch module.
    scaler_ : transformer or None
        The fitted encoder and scaler.
    r_ : float
        Threshold r; a share ``nu`` of the training rows scores lower.
    baseline_ : ndarray of shape (`n_features_in_`,)
        Median of each feature over the training rows, or over 4,096 of them. It is where the paths
        of ``feature_contributions`` begin.
    training_scores_ : ndarray of shape (n_rows,)
        Scores of the training rows, in ascending order; a row of weight 2 counts twice.
    offset_ : float
        Threshold on ``score_samples``.
    history_ : dict of ndarray of shape (`n_iter_`,)
        Loss, objective over all rows and r of each round.
    n_iter_ : int
        Number of rounds run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    DeepSVDD : A sphere instead of a hyperplane.
    sklearn.svm.OneClassSVM : The method with a fixed feature map.

    Notes
    -----
    The initial r is the ν-quantile of the initial scores: below all of them the hinge loss would be
    0 and the weights would decay to 0. The paper states no convergence criterion. Its published
    tables come from code with other objectives and test on rows of the training set, so that they
    tell little about this objective.

    References
    ----------
    .. [1] R. Chalapathy, A. K. Menon, S. Chawla, "Anomaly detection using one-class neural
       networks", arXiv:1802.06360.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import OCNN
    >>> X = np.random.RandomState(0).randn(300, 4)
    >>> det = OCNN(nu=0.05, contamination="auto", max_epochs=20, random_state=0).fit(X)
    >>> float((det.decision_function(X) < 0).mean())
    0.05
    """

    nu: float = param(Interval(Real, 0, 1, closed="right"), default=0.3)
    input_map: str | None = param({"sphere"}, None, default="sphere")
    encoder: Any = param(HasMethods(["fit", "transform"]), None, default=None)
    tol: float = param(NON_NEGATIVE, default=1e-4, resumes=True)
    n_iter_no_change: int = param(COUNT, default=5, resumes=True)
    lr_milestones: Sequence[float] = param("array-like", default=(0.66,), to="net")
    hidden_layer_sizes = (32,)
    activation = "relu"
    max_epochs = 100
    max_steps = None
    lr = 1e-2
    batch_size = 512
    trim: float | str = param(SHARE_BELOW_ONE, {"auto"}, default="auto", to="net")
    backbone = fixed(None)
    weight_decay = fixed(0.0)  # the objective has a penalty of its own

    def _make_scaler(self, seed):
        scaler = super()._make_scaler(seed)
        if self.encoder is None:
            return scaler
        encoder = with_seeds(self.encoder, seed)
        return make_pipeline(encoder, scaler or "passthrough")

    def _make_module(self, n_features: int) -> nn.Module:
        return OCNNModule(
            n_features,
            self.hidden_layer_sizes,
            activation=self.activation,
            input_map=self.input_map,
            nu=self.nu,
        )

    def _net_parameters(self) -> dict:
        trim = self.nu / 3 if self.trim == "auto" else self.trim
        if trim >= self.nu:
            raise ValueError(f"trim={self.trim!r} must be less than nu={self.nu!r}.")
        return super()._net_parameters() | {"trim": trim}

    def _train(self, run, net, X, y) -> None:
        module = net.module_

        def set_r(net):
            scores = -net.apply(module.anomaly_score, X)
            module.r.fill_(hinge_above(scores, self.nu))
            return scores

        def finish_round(net):
            scores = set_r(net)
            hinge = np.maximum(0, module.r.item() - scores).mean()
            objective = module.penalty().item() + hinge / self.nu - module.r.item()
            net.history.record("objective", objective)
            net.history.record("r", module.r.item())
            return self._has_converged(net.history)

        set_r(net)
        run(net, X, y, finish_round)

    def _has_converged(self, history) -> bool:
        # An epoch that a callback has interrupted has neither value.
        rounds = [(epoch["objective"], epoch["r"]) for epoch in history if "objective" in epoch]
        recent = np.array(rounds[-self.n_iter_no_change - 1 :])
        if len(recent) <= self.n_iter_no_change:
            return False
        change = np.abs(np.diff(recent, axis=0))
        return bool((change < self.tol * np.abs(recent[1:])).all())

    def _paper_offset(self) -> float:
        return self._score_above(self.net_.module_.nu)

    @property
    def r_(self) -> float:
        check_is_fitted(self)
        return self._paper_offset()
