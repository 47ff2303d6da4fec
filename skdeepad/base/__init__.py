"""Base classes of the detectors: validation, scaling, training, scores and threshold."""

from ._capabilities import DecoderMixin, EncoderMixin, ReconstructorMixin, SamplerMixin
from ._common import CommonParameters, StopsEarly
from ._detector import BaseDetector
from ._gradients import GradientContributionsMixin
from ._labels import SignedLabels
from ._missing import AcceptsMissing
from ._parameters import (
    COUNT,
    COUNT_OR_ZERO,
    LAYER_SIZES,
    NON_NEGATIVE,
    POSITIVE,
    SHARE,
    SHARE_BELOW_ONE,
    detector,
    fixed,
    param,
)

__all__ = [
    "COUNT",
    "COUNT_OR_ZERO",
    "LAYER_SIZES",
    "NON_NEGATIVE",
    "POSITIVE",
    "SHARE",
    "SHARE_BELOW_ONE",
    "AcceptsMissing",
    "BaseDetector",
    "CommonParameters",
    "DecoderMixin",
    "EncoderMixin",
    "GradientContributionsMixin",
    "ReconstructorMixin",
    "SamplerMixin",
    "SignedLabels",
    "StopsEarly",
    "detector",
    "fixed",
    "param",
]
