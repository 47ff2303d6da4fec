"""Detectors that draw a boundary around one class."""

from ._deep_svdd import DeepSVDD
from ._oc_nn import OCNN

__all__ = ["OCNN", "DeepSVDD"]
