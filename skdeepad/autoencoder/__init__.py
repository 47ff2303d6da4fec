"""Detectors that compress rows and compare them with their reconstructions."""

from ._aae import AAE
from ._autoencoder import AutoEncoder
from ._robust import RobustAutoEncoder
from ._wae import WAE

__all__ = ["AAE", "WAE", "AutoEncoder", "RobustAutoEncoder"]
