"""Boundary of Distribution's Support Generative Model."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from torch import nn

from .._validation import HasMethods, Integral, Interval, Real, check_is_fitted, check_parameter
from ..base import COUNT, LAYER_SIZES, NON_NEGATIVE, POSITIVE, detector, param
from ..base._scaling import linear_scaling
from ..nn import check_widths, make_mlp
from ..training import as_tensor
from ._bdsgm_module import BDSGMModule, BoundaryModule
from ._boundary import N_BOUNDARY, N_QUANTILES, train_boundary
from ._density_modules import GaussianDensity, GivenDensity, covariance_factor
from ._flow import FlowDetector, begin_flow, log_volume, make_flow


@detector
class BDSGM(FlowDetector):
    r"""Boundary of Distribution's Support Generative Model (BDSGM).

    An invertible residual network is fitted to the density :math:`p_g` of the rows, as in
    :class:`InvertibleResNet`. Then a generator B is trained to map :math:`z \sim N(0, I)` to the
    boundary of the support, by minimising [1]_

    .. math:: L = L_0 + \lambda_1 L_1 + \lambda_2 L_2 , \quad
        L_0 = \frac1N \sum_i p_g(B(z_i)) , \quad
        L_1 = \frac1N \sum_i \min_{j \le M} \|B(z_i) - x_j\|^2 ,

    .. math:: L_2 = \frac1N \sum_i \frac1{N-1} \sum_{j \ne i}
        \frac{\|z_i - z_j\|^2}{\|B(z_i) - B(z_j)\|^2} .

    The terms keep B(z) out of regions of high density, close to the data, and dispersed. A row is
    anomalous if :math:`p_g(x) < \tau`, the level of the boundary; the anomaly score is
    :math:`-\log p_g(x)`.

    Read more in the :ref:`User Guide <bdsgm>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    density : {"flow", "gaussian"} or estimator, default="flow"
        Density :math:`p_g`. ``"flow"``: an invertible residual network. ``"gaussian"``: the closed
        form with the rows' mean and covariance. Any other density is an estimator, fitted to the
        same features, with ``score_samples(X)`` and ``log_density(x)``, which is the same function
        for tensors with a gradient. An example is a fitted :class:`InvertibleResNet`. Wrap it in
        :class:`sklearn.frozen.FrozenEstimator` if this detector will be cloned.
    generator_layer_sizes : int or sequence of int or "auto", default="auto"
        Widths of the hidden layers of B. ``"auto"`` is three layers of four times the number of
        features, at most 128; for two features this is the paper's net of 8, 8, 8.
    distance_weight : float, default=0.3
        Weight :math:`\lambda_1`; the default is the paper's. Higher weights bring the boundary
        closer to the data.
    dispersion_weight : float, default=0.025
        Weight :math:`\lambda_2`; the default is the paper's. With 0, parts of the boundary are
        missed.
    reference_batch_size : int, default=1024
        Number M of rows for the distance to the data in each step; the default is the paper's. With
        fewer rows the boundary shrinks towards the data.
    generator_batch_size : int, default=256
        Number N of rows of B in each step; the default is the paper's.
    generator_steps : int, default=1000
        Number of training steps of B.
    lr_generator : float, default=0.005
        Learning rate of B; it drops by 10 after 70 % of the steps.
    threshold_quantile : float in (0, 1), default=0.5
        Quantile of the boundary's log-densities that is the threshold with
        ``contamination="auto"``. It can be changed after ``fit``.
    n_blocks : int, default=6
        Number of blocks of the flow.
    lipschitz_constant : float in (0, 0.999], default=0.97
        Bound c of each layer's spectral norm; the default is the largest of the paper's values. A
        lower bound needs more blocks, and with a higher one inversion is slow.
    log_det : {"auto", "exact", "series", "roulette"}, default="auto"
        Computation of the log-determinant in training. ``"exact"``: the determinant itself.
        ``"series"``: the truncated series :math:`\sum_k (-1)^{k+1} \mathrm{tr}(J^k) / k` with a
        random estimate of each trace. ``"roulette"``: a random number of terms, weighted so that
        the mean is exact [2]_. ``"auto"``: exact up to 20 features, else the series, which then has
        a lower cost. Scores are as in :class:`InvertibleResNet`.
    n_power_terms : int, default=10
        Terms of the series.
    noise : float, default=0.1
        Standard deviation, in units of the scaled data, of the noise that is added to rows in
        training. Without noise, the density of repeated values or of a constant column is
        unbounded. If values do not repeat, less noise resolves finer structure.
    lr_milestones : sequence of float, default=(0.6, 0.85)
        Shares of the training after which all learning rates are divided by 10.
    hidden_layer_sizes : int or sequence of int, default=(32, 32)
        Widths of the hidden layers of each :math:`g_t`.
    activation : {"lipswish", "elu"}, default="lipswish"
        Activation of the hidden layers. Both have slopes up to 1; the first is smooth, as
        log-determinants require [2]_.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm.
    max_epochs : int, default=200
        Maximum number of epochs.
    max_steps : int or None, default=1000
        Maximum number of optimizer steps. If None, there is no limit.
    lr : float, default=3e-3
        Learning rate.
    batch_size : int or None, default=256
        Number of rows in a batch. If None, a batch holds all training rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`.
    weight_decay : float, default=0.0
        L2 penalty of the optimizer on the weights.
    trim : float, default=0.0
        Share of the rows of a batch, rounded, that an update leaves out after a fifth of the steps:
        those with the largest loss. Values above 0 cut off the tails of the density, with the
        anomalies among the training rows.
    contamination : "auto" or float in (0, 0.5], default="auto"
        Share of the training rows that the threshold declares outliers. It can be changed after
        ``fit``. With ``"auto"``, the threshold is :math:`\tau`, the level of the boundary. With few
        rows the boundary is a poor estimate.
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
        The trained net of the density; ``net_.module_`` is the torch module, which includes B.
    scaler_ : transformer or None
        The fitted scaler.
    boundary_generator_ : torch module
        B, from z, (batch, `n_features_in_`), to scaled rows.
    boundary_history_ : dict of ndarray
        Statistics of each epoch of B: the loss L, ``train_loss``, and its terms without their
        weights, ``density`` (:math:`L_0`), ``distance`` (:math:`L_1`) and ``dispersion``
        (:math:`L_2`). An epoch is a pass over the training rows in samples of
        ``reference_batch_size``.
    log_density_threshold_ : float
        Level :math:`\log\tau` of the boundary, in the units of ``score_samples``.
    boundary_false_alarm_rate_ : float
        Share of the training rows below the level of the boundary.
    baseline_ : ndarray of shape (`n_features_in_`,)
        Median of each feature over the training rows, or over 4,096 of them. It is where the paths
        of ``feature_contributions`` begin.
    training_scores_ : ndarray of shape (n_rows,)
        Scores of the training rows, in ascending order; a row of weight 2 counts twice.
    offset_ : float
        Threshold on ``score_samples``, a log-density.
    history_ : dict of ndarray of shape (`n_iter_`,)
        Losses of each epoch of the flow, in nats per row; empty without a flow.
    n_iter_ : int
        Number of epochs of the flow.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    InvertibleResNet : The density alone.
    skdeepad.model_selection.StrongAnomalySampler : Strong anomalies from the boundary, for tests
        of other detectors.

    Notes
    -----
    The paper does not define :math:`\tau`; here it is the median density of 4,096 of B's rows.
    Norms are squared: with plain norms the boundary does not close around the data. The paper has
    two features. With more, densities and their gradients are close to 0, so that :math:`L_0` is
    the mean of :math:`\log(1 + p_g / p_{ref}) / 2\pi`, where :math:`p_{ref}` is the median density
    of the training rows, and :math:`L_1` is divided by half the number of features. In :math:`L_0`
    the density is that of scaled rows, and the paper's weights suit features of about unit
    variance. With others, such as those of ``scaler="minmax"``, the level of the boundary is far
    too low or too high, and ``fit`` warns.

    If the flow is trained with estimates of log-determinants, so is B, with the roulette's number
    of terms and four directions for each of its rows: with a single one, the boundary moves away
    from the data.

    B starts within the data, near :math:`G(z)`, the inverse of the flow, because from random
    weights it finds only one of two modes. With a density that has no inverse, it starts near
    training rows that are matched with draws of z by minimum squared distance. Its gradients are
    clipped at a norm of 0.1. ``trim``, ``optimizer``, ``weight_decay``, ``max_epochs`` and
    ``max_steps``, ``lr`` and ``batch_size`` refer to the flow. Each ``partial_fit`` refits
    densities that need no training.

    References
    ----------
    .. [1] N. Dionelis, M. Yaghoobi, S. A. Tsaftaris, "Boundary of distribution support generator
       (BDSG): sample generation on the boundary", ICIP 2020, arXiv:2107.09950.
    .. [2] R. T. Q. Chen et al., "Residual flows for invertible generative modeling", NeurIPS 2019,
       arXiv:1906.02735.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import BDSGM
    >>> X = np.random.RandomState(0).randn(2000, 2)
    >>> det = BDSGM(density="gaussian", generator_steps=300, random_state=0).fit(X)
    >>> det.predict([[0, 0], [4, -4]])
    array([ 1, -1])
    >>> det.sample_boundary(3, random_state=0).shape
    (3, 2)
    """

    density: Any = param(
        {"flow", "gaussian"}, HasMethods(["score_samples", "log_density"]), default="flow"
    )
    generator_layer_sizes: int | Sequence[int] | str = param(*LAYER_SIZES, {"auto"}, default="auto")
    distance_weight: float = param(NON_NEGATIVE, default=0.3)
    dispersion_weight: float = param(NON_NEGATIVE, default=0.025)
    reference_batch_size: int = param(COUNT, default=1024, resumes=True)
    generator_batch_size: int = param(Interval(Integral, 2, None, closed="left"), default=256)
    generator_steps: int = param(COUNT, default=1000, resumes=True)
    lr_generator: float = param(POSITIVE, default=0.005, resumes=True)
    threshold_quantile: float = param(
        Interval(Real, 0, 1, closed="neither"), default=0.5, resumes=True
    )
    contamination = "auto"

    # Modules ---------------------------------------------------------------------------------

    def _make_module(self, n_features: int) -> nn.Module:
        density = self._make_density(n_features)
        widths = self.generator_layer_sizes
        if isinstance(widths, str):
            widths = (min(128, 4 * n_features),) * 3
        widths = check_widths(widths, "generator_layer_sizes")
        boundary = BoundaryModule(
            make_mlp([n_features, *widths, n_features], "tanh"),
            n_features=n_features,
            distance_weight=self.distance_weight,
            dispersion_weight=self.dispersion_weight,
            batch_size=self.generator_batch_size,
        )
        return BDSGMModule(density, boundary)

    def _make_density(self, n_features: int) -> nn.Module:
        if isinstance(self.density, str):
            if self.density == "flow":
                return make_flow(self, n_features)
            return GaussianDensity(n_features, log_volume(self.scaler_, n_features))
        if hasattr(self.density, "fit"):
            check_is_fitted(self.density)
        expected = getattr(self.density, "n_features_in_", n_features)
        if expected != n_features:
            raise ValueError(
                f"density={self.density!r} has {expected} features, but X has {n_features}."
            )
        scaling = linear_scaling(self.scaler_, n_features)
        if scaling is None:
            raise ValueError(
                f"scaler={self.scaler!r} must be 'standard', 'minmax', 'robust' or None with "
                f"density={self.density!r}, whose units are those of X."
            )
        return GivenDensity(self.density, scaling, log_volume(self.scaler_, n_features))

    def _check_rows(self, X) -> None:
        super()._check_rows(X)
        if isinstance(self.density, str) and self.density == "gaussian":
            covariance_factor(as_tensor(X), self.noise)  # raise before the old fit is lost

    def _train(self, run, net, X, y) -> None:
        density = net.module_.density
        if isinstance(density, GaussianDensity):
            density.fit(X, self.noise)
        elif not isinstance(density, GivenDensity):
            if not net.history:
                begin_flow(density, X)
            run(net, X, y)
        train_boundary(self, run, net, X)

    def _has_trained(self) -> bool:
        # A density without training has no history, but its boundary can resume.
        return super()._has_trained() or (
            hasattr(self, "net_") and bool(self._boundary.n_trainings)
        )

    def _needs_more_than_a_pass(self) -> str | None:
        is_given = isinstance(self.net_.module_.density, GivenDensity)
        return f"density={self.density!r}" if is_given else None

    def _planned_epochs(self, net, n_samples: int, epochs: int | None) -> int:
        n_batches = max(1, n_samples // self.reference_batch_size)
        planned = min(epochs or self.generator_steps, ceil(self.generator_steps / n_batches))
        if isinstance(self.density, str) and self.density == "flow":
            planned += super()._planned_epochs(net, n_samples, epochs)
        return planned

    # The boundary ----------------------------------------------------------------------------

    @property
    def _boundary(self) -> BoundaryModule:
        return self.net_.module_.boundary

    def _calibrate(self, net, X) -> None:
        z = np.random.RandomState(net.seed).standard_normal((N_BOUNDARY, X.shape[1]))
        b = net.apply(net.module_.boundary.generate, z.astype(np.float32))
        log_density = net.apply(net.module_.log_prob, b.astype(np.float32))
        self._boundary_quantiles = np.quantile(log_density, np.linspace(0, 1, N_QUANTILES))

    @property
    def log_density_threshold_(self) -> float:
        check_is_fitted(self)
        check_parameter(self, "threshold_quantile")
        shares = np.linspace(0, 1, N_QUANTILES)
        return float(np.interp(self.threshold_quantile, shares, self._boundary_quantiles))

    def _paper_offset(self) -> float:
        return self.log_density_threshold_

    @property
    def boundary_generator_(self) -> nn.Module:
        check_is_fitted(self)
        return self._boundary.generator

    @property
    def boundary_false_alarm_rate_(self) -> float:
        check_is_fitted(self)
        return float(np.mean(self.training_scores_ < self.log_density_threshold_))

    def sample_boundary(self, n_samples=1, random_state=None):
        """Draw rows from the boundary of the support.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            Rows B(z), in the units of the training data.
        """
        check_is_fitted(self)
        return self._draw(self._boundary.generate, n_samples, random_state)
