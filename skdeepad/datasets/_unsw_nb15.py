"""Loader of UNSW-NB15 as DPLAN's paper uses it."""

import warnings
from inspect import getdoc

import numpy as np

from ._base import as_bunch, encoded
from ._remote import in_home, own_file

_FOLDER = "unsw_nb15"
_FILES = ("UNSW_NB15_training-set.csv", "UNSW_NB15_testing-set.csv")
_PAGE = "https://research.unsw.edu.au/projects/unsw-nb15-dataset"
_CATEGORICAL = ("proto", "service", "state")
_NUMBERS = """
    dur spkts dpkts sbytes dbytes rate sttl dttl sload dload sloss dloss sinpkt dinpkt sjit djit
    swin stcpb dtcpb dwin tcprtt synack ackdat smean dmean trans_depth response_body_len ct_srv_src
    ct_state_ttl ct_dst_ltm ct_src_dport_ltm ct_dst_sport_ltm ct_dst_src_ltm is_ftp_login
    ct_ftp_cmd ct_flw_http_mthd ct_src_ltm ct_srv_dst is_sm_ips_ports
"""
_NUMERICAL = _NUMBERS.split()
_TEXT = (*_CATEGORICAL, "attack_cat")
_COLUMNS = ["id", _NUMERICAL[0], *_CATEGORICAL, *_NUMERICAL[1:], "attack_cat", "label"]
# Rows of the two published files together.
_N_ROWS = 257_673


def load_unsw_nb15(*, data_home=None, return_X_y=False, as_frame=False):
    """Load UNSW-NB15, connections to a network (anomaly detection).

    These are the two files that the authors call a part of training and testing set, one after
    the other, in the order of the files. Nine kinds of attacks are the anomalies.

    =================   ==============
    Samples total               257673
    Anomalies           164673 (63.9%)
    Dimensionality                 196
    =================   ==============

    The files ``UNSW_NB15_training-set.csv`` and ``UNSW_NB15_testing-set.csv`` are searched for in
    the folder ``unsw_nb15`` of the folder that the environment variable ``SKDEEPAD_DATA`` names,
    then in the folder ``unsw_nb15`` of `data_home`. They can't be downloaded by a program: their
    page, https://research.unsw.edu.au/projects/unsw-nb15-dataset, links to a folder for browsers.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder with the folder of the files, by default the cache of skdeepad's downloads.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, data and target are a pandas DataFrame and Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : {ndarray, DataFrame} of shape (257673, 196)
            39 numbers, and 157 indicators of the values of protocol, service and state, as
            float32: 202 MB.
        target : {ndarray, Series} of shape (257673,)
            1 for an attack, 0 for a connection without one.
        attacks : ndarray of shape (257673,)
            Kinds of the attacks, such as ``"Fuzzers"``, or ``"Normal"``.
        feature_names : list of str
            Names such as ``"sbytes"``, or ``"proto=tcp"`` for an indicator.
        target_names : ndarray of str
            ``["normal", "anomaly"]``.
        frame : DataFrame of shape (257673, 197)
            Data and target; None unless ``as_frame=True``.
        DESCR : str
            Description.
        filename : str
            Path of the folder with the files.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

    Raises
    ------
    OSError
        If a file is missing.
    ValueError
        If a file is damaged, or if there are not as many rows as were published.

    Notes
    -----
    Scale the columns: the rates of bits reach 6e9 and would dominate the other columns. DPLAN's
    paper takes seven kinds of attacks one by one as the known one, see
    ``benchmarks/papers/dplan.py``.

    References
    ----------
    N. Moustafa, J. Slay, "UNSW-NB15: a comprehensive data set for network intrusion detection
    systems", MilCIS 2015.

    G. Pang et al., "Toward deep supervised anomaly detection: reinforcement learning from
    partially labeled anomaly data", KDD 2021, arXiv:2009.06847.

    Examples
    --------
    >>> from skdeepad.datasets import load_unsw_nb15
    >>> unsw = load_unsw_nb15()  # doctest: +SKIP
    >>> unsw.data.shape, int(unsw.target.sum())  # doctest: +SKIP
    ((257673, 196), 164673)
    """
    paths = [_locate(file, data_home) for file in _FILES]
    parts = [_read(path) for path in paths]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in _COLUMNS}
    n_rows = len(columns["label"])
    if n_rows != _N_ROWS:
        raise ValueError(
            f"{paths[0].parent} has {n_rows} rows in {' and '.join(_FILES)}, but {_N_ROWS} were "
            "published: a file is incomplete, or both are the same one."
        )
    data, feature_names = encoded(columns, _NUMERICAL, _CATEGORICAL)
    return as_bunch(
        data,
        columns["label"].astype(np.int64),
        attacks=columns["attack_cat"].astype(str),
        feature_names=feature_names,
        descr=(getdoc(load_unsw_nb15) or "").partition("\nParameters\n")[0],
        filename=str(paths[0].parent),
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def _locate(file, data_home):
    if path := own_file(_FOLDER, file):
        return path
    path = in_home(data_home, _FOLDER, file)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: {_PAGE} has it in the folder of CSV files; save it there, or as "
            f"{_FOLDER}/{file} in the folder that the environment variable SKDEEPAD_DATA names."
        )
    return path


def _read(path):
    """Return the columns of a file by their names."""
    dtype = [(name, "S32" if name in _TEXT else np.float32) for name in _COLUMNS]
    try:
        with path.open(encoding="utf-8-sig") as lines, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "loadtxt: input contained no data", UserWarning)
            if lines.readline().strip().split(",") != _COLUMNS:
                raise ValueError("the first line has other names")
            columns = np.loadtxt(
                lines, dtype=dtype, delimiter=",", comments=None, quotechar='"', ndmin=1
            )
        for name in _TEXT:
            columns[name] = np.char.strip(columns[name])
        _check(columns)
        return columns
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged: it must be a text file with a line of the names "
            f"{','.join(_COLUMNS[:3])},… and {len(_COLUMNS)} values in each further line ({error})"
        ) from error


def _check(columns):
    """Raise if a value can't be one of the published ones."""
    for name in _NUMERICAL:
        if not np.isfinite(columns[name]).all():
            raise ValueError(f"{name} has a value that is not finite")
    for name in _TEXT:
        odd = [value for value in np.unique(columns[name]) if not (value and value.isascii())]
        if odd:
            raise ValueError(f"{name} has the value {odd[0]!r}")
    if (columns["label"] != (columns["attack_cat"] != b"Normal")).any():
        raise ValueError("label must be 0 where attack_cat is Normal, and 1 elsewhere")
