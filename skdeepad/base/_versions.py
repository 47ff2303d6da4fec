"""Versions of saved estimators."""

from sklearn.exceptions import InconsistentVersionWarning

from .._version import __version__
from ..training import warn

# Entry of a saved state.
VERSION = "_skdeepad_version"


class InconsistentDetectorVersionWarning(InconsistentVersionWarning):
    """Warning that a detector was saved by another version of skdeepad."""

    def __init__(self, estimator_name: str, original_version: str) -> None:
        self.estimator_name = estimator_name
        self.original_version = original_version

    def __str__(self) -> str:
        return (
            f"This {self.estimator_name} was saved by version {self.original_version} of skdeepad, "
            f"and is opened by version {__version__}. Its scores may differ, or it may not work: "
            "fit it again, or install the version that saved it."
        )


class VersionMixin:
    """Saved states with the version of skdeepad; another one opens them with a warning."""

    def __getstate__(self) -> dict:
        return super().__getstate__() | {VERSION: __version__}

    def __setstate__(self, state: dict) -> None:
        state = dict(state)
        saved_by = state.pop(VERSION, "before 0.1")
        if saved_by != __version__:
            warn(InconsistentDetectorVersionWarning(type(self).__name__, saved_by))
        super().__setstate__(state)
