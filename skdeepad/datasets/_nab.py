"""Loader of the labelled time series of the Numenta Anomaly Benchmark (NAB)."""

import csv
import json

import numpy as np
from sklearn.utils import Bunch

from ._base import TARGET_NAMES, import_optional
from ._remote import Remote, read_sums, unknown_name

# This is a commit instead of a branch, because its hash fixes the content of each file.
_COMMIT = "ea702d75cc2258d9d7dd35ca8e5e2539d71f3140"
# Sums of 18 series and the windows. The other 40 series rely on the commit alone.
_SHA256 = read_sums("SHA256SUMS.NAB")
_NAB = Remote("nab", f"https://raw.githubusercontent.com/numenta/NAB/{_COMMIT}/", _SHA256)
_WINDOWS = "labels/combined_windows.json"

_NAMES = {
    "artificialNoAnomaly": """
        art_daily_no_noise art_daily_perfect_square_wave art_daily_small_noise art_flatline
        art_noisy
    """,
    "artificialWithAnomaly": """
        art_daily_flatmiddle art_daily_jumpsdown art_daily_jumpsup art_daily_nojump
        art_increase_spike_density art_load_balancer_spikes
    """,
    "realAWSCloudwatch": """
        ec2_cpu_utilization_24ae8d ec2_cpu_utilization_53ea38 ec2_cpu_utilization_5f5533
        ec2_cpu_utilization_77c1ca ec2_cpu_utilization_825cc2 ec2_cpu_utilization_ac20cd
        ec2_cpu_utilization_c6585a ec2_cpu_utilization_fe7f93 ec2_disk_write_bytes_1ef3de
        ec2_disk_write_bytes_c0d644 ec2_network_in_257a54 ec2_network_in_5abac7
        elb_request_count_8c0756 grok_asg_anomaly iio_us-east-1_i-a2eb1cd9_NetworkIn
        rds_cpu_utilization_cc0c53 rds_cpu_utilization_e47b3b
    """,
    "realAdExchange": """
        exchange-2_cpc_results exchange-2_cpm_results exchange-3_cpc_results
        exchange-3_cpm_results exchange-4_cpc_results exchange-4_cpm_results
    """,
    "realKnownCause": """
        ambient_temperature_system_failure cpu_utilization_asg_misconfiguration
        ec2_request_latency_system_failure machine_temperature_system_failure nyc_taxi
        rogue_agent_key_hold rogue_agent_key_updown
    """,
    "realTraffic": """
        TravelTime_387 TravelTime_451 occupancy_6005 occupancy_t4013 speed_6005 speed_7578
        speed_t4013
    """,
    "realTweets": """
        Twitter_volume_AAPL Twitter_volume_AMZN Twitter_volume_CRM Twitter_volume_CVS
        Twitter_volume_FB Twitter_volume_GOOG Twitter_volume_IBM Twitter_volume_KO
        Twitter_volume_PFE Twitter_volume_UPS
    """,
}
_STEMS = {
    name.lower(): f"{folder}/{name}" for folder, names in _NAMES.items() for name in names.split()
}


def list_nab():
    """Return the names of the 58 series of NAB.

    Returns
    -------
    names : list of str
        Folder and name, as in ``"artificialWithAnomaly/art_daily_jumpsup"``; :func:`fetch_nab`
        accepts each with or without the folder.

    Examples
    --------
    >>> from skdeepad.datasets import list_nab
    >>> [name for name in list_nab() if "jumps" in name]
    ['artificialWithAnomaly/art_daily_jumpsdown', 'artificialWithAnomaly/art_daily_jumpsup']
    """
    return list(_STEMS.values())


