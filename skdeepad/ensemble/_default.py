"""The detector to begin with."""

from sklearn.ensemble import IsolationForest

from ..neighbors import LeSiNN
from ._ensemble import DetectorEnsemble


def default_detector(*, random_state=None):
    return DetectorEnsemble(
        [("lesinn", LeSiNN()), ("forest", IsolationForest())], random_state=random_state
    )
