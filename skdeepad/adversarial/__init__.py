"""Adversarial detectors with a generator and a discriminator."""

from ._anogan import AnoGAN
from ._egbad import EGBAD
from ._ganomaly import GANomaly

__all__ = ["EGBAD", "AnoGAN", "GANomaly"]
