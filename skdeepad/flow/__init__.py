"""Detectors that score rows by the density of an invertible flow."""

from ._bdsgm import BDSGM
from ._iresnet import InvertibleResNet

__all__ = ["BDSGM", "InvertibleResNet"]
