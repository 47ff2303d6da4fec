"""From raw data to rows that detectors take."""

from ._spectrogram import SpectrogramTransformer

__all__ = ["SpectrogramTransformer"]
