"""The stage of training that finds a density's boundary, and what comes of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch import Tensor, nn

from .._validation import check_is_fitted, check_parameter
from ..nn import link_generator
from ..training import (
    GradientNormClipping,
    WholeBatches,
    history_table,
    to_tensor,
    warn,
)
from ._bdsgm_module import BoundaryModule, BoundaryTraining, StartingPairs
from ._densities import GivenDensity
from ._density import some_rows

# Pairs of codes and rows that B begins with, and the steps that it takes to learn them.
N_PAIRS, PAIR_BATCH, PAIR_STEPS = 1024, 256, 300
# Draws from the boundary that the threshold is a quantile of.
N_BOUNDARY = 4096
# Quantiles of their log-densities that are kept.
N_QUANTILES = 201
# Standard deviations below this, or above its inverse, are far from one.
LEAST_SPREAD = 1 / 3
# B's gradients are cut off here: two of its rows that meet have one without bound.
GRADIENT_NORM = 0.1


@contextmanager
def frozen(net) -> Iterator[None]:
    """Let the density of a net be as it is; its noise is the net's own again afterwards."""
    density = net.module_.density
    density.requires_grad_(False)
    try:
        yield
    finally:
        density.requires_grad_(True)
        link_generator(net.module_, net.generator_)


def warn_of_units(X: Tensor, scaler) -> None:
    """Warn where the weights of B's terms, which are not free of units, are out of place."""
    variances = X.var(0, correction=0)
    varying = variances[variances > 0]
    spread = float(varying.mean().sqrt()) if len(varying) else 1.0
    if not LEAST_SPREAD <= spread <= 1 / LEAST_SPREAD:
        warn(
            "The boundary is made for features of about unit variance, but with "
            f"scaler={scaler!r} they have a standard deviation of {spread:.2g}: its level may be "
            "no threshold to work with. Take scaler='standard', or set contamination to a share.",
            UserWarning,
        )


class BoundaryMixin:
    """Training of B, its samples, and the threshold from them, for a module like BDSGM's."""

    def _train_boundary(self, run, net, X) -> None:
        boundary, density = net.module_.boundary, net.module_.density
        warn_of_units(some_rows(X), self.scaler)
        scores = net.apply(density.log_prob, some_rows(X)) - density.log_volume
        boundary.reference.fill_(np.median(scores))
        if not boundary.n_trainings:
            pairs = self._make_boundary_net(
                StartingPairs, boundary, seed=net.seed + 1, max_steps=PAIR_STEPS
            )
            pairs.partial_fit(self._starting_pairs(net, X))
        boundary.n_trainings += 1
        with frozen(net):
            trainer = self._make_boundary_net(
                BoundaryTraining,
                boundary,
                density,
                seed=net.seed + 1 + boundary.n_trainings,  # other draws in each of them
                max_steps=self.generator_steps,
                batch_size=self.n_reference,
                lr_milestones=(0.7,),
                iterator_train=WholeBatches,
                callbacks=[GradientNormClipping(GRADIENT_NORM)],
            )
            run(trainer, X, stage="boundary")
        self.boundary_history_ = history_table(trainer)

    def _make_boundary_net(self, make, *args, seed: int, max_steps: int, **kwargs):
        """Return a net for B, with Adam and without what the parameters say of the flow."""
        defaults = {"callbacks": None, "batch_size": PAIR_BATCH, "lr_milestones": ()}
        return self._make_net(
            make,
            *args,
            seed=seed,
            max_epochs=max_steps,
            max_steps=max_steps,
            lr=self.lr_generator,
            optimizer="adam",
            weight_decay=0.0,
            trim=0.0,
            net_params=None,
            **defaults | kwargs,
        )

    def _starting_pairs(self, net, X: Tensor) -> Tensor:
        """Draws of z beside the rows that B makes of them at first, (n_pairs, 2 n_features)."""
        rng = np.random.RandomState(net.seed)
        rows = rng.permutation(len(X))[:N_PAIRS]
        z = rng.standard_normal((len(rows), X.shape[1])).astype(np.float32)
        if isinstance(net.module_.density, GivenDensity):
            x = X[rows].cpu().numpy()
            first, second = linear_sum_assignment(cdist(z, x, "sqeuclidean"))
            z, x = z[first], x[second]
        else:
            x = net.apply(net.module_.decode, z).astype(np.float32)
        return to_tensor(np.hstack([z, x]), self.device)

    def _has_trained(self) -> bool:
        # A density without training leaves no history; its boundary goes on all the same.
        return super()._has_trained() or (hasattr(self, "net_") and self._boundary.n_trainings > 0)

    def _planned_epochs(self, net, n_samples: int, epochs: int | None) -> int:
        n_batches = max(1, n_samples // self.n_reference)
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
