"""Detectors that learn by reinforcement."""

from ._dplan import DPLAN

__all__ = ["DPLAN"]
