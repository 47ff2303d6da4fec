"""From raw data to rows, and from labels to signs, that detectors take."""

from ._semi_labels import semi_labels
from ._spectrogram import SpectrogramTransformer

__all__ = ["SpectrogramTransformer", "semi_labels"]
