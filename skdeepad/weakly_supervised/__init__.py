"""Detectors that learn from a few known anomalies."""

from ._devnet import DevNet
from ._repen import REPEN

__all__ = ["REPEN", "DevNet"]