def fetch_nab(name, *, data_home=None, download_if_missing=True, return_X_y=False, as_frame=False):
    """Load a series of the Numenta Anomaly Benchmark (anomaly detection in time).

    Files are searched for in the folder ``nab`` of the one that the environment variable
    ``SKDEEPAD_DATA`` names, then in the folder ``nab`` of ``data_home``, and otherwise downloaded
    to the latter.

    Parameters
    ----------
    name : str
        Name of the series, in any case, with or without its folder: ``"art_daily_jumpsup"``,
        ``"artificialWithAnomaly/art_daily_jumpsup"``. :func:`list_nab` returns all names.

    data_home : str or path-like, default=None
        Folder for downloads, by default the user's cache folder according to `pooch`.

    download_if_missing : bool, default=True
        If False, raise an OSError if a file is in none of these places.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, data and target are a pandas DataFrame and Series, indexed by time.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : {ndarray, DataFrame} of shape (n_samples, 1)
            The values in the order of time, as float64, in one column for
            :class:`~skdeepad.preprocessing.SpectrogramTransformer`.
        target : {ndarray, Series} of shape (n_samples,)
            1 in a labelled window, 0 outside.
        timestamps : ndarray of shape (n_samples,), dtype datetime64[s]
            Times of the samples.
        windows : ndarray of shape (n_windows, 2), dtype datetime64[s]
            Times of the first and the last sample of each labelled window.
        feature_names : list of str
            ``["value"]``.
        target_names : ndarray of str
            ``["normal", "anomaly"]``.
        frame : DataFrame of shape (n_samples, 2)
            Data and target; None unless ``as_frame=True``.
        DESCR : str
            Description.
        filename : str
            Path of the file of the series.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

    Raises
    ------
    ValueError
        If the name is not one of the 58, or a file is damaged.
    OSError
        If a file is missing and cannot, or must not, be downloaded.

    Notes
    -----
    A window is wider than its anomaly. The windows together cover a tenth of a series, and many of
    their samples look normal. Measures that count each sample, like ROC AUC, therefore stay well
    below 1.

    Downloads come from a fixed commit of NAB's repository. The 18 artificial series and those of
    known cause, and the windows, are also checked against a SHA-256 sum; the other 40 rely on that
    commit alone. Files in ``SKDEEPAD_DATA`` are not checked.

    References
    ----------
    A. Lavin and S. Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms - the Numenta
    Anomaly Benchmark", ICMLA, 2015. https://github.com/numenta/NAB

    Examples
    --------
    >>> from skdeepad.datasets import fetch_nab
    >>> nab = fetch_nab("art_daily_jumpsup")  # doctest: +SKIP
    >>> nab.data.shape, int(nab.target.sum())  # doctest: +SKIP
    ((4032, 1), 403)
    """
    stem = _stem(name)
    path, labels = (
        _NAB.locate(file, data_home, download_if_missing) for file in (f"data/{stem}.csv", _WINDOWS)
    )
    timestamps, data = _read_series(path)
    windows = _read_windows(labels, stem)
    inside = (timestamps[:, None] >= windows[:, 0]) & (timestamps[:, None] <= windows[:, 1])
    target = inside.any(axis=1).astype(np.int64)
    frame = None
    if as_frame:
        pd = import_optional("pandas", "as_frame=True")
        index = pd.DatetimeIndex(timestamps, name="timestamp")
        frame = pd.DataFrame({"value": data[:, 0], "target": target}, index=index)
        data, target = frame[["value"]], frame["target"]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        timestamps=timestamps,
        windows=windows,
        frame=frame,
        feature_names=["value"],
        target_names=np.array(TARGET_NAMES),
        DESCR=f"{stem}, one of the 58 series of NAB: https://github.com/numenta/NAB (MIT)",
        filename=str(path),
    )


def _stem(name):
    """Return NAB's folder and file name without suffix, for a name with or without folder."""
    key = str(name).lower().removesuffix(".csv")
    for short, stem in _STEMS.items():
        if key in (short, stem.lower()):
            return stem
    raise unknown_name(
        name,
        near=key.rpartition("/")[2],
        spelled={short: stem.rpartition("/")[2] for short, stem in _STEMS.items()},
        what="series of NAB",
        lister="list_nab",
    )


def _read_series(path):
    """Return the times and the values of a series."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [(row["timestamp"], row["value"]) for row in csv.DictReader(file)]
        times, values = zip(*rows, strict=True)
        times, values = np.array(times, "datetime64[s]"), np.array(values, np.float64)[:, None]
        if not np.isfinite(values).all() or np.isnat(times).any():
            raise ValueError("A value is missing.")
        return times, values
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged: it must be a .csv file with columns timestamp and value"
        ) from error


def _read_windows(path, stem):
    """Return the first and the last time of each labelled window of a series."""
    try:
        windows = json.loads(path.read_text(encoding="utf-8"))[f"{stem}.csv"]
        times = np.array(windows, dtype="datetime64[us]").astype("datetime64[s]").reshape(-1, 2)
        if not (times[:, 0] <= times[:, 1]).all():  # nor is NaT before any time
            raise ValueError("A window ends before it begins.")
        return times
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged: it must be a .json file with a list of windows for {stem}.csv"
        ) from error
