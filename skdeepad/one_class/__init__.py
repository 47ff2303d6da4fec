"""Detectors that learn one class."""

from ._deep_sad import DeepSAD
from ._deep_svdd import DeepSVDD
from ._oc_nn import OCNN

__all__ = ["OCNN", "DeepSAD", "DeepSVDD"]
