"""The shipped sets are the published ones, and come as scikit-learn's own do."""

import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.datasets import load_wine as load_sklearn_wine
from sklearn.utils import Bunch

from skdeepad import datasets
from skdeepad.datasets import _base, list_datasets

DATA = Path(_base.__file__).parent / "data"
# rows, features, anomalies, file
EXPECTED = {
    "breastw": (683, 9, 239, "4_breastw"),
    "cardio": (1831, 21, 176, "6_cardio"),
    "glass": (214, 7, 9, "14_glass"),
    "ionosphere": (351, 32, 126, "18_Ionosphere"),
    "thyroid": (3772, 6, 93, "38_thyroid"),
    "vowels": (1456, 12, 50, "40_vowels"),
    "wdbc": (367, 30, 10, "43_WDBC"),
    "wine": (129, 13, 10, "45_wine"),
}


def loader(name):
    return getattr(datasets, f"load_{name}")


@pytest.fixture
def published():
    folder = os.environ.get("SKDEEPAD_DATA")
    if not folder:
        pytest.skip("the environment variable SKDEEPAD_DATA names no folder of original files")
    return Path(folder) / "adbench"


def test_each_shipped_set_has_a_loader_and_is_listed():
    assert list_datasets() == sorted(EXPECTED)
    loaders = {name for name in datasets.__all__ if name.startswith("load_")}
    loaders -= {"fetch_kddcup99", "fetch_nab", "load_unsw_nb15"}
    assert loaders == {f"load_{name}" for name in EXPECTED}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_set_comes_as_a_bunch(name):
    rows, features, anomalies, file = EXPECTED[name]
    bunch = loader(name)()
    assert type(bunch) is Bunch
    assert set(bunch) == {
        *("data", "target", "frame", "feature_names", "target_names", "DESCR", "filename"),
    }
    assert bunch.data.shape == (rows, features)
    assert bunch.data.dtype == np.float64
    assert bunch.data.flags.c_contiguous
    assert np.isfinite(bunch.data).all()
    assert bunch.target.shape == (rows,)
    assert bunch.target.dtype == np.int64
    assert np.bincount(bunch.target).tolist() == [rows - anomalies, anomalies]
    assert bunch.target_names[bunch.target].tolist().count("anomaly") == anomalies
    assert bunch.frame is None
    assert len(set(bunch.feature_names)) == features
    assert Path(bunch.filename) == DATA / f"{file}.npz"


@pytest.mark.parametrize("name", EXPECTED)
def test_its_description_says_what_it_is_and_where_it_is_from(name):
    rows, features, anomalies, file = EXPECTED[name]
    descr = loader(name)().DESCR
    for part in ("anomalies are", str(rows), str(features), f"{anomalies} (", file, "CC BY 4.0"):
        assert part in descr
    assert "Parameters" not in descr


@pytest.mark.parametrize("name", EXPECTED)
def test_the_pair_alone_is_the_bunchs(name):
    bunch, (X, y) = loader(name)(), loader(name)(return_X_y=True)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_frame_holds_the_same_values_under_the_features_names(name):
    plain, framed = loader(name)(), loader(name)(as_frame=True)
    assert isinstance(framed.data, pd.DataFrame)
    assert isinstance(framed.target, pd.Series)
    assert list(framed.data.columns) == plain.feature_names
    assert framed.target.name == "target"
    assert list(framed.frame.columns) == [*plain.feature_names, "target"]
    np.testing.assert_array_equal(framed.data, plain.data)
    np.testing.assert_array_equal(framed.frame["target"], plain.target)
    X, y = loader(name)(return_X_y=True, as_frame=True)
    pd.testing.assert_frame_equal(X, framed.data)
    pd.testing.assert_series_equal(y, framed.target)


@pytest.mark.parametrize("name", EXPECTED)
def test_options_are_keyword_only(name):
    with pytest.raises(TypeError, match="positional"):
        loader(name)(True)


@pytest.mark.parametrize("name", EXPECTED)
def test_values_are_those_of_the_original_file(name, published):
    bunch = loader(name)()
    with np.load(published / f"{EXPECTED[name][-1]}.npz") as original:
        assert original["X"].astype(np.float64).tobytes() == bunch.data.tobytes()
        np.testing.assert_array_equal(original["y"], bunch.target)


def test_changing_a_loaded_array_does_not_change_the_next():
    X, _ = datasets.load_wine(return_X_y=True)
    X[:] = 0
    assert datasets.load_wine().data.min() > 0


@pytest.mark.parametrize(
    ("name", "original"), [("wine", load_sklearn_wine), ("wdbc", load_breast_cancer)]
)
def test_columns_are_named_as_in_the_full_set(name, original):
    """Each row is one of the full set's, with its values in the order of its names."""
    part, full = loader(name)(), original()
    assert part.feature_names == list(full.feature_names)
    assert set(map(tuple, part.data)) <= set(map(tuple, full.data))


def test_the_readme_lists_each_file_with_its_shape_share_and_sum():
    readme = (DATA / "README.rst").read_text().splitlines()
    sums = (DATA / "SHA256SUMS").read_text().splitlines()
    assert len(list(DATA.glob("*.npz"))) == len(EXPECTED)
    for rows, features, anomalies, file in EXPECTED.values():
        sha256 = hashlib.sha256((DATA / f"{file}.npz").read_bytes()).hexdigest()
        row = [f"{file}.npz", str(rows), str(features), f"{anomalies / rows:.1%}"]
        assert row in [line.split() for line in readme]
        assert f"    {sha256}  {file}.npz" in readme
        assert f"{sha256}  {file}.npz" in sums


def test_the_folder_stays_small():
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 500_000


def test_a_frame_without_pandas_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert datasets.load_wine().data.shape == (129, 13)
    with pytest.raises(
        ImportError, match=r"as_frame=True needs pandas: pip install 'skdeepad\[dat"
    ):
        datasets.load_wine(as_frame=True)
