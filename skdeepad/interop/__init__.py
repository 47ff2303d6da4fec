"""Detectors in the conventions of other libraries, and theirs in scikit-learn's."""

from ._classifier import DetectorClassifier
from ._pyod import PyODDetector, from_pyod, to_pyod
from ._skops import trusted_types

__all__ = ["DetectorClassifier", "PyODDetector", "from_pyod", "to_pyod", "trusted_types"]
