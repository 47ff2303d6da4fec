"""KDD Cup 1999 comes as the papers take it, from a file or from scikit-learn."""

import gzip
import re

import numpy as np
import pandas as pd
import pytest

from skdeepad.datasets import _kddcup99, fetch_kddcup99

# duration, protocol, service, flag, bytes; land; logged_in; hosts and guests; and the last columns.
LINES = [
    "0,tcp,http,SF,181,5450,0," + "0," * 4 + "1," + "0," * 10 + "8," * 2 + "0.50," * 17 + "normal.",
    "7,udp,ecr_i,SF,693375640,0,0," + "0," * 4 + "0," + "0," * 10 + "8," * 2 + "0.00," * 17
    + "smurf.",
    "0,tcp,private,S0,0,0,1," + "0," * 4 + "0," + "0," * 9 + "1," + "8," * 2 + "1.00," * 17
    + "buffer_overflow.",
]  # fmt: skip
ATTACKS = ["normal", "smurf", "buffer_overflow"]

pytestmark = pytest.mark.usefixtures("no_folder")


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The three lines as the user's own file."""
    path = tmp_path / "kddcup99" / "kddcup.data_10_percent.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress("\n".join([*LINES, ""]).encode()))
    monkeypatch.setenv("SKDEEPAD_DATA", str(tmp_path))
    return path


@pytest.fixture
def of_scikit_learn(monkeypatch):
    """The three lines as scikit-learn's loader returns them; where it was told to look."""
    asked = []

    def fetch(**where):
        asked.append(where)
        values = np.array([line.split(",") for line in LINES], dtype=object)
        for j, name in enumerate([*_kddcup99._NAMES, "label"]):
            of_text = name in ("protocol_type", "service", "flag", "label")
            convert = str.encode if of_text else float if "." in values[0, j] else int
            values[:, j] = [convert(value) for value in values[:, j]]
        return values[:, :-1], values[:, -1]

    monkeypatch.setattr(_kddcup99.datasets, "fetch_kddcup99", fetch)
    return asked


def test_attacks_are_the_normal_class_and_keep_their_names(file):
    kdd = fetch_kddcup99()
    assert kdd.target.tolist() == [1, 0, 0]
    assert kdd.target.dtype == np.int64
    assert kdd.attacks.tolist() == ATTACKS
    assert kdd.target_names[kdd.target].tolist() == ["anomaly", "normal", "normal"]
    assert kdd.filename == str(file)
    assert "KDD Cup 1999" in kdd.DESCR
    assert "Parameters" not in kdd.DESCR


def test_categories_become_indicators_beside_the_numbers(file):
    kdd = fetch_kddcup99()
    frame = pd.DataFrame(kdd.data, columns=kdd.feature_names)
    assert kdd.data.dtype == np.float32
    assert len(set(kdd.feature_names)) == 34 + (2 + 3 + 2 + 2 + 2 + 1 + 2)
    assert frame["src_bytes"].tolist() == [181, np.float32(693375640), 0]
    assert frame["duration"].tolist() == [0, 7, 0]
    assert frame["dst_host_srv_rerror_rate"].tolist() == [0.5, 0, 1]
    assert frame["service=ecr_i"].tolist() == [0, 1, 0]
    assert frame["flag=S0"].tolist() == [0, 0, 1]
    assert frame["land=1"].tolist() == [0, 0, 1]
    assert frame["logged_in=1"].tolist() == [1, 0, 0]
    assert frame["is_guest_login=1"].tolist() == [0, 0, 1]
    of_protocol = frame.filter(like="protocol_type=")
    assert (of_protocol.sum(axis=1) == 1).all()


def test_scikit_learn_gives_the_same_where_there_is_no_file(file, of_scikit_learn, monkeypatch):
    own = fetch_kddcup99()
    monkeypatch.delenv("SKDEEPAD_DATA")
    other = fetch_kddcup99(data_home="somewhere", download_if_missing=False)
    (where,) = of_scikit_learn
    assert (where["data_home"], where["download_if_missing"]) == ("somewhere", False)
    assert other.filename is None
    assert other.feature_names == own.feature_names
    for key in ("data", "target", "attacks"):
        np.testing.assert_array_equal(other[key], own[key])


def test_data_that_are_nowhere_are_an_error(tmp_path):
    with pytest.raises(OSError, match="not found"):
        fetch_kddcup99(data_home=tmp_path, download_if_missing=False)


def test_a_name_may_have_a_number_sign(file):
    file.write_bytes(gzip.compress(LINES[0].replace("normal", "#normal").encode()))
    assert fetch_kddcup99().attacks.tolist() == ["#normal"]


def test_a_pair_and_a_frame_hold_the_same(file):
    kdd = fetch_kddcup99(as_frame=True)
    X, y = fetch_kddcup99(return_X_y=True)
    np.testing.assert_array_equal(kdd.data, X)
    np.testing.assert_array_equal(kdd.target, y)
    assert list(kdd.frame) == [*kdd.feature_names, "target"]


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b"0,tcp,SF\n")]
    + [gzip.compress(b"0,tcp,http,SF\n" * 999)[:-20]]
    + [
        gzip.compress(LINES[0].replace(*words).encode())
        for words in (("tcp", "tçp"), ("181", "nan"))
    ],
    # A compressed file holds the time, and workers have to collect tests of the same names.
    ids=["empty", "no gzip", "few values", "cut short", "not ASCII", "missing"],
)
def test_a_damaged_file_is_named(content, file):
    file.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"{file} is damaged: it must be a .gz file")):
        fetch_kddcup99()


@pytest.mark.slow
def test_the_published_file_has_its_rows_and_columns(shared_data, monkeypatch):
    monkeypatch.setenv("SKDEEPAD_DATA", str(shared_data))
    kdd = fetch_kddcup99()
    assert kdd.data.shape == (494021, 121)
    assert kdd.target.sum() == 97278
    assert (kdd.attacks == "smurf").sum() == 280790
    assert len(set(kdd.attacks)) == 23
    assert np.isfinite(kdd.data).all()
