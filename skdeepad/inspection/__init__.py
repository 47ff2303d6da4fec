"""Contributions of columns, and displays of scores, codes and more, like scikit-learn's."""

from ._boundary import BoundaryDisplay
from ._contributions import ContributionDisplay
from ._feature_contributions import feature_contributions
from ._history import HistoryDisplay
from ._latent_space import LatentSpaceDisplay
from ._p_values import PValueDisplay
from ._reconstruction import ReconstructionDisplay
from ._scores import ScoreDisplay

__all__ = [
    "BoundaryDisplay",
    "ContributionDisplay",
    "HistoryDisplay",
    "LatentSpaceDisplay",
    "PValueDisplay",
    "ReconstructionDisplay",
    "ScoreDisplay",
    "feature_contributions",
]
