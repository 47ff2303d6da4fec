"""Base class of the variational detectors."""

from math import exp

import numpy as np

from .._validation import Interval, Real
from ..base import (
    COUNT,
    AcceptsMissing,
    BaseDetector,
    ReconstructorMixin,
    SamplerMixin,
    StopsEarly,
    detector,
    param,
)
from ..base._scaling import check_unit_interval
from ._likelihood import (
    LIKELIHOODS,
    MAX_LOGVAR,
    VARIANCE_RATE,
    Likelihood,
    MaskedLikelihood,
)


@detector
class VariationalDetector(
    SamplerMixin, ReconstructorMixin, AcceptsMissing, BaseDetector, StopsEarly
):
    """Base class of the detectors that bound log p(x), with ``negative_elbo(x)`` in the module."""

    likelihood: str = param(LIKELIHOODS, default="heteroscedastic")
    min_std: float = param(Interval(Real, 0, exp(MAX_LOGVAR / 2), closed="neither"), default=0.135)
    n_draws: int = param(COUNT, default=4)

    def _net_parameters(self) -> dict:
        params = super()._net_parameters()
        if self.likelihood == "gaussian":
            given = self.net_params or {}
            lr = given.get("optimizer__lr", given.get("lr", self.lr))
            rate = {"lr": VARIANCE_RATE * lr, "lr_factor": VARIANCE_RATE}
            params["optimizer__param_groups"] = [("*likelihood.logvar", rate)]
        return params

    def _make_likelihood(self, n_features: int) -> Likelihood:
        if self.likelihood != "gaussian" and hasattr(self.backbone, "output_range"):
            low, high = self.backbone.output_range
            raise ValueError(
                f"likelihood={self.likelihood!r} must be 'gaussian' with backbone="
                f"{self.backbone!r}, whose decoder makes a value in [{low:g}, {high:g}] of each "
                "feature, and neither variances nor logits."
            )
        cls = MaskedLikelihood if self._masks else Likelihood
        return cls(self.likelihood, n_features, self.min_std)

    def _check_rows(self, X: np.ndarray) -> None:
        super()._check_rows(X)
        if self.likelihood == "bernoulli":
            check_unit_interval(X, "likelihood", self.likelihood)

    def score(self, X, y=None):
        """Return the mean evidence lower bound of the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.
        y : Ignored
            Not used, present for API consistency.

        Returns
        -------
        elbo : float
            Bound in nats per scaled row. It is a lower bound of the mean log-likelihood for any
            weights of its terms in training, if no value is missing: the values that a row has
            stand in for the others.
        """
        return float(-np.mean(self._apply(lambda x: self.net_.module_.negative_elbo(x), X)))
