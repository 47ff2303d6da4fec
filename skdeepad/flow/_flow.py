"""Base class of the detectors with a flow, and the units of their densities."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .._validation import Interval, Real, check_is_fitted
from ..base import (
    COUNT,
    NON_NEGATIVE,
    BaseDetector,
    DecoderMixin,
    GradientContributionsMixin,
    SamplerMixin,
    detector,
    fixed,
    param,
)
from ..base._rows import evenly_spaced
from ..base._scaling import linear_scaling
from ..nn import LIPSCHITZ_ACTIVATIONS, check_widths
from ._iresnet_module import InvertibleResNetModule

# Maximum number of rows used to estimate the location and scale of all.
N_SOME = 4096


def log_volume(scaler, n_features: int) -> float:
    """Return the log of the factor by which scaling changes volumes; 0 if it is unknown."""
    scaling = linear_scaling(scaler, n_features)
    return 0.0 if scaling is None else float(np.log(scaling[0]).sum())


def make_flow(detector: BaseDetector, n_features: int) -> InvertibleResNetModule:
    """Return the flow for a detector's parameters."""
    return InvertibleResNetModule(
        n_features,
        hidden_layer_sizes=check_widths(detector.hidden_layer_sizes),
        n_blocks=detector.n_blocks,
        activation=detector.activation,
        lipschitz_constant=detector.lipschitz_constant,
        log_det=detector.log_det,
        n_power_terms=detector.n_power_terms,
        noise=detector.noise,
        log_volume=log_volume(detector.scaler_, n_features),
    )


def begin_flow(flow: InvertibleResNetModule, X: Tensor) -> None:
    """Initialise the flow's scales and shifts from rows."""
    flow.train()
    with torch.no_grad():
        flow.begin(evenly_spaced(X, N_SOME).to(flow.probes.device))


@detector
class FlowDetector(SamplerMixin, DecoderMixin, GradientContributionsMixin, BaseDetector):
    """Base class of the detectors with a flow, whose ``score_samples`` are log-densities."""

    n_blocks: int = param(COUNT, default=6)
    lipschitz_constant: float = param(Interval(Real, 0, 0.999, closed="right"), default=0.97)
    log_det: str = param({"auto", "exact", "series", "roulette"}, default="auto")
    n_power_terms: int = param(COUNT, default=10)
    noise: float = param(NON_NEGATIVE, default=0.1)
    lr_milestones: Sequence[float] = param("array-like", default=(0.6, 0.85), to="net")
    hidden_layer_sizes = (32, 32)
    activation: str = param(set(LIPSCHITZ_ACTIVATIONS), default="lipswish")
    backbone = fixed(None)
    max_epochs = 200
    max_steps = 1000
    lr = 3e-3
    batch_size = 256
    trim = 0.0

    def score(self, X, y=None):
        """Return the mean log-likelihood of rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.
        y : Ignored
            Not used, present for API consistency.

        Returns
        -------
        log_likelihood : float
            Mean of ``score_samples(X)``, in nats per row.
        """
        return float(np.mean(self.score_samples(X)))

    def log_density(self, x: Tensor) -> Tensor:
        """Return the log-density of a tensor of rows, with a gradient.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_features)
            Rows, in the units of the training data.

        Returns
        -------
        log_density : Tensor of shape (n_samples,)
            ``score_samples`` of the rows, to the precision of ``x``.
        """
        check_is_fitted(self)
        scaled = self._scaling().to(x.device)(x).to(self.net_.device)
        self.net_.module_.eval()
        return self.net_.module_.log_prob(scaled).to(x.device)
