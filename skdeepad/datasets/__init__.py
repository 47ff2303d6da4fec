"""Labelled data sets: eight inside the package, others on demand.

These are ADBench's tables, NAB's time series and KDD Cup 1999. In each, ``target`` is 1 for an
anomaly and 0 for a normal row.
"""

from ._adbench import fetch_adbench, list_adbench
from ._kddcup99 import load_kddcup99
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
from ._nab import list_nab, load_nab
from ._shipped import list_datasets

__all__ = [
    "fetch_adbench",
    "list_adbench",
    "list_datasets",
    "list_nab",
    "load_breastw",
    "load_cardio",
    "load_glass",
    "load_ionosphere",
    "load_kddcup99",
    "load_nab",
    "load_thyroid",
    "load_vowels",
    "load_wdbc",
    "load_wine",
]
