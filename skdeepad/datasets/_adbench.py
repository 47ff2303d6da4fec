"""Loader of the 47 classical sets of ADBench."""

from . import _loaders
from ._base import load_npz
from ._remote import Remote, read_sums, unknown_name
from ._shipped import list_datasets

# This is a commit instead of a branch, because its hash fixes the content of each file.
_COMMIT = "f7fed68dea6901fe9a81ed51b251b1d2456790cd"
_URL = f"https://raw.githubusercontent.com/Minqi824/ADBench/{_COMMIT}/adbench/datasets/Classical/"
# Sums of 28 files. The other 19 rely on the commit in the URL and on the checksums in the archive.
_SHA256 = read_sums("SHA256SUMS")
_ADBENCH = Remote("adbench", _URL, _SHA256)
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
    """Return the names of ADBench's 47 classical sets, in ADBench's order.

    Returns
    -------
    names : list of str
        Names for :func:`fetch_adbench`; ADBench's number is the position plus one.

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

    The sets inside this package need no file. Other files are searched for in the folder
    ``adbench`` of the one that the environment variable ``SKDEEPAD_DATA`` names, then in the folder
    ``adbench`` of ``data_home``, and otherwise downloaded to the latter.

    Parameters
    ----------
    name : str
        Name of the set, in any case, with or without ADBench's number: ``"pima"``, ``"29_Pima"``.
        :func:`list_adbench` returns all names.

    data_home : str or path-like, default=None
        Folder for downloads, by default the user's cache folder according to `pooch`.

    download_if_missing : bool, default=True
        If False, raise an OSError if the file is in none of these places.

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
            Names of the columns; ``x0``, ``x1``, … if ADBench gives none.
        target_names : ndarray of str
            ``["normal", "anomaly"]``.
        frame : DataFrame of shape (n_samples, n_features + 1)
            Data and target; None unless ``as_frame=True``.
        DESCR : str
            Description.
        filename : str
            Path of the file.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

    Raises
    ------
    ValueError
        If the name is not one of the 47.
    OSError
        If the file is missing and cannot, or must not, be downloaded.

    Notes
    -----
    Downloads come from a fixed commit of ADBench's repository. 28 of the files are also checked
    against a SHA-256 sum. The other 19 rely on that commit and on the checksums inside the file,
    which reveal damage but not another origin. A damaged file in the cache is downloaded again. A
    file in ``SKDEEPAD_DATA`` is not checked.

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
        _ADBENCH.locate(f"{stem}.npz", data_home, download_if_missing),
        feature_names=None,
        descr=f"{stem}, one of the 47 classical sets of ADBench: https://github.com/Minqi824/ADBench",
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def _stem(name):
    """Return ADBench's file name without suffix, ``29_Pima`` for ``pima`` or ``29_pima``."""
    key = str(name).lower()
    for short, stem in _STEMS.items():
        if key in (short, stem.lower()):
            return stem
    spelled = {short: stem.partition("_")[2] for short, stem in _STEMS.items()}
    raise unknown_name(
        name,
        near=key.lstrip("0123456789_"),
        spelled=spelled,
        what="classical set of ADBench",
        lister="list_adbench",
    )
