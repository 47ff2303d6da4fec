"""Detectors outside of scikit-learn: as torch modules, and as ONNX models."""

from ._module import ScoringModule, to_module
from ._onnx import to_onnx

__all__ = ["ScoringModule", "to_module", "to_onnx"]
