"""ADBench's sets are found by name in the package, on disk, then on the network."""

import hashlib
import os
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pooch
import pytest

from skdeepad.datasets import (
    _adbench,
    fetch_adbench,
    list_adbench,
    list_datasets,
    load_ionosphere,
    load_wine,
)

# Read before a fixture takes it away from the tests.
ORIGINALS = os.environ.get("SKDEEPAD_DATA")

pytestmark = pytest.mark.usefixtures("no_folder", "no_network")


def save(folder, file, value=0.0):
    """Write a small set as ADBench would, and return its path."""
    path = folder / "adbench" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, X=np.full((4, 2), value, dtype=np.int16), y=np.array([[0], [1], [0], [0]]))
    return path


def trust(monkeypatch, path):
    """Make the sum of this file the one that is expected of its name."""
    monkeypatch.setitem(_adbench._SHA256, path.name, hashlib.sha256(path.read_bytes()).hexdigest())


def test_the_list_has_47_names_in_adbenchs_order():
    names = list_adbench()
    assert len(set(map(str.lower, names))) == len(names) == 47
    assert [names[number - 1] for number in (1, 22, 31, 47)] == [
        "ALOI",
        "magic.gamma",
        "satimage-2",
        "yeast",
    ]
    assert set(list_datasets()) < set(map(str.lower, names))


def test_each_known_sum_is_of_a_listed_file():
    files = {f"{number}_{name}.npz" for number, name in enumerate(list_adbench(), start=1)}
    assert set(_adbench._SHA256) < files
    assert len(_adbench._SHA256) == 28
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in _adbench._SHA256.values())


