"""NAB's series come with their times, and with the labelled windows as a target."""

import hashlib
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skdeepad.datasets import _nab, fetch_nab, list_nab

# Read before a fixture takes it away from the tests.
ORIGINALS = os.environ.get("SKDEEPAD_DATA")
has_originals = pytest.mark.skipif(
    not ORIGINALS, reason="SKDEEPAD_DATA names no folder of original files"
)
NAME = "realTweets/Twitter_volume_KO"
FILES = [f"data/{NAME}.csv", "labels/combined_windows.json"]

pytestmark = pytest.mark.usefixtures("no_folder", "no_network")


@pytest.fixture(autouse=True)
def no_sum_of_the_windows(monkeypatch):
    monkeypatch.delitem(_nab._SHA256, FILES[1])


def save(folder, values=(1, 2, 3, 4, 5), windows=(("00:05:00", "00:10:00"),)):
    """Write a small series and its windows as NAB would."""
    series, labels = (folder / "nab" / file for file in FILES)
    for path in (series, labels):
        path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"2014-04-01 00:{5 * i:02}:00,{value}" for i, value in enumerate(values)]
    series.write_text("\n".join(["timestamp,value", *lines, ""]))
    spelled = [[f"2014-04-01 {time}.000000" for time in window] for window in windows]
    labels.write_text(json.dumps({f"{NAME}.csv": spelled}))
    return series, labels


def test_the_list_has_58_series_of_which_18_have_a_known_sum():
    names = list_nab()
    assert len({name.rpartition("/")[2].lower() for name in names}) == len(names) == 58
    files = {f"data/{name}.csv" for name in names}
    assert set(_nab._SHA256) < files
    assert len(_nab._SHA256) == 18  # the fixture took the windows away
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in _nab._SHA256.values())


