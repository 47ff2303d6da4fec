"""Contributions of columns: pipelines, encoded columns, names, frames and refusals."""

import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

from skdeepad import BDSGM, AutoEncoder, DeepSVDD, DetectorEnsemble, InvertibleResNet
from skdeepad.calibration import ConformalDetector, TunedThreshold
from skdeepad.export import to_module
from skdeepad.inspection import ContributionDisplay, feature_contributions
from skdeepad.interop import DetectorClassifier


@pytest.fixture(scope="module")
def table():
    """Numbers, one of them missing, and text."""
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.randn(120, 3), columns=["a", "b", "c"], index=np.arange(1000, 1120))
    X["colour"] = rng.choice(["red", "green", "blue"], 120)
    X["size"] = np.where(X["a"] > 0, "large", "small")
    X.iloc[3, 1] = np.nan
    return X


def detector(**params):
    return AutoEncoder(**{"max_epochs": 2, "random_state": 0} | params)


def levels(**params):
    return OneHotEncoder(sparse_output=False, **params)


# Pipelines -----------------------------------------------------------------------------------


def test_scalers_keep_the_columns_of_a_detector(table):
    X = table[["a", "c"]]
    scaled = make_pipeline(StandardScaler(), "passthrough", MinMaxScaler(), detector()).fit(X)
    rows = scaled[:-1].transform(X)
    expected = scaled[-1].feature_contributions(rows)
    assert_array_equal(feature_contributions(scaled, X), expected)
    assert_array_equal(feature_contributions(scaled[-1], rows), expected)


def test_levels_of_a_column_add_up_and_columns_are_those_of_the_table(table):
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    encode = ColumnTransformer(
        [
            ("text", levels(), ["size", "colour"]),
            ("ordinal", OrdinalEncoder(), ["colour"]),
            ("numbers", numbers, slice(1, 3)),
            ("none", "drop", ["a"]),
        ]
    )
    pipeline = make_pipeline(encode, detector()).fit(table)
    inner = pipeline[-1].feature_contributions(encode.transform(table))
    # Levels of size, those of colour, the ordinal colour, b and c, and whether b is missing.
    expected = [0 * inner[:, 0], inner[:, [6, 8]].sum(1), inner[:, 7]]
    expected += [inner[:, 2:6].sum(1), inner[:, :2].sum(1)]
    found = feature_contributions(pipeline, table)
    assert isinstance(found, np.ndarray)
    assert_allclose(found, np.column_stack(expected))
    assert_allclose(found.sum(1), -pipeline.score_samples(table), rtol=1e-5)


