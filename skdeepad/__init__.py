"""Deep anomaly detectors that are scikit-learn estimators."""

from ._version import __version__ as __version__
from .autoencoder import VAE, AutoEncoder
from .one_class import OCNN, DeepSVDD

__all__ = ["OCNN", "VAE", "AutoEncoder", "DeepSVDD", "all_detectors"]


def all_detectors():
    """Return the public detectors.

    Returns
    -------
    detectors : list of tuple of (str, type)
        Names and classes, sorted by name.
    """
    return sorted((name, globals()[name]) for name in __all__ if name != "all_detectors")
