"""Ensembles of detectors."""

from ._ensemble import DetectorEnsemble

__all__ = ["DetectorEnsemble"]