@pytest.mark.skipif(not ORIGINALS, reason="SKDEEPAD_DATA names no folder of original files")
def test_the_sums_are_those_of_the_original_files():
    for file, sha256 in _adbench._SHA256.items():
        content = (Path(ORIGINALS) / "adbench" / file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256


@pytest.mark.parametrize("name", ["Ionosphere", "ionosphere", "18_Ionosphere", "18_IONOSPHERE"])
def test_a_shipped_set_needs_no_file_by_any_of_its_names(name, tmp_path, no_network):
    found = fetch_adbench(name, data_home=tmp_path, download_if_missing=False)
    expected = load_ionosphere()
    np.testing.assert_array_equal(found.data, expected.data)
    assert found.DESCR == expected.DESCR
    assert found.feature_names == expected.feature_names
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", list_datasets())
def test_each_listed_set_is_fetched_by_its_name(name):
    X, y = fetch_adbench(name, return_X_y=True)
    assert len(X) == len(y) > y.sum() > 0


def test_a_shipped_set_passes_its_options_on():
    X, y = fetch_adbench("wine", return_X_y=True, as_frame=True)
    expected = load_wine(as_frame=True)
    assert X.equals(expected.data)
    assert y.equals(expected.target)


def test_the_users_own_folder_comes_first_and_may_be_read_only(tmp_path, monkeypatch, no_network):
    own = save(tmp_path / "own", "29_Pima.npz", value=1)
    save(tmp_path / "home", "29_Pima.npz", value=2)
    own.chmod(0o444)
    own.parent.chmod(0o555)
    monkeypatch.setenv("SKDEEPAD_DATA", str(tmp_path / "own"))
    try:
        bunch = fetch_adbench("pima", data_home=tmp_path / "home")
    finally:
        own.parent.chmod(0o755)
    assert (bunch.data == 1).all()
    assert bunch.filename == str(own)
    assert not no_network


def test_a_fetched_set_is_read_as_the_shipped_ones_are(tmp_path):
    save(tmp_path, "1_ALOI.npz", value=3)
    bunch = fetch_adbench("aloi", data_home=str(tmp_path))
    assert bunch.data.dtype == np.float64
    assert (bunch.target.dtype, bunch.target.tolist()) == (np.int64, [0, 1, 0, 0])
    assert bunch.feature_names == ["x0", "x1"]
    assert "1_ALOI" in bunch.DESCR
    assert list(fetch_adbench("ALOI", data_home=tmp_path, as_frame=True).frame) == [
        *("x0", "x1", "target"),
    ]


def test_a_cached_file_with_the_right_sum_is_used(tmp_path, monkeypatch, no_network):
    path = save(tmp_path, "29_Pima.npz", value=5)
    trust(monkeypatch, path)
    X, _ = fetch_adbench("pima", data_home=tmp_path, return_X_y=True)
    assert (X == 5).all()
    assert not no_network


def test_a_cached_file_with_a_wrong_sum_is_not_used(tmp_path, no_network):
    save(tmp_path, "29_Pima.npz")
    with pytest.raises(OSError, match=r"29_Pima\.npz is missing or damaged"):
        fetch_adbench("pima", data_home=tmp_path, download_if_missing=False)
    with pytest.raises(OSError, match="could not be downloaded"):
        fetch_adbench("pima", data_home=tmp_path)
    assert len(no_network) == 1


@pytest.mark.parametrize("known_sum", [True, False])
def test_a_missing_file_is_downloaded_once_from_the_pinned_commit(known_sum, tmp_path, monkeypatch):
    remote = save(tmp_path / "remote", "29_Pima.npz" if known_sum else "1_ALOI.npz", value=7)
    if known_sum:
        trust(monkeypatch, remote)
    asked = []

    def download(url, output_file, pooch):
        asked.append(url)
        Path(output_file).write_bytes(remote.read_bytes())

    monkeypatch.setattr("pooch.core.choose_downloader", lambda *args, **kwargs: download)
    name = remote.stem.partition("_")[2]
    for _ in range(2):
        bunch = fetch_adbench(name, data_home=tmp_path / "home")
    assert (bunch.data == 7).all()
    assert bunch.filename == str(tmp_path / "home" / "adbench" / remote.name)
    (url,) = asked
    assert re.fullmatch(
        "https://raw.githubusercontent.com/Minqi824/ADBench/[0-9a-f]{40}"
        f"/adbench/datasets/Classical/{remote.name}",
        url,
    )


def test_a_download_with_a_wrong_sum_is_refused_and_not_kept(tmp_path, monkeypatch):
    def download(url, output_file, pooch):
        Path(output_file).write_bytes(b"something else")

    monkeypatch.setattr("pooch.core.choose_downloader", lambda *args, **kwargs: download)
    with pytest.raises(OSError, match=r"29_Pima\.npz could not be downloaded: .*does not match"):
        fetch_adbench("pima", data_home=tmp_path)
    assert not list(tmp_path.rglob("*.npz"))


def test_a_failed_download_says_what_failed_and_where_to_put_the_file(tmp_path):
    with pytest.raises(OSError, match=r"1_ALOI\.npz could not be downloaded: no route") as caught:
        fetch_adbench("ALOI", data_home=tmp_path)
    assert isinstance(caught.value.__cause__, ConnectionError)
    for part in ("https://raw.github", str(tmp_path / "adbench" / "1_ALOI.npz"), "SKDEEPAD_DATA"):
        assert part in str(caught.value)


def test_nothing_is_downloaded_against_the_users_will(tmp_path, no_network):
    with pytest.raises(OSError, match="download_if_missing=False; to put it there by hand, save"):
        fetch_adbench("ALOI", data_home=tmp_path, download_if_missing=False)
    assert not no_network


def test_downloads_go_to_the_users_cache_by_default(tmp_path, monkeypatch):
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    path = save(tmp_path / "skdeepad", "1_ALOI.npz")
    assert fetch_adbench("ALOI").filename == str(path)


def damaged(path):
    """Contents that a file may have after a failed download."""
    whole = path.read_bytes()
    garbled = whole[:60] + bytes(40) + whole[100:]
    encrypted = re.sub(rb"(PK\x01\x02.{4}).", rb"\g<1>" + b"\x01", whole, flags=re.DOTALL)
    return b"<html>not found</html>", whole[:100], whole[:-30], garbled, encrypted, b""


def test_a_damaged_file_of_the_users_own_is_named_and_left_alone(tmp_path, monkeypatch):
    path = save(tmp_path, "1_ALOI.npz")
    monkeypatch.setenv("SKDEEPAD_DATA", str(tmp_path))
    for content in damaged(path):
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=re.escape(f"{path} is damaged: it must be an .npz file")
        ):
            fetch_adbench("ALOI", data_home=tmp_path / "home")
        assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones((3, 2)), [0, 1, np.nan], "y must hold 0 and 1 alone"),
        (np.ones((3, 2)), [0, 1, 0.5], "y must hold 0 and 1 alone"),
        (np.ones((3, 2)), [0, 1, 7], "y must hold 0 and 1 alone"),
        (np.ones((3, 2)), [0, 1], "a label for each row"),
        (np.ones((3, 2)) + 1j, [0, 1, 0], "X must be a matrix of numbers"),
        (np.ones(3), [0, 1, 0], "X must be a matrix of numbers"),
    ],
)
def test_rows_and_labels_of_the_users_own_are_checked(X, y, message, tmp_path, monkeypatch):
    (tmp_path / "adbench").mkdir()
    np.savez(tmp_path / "adbench" / "1_ALOI.npz", X=X, y=y)
    monkeypatch.setenv("SKDEEPAD_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=f"1_ALOI.npz is damaged: .* {message}"):
        fetch_adbench("ALOI")


def test_a_folder_of_nobody_is_named(monkeypatch):
    monkeypatch.setenv("SKDEEPAD_DATA", "~nosuchuser/x")
    with pytest.raises(ValueError, match="SKDEEPAD_DATA='~nosuchuser/x' is no folder"):
        fetch_adbench("ALOI")


def test_a_file_with_a_header_that_can_not_be_read_is_damaged(tmp_path, monkeypatch):
    path = save(tmp_path, "1_ALOI.npz")
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content.replace(b"'shape': (", b"'shape': (("))
    monkeypatch.setenv("SKDEEPAD_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="is damaged: it must be"):
        fetch_adbench("ALOI")


def test_a_damaged_file_in_the_cache_is_fetched_anew_without_a_known_sum(tmp_path, monkeypatch):
    whole = save(tmp_path / "remote", "1_ALOI.npz", value=7).read_bytes()
    path, asked = save(tmp_path, "1_ALOI.npz"), []

    def download(url, output_file, pooch):
        asked.append(url)
        Path(output_file).write_bytes(whole)

    monkeypatch.setattr("pooch.core.choose_downloader", lambda *args, **kwargs: download)
    for content in damaged(path):
        path.write_bytes(content)
        with pytest.raises(OSError, match="missing or damaged and download_if_missing=False"):
            fetch_adbench("ALOI", data_home=tmp_path, download_if_missing=False)
        assert (fetch_adbench("ALOI", data_home=tmp_path).data == 7).all()
    assert len(asked) == len(damaged(save(tmp_path, "1_ALOI.npz")))


def test_a_download_without_a_known_sum_that_is_no_archive_is_not_kept(tmp_path, monkeypatch):
    def download(url, output_file, pooch):
        Path(output_file).write_bytes(b"<html>not found</html>")

    monkeypatch.setattr("pooch.core.choose_downloader", lambda *args, **kwargs: download)
    with pytest.raises(
        OSError, match=r"1_ALOI\.npz could not be downloaded: the downloaded file is damaged"
    ):
        fetch_adbench("ALOI", data_home=tmp_path)
    assert not list(tmp_path.rglob("*.npz"))


def test_a_file_cannot_run_code(tmp_path):
    path = save(tmp_path, "1_ALOI.npz")
    np.savez(path, X=np.array([[object()]], dtype=object), y=[0])
    with pytest.raises(ValueError, match="is damaged"):
        fetch_adbench("ALOI", data_home=tmp_path)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("tyroid", "'thyroid'"),
        ("satimage", "'satimage-2'"),
        ("5_Pima", "'Pima'"),
        ("spam-base", "'SpamBase'"),
    ],
)
def test_an_unknown_name_is_answered_with_near_ones(name, near):
    with pytest.raises(ValueError, match=f"name='{name}' .* did you mean .*{near}.* list_adbench"):
        fetch_adbench(name)


@pytest.mark.parametrize("name", ["zzz", "", None, 7])
def test_a_name_like_no_other_is_answered_with_the_list(name):
    with pytest.raises(
        ValueError, match=rf"name={name!r} is not a classical set.*list_adbench\(\)"
    ):
        fetch_adbench(name)


def test_downloading_without_pooch_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"downloading needs pooch: pip install 'skdeepad\[dat"):
        fetch_adbench("ALOI", data_home=tmp_path)
    save(tmp_path, "1_ALOI.npz")
    assert fetch_adbench("ALOI", data_home=tmp_path).data.shape == (4, 2)
