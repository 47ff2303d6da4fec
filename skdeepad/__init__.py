"""Deep anomaly detectors that are scikit-learn estimators."""

import importlib

from ._show_versions import show_versions
from ._version import __version__ as __version__
from .adversarial import EGBAD, AnoGAN, GANomaly
from .autoencoder import AAE, WAE, AutoEncoder, RobustAutoEncoder
from .base import BaseDetector as _BaseDetector
from .clustering import DeepClustering
from .ensemble import DetectorEnsemble, default_detector
from .flow import BDSGM, InvertibleResNet
from .group import GroupAnomalyDetector
from .neighbors import LeSiNN
from .one_class import OCNN, DeepSAD, DeepSVDD
from .reinforcement import DPLAN
from .variational import ADGM, SDGM, VAE, AuxiliaryVAE, LadderVAE
from .weakly_supervised import REPEN, DevNet

__all__ = [
    "AAE",
    "ADGM",
    "BDSGM",
    "DPLAN",
    "EGBAD",
    "OCNN",
    "REPEN",
    "SDGM",
    "VAE",
    "WAE",
    "AnoGAN",
    "AutoEncoder",
    "AuxiliaryVAE",
    "DeepClustering",
    "DeepSAD",
    "DeepSVDD",
    "DetectorEnsemble",
    "DevNet",
    "GANomaly",
    "GroupAnomalyDetector",
    "InvertibleResNet",
    "LadderVAE",
    "LeSiNN",
    "RobustAutoEncoder",
    "all_detectors",
    "default_detector",
    "show_versions",
]


# Sub-packages that are imported on first access.
_SUBPACKAGES = {"benchmark", "calibration", "datasets", "export", "feedback", "inspection"}
_SUBPACKAGES |= {"interop", "metrics", "model_selection", "preprocessing"}


def __getattr__(name: str):
    if name in _SUBPACKAGES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(globals().keys() | _SUBPACKAGES)


def all_detectors():
    """Return the public deep detectors, without the meta-estimators.

    Read more in the :ref:`User Guide <which_detector>`.

    .. versionadded:: 0.1

    Returns
    -------
    detectors : list of tuple of (str, type)
        Names and classes, sorted by name.
    """
    classes = ((name, globals()[name]) for name in __all__ if name[0].isupper())
    return sorted((name, cls) for name, cls in classes if issubclass(cls, _BaseDetector))
