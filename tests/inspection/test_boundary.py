"""The plane of a density: its grid, its shades, the line of its threshold, and the points."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from skdeepad import BDSGM
from skdeepad.inspection import BoundaryDisplay


@pytest.fixture(scope="module")
def plane():
    return np.random.RandomState(0).randn(300, 2) * [1, 10] + [0, 50]


@pytest.fixture(scope="module")
def detector(plane):
    return BDSGM(density="gaussian", generator_steps=100, random_state=0).fit(plane)


def test_the_grid_has_the_scores_of_its_points(detector, plane):
    display = BoundaryDisplay.from_estimator(detector, plane, grid_resolution=7)
    points = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    np.testing.assert_allclose(display.response.ravel(), detector.score_samples(points))
    assert display.level == detector.offset_
    assert display.figure_ is display.ax_.figure


def test_the_grid_goes_around_rows_and_boundary(detector, plane):
    display = BoundaryDisplay.from_estimator(detector, plane, eps=0.25, random_state=0)
    points = np.r_[plane, detector.sample_boundary(1000, random_state=0)]
    low, high = points.min(0), points.max(0)
    np.testing.assert_allclose(
        [display.xx0.min(), display.xx1.min()], low - 0.25 * (high - low), rtol=1e-6
    )
    np.testing.assert_allclose(
        [display.xx0.max(), display.xx1.max()], high + 0.25 * (high - low), rtol=1e-6
    )


def test_rows_and_boundary_are_points(detector, plane):
    display = BoundaryDisplay.from_estimator(detector, plane, n_boundary=50, random_state=3)
    np.testing.assert_allclose(display.rows_.get_offsets(), plane)
    boundary = detector.sample_boundary(50, random_state=3)
    np.testing.assert_allclose(display.boundary_.get_offsets(), boundary)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["rows", "boundary", "threshold"]


def test_the_boundary_alone_will_do(detector):
    display = BoundaryDisplay.from_estimator(detector)
    assert display.rows_ is None
    assert len(display.boundary_.get_offsets()) == 1000


def test_no_boundary_is_drawn_where_none_is_asked_for(detector, plane):
    assert BoundaryDisplay.from_estimator(detector, plane, n_boundary=0).boundary_ is None


def test_the_line_is_where_the_score_is_the_threshold(detector, plane):
    display = BoundaryDisplay.from_estimator(detector, plane, grid_resolution=200)
    (path,) = display.level_.get_paths()
    scores = detector.score_samples(path.vertices)
    np.testing.assert_allclose(scores, detector.offset_, atol=0.02)


def test_a_density_is_the_exponential_of_the_score(detector, plane):
    score, density = (
        BoundaryDisplay.from_estimator(detector, plane, response=name, random_state=0)
        for name in ("score", "density")
    )
    np.testing.assert_allclose(np.log(density.response), score.response)
    assert np.log(density.level) == pytest.approx(score.level)
    assert [display.figure_.axes[1].get_ylabel() for display in (score, density)] == [
        "score",
        "density",
    ]


def test_the_threshold_parts_the_shades_in_equal_halves(detector, plane):
    display = BoundaryDisplay.from_estimator(detector, plane)
    levels, top = display.surface_.levels, display.response.max()
    assert levels[0] <= 2 * display.level - top < levels[1]
    assert levels[-2] < top <= levels[-1]


@pytest.mark.parametrize(
    ("estimator", "has_level"),
    [
        (OneClassSVM(), True),
        (KernelDensity(), False),
        (make_pipeline(StandardScaler(), IsolationForest(n_estimators=3)), True),
    ],
)
def test_any_detector_or_density_is_drawn_without_a_boundary(estimator, has_level, plane):
    display = BoundaryDisplay.from_estimator(estimator.fit(plane), plane, grid_resolution=9)
    assert display.boundary_ is None
    assert (display.level_ is not None) == has_level


def test_a_frame_names_the_axes(plane, recwarn):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(plane, columns=["length", "width"])
    display = BoundaryDisplay.from_estimator(OneClassSVM().fit(X), X, grid_resolution=9)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("length", "width")
    assert [str(w.message) for w in recwarn if "feature names" in str(w.message)] == []


def test_it_is_drawn_where_and_as_the_user_says(detector, plane):
    _, ax = plt.subplots()
    display = BoundaryDisplay.from_estimator(detector, plane, ax=ax, levels=[-9, -8, -7])
    assert display.ax_ is ax
    assert display.surface_.levels.tolist() == [-9, -8, -7]
    again = display.plot()
    assert again is display
    assert again.ax_ is not ax


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"response": "energy"}, "response='energy' must be 'score' or 'density'"),
        ({"n_boundary": -1}, "n_boundary=-1 must be an integer of at least 0"),
        ({"grid_resolution": 1}, "grid_resolution=1 must be an integer of at least 2"),
        ({"eps": -0.1}, r"eps=-0\.1 must be a finite number of at least 0"),
        ({"eps": np.inf}, "eps=inf must be a finite number"),
        ({"X": None, "n_boundary": 0}, "X=None leaves nothing to draw around"),
    ],
)
def test_a_wrong_argument_is_named(detector, plane, arguments, message):
    with pytest.raises(ValueError, match=message):
        BoundaryDisplay.from_estimator(detector, **{"X": plane} | arguments)


def test_three_features_are_no_plane():
    X = np.random.RandomState(0).randn(50, 3)
    with pytest.raises(ValueError, match="A plane has two features, got 3"):
        BoundaryDisplay.from_estimator(KernelDensity().fit(X), X)


def test_an_estimator_without_scores_is_refused(plane):
    with pytest.raises(
        ValueError, match=r"estimator=.* has no score_samples: it must be a fitted detector"
    ):
        BoundaryDisplay.from_estimator(StandardScaler().fit(plane), plane)


def test_without_matplotlib_it_says_so(monkeypatch, detector):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"BoundaryDisplay\.from_estimator requires matplotlib"):
        BoundaryDisplay.from_estimator(detector)


def test_a_threshold_outside_of_the_plane_has_no_entry(plane):
    far = IsolationForest(random_state=0).fit(plane)
    far.offset_ = -9.0
    display = BoundaryDisplay.from_estimator(far, plane)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["rows"]
