"""Detectors with clusters of codes."""

from ._deep_clustering import DeepClustering

__all__ = ["DeepClustering"]
