"""Displays of codes, reconstructions and boundaries, like scikit-learn's."""

from ._boundary import BoundaryDisplay
from ._latent_space import LatentSpaceDisplay
from ._reconstruction import ReconstructionDisplay

__all__ = ["BoundaryDisplay", "LatentSpaceDisplay", "ReconstructionDisplay"]