@pytest.mark.parametrize(
    ("step", "columns"),
    [
        (levels(drop="if_binary"), [0, 1, 1, 1, 2]),
        (levels(drop="first", categories=[[0, 1], [0, 1, 2], [0, 1]]), [0, 1, 1, 2]),
        (levels(min_frequency=30), [0, 0, 1, 1, 2, 2]),
        (KBinsDiscretizer(2, encode="onehot-dense", strategy="uniform"), [0, 0, 1, 1, 2, 2]),
        (KBinsDiscretizer(2, encode="ordinal", strategy="uniform"), [0, 1, 2]),
        (VarianceThreshold(0.3), [1]),
        (make_union(StandardScaler(), VarianceThreshold(0.3)), [0, 1, 2, 1]),
        (make_pipeline(make_union("passthrough", MinMaxScaler()), levels()), [0, 0] + [1, 1, 1]),
        (FunctionTransformer(np.square, feature_names_out="one-to-one"), [0, 1, 2]),
        (FrozenEstimator(StandardScaler()), [0, 1, 2]),
        (make_column_transformer((levels(), [1]), remainder=MinMaxScaler()), [1, 1, 1, 0, 2]),
        (make_column_transformer((levels(), [-1]), remainder="passthrough"), [2, 2, 0, 1]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseEstimator) else str(value),
)
def test_outputs_of_a_step_belong_to_their_column(step, columns):
    X = np.column_stack([np.arange(90) % 2, np.minimum(np.arange(90) % 5, 2), np.arange(90) < 40])
    X = X.astype(float)
    if isinstance(step, FrozenEstimator):
        step.estimator.fit(X)
    pipeline = make_pipeline(step, detector()).fit(X)
    inner = pipeline[-1].feature_contributions(pipeline[0].transform(X))
    if isinstance(step, Pipeline):
        columns = np.repeat([0, 1, 2, 0, 1, 2], [2, 3, 2, 2, 3, 2])
    expected = np.zeros((90, 3))
    for place, column in enumerate(columns):
        expected[:, column] += inner[:, place]
    assert inner.shape[1] == len(columns)
    assert_allclose(feature_contributions(pipeline, X), expected)


def test_gradients_pass_through_pipelines_and_sum_to_the_difference_of_scores(table):
    pytest.importorskip("captum")
    encode = make_column_transformer((levels(), ["colour"]), ("passthrough", ["a", "c"]))
    pipeline = Pipeline([("all", Pipeline([("encode", encode)])), ("det", None)])
    pipeline.set_params(det=DeepSVDD(max_epochs=2, pretrain_epochs=1, random_state=0)).fit(table)
    contributions = feature_contributions(pipeline, table, as_frame=True)
    det = pipeline[-1]
    difference = det.score_samples(det.baseline_[None]) - pipeline.score_samples(table)
    assert_allclose(contributions.sum(axis=1), difference, rtol=1e-4, atol=1e-5)
    assert contributions.columns.tolist() == table.columns.tolist()
    assert (contributions[["b", "size"]] == 0).all(axis=None)


def test_integrated_gradients_of_a_normal_density_are_known():
    pytest.importorskip("captum")
    X = np.random.RandomState(0).randn(200, 3) @ np.array([[2, 1, 0], [0, 1, 1], [0, 0, 3]])
    det = BDSGM(density="gaussian", generator_steps=1, scaler=None, random_state=0).fit(X)
    precision = np.linalg.inv(np.cov(X.T, bias=True) + det.noise**2 * np.eye(3))
    between = (X + det.baseline_) / 2 - X.mean(0)
    expected = (X - det.baseline_) * (between @ precision)
    assert_allclose(det.feature_contributions(X), expected, rtol=1e-3, atol=1e-4)


def test_a_density_of_ones_own_has_the_contributions_of_its_scores():
    pytest.importorskip("captum")
    X = np.random.RandomState(0).randn(200, 4)
    flow = InvertibleResNet(max_epochs=3, random_state=0).fit(X)
    det = BDSGM(density=flow, generator_steps=2, random_state=0).fit(X)
    found = det.feature_contributions(X[:20])
    assert_allclose(found, flow.feature_contributions(X[:20]), rtol=1e-4, atol=1e-4)


# Steps that mix columns ----------------------------------------------------------------------


def test_a_step_that_mixes_columns_ends_the_trace(table):
    X = table[["a", "c"]].assign(b=1.0)
    pipeline = make_pipeline(StandardScaler(), PCA(2), MinMaxScaler(), detector()).fit(X)
    inner = pipeline[-1].feature_contributions(pipeline[:-1].transform(X))
    found = feature_contributions(pipeline, X, as_frame=True)
    assert found.columns.tolist() == ["pca0", "pca1"]
    assert_array_equal(found, inner)
    for step in (Normalizer(), FunctionTransformer(np.cumsum, kw_args={"axis": 1})):
        mixing = make_pipeline(step, detector()).fit(X.to_numpy())
        with pytest.raises(ValueError, match="mixes features"):
            detector(scaler=step).fit(X.to_numpy()).feature_contributions(X.to_numpy())
        assert feature_contributions(mixing, X.to_numpy(), as_frame=True).shape == X.shape


def test_columns_beside_those_that_are_mixed_are_added_up(table):
    encode = make_column_transformer((PCA(1), ["a", "c"]), (levels(), ["size"]))
    pipeline = make_pipeline(encode, detector()).fit(table)
    inner = pipeline[-1].feature_contributions(encode.transform(table))
    found = feature_contributions(pipeline, table, as_frame=True)
    assert found.columns.tolist() == ["size", "pca__pca0"]
    assert_allclose(found, np.column_stack([inner[:, 1:].sum(1), inner[:, 0]]))


# Names and frames ----------------------------------------------------------------------------


def test_frames_come_as_transform_gives_them(table):
    X = table[["a", "c"]]
    pipeline = make_pipeline(StandardScaler(), detector()).fit(X)
    array = feature_contributions(pipeline, X)
    assert isinstance(array, np.ndarray)
    with config_context(transform_output="pandas"):
        frame = feature_contributions(pipeline.fit(X), X)
    by_steps = make_pipeline(StandardScaler(), detector()).set_output(transform="pandas").fit(X)
    for found in (frame, feature_contributions(by_steps, X)):
        assert found.columns.tolist() == ["a", "c"]
        assert_array_equal(found.index, X.index)
        assert_array_equal(found, array)
    assert isinstance(feature_contributions(by_steps, X, as_frame=False), np.ndarray)
    without_names = make_pipeline(StandardScaler(), detector()).fit(X.to_numpy())
    frame = feature_contributions(without_names, X.to_numpy().tolist(), as_frame=True)
    assert frame.columns.tolist() == ["x0", "x1"]


def test_polars_gets_its_own_frame(table):
    polars = pytest.importorskip("polars")
    X = polars.DataFrame(table[["a", "c"]].to_dict(orient="list"))
    det = make_pipeline(StandardScaler(), detector()).set_output(transform="polars").fit(X)
    found = feature_contributions(det, X)
    assert isinstance(found, polars.DataFrame)
    assert found.columns == ["a", "c"]


# Estimators that are made of detectors -------------------------------------------------------


def test_wrappers_are_reached_through(table):
    X = table[["a", "c"]]
    det = make_pipeline(StandardScaler(), detector()).fit(X)
    expected = feature_contributions(det, X)
    tuned = TunedThreshold(det, cv="prefit").fit(X, np.resize([1, -1], len(X)))
    conformal = ConformalDetector(det, cv="prefit").fit(X)
    for wrapper in (FrozenEstimator(det), tuned, conformal):
        assert_array_equal(feature_contributions(wrapper, X), expected)
    search = GridSearchCV(det, {"autoencoder__lr": [1e-3]}, cv=2, scoring="roc_auc").fit(
        X, np.resize([1, -1], len(X))
    )
    inner = feature_contributions(search.best_estimator_, X)
    assert_array_equal(feature_contributions(search, X), inner)
    classifier = DetectorClassifier(det).fit(X, np.arange(len(X)) < 10)
    inner = feature_contributions(classifier.detector_, X)
    assert_array_equal(feature_contributions(classifier, X), inner)


def test_contributions_of_an_ensemble_are_means_in_units_of_the_members_scores(table):
    X = table[["a", "c"]]
    ensemble = DetectorEnsemble(
        make_pipeline(StandardScaler(), detector()), n_estimators=2, combine="zscore"
    )
    ensemble.set_params(random_state=0).fit(X)
    rows = X[:20]
    found = feature_contributions(ensemble, rows)
    members = zip(ensemble.estimators_, ensemble.member_scores_, strict=True)
    expected = [feature_contributions(each, rows) / scores.std() for each, scores in members]
    assert_allclose(found, np.mean(expected, axis=0))
    # z-scores are linear in the scores, so that they differ by as much as the sums do.
    shift = found.sum(1) + ensemble.score_samples(rows)
    assert_allclose(shift, shift[0], rtol=1e-5)
    folds = ConformalDetector(detector(), cv=2, random_state=0).fit(X)
    assert feature_contributions(folds, rows).shape == rows.shape
    members = [("one", ensemble.estimator), ("two", detector()), ("other", "drop")]
    weighted = DetectorEnsemble(members, weights=[3, 1, 2], random_state=0).fit(X)
    members = zip(weighted.estimators_, weighted.member_scores_, strict=True)
    parts = [feature_contributions(each, rows) / scores.std() for each, scores in members]
    assert_allclose(
        feature_contributions(weighted, rows), np.average(parts, axis=0, weights=[3, 1])
    )
    with pytest.raises(ValueError, match=r"estimator=IsolationForest.* must be a detector with"):
        feature_contributions(weighted.set_params(other=IsolationForest()).fit(X), rows)


@pytest.mark.parametrize(
    "estimator", [IsolationForest(), make_pipeline(StandardScaler(), IsolationForest())]
)
def test_what_has_no_contributions_is_refused(estimator, table):
    X = table[["a", "c"]]
    with pytest.raises(NotFittedError):
        feature_contributions(estimator, X)
    estimator.fit(X)
    with pytest.raises(ValueError, match="must be a detector with feature_contributions"):
        feature_contributions(estimator, X)


def test_members_with_other_columns_are_refused(table):
    X = table[["a", "c"]].to_numpy()
    ensemble = DetectorEnsemble(detector(), n_estimators=2, random_state=0).fit(X)
    ensemble.estimators_[1] = make_pipeline(PCA(1), detector()).fit(X)
    with pytest.raises(ValueError, match="other columns"):
        feature_contributions(ensemble, X)


def test_captum_is_named_if_it_is_missing(table, monkeypatch):
    X = table[["a", "c"]]
    det = DeepSVDD(max_epochs=1, pretrain_epochs=0).fit(X)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ImportError, match=r"DeepSVDD needs captum: pip install 'skdeepad\[explain"):
        det.feature_contributions(X)


