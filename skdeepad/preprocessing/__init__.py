"""Conversion of raw data to rows, and of labels to signs, for detectors."""

from ._semi_labels import semi_labels
from ._spectrogram import SpectrogramTransformer

__all__ = ["SpectrogramTransformer", "semi_labels"]
