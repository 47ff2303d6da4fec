"""Codes in the plane: whose they are, how they are projected and coloured."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepad import AutoEncoder
from skdeepad.inspection import LatentSpaceDisplay


@pytest.fixture(scope="module")
def detector(X):
    return AutoEncoder(n_latent=3, max_epochs=2, random_state=0).fit(X)


def drawn(display):
    """All points of a display."""
    return np.concatenate([scatter.get_offsets() for scatter in display.scatters_])


def test_a_code_of_two_values_is_drawn_as_it_is(X):
    detector = AutoEncoder(n_latent=2, max_epochs=2, random_state=0).fit(X)
    display = LatentSpaceDisplay.from_estimator(detector, X)
    np.testing.assert_allclose(drawn(display), detector.transform(X))
    assert display.ax_.get_xlabel() == "code 0"
    assert display.ax_.get_legend() is None
    assert display.figure_ is display.ax_.figure


def test_a_wider_code_is_drawn_by_its_principal_components(detector, X):
    codes = detector.transform(X)
    pca = PCA(2).fit(codes)
    display = LatentSpaceDisplay.from_estimator(detector, X)
    np.testing.assert_allclose(drawn(display), pca.transform(codes), rtol=1e-4, atol=1e-5)
    share = f"{pca.explained_variance_ratio_[1]:.0%}"
    assert display.ax_.get_ylabel() == f"principal component 2 ({share})"


def test_no_method_leaves_out_all_but_two_values(detector, X):
    display = LatentSpaceDisplay.from_estimator(detector, X, method=None)
    np.testing.assert_allclose(drawn(display), detector.transform(X)[:, :2])


def test_tsne_takes_few_rows_and_repeats_itself(detector, X):
    first, second = (
        drawn(LatentSpaceDisplay.from_estimator(detector, X[:20], method="tsne", random_state=0))
        for _ in range(2)
    )
    assert first.shape == (20, 2)
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, drawn(LatentSpaceDisplay.from_estimator(detector, X[:20])))


def test_the_last_step_of_a_pipeline_gives_the_codes(X):
    pipeline = make_pipeline(StandardScaler(), AutoEncoder(n_latent=2, max_epochs=2)).fit(X)
    display = LatentSpaceDisplay.from_estimator(pipeline, X)
    np.testing.assert_allclose(drawn(display), pipeline.transform(X))


@pytest.mark.parametrize("y", [["b", "a", "b", "b"], [1, 0, 1, 1], [True, False, True, True]])
def test_classes_have_a_colour_and_an_entry_each_and_the_rare_ones_lie_on_top(y):
    codes = np.arange(8.0).reshape(4, 2)
    display = LatentSpaceDisplay.from_codes(codes, y)
    rare, common = display.scatters_
    np.testing.assert_array_equal(rare.get_offsets(), codes[[1]])
    np.testing.assert_array_equal(common.get_offsets(), codes[[0, 2, 3]])
    assert rare.get_facecolor().tolist() != common.get_facecolor().tolist()
    assert rare.get_zorder() > common.get_zorder()
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == sorted({str(label) for label in y})


def test_many_classes_have_colours_of_their_own():
    y = np.repeat(np.arange(25), 3)
    display = LatentSpaceDisplay.from_codes(np.random.RandomState(0).randn(75, 2), y)
    assert len({tuple(scatter.get_facecolor()[0]) for scatter in display.scatters_}) == 25
    legend = display.ax_.get_legend()
    assert legend.get_title().get_text() == "20 of 25 classes"
    assert len(legend.get_texts()) == 20


def test_names_of_classes_are_shown_as_they_are():
    y = np.repeat(["_a", "$b_$", "c"], 10)
    display = LatentSpaceDisplay.from_codes(np.random.RandomState(0).randn(30, 2), y)
    texts = display.ax_.get_legend().get_texts()
    assert sorted(text.get_text().strip() for text in texts) == ["$b_$", "_a", "c"]
    display.figure_.canvas.draw()  # it would raise if the text were taken for a formula


def test_whole_numbers_are_values_if_they_are_floats():
    codes = np.random.RandomState(0).randn(60, 2)
    display = LatentSpaceDisplay.from_codes(codes, np.arange(60.0))
    assert len(display.scatters_) == 1
    assert len(display.figure_.axes) == 2


def test_equal_codes_have_no_share_of_the_variance():
    display = LatentSpaceDisplay.from_codes(np.ones((9, 3)))
    assert display.axis_names[0] == "principal component 1 (0%)"


def test_scores_are_shades_with_a_colour_bar(detector, X):
    scores = detector.score_samples(X)
    display = LatentSpaceDisplay.from_estimator(detector, X, scores)
    (scatter,) = display.scatters_
    np.testing.assert_array_equal(scatter.get_array(), scores)
    assert len(display.figure_.axes) == 2


def test_it_is_drawn_where_and_as_the_user_says(detector, X):
    _, ax = plt.subplots()
    display = LatentSpaceDisplay.from_estimator(detector, X, ax=ax, s=77, color="red")
    assert display.ax_ is ax
    assert display.scatters_[0].get_sizes().tolist() == [77]
    again = display.plot()
    assert again is display
    assert again.ax_ is not ax


def test_a_detector_without_codes_is_refused(X):
    with pytest.raises(
        ValueError, match=r"estimator=.* has no codes to show: it must be a detector"
    ):
        LatentSpaceDisplay.from_estimator(object(), X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"codes": np.ones((4, 1))}, "1 feature"),
        (
            {"codes": np.ones((4, 3)), "method": "umap"},
            "method='umap' must be 'pca', 'tsne' or None",
        ),
        ({"codes": np.ones((4, 2)), "y": [0, 1]}, "inconsistent numbers of samples"),
        ({"codes": np.ones((2, 2)), "y": ["a", np.nan]}, "y must have a class"),
        ({"codes": np.ones((2, 2)), "y": [1, "1"]}, "y must hold classes of one type"),
        ({"codes": np.ma.masked_equal(np.eye(2), 0)}, "codes has masked cells"),
        ({"codes": np.ones((1, 3))}, "method='pca' needs at least two rows"),
        ({"codes": np.ones((1, 3)), "method": "tsne"}, "method='tsne' needs at least two rows"),
        ({"codes": np.ones((2, 2)), "y": [0.5, np.inf]}, "y must have a class .* got inf"),
        ({"codes": np.ones((2, 2)), "y": np.array(["a", None])}, "y must have a class .* None"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        LatentSpaceDisplay.from_codes(**arguments)


def test_without_matplotlib_it_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"LatentSpaceDisplay\.from_codes requires matplotlib"):
        LatentSpaceDisplay.from_codes(np.ones((4, 2)))


@pytest.mark.parametrize("y", [[0.5, np.nan], ["a", np.nan]])
def test_classes_and_scores_must_be_there(y):
    y = np.array(y * 10, dtype=object if isinstance(y[0], str) else float)
    with pytest.raises(ValueError, match="y must have a class or a finite number for each row"):
        LatentSpaceDisplay.from_codes(np.random.RandomState(0).randn(20, 2), y)


def test_a_column_of_classes_is_taken_as_one():
    codes = np.random.RandomState(0).randn(20, 2)
    display = LatentSpaceDisplay.from_codes(codes, np.arange(20)[:, None] % 2)
    assert len(display.scatters_) == 2


def test_classes_of_numbers_of_several_types_are_drawn():
    LatentSpaceDisplay.from_codes(np.eye(3), y=np.array([1, 2.5, True], dtype=object))
