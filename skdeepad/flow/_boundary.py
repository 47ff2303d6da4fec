"""Training of the generator of a density's boundary."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch import Tensor

from ..base._rows import evenly_spaced
from ..nn import link_generator
from ..training import (
    DetectorNet,
    WholeBatches,
    history_table,
    to_tensor,
    warn,
)
from ._bdsgm_module import BoundaryTraining, StartingPairs
from ._density_modules import GivenDensity
from ._flow import N_SOME

# Number of pairs of codes and rows with which B starts, their batch size and number of steps.
N_PAIRS, PAIR_BATCH, PAIR_STEPS = 1024, 256, 300
# Number of draws from the boundary; the threshold is a quantile of their log-densities.
N_BOUNDARY = 4096
# Number of quantiles of their log-densities to keep.
N_QUANTILES = 201
# Standard deviations below this, or above its inverse, cause a warning.
LEAST_SPREAD = 1 / 3
# Norm at which B's gradients are clipped; those of two rows that meet are unbounded.
GRADIENT_NORM = 0.1


@contextmanager
def frozen(net) -> Iterator[None]:
    """Freeze the density of a net, and link it to the net's generator again afterwards."""
    density = net.module_.density
    density.requires_grad_(False)
    try:
        yield
    finally:
        density.requires_grad_(True)
        link_generator(net.module_, net.generator_)


def warn_of_units(X: Tensor, scaler) -> None:
    """Warn if the features' variance does not suit the weights of B's loss."""
    variances = X.var(0, correction=0)
    varying = variances[variances > 0]
    spread = float(varying.mean().sqrt()) if len(varying) else 1.0
    if not LEAST_SPREAD <= spread <= 1 / LEAST_SPREAD:
        warn(
            "The boundary needs features of about unit variance, but with "
            f"scaler={scaler!r} they have a standard deviation of {spread:.2g}: its level may not "
            "be a useful threshold. Use scaler='standard', or set contamination to a share.",
            UserWarning,
        )


def train_boundary(detector, run, net, X: Tensor) -> None:
    """Train B of a BDSGM after its density."""
    boundary, density = net.module_.boundary, net.module_.density
    warn_of_units(evenly_spaced(X, N_SOME), detector.scaler)
    scores = net.apply(density.log_prob, evenly_spaced(X, N_SOME)) - density.log_volume
    boundary.reference.fill_(np.median(scores))
    if not boundary.n_trainings:
        pairs = make_boundary_net(
            detector, StartingPairs, boundary, seed=net.seed + 1, max_steps=PAIR_STEPS
        )
        pairs.partial_fit(starting_pairs(net, X, detector.device))
    boundary.n_trainings += 1
    with frozen(net):
        trainer = make_boundary_net(
            detector,
            BoundaryTraining,
            boundary,
            density,
            seed=net.seed + 1 + int(boundary.n_trainings),  # other draws in each fit
            max_steps=detector.generator_steps,
            batch_size=detector.reference_batch_size,
            lr_milestones=(0.7,),
            iterator_train=WholeBatches,
            max_gradient_norm=GRADIENT_NORM,
        )
        run(trainer, X, update=record_terms, stage="boundary")
    detector.boundary_history_ = history_table(trainer)


def record_terms(trainer: DetectorNet) -> None:
    """Add the terms of B's loss in an epoch to the history."""
    for name, value in trainer.module_.mean_terms().items():
        trainer.history.record(name, value)


def make_boundary_net(detector, make, *args, seed: int, max_steps: int, **kwargs) -> DetectorNet:
    """Return a net for B, with Adam and without the parameters of the flow."""
    defaults = {"callbacks": None, "batch_size": PAIR_BATCH, "lr_milestones": ()}
    return detector._make_net(
        make,
        *args,
        seed=seed,
        max_epochs=max_steps,
        max_steps=max_steps,
        lr=detector.lr_generator,
        optimizer="adam",
        weight_decay=0.0,
        trim=0.0,
        net_params=None,
        **defaults | kwargs,
    )


def starting_pairs(net, X: Tensor, device: str) -> Tensor:
    """Return draws of z and the initial rows B(z) as pairs, (n_pairs, 2 n_features)."""
    rng = np.random.RandomState(net.seed)
    rows = rng.permutation(len(X))[:N_PAIRS]
    z = rng.standard_normal((len(rows), X.shape[1])).astype(np.float32)
    if isinstance(net.module_.density, GivenDensity):
        x = X[rows].cpu().numpy()
        first, second = linear_sum_assignment(cdist(z, x, "sqeuclidean"))
        z, x = z[first], x[second]
    else:
        x = net.apply(net.module_.decode, z).astype(np.float32)
    return to_tensor(np.hstack([z, x]), device)
