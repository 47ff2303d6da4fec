"""Labels in every usual convention become signs."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from skdeepad.preprocessing import semi_labels


@pytest.mark.parametrize(
    ("y", "options", "expected"),
    [
        ([0, 1, 0], {}, [0, -1, 0]),
        ([0.0, 1.0, 2.0], {}, [0, -1, 1]),
        ([False, True], {}, [0, -1]),
        (["ok", "fraud", "?"], {"anomaly": "fraud", "unlabelled": "?"}, [1, -1, 0]),
        (["a", "b", "c"], {"anomaly": ["a", "b"], "unlabelled": None}, [-1, -1, 1]),
        ([-1, 0, 1], {"anomaly": 1, "unlabelled": -1}, [0, 1, -1]),
        ([1.0, np.nan, 2.0], {"unlabelled": None}, [-1, 0, 1]),
        (pd.Series([1, None, 0], dtype="Int64"), {"unlabelled": None}, [-1, 0, 1]),
        (pd.Series(["x", None, "y"], dtype="category"), {"anomaly": "x"}, [-1, 0, 1]),
        (pd.array([True, None, False], dtype="boolean"), {"anomaly": True}, [-1, 0, 0]),
        (np.array([[0], [1]]), {}, [0, -1]),
        ([0, 0], {}, [0, 0]),
        ([1, 0, "?"], {"unlabelled": "?"}, [-1, 1, 0]),
        (["fraud", "ok", np.nan], {"anomaly": "fraud", "unlabelled": None}, [-1, 1, 0]),
        (["fraud", "ok", None], {"anomaly": {"fraud"}, "unlabelled": None}, [-1, 1, 0]),
    ],
)
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_labels_become_signs(y, options, expected):
    signs = semi_labels(y, **options)
    assert_array_equal(signs, expected)
    assert signs.dtype.kind == "i"


def test_a_label_of_two_meanings_is_named():
    with pytest.raises(ValueError, match=r"anomaly=\[1, 0\] and unlabelled=0 share \[0\]"):
        semi_labels([0, 1], anomaly=[1, 0])


def test_labels_that_tell_nothing_apart_are_named():
    with pytest.raises(ValueError, match=r"y holds \['fraud', 'ok'\].*anomaly=1 or unlabelled=0"):
        semi_labels(["ok", "fraud", "ok"])


@pytest.mark.parametrize(
    ("y", "anomaly", "message"),
    [
        ([0, 1, 1, None], "1", r"anomaly='1' is in no row of y, which holds 1 of type int"),
        (["1", "0", None], 1, r"anomaly=1 is in no row of y, which holds '1' of type str"),
        (["a", np.nan], np.nan, "anomaly=nan holds a missing label, which marks unlabelled rows"),
        (["a", None], ["a", None], "holds a missing label"),
        ([1, 0], pd.NA, "holds a missing label"),
        ([b"fraud", b"ok", None], "fraud", r"anomaly='fraud' is in no row of y, .* b'fraud'"),
        (["1.0", "0.0", None], 1, r"anomaly=1 is in no row of y, which holds '1.0' of type str"),
    ],
)
def test_labels_of_another_type_and_missing_ones_are_named(y, anomaly, message):
    with pytest.raises(ValueError, match=message):
        semi_labels(y, anomaly=anomaly, unlabelled="?")


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("y", {"y": pd.Series([[1], {0}])}),
        ("anomaly", {"anomaly": [[1]]}),
        ("unlabelled", {"unlabelled": [[0]]}),
        ("y", {"y": pd.Series([(1, [2]), 0])}),
    ],
)
def test_labels_that_are_lists_are_named(name, labels):
    with pytest.raises(ValueError, match=f"{name} must hold numbers, text or booleans as labels"):
        semi_labels(**{"y": [1, 0]} | labels)


@pytest.mark.parametrize("unlabelled", [0, b"0"])
def test_unlabelled_rows_of_another_type_are_named(unlabelled):
    with pytest.raises(ValueError, match=r"unlabelled=b?'?0'? is in no row of y, which holds '0'"):
        semi_labels(["1", "0"], anomaly="1", unlabelled=unlabelled)


def test_missing_labels_and_arrays_of_labels():
    y = pd.array([1, 2, 0, None], dtype="Int64")
    assert semi_labels(y, anomaly=np.array(1), unlabelled=[0, pd.NA]).tolist() == [-1, 1, 0, 0]


def test_bytes_are_one_label():
    assert semi_labels([b"f", b"o", None], anomaly=b"f").tolist() == [-1, 1, 0]


@pytest.mark.parametrize("unit", ["D", "us", "ns"])
def test_dates_are_labels(unit):
    days = np.array(["2020-01-01", "2020-01-02", "NaT"], dtype=f"M8[{unit}]")
    assert semi_labels(days, anomaly=np.datetime64("2020-01-01")).tolist() == [-1, 1, 0]
    assert semi_labels(days, anomaly=days[1:2]).tolist() == [1, -1, 0]


def test_masked_labels_are_unlabelled():
    assert semi_labels(np.ma.array([1, 0, 1], mask=[0, 0, 1])).tolist() == [-1, 0, 0]
    known = semi_labels(np.ma.array([1, 2, 1], mask=[0, 0, 1]), anomaly=1, unlabelled=None)
    assert known.tolist() == [-1, 1, 0]
