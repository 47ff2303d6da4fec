"""Adversarial detectors: a generator and a discriminator."""

from ._anogan import AnoGAN
from ._egbad import EGBAD

__all__ = ["EGBAD", "AnoGAN"]
