"""What every fit keeps to, whatever is fitted."""

import re
from contextlib import contextmanager

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from ._warnings import warn

# Parameters that a training which goes on takes anew; the others are part of what it goes on with.
# An estimator may name more of its own in ``_of_the_next_training``.
OF_THE_NEXT_TRAINING = {"max_epochs", "max_steps", "batch_size", "lr", "contamination", "verbose"}


@contextmanager
def all_or_nothing(estimator):
    """Put all attributes of an estimator back, whatever stops what is done to it."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def with_seeds(transformer, seed: int):
    """Return a clone whose unset seeds, at any depth, are set."""
    transformer = clone(transformer)
    unset = [name for name, value in _seeds(transformer).items() if value is None]
    return transformer.set_params(**dict.fromkeys(unset, seed)) if unset else transformer


def reseeded(estimator, seed: int):
    """Set every seed of an estimator, at any depth, to numbers that follow from ``seed``."""
    names, rng = sorted(_seeds(estimator)), np.random.RandomState(seed)
    seeds = {name: int(rng.randint(2**31 - 1)) for name in names}
    return estimator.set_params(**seeds) if seeds else estimator


def _seeds(estimator) -> dict:
    params = estimator.get_params()
    return {k: v for k, v in params.items() if k.rpartition("__")[2] == "random_state"}


def scores_of_training_rows(estimator, X) -> np.ndarray:
    """Scores of the rows that an estimator was fitted to, in their order.

    What compares a row with the training rows leaves out the row itself.
    """
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        X, estimator = estimator[:-1].transform(X), estimator[-1]
    if isinstance(estimator, FrozenEstimator):  # what it was fitted to is not known
        return estimator.score_samples(X)
    return getattr(estimator, "_score_known_rows", estimator.score_samples)(X)


def lasting_parameters(estimator) -> dict[str, str]:
    """What a training goes on with, as text that a copy of the estimator has too."""
    params = estimator.get_params(deep=False)
    taken_anew = OF_THE_NEXT_TRAINING | getattr(estimator, "_of_the_next_training", set())
    lasting = params.keys() - taken_anew - {"warm_start"}
    return {name: re.sub(r" at 0x\w+", "", repr(params[name])) for name in sorted(lasting)}


def warn_of_changed_parameters(estimator, made_with: dict[str, str]) -> None:
    """Warn where a training goes on without the parameters that have changed."""
    now = lasting_parameters(estimator)
    changed = [name for name, value in made_with.items() if now[name] != value]
    if changed:
        warn(
            f"Training goes on with the values that these parameters had when it began: "
            f"{', '.join(changed)}. Fit with warm_start=False to begin anew."
        )


def warn_if_degenerate(scores: np.ndarray) -> None:
    """Warn where the scores of the training rows can't rank anything."""
    if not np.isfinite(scores).all():
        what = "are not finite; scale the input or lower lr"
    elif len(scores) > 1 and np.ptp(scores) <= 1e-7 * np.abs(scores).max():
        what = "are all alike: the model has collapsed, or all rows are equal"
    else:
        return
    warn(f"The scores of the training rows {what}.", ConvergenceWarning)