@has_originals
def test_the_sums_are_those_of_the_original_files():
    sums = _nab.read_sums("SHA256SUMS.NAB")
    assert FILES[1] in sums
    for file, sha256 in sums.items():
        content = (Path(ORIGINALS) / "nab" / file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256


@has_originals
def test_the_list_is_that_of_the_published_windows():
    windows = json.loads((Path(ORIGINALS) / "nab" / FILES[1]).read_text())
    assert {f"{name}.csv" for name in list_nab()} == set(windows)


@has_originals
@pytest.mark.parametrize(
    ("name", "n_samples", "n_anomalous"),
    [("art_daily_jumpsup", 4032, 403), ("art_daily_no_noise", 4032, 0), ("nyc_taxi", 10320, 1035)],
)
def test_published_series_have_their_length_and_labels(name, n_samples, n_anomalous, monkeypatch):
    monkeypatch.setenv("SKDEEPAD_DATA", ORIGINALS)
    nab = fetch_nab(name)
    assert nab.data.shape == (n_samples, 1)
    assert nab.target.sum() == n_anomalous
    assert (np.diff(nab.timestamps) > np.timedelta64(0)).all()


@pytest.mark.parametrize("name", ["twitter_volume_ko", NAME, NAME.upper(), f"{NAME}.csv"])
def test_a_series_is_found_by_any_of_its_names(name, tmp_path):
    series, _ = save(tmp_path)
    assert fetch_nab(name, data_home=tmp_path).filename == str(series)


def test_a_series_comes_as_a_bunch_with_its_windows_as_target(tmp_path):
    save(tmp_path, windows=[("00:05:00", "00:10:00"), ("00:20:00", "00:20:00")])
    nab = fetch_nab(NAME, data_home=str(tmp_path))
    np.testing.assert_array_equal(nab.data, [[1], [2], [3], [4], [5]])
    assert (nab.data.dtype, nab.target.dtype) == (np.float64, np.int64)
    assert nab.target.tolist() == [0, 1, 1, 0, 1]  # both ends of a window are in it
    assert nab.timestamps[1] == np.datetime64("2014-04-01T00:05:00")
    assert nab.windows.shape == (2, 2)
    assert nab.windows[0].tolist() == nab.timestamps[1:3].tolist()
    assert nab.target_names[nab.target].tolist().count("anomaly") == 3
    assert nab.frame is None
    assert NAME in nab.DESCR


def test_a_series_without_window_has_no_anomaly(tmp_path):
    save(tmp_path, windows=())
    nab = fetch_nab(NAME, data_home=tmp_path)
    assert nab.windows.shape == (0, 2)
    assert nab.target.tolist() == [0] * 5


def test_a_frame_is_indexed_by_time(tmp_path):
    save(tmp_path)
    nab = fetch_nab(NAME, data_home=tmp_path, as_frame=True)
    assert list(nab.frame) == ["value", "target"]
    assert nab.frame.index.equals(pd.DatetimeIndex(nab.timestamps))
    X, y = fetch_nab(NAME, data_home=tmp_path, as_frame=True, return_X_y=True)
    assert X.equals(nab.frame[["value"]])
    assert y.equals(nab.frame["target"])


def test_a_pair_holds_the_data_and_the_target(tmp_path):
    save(tmp_path)
    X, y = fetch_nab(NAME, data_home=tmp_path, return_X_y=True)
    assert (X.shape, y.shape) == ((5, 1), (5,))


def test_the_users_own_folder_comes_first(tmp_path, monkeypatch, no_network):
    save(tmp_path / "own", values=[7, 7])
    save(tmp_path / "home")
    monkeypatch.setenv("SKDEEPAD_DATA", str(tmp_path / "own"))
    assert fetch_nab(NAME, data_home=tmp_path / "home").data.tolist() == [[7], [7]]
    assert not no_network


def test_both_files_are_downloaded_once_from_the_pinned_commit(tmp_path, monkeypatch):
    save(tmp_path / "remote")
    asked = []

    def download(url, output_file, pooch):
        (file,) = re.fullmatch(
            "https://raw.githubusercontent.com/numenta/NAB/[0-9a-f]{40}/(.*)", url
        ).groups()
        asked.append(file)
        Path(output_file).write_bytes((tmp_path / "remote" / "nab" / file).read_bytes())

    monkeypatch.setattr("pooch.core.choose_downloader", lambda *args, **kwargs: download)
    for _ in range(2):
        nab = fetch_nab(NAME, data_home=tmp_path / "home")
    assert nab.data.shape == (5, 1)
    assert nab.filename == str(tmp_path / "home" / "nab" / FILES[0])
    assert asked == FILES


def test_a_cached_file_with_a_wrong_sum_is_not_used(tmp_path, monkeypatch, no_network):
    _, labels = save(tmp_path)
    monkeypatch.setitem(_nab._SHA256, FILES[1], hashlib.sha256(labels.read_bytes()).hexdigest())
    fetch_nab(NAME, data_home=tmp_path)
    labels.write_text(labels.read_text() + " ")
    with pytest.raises(OSError, match=r"combined_windows\.json is missing or damaged"):
        fetch_nab(NAME, data_home=tmp_path, download_if_missing=False)
    with pytest.raises(OSError, match=r"combined_windows\.json could not be downloaded"):
        fetch_nab(NAME, data_home=tmp_path)
    assert len(no_network) == 1


def test_a_failed_download_says_where_to_put_the_file(tmp_path):
    with pytest.raises(OSError, match="could not be downloaded: no route") as caught:
        fetch_nab(NAME, data_home=tmp_path)
    for part in ("https://raw.github", str(tmp_path / "nab" / FILES[0]), f"as nab/{FILES[0]}"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "content",
    ["", "<html>not found</html>", "timestamp,value\n", "timestamp,value\nsoon,1\n"]
    + ["timestamp,value\n,1\n"],
)
def test_a_damaged_series_is_named(content, tmp_path):
    series, _ = save(tmp_path)
    series.write_text(content)
    with pytest.raises(ValueError, match=re.escape(f"{series} is damaged: it must be a .csv file")):
        fetch_nab(NAME, data_home=tmp_path)


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", f'{{"{NAME}.csv": [["soon"]]}}']
    + [f'{{"{NAME}.csv": [{window}]}}' for window in ('["2014-02", "2014-01"]', "[null, null]")],
)
def test_damaged_windows_are_named(content, tmp_path):
    _, labels = save(tmp_path)
    labels.write_text(content)
    with pytest.raises(
        ValueError, match=re.escape(f"{labels} is damaged: it must be a .json file")
    ):
        fetch_nab(NAME, data_home=tmp_path)


def test_an_unknown_name_is_answered_with_near_ones():
    with pytest.raises(ValueError, match=r"name='art_jumpsup' .* did you mean 'art_daily_jumps"):
        fetch_nab("art_jumpsup")
    with pytest.raises(ValueError, match=r"name=7 is not a series of NAB: list_nab\(\)"):
        fetch_nab(7)


def test_a_frame_without_pandas_says_what_to_install(tmp_path, monkeypatch):
    save(tmp_path)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"as_frame=True needs pandas: pip install 'skdeepad"):
        fetch_nab(NAME, data_home=tmp_path, as_frame=True)
    assert fetch_nab(NAME, data_home=tmp_path).data.shape == (5, 1)


def test_a_series_without_one_of_its_values_is_damaged(tmp_path):
    path = tmp_path / "series.csv"
    path.write_text("timestamp,value\n2014-04-01 00:00:00,1.5\n2014-04-01 00:05:00,nan\n")
    with pytest.raises(ValueError, match="is damaged"):
        _nab._read_series(path)
