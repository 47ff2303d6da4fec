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


def lasting_parameters(estimator) -> dict[str, str]:
    """Return the parameters that a resumed fit can't change, as text that copies share."""
    params = estimator.get_params(deep=False)
    resuming = {name for name, declared in estimator._parameters.items() if declared.resumes}
    if params.get("net_params"):  # it may hold some that can change
        given = params["net_params"].items()
        params["net_params"] = {
            name: value for name, value in given if name not in resuming
        } or None
    lasting = sorted(params.keys() - resuming)
    return {name: re.sub(r" at 0x\w+", "", repr(params[name])) for name in lasting}


def changed_parameters(estimator, made_with: dict[str, str]) -> list[str]:
    """Return the names of lasting parameters whose values have changed."""
    now = lasting_parameters(estimator)
    return [name for name, value in made_with.items() if now.get(name, value) != value]


def warn_of_changed_parameters(estimator, made_with: dict[str, str]) -> None:
    """Warn if training resumes and ignores changed parameters."""
    changed = changed_parameters(estimator, made_with)
    if changed:
        warn(
            f"Training resumes with the values that these parameters had when it began: "
            f"{', '.join(changed)}. Fit with warm_start=False to start again."
        )
