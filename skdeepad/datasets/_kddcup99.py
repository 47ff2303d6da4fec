"""Loader of KDD Cup 1999 as papers on anomaly detection use it."""

import gzip
import warnings
import zlib
from inspect import getdoc

import numpy as np
from sklearn import datasets

from ._base import as_bunch, encoded
from ._remote import own_file

_COLUMNS = """
    duration protocol_type service flag src_bytes dst_bytes land wrong_fragment urgent hot
    num_failed_logins logged_in num_compromised root_shell su_attempted num_root num_file_creations
    num_shells num_access_files num_outbound_cmds is_host_login is_guest_login count srv_count
    serror_rate srv_serror_rate rerror_rate srv_rerror_rate same_srv_rate diff_srv_rate
    srv_diff_host_rate dst_host_count dst_host_srv_count dst_host_same_srv_rate
    dst_host_diff_srv_rate dst_host_same_src_port_rate dst_host_srv_diff_host_rate
    dst_host_serror_rate dst_host_srv_serror_rate dst_host_rerror_rate dst_host_srv_rerror_rate
"""
_NAMES = _COLUMNS.split()
_CATEGORICAL = ["protocol_type", "service", "flag", "land", "logged_in"]
_CATEGORICAL += ["is_host_login", "is_guest_login"]
_NUMERICAL = [name for name in _NAMES if name not in _CATEGORICAL]
_TEXT = "S16"


def fetch_kddcup99(*, data_home=None, download_if_missing=True, return_X_y=False, as_frame=False):
    """Load KDD Cup 1999, connections to a network (anomaly detection).

    These are 10 percent of the connections, in the order of the file. Four of five are attacks,
    most of them floods of equal connections. By the convention of papers on anomaly detection,
    attacks are the normal class, and connections without an attack are the anomalies.

    =================   ==============
    Samples total               494021
    Anomalies            97278 (19.7%)
    Dimensionality                 121
    =================   ==============

    The file is searched for as ``kddcup99/kddcup.data_10_percent.gz`` in the folder that the
    environment variable ``SKDEEPAD_DATA`` names. If it is not there,
    :func:`sklearn.datasets.fetch_kddcup99` finds or downloads the data.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder of scikit-learn's data, by default ``~/scikit_learn_data``.

    download_if_missing : bool, default=True
        If False, raise an OSError if the data are in none of these places.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, data and target are a pandas DataFrame and Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : {ndarray, DataFrame} of shape (494021, 121)
            34 numbers, and 87 indicators of the values of seven categories, as float32: 239 MB.
        target : {ndarray, Series} of shape (494021,)
            0 for an attack, 1 for a connection without one.
        attacks : ndarray of shape (494021,)
            Names of the attacks, such as ``"smurf"``, or ``"normal"``.
        feature_names : list of str
            Names such as ``"src_bytes"``, or ``"flag=SF"`` for an indicator.
        target_names : ndarray of str
            ``["normal", "anomaly"]``, in the sense of the target.
        frame : DataFrame of shape (494021, 122)
            Data and target; None unless ``as_frame=True``.
        DESCR : str
            Description.
        filename : str or None
            Path of the file; None if scikit-learn has found it.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

    Raises
    ------
    ValueError
        If the file is damaged.
    OSError
        If it is missing and cannot, or must not, be downloaded.

    Notes
    -----
    Scale the columns: the numbers of bytes reach 7e8 and would dominate the other columns. Most
    rows have copies, so that many rows of a test set are also training rows.

    References
    ----------
    S. J. Stolfo et al., "Cost-based modeling for fraud and intrusion detection", DISCEX 2000.

    H. Zenati et al., "Efficient GAN-based anomaly detection", arXiv:1802.06222.

    Examples
    --------
    >>> from skdeepad.datasets import fetch_kddcup99
    >>> kdd = fetch_kddcup99()  # doctest: +SKIP
    >>> kdd.data.shape, int(kdd.target.sum())  # doctest: +SKIP
    ((494021, 121), 97278)
    """
    path = own_file("kddcup99", "kddcup.data_10_percent.gz")
    if path:
        columns = _read(path)
    else:
        columns = _fetch(data_home=data_home, download_if_missing=download_if_missing)
    data, feature_names = encoded(columns, _NUMERICAL, _CATEGORICAL)
    kinds, kind = np.unique(columns["label"], return_inverse=True)
    attacks = np.char.rstrip(kinds.astype(str), ".")[kind]
    return as_bunch(
        data,
        (attacks == "normal").astype(np.int64),
        attacks=attacks,
        feature_names=feature_names,
        descr=(getdoc(fetch_kddcup99) or "").partition("\nParameters\n")[0],
        filename=path and str(path),
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def _read(path):
    """Return the columns of the file by their names."""
    text = dict.fromkeys([*_CATEGORICAL, "label"], _TEXT)
    dtype = [(name, text.get(name, np.float32)) for name in [*_NAMES, "label"]]
    try:
        with warnings.catch_warnings():  # the error below reports an empty file
            warnings.filterwarnings("ignore", "loadtxt: input contained no data", UserWarning)
            columns = np.loadtxt(path, dtype=dtype, delimiter=",", ndmin=1, comments=None)
        if not len(columns):
            raise ValueError("there are no lines")
        if not all(value.isascii() for name in text for value in np.unique(columns[name])):
            raise ValueError("a name is not ASCII")
        if not all(np.isfinite(columns[name]).all() for name in _NAMES if name not in text):
            raise ValueError("a value is missing")
        return columns
    except (EOFError, ValueError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"{path} is damaged: it must be a .gz file with 41 values and a label in each line"
        ) from error


def _fetch(**where):
    """Return the columns of scikit-learn's arrays by their names."""
    X, y = datasets.fetch_kddcup99(return_X_y=True, **where)
    columns = dict(zip(_NAMES, X.T, strict=True), label=y)
    return columns | {name: columns[name].astype(_TEXT) for name in [*_CATEGORICAL, "label"]}
