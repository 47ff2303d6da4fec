"""What a fit that is stopped, or goes on, leaves as it was."""

import re
from contextlib import contextmanager

from ..training import warn


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


def lasting_parameters(estimator) -> dict[str, str]:
    """Parameters that a fit which goes on keeps, as text that is the same for a copy."""
    params = estimator.get_params(deep=False)
    resuming = {name for name, declared in estimator._parameters.items() if declared.resumes}
    lasting = sorted(params.keys() - resuming)
    return {name: re.sub(r" at 0x\w+", "", repr(params[name])) for name in lasting}


def warn_of_changed_parameters(estimator, made_with: dict[str, str]) -> None:
    """Warn where a training goes on without the parameters that have changed."""
    now = lasting_parameters(estimator)
    changed = [name for name, value in made_with.items() if now.get(name, value) != value]
    if changed:
        warn(
            f"Training goes on with the values that these parameters had when it began: "
            f"{', '.join(changed)}. Fit with warm_start=False to begin anew."
        )
