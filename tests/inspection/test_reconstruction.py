"""Rows beside their reconstruction, as tables and as images."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepad import AutoEncoder
from skdeepad.inspection import ReconstructionDisplay


@pytest.fixture(scope="module")
def detector(X):
    return AutoEncoder(n_latent=2, max_epochs=5, random_state=0).fit(X)


def marks(panel):
    """Values of the reconstruction and of the row, as drawn."""
    restored, row = (line.get_ydata() for line in panel.lines)
    return row, restored


def test_a_panel_has_the_row_its_reconstruction_and_the_residual_between(detector, X):
    display = ReconstructionDisplay.from_estimator(detector, X, rows=3, standardize=False)
    restored = detector.reconstruct(X)
    assert display.axes_.shape == (3,)
    for i, panel in enumerate(display.axes_):
        np.testing.assert_allclose(marks(panel), [X[i], restored[i]])
        residuals = [segment[:, 1] for segment in panel.collections[0].get_segments()]
        np.testing.assert_allclose(residuals, np.column_stack([X[i], restored[i]]))
        assert panel.get_title(loc="left") == f"row {i}"
    assert "value" in {panel.get_ylabel() for panel in display.axes_}


def test_features_are_brought_to_one_scale_by_all_rows_of_x(detector, X):
    scale = np.array([1e3, 1, 1, 1, 1, 1, 1, 0])  # the last column is constant
    detector = AutoEncoder(n_latent=2, max_epochs=5, random_state=0).fit(X * scale)
    display = ReconstructionDisplay.from_estimator(detector, X * scale, rows=[5])
    row, restored = marks(display.axes_[0])
    expected = (X[5] - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(row[:7], expected[:7])
    assert row[7] == 0
    mean, std = (X * scale).mean(axis=0)[:7], (X * scale).std(axis=0)[:7]
    expected = (detector.reconstruct(X * scale)[5, :7] - mean) / std
    np.testing.assert_allclose(restored[:7], expected)
    assert display.axes_[0].get_ylabel() == "standard deviations"


@pytest.mark.parametrize(
    ("rows", "expected"), [(2, [0, 1]), ([7, 3], [7, 3]), (np.array([-1]), [-1])]
)
def test_rows_are_so_many_or_those_of_these_numbers(rows, expected, detector, X):
    display = ReconstructionDisplay.from_estimator(detector, X, rows=rows, standardize=False)
    np.testing.assert_allclose(display.X, X[expected])
    np.testing.assert_allclose(display.reconstruction, detector.reconstruct(X)[expected])


def test_no_more_rows_are_shown_than_there_are(detector, X):
    assert len(ReconstructionDisplay.from_estimator(detector, X[:2], rows=9).axes_) == 2


def test_columns_with_names_are_labelled(X):
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    detector = AutoEncoder(max_epochs=1).fit(frame)
    display = ReconstructionDisplay.from_estimator(detector, frame)
    labels = [label.get_text() for label in display.axes_[-1].get_xticklabels()]
    assert labels == list("abcdefgh")


def test_the_rows_of_a_pipeline_are_shown_as_they_reach_the_detector(X):
    pipeline = make_pipeline(StandardScaler(), AutoEncoder(max_epochs=1, random_state=0)).fit(X)
    display = ReconstructionDisplay.from_estimator(pipeline, X, rows=2, standardize=False)
    scaled = pipeline[0].transform(X)
    np.testing.assert_allclose(display.X, scaled[:2])
    np.testing.assert_allclose(display.reconstruction, pipeline[-1].reconstruct(scaled)[:2])


def shown(panel):
    return np.asarray(panel.images[0].get_array())


@pytest.mark.parametrize("shape", [(2, 4), (1, 2, 4), [2, 4]])
def test_an_image_is_a_column_of_image_reconstruction_and_residual(shape, detector, X):
    display = ReconstructionDisplay.from_estimator(detector, X, rows=5, image_shape=shape)
    assert display.axes_.shape == (3, 5)
    restored = detector.reconstruct(X)
    for i, column in enumerate(display.axes_.T):
        for panel, values in zip(column, (X, restored, X - restored), strict=True):
            np.testing.assert_allclose(shown(panel), values[i].reshape(2, 4))
        assert column[0].get_title() == f"row {i}"
    scales = {panel.images[0].get_clim() for panel in display.axes_[2]}
    ((low, high),) = scales
    assert low == -high


def test_images_in_colours_have_their_channels_last_and_values_from_0_to_1():
    X = np.random.RandomState(0).rand(20, 3 * 2 * 4) * 255
    detector = AutoEncoder(max_epochs=1, random_state=0).fit(X)
    display = ReconstructionDisplay.from_estimator(detector, X, image_shape=(3, 2, 4), rows=20)
    image, restored, residual = map(shown, display.axes_[:, 1])
    assert image.shape == restored.shape == (2, 4, 3)
    expected = (X - X.min()) / (X.max() - X.min())
    np.testing.assert_allclose(image, np.moveaxis(expected[1].reshape(3, 2, 4), 0, -1))
    assert restored.min() >= 0
    assert restored.max() <= 1
    assert residual.shape == (2, 4)


def test_it_is_drawn_where_and_as_the_user_says(detector, X):
    figure, (left, right) = plt.subplots(1, 2)
    display = ReconstructionDisplay.from_estimator(
        detector, X, rows=2, ax=right, titles=["a", "b"], markersize=9
    )
    assert display.figure_ is figure
    assert [panel.get_title(loc="left") for panel in display.axes_] == ["a", "b"]
    assert display.axes_[0].lines[0].get_markersize() == 9
    assert all(panel.get_position().x0 > left.get_position().x1 for panel in display.axes_)
    assert display.plot().figure_ is not figure


def test_values_are_shown_without_a_detector():
    display = ReconstructionDisplay(X=np.eye(2), reconstruction=np.zeros((2, 2))).plot()
    assert display.axes_[1].get_title(loc="left") == "row 1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": 0}, "rows=0 must be a number of rows, at least 1"),
        ({"rows": []}, r"rows=\[\] must be a number of rows"),
        ({"rows": [300]}, r"rows=\[300\] must be indices below 300"),
        ({"rows": [0.5]}, r"rows=\[0\.5\] must be a number of rows"),
        ({"image_shape": (3, 3)}, r"image_shape=\(3, 3\) must be \(height, width\).* product of 8"),
        ({"image_shape": (2, 2, 2)}, r"image_shape=\(2, 2, 2\).* 1 or 3 channels"),
        ({"titles": ["a"]}, r"titles=\['a'\] must have one entry for each of 4 rows"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message, detector, X):
    with pytest.raises(ValueError, match=message):
        ReconstructionDisplay.from_estimator(detector, X, **arguments)


def test_axes_outside_of_a_grid_are_refused(detector, X):
    ax = plt.figure().add_axes((0, 0, 1, 1))
    with pytest.raises(ValueError, match=r"ax=.* must be in a grid of axes"):
        ReconstructionDisplay.from_estimator(detector, X, ax=ax)
    assert ax.axison


def test_a_detector_without_reconstruction_is_refused(X):
    for estimator in (StandardScaler(), make_pipeline(StandardScaler(), StandardScaler())):
        with pytest.raises(ValueError, match=r"StandardScaler\(\) has no reconstruction to show"):
            ReconstructionDisplay.from_estimator(estimator.fit(X), X)


def test_without_matplotlib_it_says_so(monkeypatch, detector, X):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"ReconstructionDisplay\.from_est.* requires matplotlib"):
        ReconstructionDisplay.from_estimator(detector, X)


def test_an_image_with_missing_values_keeps_its_shades(X):
    rows = np.where(X > 2, np.nan, X)
    detector = AutoEncoder(missing="mask", max_epochs=2, random_state=0).fit(rows)
    display = ReconstructionDisplay.from_estimator(detector, rows, image_shape=(2, 4))
    low, high = display.axes_[0, 0].images[0].get_clim()
    assert np.isfinite([low, high]).all()
    assert np.isfinite(display.axes_[2, 0].images[0].get_clim()).all()
