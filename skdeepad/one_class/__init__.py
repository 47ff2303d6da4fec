"""Detectors with a one-class objective."""

from ._deep_sad import DeepSAD
from ._deep_svdd import DeepSVDD
from ._oc_nn import OCNN

__all__ = ["OCNN", "DeepSAD", "DeepSVDD"]