def test_a_score_without_a_gradient_is_refused(table):
    pytest.importorskip("captum")

    class Detached(BaseEstimator):
        def score_samples(self, X):
            return -np.sum(np.square(X), axis=1)

        def log_density(self, x):
            return -(x.detach() ** 2).sum(1)

    X = table[["a", "c"]].to_numpy()
    det = BDSGM(density=Detached(), generator_steps=1, random_state=0).fit(X)
    with pytest.raises(ValueError, match="BDSGM has no feature_contributions here"):
        det.feature_contributions(X)


# Pictures ------------------------------------------------------------------------------------


def test_a_display_shows_the_columns_of_a_pipeline(table):
    encode = make_column_transformer((levels(), ["size"]), ("passthrough", ["a", "c"]))
    pipeline = make_pipeline(encode, detector()).fit(table)
    display = ContributionDisplay.from_estimator(pipeline, table, row=7)
    assert_array_equal(display.contributions, feature_contributions(pipeline, table.iloc[[7]])[0])
    labels = {text.get_text() for text in display.ax_.get_yticklabels()}
    assert f"size = {table.iloc[7]['size']}" in labels
    assert f"a = {table.iloc[7]['a']:.4g}" in labels
    mixed = make_pipeline(PCA(2), detector()).fit(table[["a", "c"]])
    display = ContributionDisplay.from_estimator(mixed, table[["a", "c"]])
    assert {text.get_text() for text in display.ax_.get_yticklabels()} == {"pca0", "pca1"}


def test_columns_may_come_in_any_order_and_with_others(X):
    frame = pd.DataFrame(X[:, :3], columns=["a", "b", "c"])
    columns = make_column_transformer((StandardScaler(), ["a", "b", "c"]))
    det = make_pipeline(columns, AutoEncoder(max_epochs=2, random_state=0)).fit(frame)
    expected = feature_contributions(det, frame)
    other = frame[["c", "b", "a"]].assign(z=1.0)
    assert_array_equal(feature_contributions(det, other), expected)
    assert feature_contributions(det, other, as_frame=True).columns.tolist() == ["a", "b", "c"]
    display = ContributionDisplay.from_estimator(det, other)
    assert list(display.values) == frame.iloc[0].tolist()


def test_one_row_alone_and_no_estimator_are_named(X):
    det = AutoEncoder(max_epochs=1, random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"X of shape \(8,\) must be a table"):
        feature_contributions(det, X[0])
    for function in (lambda: feature_contributions(None, X), lambda: to_module(None)):
        with pytest.raises(TypeError, match="None is not an estimator instance"):
            function()
