"""Detectors of anomalous groups of rows."""

from ._group import GroupAnomalyDetector

__all__ = ["GroupAnomalyDetector"]
