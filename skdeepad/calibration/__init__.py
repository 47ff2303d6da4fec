"""Thresholds with a promise, for any outlier detector."""

from ._conformal import ConformalDetector
from ._tuned import TunedThreshold

__all__ = ["ConformalDetector", "TunedThreshold"]
