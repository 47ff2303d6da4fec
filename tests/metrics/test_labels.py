"""The two usual conventions are read, whatever carries them; what is neither is refused."""

import numpy as np
import pandas as pd
import pytest

from skdeepad import ADGM, DevNet
from skdeepad.metrics import anomaly_mask
from skdeepad.metrics._labels import known_anomaly_mask

EXPECTED = [False, True, False]


@pytest.mark.parametrize(
    "y_true",
    [
        [0, 1, 0],
        [1, -1, 1],
        (0.0, 1.0, 0.0),
        np.array([1.0, -1.0, 1.0], dtype=np.float32),
        np.array([0, 1, 0], dtype=np.uint8),
        [False, True, False],
        np.array([0, 1, 0], dtype=object),
        pd.Series([1, -1, 1], index=[7, 8, 9]),
        pd.Series([0, 1, 0], dtype="Int64"),
        pd.Series([False, True, False], dtype="boolean"),
        [[0], [1], [0]],
        pd.DataFrame({"y": [1, -1, 1]}, dtype=object),
    ],
    ids=repr,
)
def test_both_conventions_and_bool_are_read(y_true):
    mask = anomaly_mask(y_true)
    assert mask.dtype == bool
    assert mask.tolist() == EXPECTED


@pytest.mark.parametrize(
    ("y_true", "expected"),
    [([0, 0], [False] * 2), ([-1, -1], [True] * 2), ([True, True], [True] * 2)],
    ids=str,
)
def test_one_class_is_read_where_it_is_unambiguous(y_true, expected):
    assert anomaly_mask(y_true).tolist() == expected


@pytest.mark.parametrize("y_true", [[1, 1], [1.0], np.array([1, 1], dtype=object)], ids=str)
def test_ones_only_are_refused_as_ambiguous(y_true):
    with pytest.raises(ValueError, match=r"1 only.*all anomalies in 0/1 and all normal in -1"):
        anomaly_mask(y_true)


@pytest.mark.parametrize(
    ("y_true", "met"),
    [
        ([-1, 0, 1], "-1, 0, 1;"),
        ([-1, 0], "-1, 0;"),
        ([0, 1, 2], "0, 1, 2;"),
        ([1, 2], "1, 2;"),
        (["normal", "anomaly"], "'normal', 'anomaly';"),
        (["0", "1"], "'0', '1';"),
        ([0.0, 0.5, 1.0], "0.0, 0.5, 1.0;"),
        ([0.0, np.nan, 1.0], "nan"),
        ([0, None, 1], "None"),
        (pd.Series([0, 1, None], dtype="Int64"), "nan|<NA>"),
        ([0j, 1 + 0j], "1\\+0j"),
        ([[0], [2]], "0, 2;"),
        (range(9), "0, 1, 2, 3, 4, …;"),
    ],
    ids=str,
)
def test_other_labels_are_refused_by_name(y_true, met):
    with pytest.raises(ValueError, match=f"y_true holds .*({met}).* accepted are 0/1"):
        anomaly_mask(y_true)


@pytest.mark.parametrize("y_true", [[], [[0, 1], [1, 0]], [[0, 1]], [[[0]]], 1, None], ids=str)
def test_what_is_no_vector_is_refused(y_true):
    with pytest.raises(ValueError, match="y_true of shape"):
        anomaly_mask(y_true)


@pytest.mark.parametrize(
    "y_true",
    [
        [0, -1, 1],
        [0.0, -1.0, 1.0],
        np.array([0, -1, 1], dtype=object),
        pd.Series([0, -1, 1], dtype="Int64"),
        [[0], [-1], [1]],
        pd.DataFrame({"y": [0, -1, 1]}),
    ],
    ids=repr,
)
def test_signs_that_detectors_learn_from_are_read_whatever_carries_them(y_true):
    assert known_anomaly_mask(y_true, None).tolist() == EXPECTED


def test_the_mask_is_no_view_of_the_labels():
    y_true = np.array([True, False])
    anomaly_mask(y_true)[:] = False
    assert y_true.tolist() == [True, False]


def test_all_labels_below_0_are_anomalies_for_a_detector_that_tells_kinds_apart():
    y = [-2, -1, 0, 1, 3]
    assert known_anomaly_mask(y, ADGM()).tolist() == [True, True, False, False, False]
    for other in (None, DevNet()):
        with pytest.raises(ValueError, match="y_true holds"):
            known_anomaly_mask(y, other)
