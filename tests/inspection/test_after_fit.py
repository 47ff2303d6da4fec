"""Displays of scores, histories, contributions and p-values: what they draw and refuse."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepad import AutoEncoder, DeepSVDD
from skdeepad.calibration import ConformalDetector
from skdeepad.inspection import (
    ContributionDisplay,
    HistoryDisplay,
    PValueDisplay,
    ScoreDisplay,
)
from skdeepad.interop import DetectorClassifier


@pytest.fixture(scope="module")
def table():
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.randn(200, 4), columns=list("abcd"))
    y = (np.arange(200) < 20).astype(int)
    X.loc[:19, "b"] += 6
    return X, y


@pytest.fixture(scope="module")
def detector(table):
    X, y = table
    params = {"max_epochs": 10, "early_stopping": True, "random_state": 0}
    return AutoEncoder(**params).fit(X[y == 0])


def texts(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


# Scores --------------------------------------------------------------------------------------


def test_bars_are_the_scores_by_label_and_the_line_is_the_threshold(detector, table):
    X, y = table
    display = ScoreDisplay.from_estimator(detector, X, y, bins=7, density=False)
    assert_allclose(display.scores, detector.score_samples(X))
    assert texts(display) == [
        f"AutoEncoder, {what}" for what in ("normal", "anomalies", "threshold")
    ]
    counts = [[bar.get_height() for bar in bars] for bars in display.bars_]
    edges = np.linspace(display.scores.min(), display.scores.max(), 8)
    for drawn, mask in zip(counts, (y == 0, y == 1), strict=True):
        assert_array_equal(drawn, np.histogram(display.scores[mask], edges)[0])
    assert_allclose(display.line_.get_xdata(), detector.offset_)
    signs = ScoreDisplay.from_estimator(detector, X, 1 - 2 * y)
    assert_array_equal(signs.is_anomaly, display.is_anomaly)


def test_scores_of_any_detector_share_axes(table):
    X, _ = table
    first = ScoreDisplay.from_estimator(IsolationForest(random_state=0).fit(X), X)
    pipeline = make_pipeline(StandardScaler(), IsolationForest(random_state=1)).fit(X)
    second = ScoreDisplay.from_estimator(pipeline, X, name="scaled", ax=first.ax_)
    assert second.ax_ is first.ax_
    assert texts(second) == [
        *(
            "IsolationForest, rows",
            "IsolationForest, threshold",
            "scaled, rows",
            "scaled, threshold",
        )
    ]
    alone = ScoreDisplay.from_predictions([1.0, 1.0, np.nan, -np.inf])
    assert alone.line_ is None
    assert sum(bar.get_height() > 0 for bar in alone.bars_[0]) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ScoreDisplay.from_predictions([np.nan]), "no finite value"),
        (lambda: ScoreDisplay.from_predictions([1.0, 2.0], [0]), "y has 1 labels"),
        (lambda: ScoreDisplay.from_predictions([1.0], bins=0), "bins=0"),
        (lambda: ScoreDisplay.from_predictions([1.0], bins=True), "bins=True"),
        (lambda: ScoreDisplay.from_predictions([None]), "no finite value"),
        (lambda: ScoreDisplay.from_predictions(np.ma.masked_equal([1, 2], 1)), "masked cells"),
        (lambda: ScoreDisplay.from_predictions([1e308, -1e308]), "too far apart to be drawn"),
        (lambda: ScoreDisplay.from_estimator(StandardScaler(), [[1]]), "score_samples"),
    ],
)
def test_what_has_no_scores_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "scores", [[1.0, np.nextafter(1, 2), 1.0], [1.7e308, 1.7e308], [0.0, 0.0], [-3.0], [0, 5e-324]]
)
def test_scores_that_are_nearly_equal_are_drawn(scores):
    bars = ScoreDisplay.from_predictions(scores).bars_[0]
    assert sum(bar.get_height() > 0 for bar in bars) == 1


@pytest.mark.parametrize("y", [None, [0, 1, 0]])
def test_a_name_with_an_underscore_stays_in_the_legend(y):
    shown = texts(ScoreDisplay.from_predictions([1.0, 2.0, 3.0], y, name="_a"))
    assert shown
    assert all(text.strip().startswith("_a, ") for text in shown)


# Histories -----------------------------------------------------------------------------------


def test_lines_are_the_losses_of_the_epochs(detector):
    display = HistoryDisplay.from_estimator(detector)
    assert display.keys == ["train_loss", "valid_loss"]
    for line, key in zip(display.lines_, display.keys, strict=True):
        assert_allclose(line.get_ydata(), detector.history_[key])
        assert_array_equal(line.get_xdata(), np.arange(1, detector.n_iter_ + 1))
    one = HistoryDisplay.from_estimator(
        make_pipeline(StandardScaler(), detector), keys="valid_loss", name="x", ax=display.ax_
    )
    assert texts(one)[-1] == "x, valid_loss"
    params = {"max_epochs": 2, "random_state": 0}
    classifier = DetectorClassifier(AutoEncoder(**params)).fit(np.eye(4)[:, :2], [0, 0, 0, 1])
    assert HistoryDisplay.from_estimator(classifier).name == "AutoEncoder"
    for wrong in ("foo", []):
        with pytest.raises(ValueError, match="keys="):
            HistoryDisplay.from_estimator(detector, keys=wrong)
    assert HistoryDisplay.from_history({"loss": [1.0, 2.0]}).keys == ["loss"]
    with pytest.raises(ValueError, match=r"history has no losses: keys must be some of .'spread'"):
        HistoryDisplay.from_history({"spread": [1.0]})
    assert one.ax_.get_ylabel() == "loss"
    assert HistoryDisplay.from_estimator(detector, keys="epoch").ax_.get_ylabel() == "value"
    with pytest.raises(ValueError, match="history_"):
        HistoryDisplay.from_estimator(IsolationForest())


# Contributions -------------------------------------------------------------------------------


def test_bars_are_the_contributions_of_the_row_the_largest_first(detector, table):
    X, _ = table
    display = ContributionDisplay.from_estimator(detector, X, row=5, max_features=2)
    expected = detector.feature_contributions(X.iloc[[5]])[0]
    order = np.argsort(-np.abs(expected))
    widths = [bar.get_width() for bar in display.bars_]
    assert_allclose(widths, [*expected[order[:2]], expected[order[2:]].sum()])
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    first = f"{X.columns[order[0]]} = {X.iloc[5, order[0]]:.4g}"
    assert labels[0] == first
    assert labels[-1] == "2 others"
    signed = ContributionDisplay.from_contributions([1.0, -2.0])
    assert [to_hex(bar.get_facecolor()) for bar in signed.bars_] == ["#3b76af", "#d9822b"]
    assert signed.feature_names == ["feature 0", "feature 1"]
    mixed = ContributionDisplay.from_contributions(np.ones(3), values=[1, "x", None])
    labels = [text.get_text() for text in mixed.ax_.get_yticklabels()]
    assert labels == ["feature 0 = 1", "feature 1 = x", "feature 2 = None"]
    prices = ContributionDisplay.from_contributions([1.0, 2.0], values=["$5_$6", "$7"])
    prices.figure_.canvas.draw()  # it would raise if the text were taken for a formula
    for row in (200, -1, "a"):
        with pytest.raises(ValueError, match="row="):
            ContributionDisplay.from_estimator(detector, X, row=row)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ContributionDisplay.from_contributions([[1.0, 2.0]]), "one row"),
        (lambda: ContributionDisplay.from_contributions([1.0], values=[1, 2]), "values has 2"),
        (
            lambda: ContributionDisplay.from_contributions([1.0], feature_names="ab"),
            "feature_names",
        ),
        (lambda: ContributionDisplay.from_contributions([1.0], max_features=0), "max_features=0"),
        (lambda: ContributionDisplay.from_contributions([None, 1.0]), "contributions contains NaN"),
        (lambda: ContributionDisplay.from_estimator(DeepSVDD(), [[1]]), "not fitted"),
    ],
)
def test_what_has_no_contributions_of_one_row_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# P-values ------------------------------------------------------------------------------------


def test_lines_are_the_distribution_functions_of_the_p_values(table):
    X, y = table
    det = ConformalDetector(IsolationForest(random_state=0), random_state=0).fit(X[y == 0])
    display = PValueDisplay.from_estimator(det, X, y)
    p = det.p_values(X)
    for line, mask in zip(display.lines_, (y == 0, y == 1), strict=True):
        x, share = line.get_data()
        at = 0.31
        assert share[np.searchsorted(x, at, side="right") - 1] == (p[mask] <= at).mean()
    pipeline = make_pipeline(StandardScaler(), clone(det)).fit(X[y == 0])
    of_pipeline = PValueDisplay.from_estimator(pipeline, X, y)
    assert_allclose(of_pipeline.p_values, pipeline[-1].p_values(pipeline[0].transform(X)))
    again = PValueDisplay.from_predictions(p, name="all", ax=display.ax_)
    assert texts(again) == ["normal", "anomalies", "uniform", "all, rows"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PValueDisplay.from_predictions([0.5, 1.5]), r"in \[0, 1\]"),
        (lambda: PValueDisplay.from_predictions([0.5, np.nan]), r"in \[0, 1\]"),
        (lambda: PValueDisplay.from_predictions([0.5], [0, 1]), "y has 2 labels"),
        (lambda: PValueDisplay.from_estimator(IsolationForest(), [[1]]), "p_values"),
    ],
)
def test_what_has_no_p_values_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_names_and_values_of_a_series_are_taken_by_their_place():
    names, values = (pd.Series(each, index=[5, 6]) for each in (["x", "y"], [1.5, 2.5]))
    display = ContributionDisplay.from_contributions([1, 2], feature_names=names, values=values)
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert sorted(label[0] for label in labels) == ["x", "y"]
    assert display.values == [1.5, 2.5]
