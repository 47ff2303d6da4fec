"""Seeds of estimators and of their parts."""

import numpy as np
from sklearn.base import clone


def with_seeds(transformer, seed: int):
    """Return a clone whose unset seeds, at any depth, are set."""
    transformer = clone(transformer)
    unset = [name for name, value in seeds_of(transformer).items() if value is None]
    return transformer.set_params(**dict.fromkeys(unset, seed)) if unset else transformer


def reseeded(estimator, seed: int):
    """Set every seed of an estimator, at any depth, to numbers derived from ``seed``."""
    names, rng = sorted(seeds_of(estimator)), np.random.RandomState(seed)
    seeds = {name: int(rng.randint(2**31 - 1)) for name in names}
    return estimator.set_params(**seeds) if seeds else estimator


def seeds_of(estimator) -> dict:
    params = estimator.get_params()
    return {k: v for k, v in params.items() if k.rpartition("__")[2] == "random_state"}
