"""Detectors that compare rows with samples of the training rows."""

from ._lesinn import LeSiNN

__all__ = ["LeSiNN"]
