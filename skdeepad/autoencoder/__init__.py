"""Detectors that compress rows and compare them with what comes back."""

from ._autoencoder import AutoEncoder

__all__ = ["AutoEncoder"]
