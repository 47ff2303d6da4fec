"""Detectors that compress rows and compare them with what comes back."""

from ._autoencoder import AutoEncoder
from ._robust import RobustAutoEncoder
from ._vae import VAE

__all__ = ["VAE", "AutoEncoder", "RobustAutoEncoder"]
