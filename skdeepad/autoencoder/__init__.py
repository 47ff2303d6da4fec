"""Detectors that compress rows and compare them with what comes back."""

from ._aae import AAE
from ._adgm import ADGM
from ._autoencoder import AutoEncoder
from ._auxiliary import AuxiliaryVAE
from ._ladder import LadderVAE
from ._robust import RobustAutoEncoder
from ._sdgm import SDGM
from ._vae import VAE
from ._wae import WAE

__all__ = [
    "AAE",
    "ADGM",
    "SDGM",
    "VAE",
    "WAE",
    "AutoEncoder",
    "AuxiliaryVAE",
    "LadderVAE",
    "RobustAutoEncoder",
]
