"""Adversarial detectors: a generator and a discriminator."""

from ._anogan import AnoGAN

__all__ = ["AnoGAN"]
