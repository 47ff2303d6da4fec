"""The stage of training that finds a density's boundary."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch import Tensor

from ..nn import link_generator
from ..training import (
    DetectorNet,
    GradientNormClipping,
    WholeBatches,
    history_table,
    to_tensor,
    warn,
)
from ._bdsgm_module import BoundaryTraining, StartingPairs
from ._density_modules import GivenDensity
from ._flow import some_rows

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


def train_boundary(detector, run, net, X: Tensor) -> None:
    """Train B of a BDSGM, its density being trained."""
    boundary, density = net.module_.boundary, net.module_.density
    warn_of_units(some_rows(X), detector.scaler)
    scores = net.apply(density.log_prob, some_rows(X)) - density.log_volume
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
            seed=net.seed + 1 + boundary.n_trainings,  # other draws in each of them
            max_steps=detector.generator_steps,
            batch_size=detector.n_reference,
            lr_milestones=(0.7,),
            iterator_train=WholeBatches,
            callbacks=[GradientNormClipping(GRADIENT_NORM)],
        )
        run(trainer, X, stage="boundary")
    detector.boundary_history_ = history_table(trainer)


def make_boundary_net(detector, make, *args, seed: int, max_steps: int, **kwargs) -> DetectorNet:
    """Return a net for B, with Adam and without what the parameters say of the flow."""
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
    return to_tensor(np.hstack([z, x]), device)
