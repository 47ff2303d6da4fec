"""Detectors that compress rows and compare them with what comes back."""

from ._autoencoder import AutoEncoder
from ._vae import VAE

__all__ = ["VAE", "AutoEncoder"]
