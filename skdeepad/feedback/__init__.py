"""Detectors that ask, and learn from the answers."""

from ._feedback import FeedbackDetector

__all__ = ["FeedbackDetector"]
