"""Pictures of what detectors have learned, as scikit-learn's Displays."""

from ._boundary import BoundaryDisplay
from ._latent_space import LatentSpaceDisplay
from ._reconstruction import ReconstructionDisplay

__all__ = ["BoundaryDisplay", "LatentSpaceDisplay", "ReconstructionDisplay"]
