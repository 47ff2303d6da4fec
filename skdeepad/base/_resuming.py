"""Protection of a fitted estimator when a fit fails or resumes."""

import re
from contextlib import contextmanager

from ..training import warn


@contextmanager
def all_or_nothing(estimator):
    """Restore all attributes of an estimator if the body raises."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def lasting_parameters(estimator) -> dict[str, tuple]:
    """Return the parameters that a resumed fit can't change: the value of each, and its text.

    The text tells that the object that is the value has changed, and it is the same in copies.
    """
    params = estimator.get_params(deep=False)
    if params.get("net_params"):  # it may hold some that can change
        given, of_net = params["net_params"].items(), _resuming(estimator, "net")
        params["net_params"] = {name: value for name, value in given if name not in of_net} or None
    lasting = sorted(params.keys() - _resuming(estimator))
    return {name: (params[name], re.sub(r" at 0x\w+", "", repr(params[name]))) for name in lasting}


def _resuming(estimator, *places: str) -> set[str]:
    """Return the parameters that a resumed fit can change, or those of them of some places."""
    return {
        name
        for name, declared in estimator._parameters.items()
        if declared.resumes and (not places or declared.to in places)
    }


def changed_parameters(estimator, made_with: dict[str, tuple]) -> list[str]:
    """Return the names of lasting parameters whose values have changed."""
    now = lasting_parameters(estimator)
    return [name for name, was in made_with.items() if now.get(name, was)[1] != was[1]]


def warn_of_changed_parameters(estimator, made_with: dict[str, tuple]) -> None:
    """Warn if training resumes and ignores changed parameters."""
    changed = changed_parameters(estimator, made_with)
    if changed:
        warn(
            f"Training resumes with the values that these parameters had when it began: "
            f"{', '.join(changed)}. Fit with warm_start=False to start again."
        )


@contextmanager
def as_begun(estimator, made_with: dict[str, tuple]):
    """Give lasting parameters the values with which training began, until the body ends."""
    given = estimator.get_params(deep=False)
    values = {name: value for name, (value, _) in made_with.items() if name in given}
    if given.get("net_params"):
        of_net = _resuming(estimator, "net")
        kept = {name: value for name, value in given["net_params"].items() if name in of_net}
        values["net_params"] = (values["net_params"] or {}) | kept
    vars(estimator).update(values)
    try:
        yield
    finally:
        vars(estimator).update({name: given[name] for name in values})
