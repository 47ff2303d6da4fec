"""Detectors with latent variable models and bounds of their likelihood."""

from ._adgm import ADGM
from ._auxiliary import AuxiliaryVAE
from ._ladder import LadderVAE
from ._sdgm import SDGM
from ._vae import VAE

__all__ = ["ADGM", "SDGM", "VAE", "AuxiliaryVAE", "LadderVAE"]
