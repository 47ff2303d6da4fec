"""Ensembles of detectors."""

from ._default import default_detector
from ._ensemble import DetectorEnsemble

__all__ = ["DetectorEnsemble", "default_detector"]
