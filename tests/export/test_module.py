"""Detectors as torch modules."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import (
    ExtraTreesClassifier,
    IsolationForest,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

import skdeepad
from skdeepad import VAE, AutoEncoder, DetectorEnsemble, DevNet, InvertibleResNet, LeSiNN
from skdeepad.calibration import ConformalDetector, TunedThreshold
from skdeepad.export import to_module
from skdeepad.export._feedback import probability_of
from skdeepad.feedback import FeedbackDetector

from ..instances import small, without_labels

DETECTORS = [name for name, _ in skdeepad.all_detectors()]


def some_rows(n=200, d=5):
    """Rows with units far from 1, and the same rows 100 standard deviations away."""
    rng = np.random.RandomState(0)
    X = rng.randn(n, d) @ rng.randn(d, d) * 10.0 ** np.arange(-2, d - 2) + 3
    return X, X + 100 * X.std(0) * rng.choice([-1, 1], X.shape)


def assert_close(scores, expected, spread, tolerance=1e-5):
    assert np.abs(np.asarray(scores) - expected).max() <= tolerance * spread


def in_torch(module, X):
    return module(torch.from_numpy(X)).numpy()


@without_labels
@pytest.mark.usefixtures("quick_stages")
@pytest.mark.parametrize("name", DETECTORS)
def test_scores_are_those_of_the_detector_in_range_and_far_out(name):
    X, far = some_rows()
    y = np.where(np.arange(len(X)) < 10, -1, 0)
    det = small(name).fit(X, y)
    module = to_module(det)
    scores, of_far = det.score_samples(X), det.score_samples(far)
    assert_close(in_torch(module, X), scores, scores.std())
    assert_close(in_torch(module, far), of_far, np.r_[scores, of_far].std())
    assert module.offset == det.offset_
    assert module(torch.from_numpy(X)).dtype == torch.float64


@without_labels
@pytest.mark.parametrize("name", ["AutoEncoder", "VAE", "DeepSVDD", "SDGM", "InvertibleResNet"])
def test_torch_exports_it_for_any_number_of_rows(name):
    X, _ = some_rows()
    det = small(name).fit(X)
    rows = {0: torch.export.Dim("batch")}
    module = to_module(det)
    program = torch.export.export(module, (torch.from_numpy(X[:3]),), dynamic_shapes=(rows,))
    scores = det.score_samples(X)
    for n in (1, 2, len(X)):
        assert_close(in_torch(program.module(), X[:n]), scores[:n], scores.std())


@pytest.mark.parametrize(
    "scaler",
    [
        "standard",
        "minmax",
        "robust",
        None,
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        RobustScaler(with_centering=False),
        MinMaxScaler((-1, 2)),
    ],
    ids=str,
)
def test_linear_scalers_are_part_of_it(scaler):
    X, far = some_rows(d=3)
    det = AutoEncoder(max_epochs=3, scaler=scaler, random_state=0).fit(X)
    for rows in (X, far):
        expected = det.score_samples(rows)
        assert_allclose(in_torch(to_module(det), rows), expected, rtol=1e-4)


@pytest.mark.parametrize("scaler", [PowerTransformer(), MaxAbsScaler(), MinMaxScaler(clip=True)])
def test_other_scalers_are_refused_by_name(scaler):
    X, _ = some_rows()
    det = AutoEncoder(max_epochs=1, scaler=scaler).fit(X)
    with pytest.raises(ValueError, match=f"scaler={type(scaler).__name__}.* must be 'standard'"):
        to_module(det)


def test_a_constant_column_and_one_row_have_scores():
    X, far = some_rows()
    X[:, 1] = 7.0
    det = AutoEncoder(max_epochs=3, random_state=0).fit(X)
    for rows in (X[:1], X, far):
        assert_allclose(in_torch(to_module(det), rows), det.score_samples(rows), rtol=1e-4)


@pytest.mark.parametrize(
    "params", [{}, {"metric": "euclidean", "n_neighbors": 1, "clip": None}], ids=str
)
def test_distances_to_neighbours_are_a_module(params):
    X, far = some_rows()
    det = LeSiNN(max_samples=30, random_state=0, **params).fit(X)
    module, scores = to_module(det), det.score_samples(X)
    assert_close(in_torch(module, X), scores, scores.std())
    assert_allclose(in_torch(module, far), det.score_samples(far), rtol=1e-6)


@pytest.mark.parametrize("combine", ["log", "quantile", "rank", "zscore"])
def test_an_ensemble_is_one_module(combine):
    X, far = some_rows()
    members = AutoEncoder(max_epochs=3)
    det = DetectorEnsemble(members, n_estimators=3, combine=combine, random_state=0).fit(X)
    module = to_module(det)
    scores = det.score_samples(X)
    assert_close(in_torch(module, X), scores, scores.std())
    assert_allclose(in_torch(module, far), det.score_samples(far), rtol=1e-4)
    assert module.offset == det.offset_


def test_an_ensemble_of_several_kinds_is_one_module():
    X, far = some_rows()
    members = [("ae", AutoEncoder(max_epochs=3)), ("vae", VAE(max_epochs=3)), ("other", "drop")]
    det = DetectorEnsemble(members, weights=[3, 1, 2], random_state=0).fit(X)
    for other in ("drop", IsolationForest(n_estimators=3)):
        det.set_params(other=other).fit(X)
        module, scores = to_module(det), det.score_samples(X)
        assert_close(in_torch(module, X), scores, scores.std())
        assert_allclose(in_torch(module, far), det.score_samples(far), rtol=1e-4)
    det.set_params(other=LocalOutlierFactor(novelty=True)).fit(X)
    with pytest.raises(TypeError, match=r"estimator=LocalOutlier.* must be a fitted detector"):
        to_module(det)


@pytest.mark.parametrize(
    "params",
    [{}, {"max_features": 0.5}, {"max_samples": 2}, {"max_samples": 1}, {"bootstrap": True}],
    ids=str,
)
def test_an_isolation_forest_is_a_module(params):
    X, far = some_rows()
    X[::9, 2] = np.nan
    det = IsolationForest(n_estimators=10, random_state=0, **params).fit(X)
    module = to_module(det)
    for rows in (X, far, X[:1]):
        assert_allclose(in_torch(module, rows), det.score_samples(rows), rtol=1e-12)
    assert module.offset == det.offset_


def vote():
    """A mean of classifiers, of which one is dropped."""
    parts = [("a", RandomForestClassifier(5)), ("b", "drop"), ("c", LogisticRegression())]
    return VotingClassifier(parts, voting="soft", weights=[3, 1, 2])


def filled():
    """A classifier of features of which missing ones are 7."""
    imputer = SimpleImputer(strategy="constant", fill_value=7, keep_empty_features=True)
    return make_pipeline(imputer, LogisticRegression())


@pytest.mark.parametrize(
    "model",
    [None, LogisticRegression(), filled(), ExtraTreesClassifier(5), vote(), DevNet(max_epochs=2)],
    ids=["default", "linear", "filled", "trees", "vote", "DevNet"],
)
@pytest.mark.parametrize(
    "prior",
    [
        None,
        AutoEncoder(max_epochs=2),
        DetectorEnsemble([("a", LeSiNN()), ("b", IsolationForest())], weights=[3, 1]),
    ],
    ids=["default", "net", "weighted"],
)
def test_a_detector_that_learned_from_answers_is_a_module(model, prior):
    X, _ = some_rows()
    det = FeedbackDetector(prior, model=model, random_state=0).fit(X)
    signs = np.where(np.arange(60) % 3, 1, -1)
    for taught in (det, det.teach(np.arange(60), signs)):
        scores = taught.score_samples(X)
        module = to_module(taught)
        difference = np.abs(in_torch(module, X) - scores)
        assert np.median(difference) < 1e-6 * scores.std()
        # A prior score that is rounded otherwise may reach another leaf.
        assert (difference < 1e-4 * scores.std()).mean() > 0.98
        assert module.offset == taught.offset_


def test_missing_values_reach_the_answers_leaves():
    X, _ = some_rows()
    X[::3, 1] = np.nan
    det = FeedbackDetector(IsolationForest(random_state=0), random_state=0).fit(X)
    det.teach(np.arange(60), np.where(np.arange(60) % 4, 1, -1))
    assert_allclose(in_torch(to_module(det), X), det.score_samples(X), rtol=1e-6)


def test_a_constant_for_missing_features_is_that_of_the_imputer():
    features = np.random.RandomState(0).randn(50, 4)
    features[::3, 2] = np.nan
    model = filled().fit(features, np.arange(50) % 2)
    found = probability_of(model)(torch.from_numpy(features)).numpy()
    assert_allclose(found, model.predict_proba(features)[:, 1], rtol=1e-12)


@pytest.mark.parametrize(
    "model",
    [
        GaussianNB(),
        VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())], voting="soft"),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(
            SimpleImputer(
                missing_values=0.0, strategy="constant", fill_value=7, keep_empty_features=True
            ),
            LogisticRegression(),
        ),
    ],
    ids=["naive", "vote", "pipeline", "imputer"],
)
def test_other_models_of_answers_are_refused_by_name(model):
    X, _ = some_rows()
    det = FeedbackDetector(LeSiNN(), model=model, random_state=0).fit(X)
    to_module(det)  # nothing is learned yet
    det.teach(np.arange(60), np.where(np.arange(60) % 3, 1, -1))
    with pytest.raises(TypeError, match=r"(?s)model=.* must be a detector of skdeepad, a forest"):
        to_module(det)


def test_a_tuned_threshold_and_a_frozen_detector_are_looked_through():
    X, _ = some_rows()
    y = np.where(np.arange(len(X)) < 100, -1, 1)
    det = AutoEncoder(max_epochs=3, random_state=0).fit(X)
    tuned = TunedThreshold(FrozenEstimator(det), cv="prefit").fit(X, y)
    module = to_module(tuned)
    scores = det.score_samples(X)
    assert_close(in_torch(module, X), scores, scores.std())
    assert module.offset == tuned.offset_ != det.offset_


@pytest.mark.parametrize(
    ("cv", "guarantee"), [(3, "marginal"), (0.5, "marginal"), (0.5, "conditional")]
)
def test_a_conformal_detector_has_p_values(cv, guarantee):
    X, far = some_rows()
    params = {"cv": cv, "guarantee": guarantee, "alpha": 0.2, "random_state": 0}
    det = ConformalDetector(AutoEncoder(max_epochs=3), **params).fit(X)
    module = to_module(det)
    near = X + 0.3 * X.std(0) * np.random.RandomState(1).randn(*X.shape)
    for rows in (near, far):
        assert_allclose(in_torch(module, rows), det.score_samples(rows), atol=1e-4)
        assert_array_equal(in_torch(module, rows) < float(module.offset), det.predict(rows) < 0)
    X[0, 0] = np.nan
    assert in_torch(module, X[:1]) < float(module.offset)


def test_it_is_a_copy_without_gradients():
    X, _ = some_rows()
    det = InvertibleResNet(n_blocks=2, max_epochs=2, random_state=0).fit(X)
    scores = det.score_samples(X)
    module = to_module(det)
    assert not any(weight.requires_grad for weight in module.parameters())
    with torch.no_grad():
        for weight in module.parameters():
            weight.zero_()
    assert_array_equal(det.score_samples(X), scores)
    assert all(weight.requires_grad for weight in det.net_.module_.parameters())


def test_scores_have_gradients_in_the_rows():
    X, _ = some_rows()
    module = to_module(AutoEncoder(max_epochs=3, random_state=0).fit(X))
    x = torch.from_numpy(X).requires_grad_()
    (gradient,) = torch.autograd.grad(module(x).sum(), x)
    step = 1e-4 * X.std(0)
    moved = module(x + gradient.sign() * torch.from_numpy(step)).detach() - module(x).detach()
    assert (moved > 0).float().mean() > 0.95


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (LogisticRegression(), r"estimator=Log\S* must be a fitted detector of skdeepad"),
        (
            make_pipeline(StandardScaler(), AutoEncoder(max_epochs=1)),
            "A pipeline is exported by to_onnx",
        ),
        (
            GridSearchCV(IsolationForest(n_estimators=2), {}, scoring=lambda *_: 0.0, cv=2),
            r"GridSearchCV[\s\S]* must be a fitted .* Pass the best_estimator_ of a search",
        ),
    ],
    ids=["classifier", "pipeline", "search"],
)
def test_other_estimators_are_refused(estimator, message):
    X, _ = some_rows()
    estimator.fit(X, np.arange(len(X)) % 2)
    with pytest.raises(TypeError, match=message):
        to_module(estimator)


@pytest.mark.parametrize("shape", [(2, 1), (2, 3), (8,)])
def test_rows_of_another_shape_are_refused(shape, X):
    module = to_module(small("AutoEncoder").fit(X))
    with pytest.raises(ValueError, match=r"x must have the shape \(batch, 8\), got"):
        module(torch.zeros(shape))
