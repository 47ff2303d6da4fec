"""Detectors that learn from a few known anomalies."""

from ._devnet import DevNet

__all__ = ["DevNet"]
