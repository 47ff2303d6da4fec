"""Detectors that learn by acting."""

from ._dplan import DPLAN

__all__ = ["DPLAN"]
