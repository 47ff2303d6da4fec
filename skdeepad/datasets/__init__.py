"""Labelled data sets: eight inside the package, others on demand.

In sets of images ``target`` is the class. In all others it is 1 for an anomaly and 0 for a normal
row.
"""

from ._adbench import fetch_adbench, list_adbench
from ._images import fetch_cifar10, fetch_coil20, fetch_fashion_mnist, fetch_mnist
from ._kddcup99 import fetch_kddcup99
from ._loaders import (
    load_breastw,
    load_cardio,
    load_glass,
    load_ionosphere,
    load_thyroid,
    load_vowels,
    load_wdbc,
    load_wine,
)
from ._nab import fetch_nab, list_nab
from ._shipped import list_datasets
from ._unsw_nb15 import load_unsw_nb15

__all__ = [
    "fetch_adbench",
    "fetch_cifar10",
    "fetch_coil20",
    "fetch_fashion_mnist",
    "fetch_kddcup99",
    "fetch_mnist",
    "fetch_nab",
    "list_adbench",
    "list_datasets",
    "list_nab",
    "load_breastw",
    "load_cardio",
    "load_glass",
    "load_ionosphere",
    "load_thyroid",
    "load_unsw_nb15",
    "load_vowels",
    "load_wdbc",
    "load_wine",
]
