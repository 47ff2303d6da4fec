"""OC-NN: its objective, its threshold, and the one-class SVM as its limit."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr
from sklearn.frozen import FrozenEstimator
from sklearn.kernel_approximation import RBFSampler
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import OneClassSVM
from skorch.callbacks import LRScheduler

from skdeepad import OCNN, AutoEncoder, DeepSVDD
from skdeepad.datasets import fetch_adbench, list_datasets
from skdeepad.one_class._oc_nn import OCNNModule

from .protocol import auc_of, one_class_split


def objective(weights, scores, r, nu):
    """½‖weights‖² + mean hinge / nu − r, in numpy."""
    penalty = sum((np.asarray(w, dtype=float) ** 2).sum() for w in weights) / 2
    return penalty + np.maximum(0, r - scores).mean() / nu - r


def weights_of(detector):
    return [p.detach().double().numpy() for p in detector.net_.module_.parameters()]


# The objective -------------------------------------------------------------------------------


def test_the_loss_is_the_papers_by_hand():
    module = OCNNModule(2, (2,), activation="sigmoid", input_map=None, nu=0.25)
    V, w, r = np.array([[1.0, -1.0], [0.5, 2.0]]), np.array([2.0, -1.0]), 0.6
    with torch.no_grad():
        module.hidden[0].weight.copy_(torch.as_tensor(V))
        module.output.weight.copy_(torch.as_tensor(w)[None])
        module.r.fill_(r)
    x = np.array([[0.0, 0.0], [3.0, 1.0], [-2.0, 1.0]])
    scores = 1 / (1 + np.exp(-x @ V.T)) @ w
    losses = 0.5 * (5.0 + 6.25) + np.maximum(0, r - scores) / 0.25 - r
    assert (scores < r).sum() == 2
    rows = torch.as_tensor(x, dtype=torch.float32)
    assert_allclose(module.loss(rows).detach().numpy(), losses, rtol=1e-6)
    assert_allclose(module.anomaly_score(rows).detach().numpy(), -scores, rtol=1e-6)


def test_the_sphere_is_the_row_with_the_root_of_its_width_appended():
    module = OCNNModule(4, (3,), activation="sigmoid", input_map="sphere", nu=0.1)
    row = np.array([1.0, -2.0, 0.0, 3.0])
    expected = np.append(row, 2.0) / 18**0.5
    assert_allclose(module.embed(torch.tensor(row)[None]).numpy()[0], expected)


def test_training_converges_where_most_rows_are_equal():
    rng, X = np.random.RandomState(0), np.zeros((501, 4))
    X[:100] = rng.randn(100, 4)
    det = OCNN(random_state=0).fit(X)
    assert det.history_["objective"][-1] < 0.01
    assert abs(det.r_) < 0.01


@pytest.mark.parametrize("nu", [0.002, 0.05, 0.3])
def test_the_type_of_the_rows_changes_neither_scores_nor_ranks(nu, X):
    X = X.astype(np.float32)
    one, other = (
        OCNN(nu=nu, max_epochs=20, random_state=0).fit(rows).score_samples(X)
        for rows in (X, X.astype(float))
    )
    assert_allclose(one, other, atol=1e-4 * other.std())


def test_the_recorded_objective_and_r_are_those_of_all_rows(X):
    det = OCNN(nu=0.2, max_epochs=7, batch_size=64, scaler=None, random_state=0).fit(X)
    scores = det.score_samples(X.astype(np.float32))
    assert_allclose(det.r_, np.sort(scores)[60])
    assert_allclose(det.history_["r"][-1], det.r_, rtol=2e-5)  # it is moved by rounding
    assert_allclose(
        det.history_["objective"][-1], objective(weights_of(det), scores, det.r_, 0.2), rtol=1e-5
    )
    assert len(det.history_["objective"]) == len(det.history_["r"]) == det.n_iter_ == 7


def test_r_starts_as_a_quantile_so_that_some_rows_have_a_gradient(X):
    params = {"nu": 0.2, "lr": 1e-12, "max_epochs": 1, "batch_size": None, "random_state": 0}
    det = OCNN(**params, trim=0.0).fit(X)
    scores = det.score_samples(X)
    first = objective(weights_of(det), scores, np.sort(scores)[60], 0.2)
    assert_allclose(det.history_["train_loss"], [first], rtol=1e-5)


@pytest.mark.parametrize("name", ["thyroid", "breastw"])
def test_the_objective_of_full_batches_never_increases(name):
    X, *_ = one_class_split(name)
    det = OCNN(
        nu=0.1,
        activation="sigmoid",
        trim=0.0,
        batch_size=None,
        lr=1e-3,
        max_epochs=300,
        tol=0.0,
        random_state=0,
    ).fit(X)
    changes = np.diff(det.history_["objective"])
    assert len(changes) == 299
    assert changes.max() <= 1e-6
    assert changes.sum() < -1


# The threshold -------------------------------------------------------------------------------


@pytest.mark.parametrize("nu", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("name", ["cardio", "thyroid"])
def test_a_share_nu_of_the_training_rows_scores_below_r(name, nu):
    X, _ = fetch_adbench(name, return_X_y=True)
    det = OCNN(nu=nu, max_epochs=20, random_state=0).fit(X)
    scores = det.score_samples(X)
    for r in (det.r_, det.net_.module_.r.item(), det.history_["r"][-1]):
        assert abs((scores < r).mean() - nu) <= 1 / len(X) + 0.005


@pytest.mark.parametrize("name", list_datasets())
def test_a_share_nu_of_each_shipped_set_has_a_negative_decision(name):
    X, _ = fetch_adbench(name, return_X_y=True)
    det = OCNN(nu=0.1, contamination="auto", max_epochs=20, random_state=0).fit(X)
    assert abs((det.decision_function(X) < 0).mean() - 0.1) <= 0.02


def test_the_papers_threshold_is_r_until_contamination_says_otherwise(X):
    det = OCNN(nu=0.2, contamination="auto", max_epochs=5, random_state=0).fit(X)
    assert det.offset_ == det.r_
    assert (det.predict(X) == -1).sum() == 0.2 * len(X)
    assert (det.set_params(contamination=0.05).predict(X) == -1).sum() == 0.05 * len(X)
    assert_allclose(det.r_, np.sort(det.score_samples(X))[60])


@pytest.mark.parametrize(("n", "nu"), [(51, 0.05), (100, 0.07), (300, 0.1), (7, 0.1), (40, 1.0)])
def test_r_and_the_radius_minimise_their_objectives_at_any_size(n, nu, X):
    rows = X[:n]
    det = OCNN(nu=nu, activation="sigmoid", max_epochs=3, random_state=0).fit(rows)
    scores = det.score_samples(rows)
    values = [np.maximum(0, r - scores).mean() / nu - r for r in scores]
    assert_allclose(np.maximum(0, det.r_ - scores).mean() / nu - det.r_, min(values), rtol=1e-6)
    assert (scores < det.r_ - 1e-9).sum() == min(int(nu * n + 1e-9), n - 1)
    ball = DeepSVDD(
        objective="soft-boundary", nu=nu, max_epochs=3, pretrain_epochs=1, random_state=0
    ).fit(rows)
    distances, radius = -ball.score_samples(rows), ball.radius_**2
    values = [r + np.maximum(0, distances - r).mean() / nu for r in distances]
    assert_allclose(radius + np.maximum(0, distances - radius).mean() / nu, min(values), rtol=1e-6)
    assert (distances > radius + 1e-9).sum() == min(int(nu * n + 1e-9), n - 1)


# The paper's form, whose objective is smooth but for the hinge and has a minimum to settle in.
SMOOTH = {"nu": 0.1, "activation": "sigmoid", "trim": 0.0}


# Convergence ---------------------------------------------------------------------------------


def quiet_rounds(detector):
    """How many of the last rounds changed neither the objective nor r by a share of tol."""
    table = np.stack([detector.history_["objective"], detector.history_["r"]])
    quiet = (np.abs(np.diff(table)) < detector.tol * np.abs(table[:, 1:])).all(0)
    counts = np.zeros(len(quiet) + 1, dtype=int)
    for i, is_quiet in enumerate(quiet, 1):
        counts[i] = counts[i - 1] + 1 if is_quiet else 0
    return counts


@pytest.mark.parametrize("n_iter_no_change", [1, 5, 20])
def test_training_ends_after_so_many_quiet_rounds_running(X, n_iter_no_change):
    params = {"batch_size": None, "max_epochs": 2000, "tol": 1e-3, "random_state": 0}
    det = OCNN(n_iter_no_change=n_iter_no_change, **SMOOTH, **params).fit(X)
    counts = quiet_rounds(det)
    assert n_iter_no_change < det.n_iter_ < 2000
    assert counts[-1] == n_iter_no_change
    assert counts[:-1].max() < n_iter_no_change


def test_without_a_tolerance_all_rounds_are_run(X):
    assert OCNN(tol=0.0, max_epochs=150, lr=1e-6, random_state=0).fit(X).n_iter_ == 150


# The encoder ---------------------------------------------------------------------------------


def test_an_encoder_is_cloned_seeded_and_fitted_to_the_rows(X):
    encoder = AutoEncoder(max_epochs=5)
    det = OCNN(encoder=encoder, max_epochs=5, random_state=3).fit(X)
    assert not hasattr(encoder, "net_")
    fitted = det.scaler_[0]
    assert fitted.random_state is not None
    assert_array_equal(fitted.transform(X), AutoEncoder(**fitted.get_params()).fit(X).transform(X))
    again = OCNN(encoder=encoder, max_epochs=5, random_state=3).fit(X)
    assert_array_equal(again.score_samples(X), det.score_samples(X))


def test_a_seed_of_the_encoders_own_is_kept(X):
    det = OCNN(encoder=AutoEncoder(max_epochs=2, random_state=7), max_epochs=2, random_state=3)
    assert det.fit(X).scaler_[0].random_state == 7


def test_a_frozen_encoder_stays_as_it_is(X):
    encoder = AutoEncoder(max_epochs=5, random_state=0).fit(X)
    codes, scores = encoder.transform(X), encoder.score_samples(X)
    params = SMOOTH | {"max_epochs": 5, "random_state": 0}
    det = OCNN(encoder=FrozenEstimator(encoder), **params).fit(X**3)
    assert det.scaler_[0].estimator is encoder
    assert_array_equal(encoder.score_samples(X), scores)
    on_codes = OCNN(**params).fit(encoder.transform(X**3))
    # r is the score of a row, which counts as beyond it or not by how the score is rounded.
    assert_allclose(det.score_samples(X), on_codes.score_samples(codes), rtol=1e-2)


# One-class SVM -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("nu", [0.05, 0.1])
@pytest.mark.parametrize("name", ["thyroid", "satimage-2"])
def test_without_a_hidden_layer_it_is_the_linear_one_class_svm(shared_data, name, nu):
    X, *_ = one_class_split(name)
    det = OCNN(
        nu=nu,
        hidden_layer_sizes=(),
        input_map=None,
        scaler="minmax",
        batch_size=None,
        max_epochs=3000,
        tol=0.0,
        callbacks=[LRScheduler("ExponentialLR", gamma=0.998)],
        random_state=0,
    ).fit(X)
    scaled = MinMaxScaler().fit_transform(X)
    svm = OneClassSVM(kernel="linear", nu=nu, tol=1e-6).fit(scaled)
    # Its dual variables sum up to nu n, not to 1.
    w, r = svm.coef_[0] / (nu * len(X)), -svm.intercept_[0] / (nu * len(X))
    (ours,) = weights_of(det)
    cosine = (ours[0] @ w) / np.linalg.norm(ours) / np.linalg.norm(w)
    least = objective([w], scaled @ w, r, nu)
    found = objective([ours], scaled @ ours[0], det.r_, nu)
    assert cosine >= 0.999
    assert abs(found - least) <= 1e-3 * min(1, abs(least))
    assert_allclose(det.r_, r, rtol=1e-2)


@pytest.mark.parametrize("name", ["satimage-2", "cardio"])
def test_on_random_fourier_features_it_is_the_rbf_one_class_svm(shared_data, name):
    X, X_test, _ = one_class_split(name)
    nu, gamma = 0.1, 1 / X.shape[1]
    det = OCNN(
        nu=nu,
        trim=0.0,
        hidden_layer_sizes=(),
        input_map=None,
        scaler=None,
        callbacks=[LRScheduler("ExponentialLR", gamma=0.95)],
        random_state=0,
    )
    features = RBFSampler(gamma=gamma, n_components=600, random_state=0)
    ours, linear = (
        make_pipeline(StandardScaler(), features, detector).fit(X)
        for detector in (det, OneClassSVM(kernel="linear", nu=nu))
    )
    svm = make_pipeline(StandardScaler(), OneClassSVM(nu=nu, gamma=gamma)).fit(X)
    scores = ours.score_samples(X_test)
    assert spearmanr(scores, linear.score_samples(X_test))[0] >= 0.999
    assert (ours.predict(X_test) == linear.predict(X_test)).mean() >= 0.99
    # Six hundred features are not all of the kernel.
    assert spearmanr(scores, svm.score_samples(X_test))[0] >= 0.9
    assert (ours.predict(X_test) == svm.predict(X_test)).mean() >= 0.95


# The sphere against the paper's form ---------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("name", "least"),
    [
        pytest.param("shuttle", 0.97, marks=pytest.mark.slow),
        pytest.param("pendigits", 0.90, marks=pytest.mark.slow),
        ("breastw", 0.93),
    ],
)
def test_on_the_sphere_anomalies_are_found(request, name, least, seed):
    if name not in list_datasets():
        request.getfixturevalue("shared_data")
    X, X_test, y = one_class_split(name, seed)
    assert auc_of(OCNN(random_state=seed).fit(X), X_test, y) >= least


@pytest.mark.slow
def test_the_papers_form_inverts_shuttle_as_its_weights_become_of_rank_one(shared_data):
    X, X_test, y = one_class_split("shuttle")
    det = OCNN(input_map=None, scaler="minmax", random_state=0).fit(X)
    assert auc_of(det, X_test, y) < 0.2
    V, _ = weights_of(det)
    shares = np.linalg.svd(V, compute_uv=False) ** 2 / (V**2).sum()
    assert shares[0] >= 0.999
