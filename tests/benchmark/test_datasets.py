"""The user's own files are read, and refused with a reason."""

import numpy as np
import pandas as pd
import pytest

from skdeepad.benchmark._datasets import as_datasets

X = np.arange(12.0).reshape(6, 2)


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz"])
@pytest.mark.parametrize("labels", [[0, 0, 0, 0, 1, 1], [1, 1, 1, 1, -1, -1]])
def test_files_are_read(tmp_path, kind, labels):
    path, table = tmp_path / f"mine.{kind}", pd.DataFrame(X, columns=["a", "b"])
    if kind == "npz":
        np.savez(path, X=X, fraud=labels)
    elif kind == "csv":
        table.assign(fraud=labels).to_csv(path, index=False)
    else:
        table.assign(fraud=labels).to_parquet(path)
    data, y = as_datasets([path], "fraud")["mine"]
    np.testing.assert_array_equal(data, X)
    assert y.tolist() == [False] * 4 + [True] * 2


def test_categories_are_refused_by_name(tmp_path):
    path = tmp_path / "mine.csv"
    pd.DataFrame({"city": list("abc"), "n": [1, 2, 3], "y": [0, 0, 1]}).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"columns \['city'\] are not numeric"):
        as_datasets(str(path), "y")


def test_a_wrong_label_column_is_named(tmp_path):
    path = tmp_path / "mine.csv"
    pd.DataFrame({"n": [1, 2], "label": [0, 1]}).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"label_column='labl'.*did you mean 'label'"):
        as_datasets(path, "labl")
    with pytest.raises(ValueError, match=r"label_column=None must name .* \['n', 'label'\]"):
        as_datasets(path)


def test_columns_of_a_file_may_be_numbers_and_its_ending_in_capitals(tmp_path):
    table = pd.DataFrame({0: [1.0, 2.0, 3.0], 1: [0, 0, 1]})
    for name in ("mine.parquet", "mine.CSV"):
        path = tmp_path / name
        table.to_parquet(path) if path.suffix == ".parquet" else table.to_csv(path, index=False)
        data, y = as_datasets([path], "1")["mine"]
        assert data.tolist() == [[1.0], [2.0], [3.0]]
        assert y.tolist() == [False, False, True]
        with pytest.raises(ValueError, match=r"label_column='3' is not in .* It has \['0', '1'\]"):
            as_datasets([path], "3")


def test_an_index_that_pandas_wrote_is_left_out(tmp_path):
    table = pd.DataFrame({"n": [1.0, 2.0, 3.0], "y": [0, 0, 1]}, index=[7, 2, 5])
    table.to_csv(tmp_path / "mine.csv")
    data, _ = as_datasets(tmp_path / "mine.csv", "y")["mine"]
    assert data.tolist() == [[1.0], [2.0], [3.0]]
    pd.read_csv(tmp_path / "mine.csv").to_csv(tmp_path / "twice.csv")
    data, _ = as_datasets(tmp_path / "twice.csv", "y")["twice"]
    assert data.tolist() == [[1.0], [2.0], [3.0]]
    for index in (
        pd.Index(["a", "b", "a"]),
        pd.MultiIndex.from_tuples([("a", 0), ("b", 1), ("a", 2)]),
        pd.Index([0.0, 1.0, np.nan]),
    ):
        table.set_index(index).to_csv(tmp_path / "mine.csv")
        data, _ = as_datasets(tmp_path / "mine.csv", "y")["mine"]
        assert data.tolist() == [[1.0], [2.0], [3.0]]
    (tmp_path / "labels.csv").write_text(",n\n0,1\n1,2\n0,3\n")
    data, y = as_datasets(tmp_path / "labels.csv", "Unnamed: 0")["labels"]
    assert data.tolist() == [[1.0], [2.0], [3.0]]
    assert y.tolist() == [False, True, False]
    table.set_index(pd.Index([0.5, 0.5, 1.5])).to_csv(tmp_path / "mine.csv")
    data, _ = as_datasets(tmp_path / "mine.csv", "y")["mine"]
    assert data.tolist() == [[0.5, 1.0], [0.5, 2.0], [1.5, 3.0]]


def test_a_file_of_another_type_is_told_which_are_read():
    with pytest.raises(ValueError, match=r"datasets='x\.xlsx': .*A file ends in one of .csv, .pa"):
        as_datasets("x.xlsx")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n,y\n", "must have rows, and a column beside 'y'; it has 0 rows"),
        ("y\n0\n1\n", "must have rows, and a column beside 'y'"),
        ("n,y\n1,good\n2,bad\n", "datasets='mine': its labels are not accepted. y_true"),
    ],
)
def test_files_without_rows_columns_or_usable_labels_are_refused(text, message, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        as_datasets(path, "y")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": (X, [0] * 6)}, "'a' holds 0 anomalies in 6 rows"),
        ({"a": (X, [0, 1])}, "2 labels"),
        ({"a": (X, [0, 1, 2, 3, 4, 5])}, "accepted are 0/1"),
        (["wine", "wine"], "'wine' twice"),
        ({"a": (X,)}, "a tuple of 1; accepted are"),
        ({"a": (X, [0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 0])}, "'a': known of type int64"),
        ({"a": (X, [0, 0, 0, 0, 1, 1], [True] * 4)}, r"known of .*shape \(4,\)"),
        ({"a": (X, [0, 0, 0, 0, 1, 1], [True] * 4 + [False] * 2)}, "True for at least one anomaly"),
    ],
)
def test_unusable_data_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        as_datasets(given)


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz"])
@pytest.mark.parametrize("damage", ["cut", "empty", "garbled"])
def test_a_damaged_file_is_named(tmp_path, kind, damage):
    path, table = tmp_path / f"mine.{kind}", pd.DataFrame(X, columns=["a", "b"])
    if kind == "npz":
        np.savez(path, X=X, y=[0, 0, 0, 0, 0, 1])
    elif kind == "csv":
        path.write_text('a,b,y\n1,2,"0' + 40 * "1")  # a quote that the cut leaves open
    else:
        table.assign(y=[0, 0, 0, 0, 0, 1]).to_parquet(path)
    whole = path.read_bytes()
    cut = whole[: len(whole) // 2]
    path.write_bytes({"cut": cut, "empty": b"", "garbled": b"\xff\x00"}[damage])
    with pytest.raises(ValueError, match=rf"datasets='.*mine\.{kind}' cannot be read as \.{kind}"):
        as_datasets(path, "y")


def test_an_archive_packed_in_an_unknown_way_is_named(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, X=X, y=[0, 0, 0, 0, 0, 1])
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02") + 10  # the compression method in the directory
    content[place : place + 2] = b"\x63\x00"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="compression method is not supported"):
        as_datasets(path)


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        as_datasets("nowhere.csv", "y")


def test_shipped_sets_go_by_name():
    data, y = as_datasets("WDBC")["WDBC"]
    assert data.shape == (367, 30)
    assert y.sum() == 10


@pytest.mark.parametrize(
    "X", [np.ones((4, 2)) + 1j, np.ones((4, 2), dtype="M8[D]"), np.array([["a", "b"]] * 4)]
)
def test_rows_of_other_values_than_numbers_are_refused(X):
    with pytest.raises(ValueError, match="datasets='mine': its rows are no numbers"):
        as_datasets({"mine": (X, [0, 1, 0, 0])})
