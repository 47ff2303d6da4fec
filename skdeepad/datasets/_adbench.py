"""The 47 classical sets of ADBench."""

import difflib
import hashlib
import os
from pathlib import Path

from . import _loaders
from ._base import DATA, import_optional, load_npz
from ._shipped import list_datasets

# A commit, not a branch: its hash stands for the content of each file below it.
_COMMIT = "f7fed68dea6901fe9a81ed51b251b1d2456790cd"
_URL = f"https://raw.githubusercontent.com/Minqi824/ADBench/{_COMMIT}/adbench/datasets/Classical/"
# Of 28 files. The other 19 are checked by nothing but the commit in the URL.
_SHA256 = {
    file: sha256 for sha256, file in map(str.split, (DATA / "SHA256SUMS").read_text().splitlines())
}
_NAMES = [
    "ALOI",
    "annthyroid",
    "backdoor",
    "breastw",
    "campaign",
    "cardio",
    "Cardiotocography",
    "celeba",
    "census",
    "cover",
    "donors",
    "fault",
    "fraud",
    "glass",
    "Hepatitis",
    "http",
    "InternetAds",
    "Ionosphere",
    "landsat",
    "letter",
    "Lymphography",
    "magic.gamma",
    "mammography",
    "mnist",
    "musk",
    "optdigits",
    "PageBlocks",
    "pendigits",
    "Pima",
    "satellite",
    "satimage-2",
    "shuttle",
    "skin",
    "smtp",
    "SpamBase",
    "speech",
    "Stamps",
    "thyroid",
    "vertebral",
    "vowels",
    "Waveform",
    "WBC",
    "WDBC",
    "Wilt",
    "wine",
    "WPBC",
    "yeast",
]
_STEMS = {name.lower(): f"{number}_{name}" for number, name in enumerate(_NAMES, start=1)}


def list_adbench():
    """Names of ADBench's 47 classical sets, in ADBench's order.

    Returns
    -------
    names : list of str
        Each is accepted by :func:`fetch_adbench`; ADBench's number is the position plus one.

    Examples
    --------
    >>> from skdeepad.datasets import list_adbench
    >>> list_adbench()[:4]
    ['ALOI', 'annthyroid', 'backdoor', 'breastw']
    """
    return list(_NAMES)


def fetch_adbench(
    name, *, data_home=None, download_if_missing=True, return_X_y=False, as_frame=False
):
    """Load one of ADBench's 47 classical sets (anomaly detection).

    The sets inside this package need no file. Others are looked for in the folder ``adbench`` of
    the one that the environment variable ``SKDEEPAD_DATA`` names, then in that of ``data_home``,
    then downloaded there.

    Parameters
    ----------
    name : str
        Name of the set, in any case, with or without ADBench's number: ``"pima"``, ``"29_Pima"``.
        :func:`list_adbench` gives all.

    data_home : str or path-like, default=None
        Folder to keep downloads in, by default the user's cache as `pooch` finds it.

    download_if_missing : bool, default=True
        If False, raise an OSError where the file is in none of these places.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, data and target are a pandas DataFrame and Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : {ndarray, DataFrame} of shape (n_samples, n_features)
            Rows, as float64.
        target : {ndarray, Series} of shape (n_samples,)
            1 for an anomaly, 0 for a normal row.
        feature_names : list of str
            Names of the columns; ``x0``, ``x1``, … where ADBench gives none.
        target_names : ndarray of str
            ``["normal", "anomaly"]``.
        frame : DataFrame of shape (n_samples, n_features + 1)
            Data and target; None unless ``as_frame=True``.
        DESCR : str
            Description.
        filename : str
            Where the file was found.

    (data, target) : tuple, if ``return_X_y=True``
        The two alone.

    Raises
    ------
    ValueError
        If the name is none of the 47.
    OSError
        If the file is not there and cannot, or must not, be downloaded.

    Notes
    -----
    Downloads come from a fixed commit of ADBench's repository. 28 of the files are checked
    against a SHA-256 sum as well; for the other 19 that commit is all there is to rely on. A file
    in ``SKDEEPAD_DATA`` is taken as it is.

    References
    ----------
    S. Han, X. Hu, H. Huang, M. Jiang and Y. Zhao, "ADBench: Anomaly Detection Benchmark",
    NeurIPS Datasets and Benchmarks, 2022. https://github.com/Minqi824/ADBench

    Examples
    --------
    >>> from skdeepad.datasets import fetch_adbench
    >>> X, y = fetch_adbench("45_wine", return_X_y=True)
    >>> X.shape, int(y.sum())
    ((129, 13), 10)
    """
    stem = _stem(name)
    short = stem.partition("_")[2].lower()
    if short in list_datasets():
        return getattr(_loaders, f"load_{short}")(return_X_y=return_X_y, as_frame=as_frame)
    return load_npz(
        _locate(f"{stem}.npz", data_home, download_if_missing),
        feature_names=None,
        descr=f"{stem}, one of the 47 classical sets of ADBench: https://github.com/Minqi824/ADBench",
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def _stem(name):
    """ADBench's file name without suffix, ``29_Pima`` for ``pima`` or ``29_pima``."""
    key = str(name).lower()
    for short, stem in _STEMS.items():
        if key in (short, stem.lower()):
            return stem
    near = difflib.get_close_matches(key.lstrip("0123456789_"), _STEMS)
    accepted = " or ".join(repr(_STEMS[short].partition("_")[2]) for short in near)
    raise ValueError(
        f"name={name!r} is no classical set of ADBench: "
        + (f"did you mean {accepted}? " if near else "")
        + "list_adbench() gives the names accepted"
    )


def _locate(file, data_home, download_if_missing):
    """Path of a file on this machine, downloaded if need be."""
    own = os.environ.get("SKDEEPAD_DATA")
    if own and (path := Path(own).expanduser() / "adbench" / file).is_file():
        return path
    if data_home is None:
        data_home = import_optional("pooch", "the default data_home").os_cache("skdeepad")
    path = Path(data_home).expanduser() / "adbench" / file
    if not _is_intact(path):
        _download(path, download_if_missing)
    return path


def _is_intact(path):
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _SHA256.get(path.name) in (None, hashlib.file_digest(file, "sha256").hexdigest())


def _download(path, download_if_missing):
    by_hand = (
        f"to put it there by hand, save {_URL + path.name} as {path}, or in the folder adbench of "
        "the one that the environment variable SKDEEPAD_DATA names"
    )
    if not download_if_missing:
        raise OSError(f"{path} is missing or damaged and download_if_missing=False; {by_hand}")
    pooch = import_optional("pooch", "downloading")
    sha256 = _SHA256.get(path.name)
    try:
        pooch.retrieve(_URL + path.name, known_hash=sha256, fname=path.name, path=path.parent)
    except (OSError, ValueError) as error:  # no network, no such page, no space, wrong content
        raise OSError(f"{path.name} could not be downloaded: {error}; {by_hand}") from error
