"""Evaluation of detectors by generated anomalies and by classes left out."""

from ._leave_one_class_out import leave_one_class_out
from ._strong_anomalies import StrongAnomalySampler

__all__ = ["StrongAnomalySampler", "leave_one_class_out"]
