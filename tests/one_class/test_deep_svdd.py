"""Deep SVDD: its objectives, its sphere, and the ways in which it must not collapse."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from skorch.callbacks import Callback
from torch import nn

from skdeepad import DeepSVDD
from skdeepad.datasets import fetch_adbench, list_datasets
from skdeepad.nn import ConvBackbone, MLPBackbone
from skdeepad.one_class._deep_svdd import DeepSVDDModule

from .protocol import auc_of, one_class_split

SMALL = {"max_epochs": 10, "pretrain_epochs": 3, "random_state": 0}


class Watch(Callback):
    """Keep the state of the module before training and after each epoch."""

    def on_train_begin(self, net, **kwargs):
        self.states_ = [copy.deepcopy(net.module_.state_dict())]

    def on_epoch_end(self, net, **kwargs):
        self.states_.append(copy.deepcopy(net.module_.state_dict()))


def watched(detector, X):
    """Fit a detector; the states of its module before training and after each epoch."""
    detector.set_params(callbacks=[Watch()]).fit(X)
    ((_, watch),) = detector.net_.callbacks_
    return watch.states_


def as_it_was(detector, state):
    """A copy of a fitted detector whose module is in an earlier state."""
    detector = copy.deepcopy(detector)
    detector.net_.module_.load_state_dict(state)
    return detector


def squared_distances(detector, X):
    """‖φ(x) − c‖² from the codes and the centre as users see them."""
    return ((detector.transform(X) - detector.center_) ** 2).sum(1)


class Table(nn.Module):
    """A net whose codes are given."""

    def __init__(self, codes):
        super().__init__()
        self.codes = torch.as_tensor(codes, dtype=torch.float32)

    def forward(self, x):
        return self.codes


# The objectives ------------------------------------------------------------------------------


def test_the_losses_are_the_papers_by_hand():
    codes, center = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]]), np.array([0.5, -0.5])
    distances = np.array([6.5, 0.25, 6.5])
    expected = {
        "one-class": distances,
        "soft-boundary": 4.0 + np.array([2.5, 0.0, 2.5]) / 0.2,
    }
    for objective, losses in expected.items():
        module = DeepSVDDModule(Table(codes), n_latent=2, objective=objective, nu=0.2)
        module.center.copy_(torch.as_tensor(center))
        module.radius_squared.fill_(4.0)
        assert_allclose(module.loss(torch.zeros(3, 1)).numpy(), losses, rtol=1e-6)
        assert_allclose(module.anomaly_score(torch.zeros(3, 1)).numpy(), distances, rtol=1e-6)


def test_the_score_is_the_squared_distance_from_the_centre(X):
    det = DeepSVDD(**SMALL).fit(X)
    assert_allclose(-det.score_samples(X), squared_distances(det, X), rtol=1e-4, atol=1e-7)


# The centre ----------------------------------------------------------------------------------


def test_no_entry_of_the_centre_is_near_zero_and_signs_stay():
    module = DeepSVDDModule(nn.Identity(), n_latent=5, objective="one-class", nu=0.1)
    module.set_center(torch.tensor([0.0, 0.03, -0.03, 0.7, -0.7]), eps=0.1)
    assert_allclose(module.center.numpy(), [0.1, 0.1, -0.1, 0.7, -0.7], rtol=1e-6)


@pytest.mark.parametrize("pretrain_epochs", [0, 3])
def test_the_centre_is_the_mean_code_before_training_in_evaluation_mode(X, pretrain_epochs):
    det = DeepSVDD(**SMALL | {"pretrain_epochs": pretrain_epochs, "hidden_layer_sizes": (16,)})
    before, *_ = watched(det, X)
    mean = as_it_was(det, before).transform(X).mean(0)
    near = np.abs(mean) < 0.1
    assert_allclose(det.center_[~near], mean[~near], rtol=1e-4)
    assert_allclose(det.center_[near], np.where(mean[near] < 0, -0.1, 0.1), rtol=1e-6)


def test_the_centre_stays_while_the_weights_move(X):
    states = watched(det := DeepSVDD(**SMALL, objective="soft-boundary"), X)
    assert len(states) == SMALL["max_epochs"] + 1
    for state in states:
        assert_array_equal(state["center"].numpy(), det.center_)
    weights = [state["encoder.0.weight"] for state in states]
    assert all(not torch.equal(*pair) for pair in pairwise(weights))


def test_training_on_keeps_the_centre(X):
    det = DeepSVDD(**SMALL, warm_start=True).fit(X)
    center = det.center_.copy()
    det.partial_fit(X + 3).fit(2 * X)
    assert_array_equal(det.center_, center)
    det.set_params(warm_start=False).fit(X**3)
    assert (det.center_ != center).any()


class FirstOutputDead(MLPBackbone):
    """A net whose first output is always 0, as that of a dead ReLU."""

    def make_encoder(self, n_features, n_outputs, *, bias=True):
        encoder = super().make_encoder(n_features, n_outputs, bias=bias)
        return nn.Sequential(encoder, DeadFirst())


class DeadFirst(nn.Module):
    def forward(self, z):
        return z * (torch.arange(z.shape[1]) > 0)


def test_a_dead_output_does_not_leave_a_zero_in_the_centre(X):
    for backbone in (None, FirstOutputDead((16,), "leaky_relu")):
        det = DeepSVDD(**SMALL, backbone=backbone).fit(X)
        assert np.abs(det.center_).min() >= np.float32(0.1)
    assert (det.transform(X)[:, 0] == 0).all()
    assert det.center_[0] == np.float32(0.1)


# The sphere ----------------------------------------------------------------------------------


@pytest.mark.parametrize("nu", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("name", ["cardio", "thyroid"])
def test_a_share_nu_of_the_training_rows_is_outside_the_sphere(name, nu):
    X, _ = fetch_adbench(name, return_X_y=True)
    det = DeepSVDD(objective="soft-boundary", nu=nu, **SMALL).fit(X)
    distances = squared_distances(det, X)
    for radius_squared in (det.radius_**2, det.net_.module_.radius_squared.item()):
        assert abs((distances > radius_squared).mean() - nu) <= 1 / len(X) + 0.005


@pytest.mark.parametrize("name", list_datasets())
def test_a_share_nu_of_each_shipped_set_is_labelled_an_outlier(name):
    X, _ = fetch_adbench(name, return_X_y=True)
    det = DeepSVDD(objective="soft-boundary", nu=0.1, **SMALL).fit(X)
    assert abs((det.predict(X) == -1).mean() - 0.1) <= 0.02


@pytest.mark.parametrize("nu", [0.01, 0.1, 0.3])
def test_the_radius_minimises_the_objective(X, nu):
    det = DeepSVDD(objective="soft-boundary", nu=nu, **SMALL).fit(X)
    distances = squared_distances(det, X)

    def objective(radius):
        return radius**2 + np.maximum(0, distances - radius**2).mean() / nu

    values = np.array([objective(radius) for radius in distances**0.5])
    assert objective(det.radius_) <= values.min() * (1 + 1e-6)
    assert (distances > det.radius_**2 * (1 + 1e-6)).sum() <= nu * len(X)
    assert objective(0.8 * det.radius_) > values.min() * (1 + 1e-2)


def test_the_radius_is_zero_in_the_warm_up_and_then_that_of_all_rows(X):
    det = DeepSVDD(
        objective="soft-boundary", nu=0.2, warm_up_epochs=3, **SMALL | {"max_epochs": 20}
    )
    states = watched(det, X)
    radii = np.array([state["radius_squared"].item() for state in states])
    assert (radii[:3] == 0).all()
    for state, radius_squared in zip(states[3:], radii[3:], strict=True):
        distances = -as_it_was(det, state).score_samples(X)
        # It is moved by rounding, so that no row is on the sphere.
        assert_allclose(radius_squared, np.sort(distances)[-len(X) // 5 - 1], rtol=2e-5)
    assert_allclose(radii[-1], det.radius_**2, rtol=2e-5)


def test_the_warm_up_is_at_most_a_fifth_of_all_epochs(X):
    states = watched(DeepSVDD(objective="soft-boundary", **SMALL), X)
    radii = np.array([state["radius_squared"].item() for state in states])
    assert (radii[:2] == 0).all()
    assert (radii[2:] > 0).all()


def test_the_loss_in_the_warm_up_is_the_mean_distance_over_nu(X):
    params = SMALL | {"max_epochs": 5, "max_steps": None, "batch_size": None, "lr": 1e-12}
    det = DeepSVDD(objective="soft-boundary", nu=0.2, batch_norm=False, **params).fit(X)
    loss = det.history_["train_loss"]
    assert_allclose(loss[0], squared_distances(det, X).mean() / 0.2, rtol=1e-4)
    assert loss[1] < loss[0]  # the first epoch is the warm-up, a fifth


def test_the_one_class_objective_has_no_radius_in_its_loss(X):
    states = watched(DeepSVDD(**SMALL), X)
    assert all(state["radius_squared"] == 0 for state in states)


def test_the_papers_threshold_is_the_sphere_until_contamination_says_otherwise(X):
    det = DeepSVDD(objective="soft-boundary", nu=0.2, **SMALL).fit(X)
    assert_allclose(det.offset_, -(det.radius_**2), rtol=1e-12)
    inside = squared_distances(det, X) <= det.radius_**2 * (1 + 1e-6)
    assert_array_equal(det.predict(X) == 1, inside)
    assert (det.set_params(contamination=0.05).predict(X) == -1).sum() == 0.05 * len(X)


# Pre-training --------------------------------------------------------------------------------


def test_pre_training_lowers_the_autoencoders_loss_and_is_recorded(X):
    det = DeepSVDD(**SMALL | {"pretrain_epochs": 30}).fit(X)
    loss = det.pretrain_history_["train_loss"]
    assert loss.shape == (30,)
    assert loss[-1] < 0.8 * loss[0]
    assert det.n_iter_ == SMALL["max_epochs"]
    assert not hasattr(DeepSVDD(**SMALL | {"pretrain_epochs": 0}).fit(X), "pretrain_history_")


def test_pre_training_trains_the_encoder_that_is_then_trained(X):
    states = {n: watched(DeepSVDD(**SMALL | {"pretrain_epochs": n}), X)[0] for n in (0, 5)}
    assert not torch.equal(*(state["encoder.0.weight"] for state in states.values()))


def test_the_decoder_is_no_part_of_the_fitted_net(X):
    det = DeepSVDD(**SMALL).fit(X)
    names = list(det.net_.module_.state_dict())
    assert all(
        name.startswith("encoder.") or name in ("center", "radius_squared") for name in names
    )
    without = DeepSVDD(**SMALL | {"pretrain_epochs": 0}).fit(X)
    assert len(pickle.dumps(det)) < len(pickle.dumps(without)) + 2000


def test_the_users_callbacks_do_not_see_pre_training(X):
    assert len(watched(DeepSVDD(**SMALL | {"pretrain_epochs": 7}), X)) == SMALL["max_epochs"] + 1


# Collapse ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backbone", [None, ConvBackbone((1, 4, 4), channels=(2,), kernel_size=3)])
def test_no_parameter_is_a_bias(backbone, X):
    rows = np.c_[X, X]
    module = DeepSVDD(**SMALL, backbone=backbone).fit(rows).net_.module_
    names = [name for name, _ in module.named_parameters()]
    assert names
    assert not [name for name in names if "bias" in name]
    with torch.no_grad():
        for weights in module.parameters():
            weights.zero_()
    assert not module.encode(torch.randn(5, 16)).any()


class Biased(MLPBackbone):
    """Layers with biases whatever is asked for: what the method forbids."""

    def make_encoder(self, n_features, n_outputs, *, bias=True):
        return super().make_encoder(n_features, n_outputs, bias=True)


def variance_left(X, **params):
    """Variance of the codes after training, as a share of what it was before."""
    det = DeepSVDD(
        batch_norm=False,
        pretrain_epochs=0,
        lr=1e-2,
        max_epochs=200,
        max_steps=None,
        lr_milestones=(),
        random_state=0,
        **params,
    )
    before, *_ = watched(det, X)
    return det.transform(X).var(0).sum() / as_it_was(det, before).transform(X).var(0).sum()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_codes_collapse_with_biases_or_a_zero_centre_and_not_without(shared_data, monkeypatch):
    X, *_ = one_class_split("satimage-2")
    assert variance_left(X) >= 1e-4
    assert variance_left(X, backbone=Biased((32, 16), "leaky_relu")) <= 1e-5
    monkeypatch.setattr(DeepSVDDModule, "set_center", lambda self, mean, eps: None)
    assert variance_left(X) <= 1e-5


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_centre_away_from_zero_keeps_the_codes_apart(X, monkeypatch):
    kept = variance_left(X)
    monkeypatch.setattr(DeepSVDDModule, "set_center", lambda self, mean, eps: None)
    assert variance_left(X) < kept / 100


# Real data -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_satellite_is_better_than_pre_training_and_than_one_class_svm(shared_data, seed):
    X, X_test, y = one_class_split("satellite", seed)
    before, *_ = watched(det := DeepSVDD(random_state=seed), X)
    auc = auc_of(det, X_test, y)
    pretrained = auc_of(as_it_was(det, before), X_test, y)
    svm = auc_of(make_pipeline(StandardScaler(), OneClassSVM(nu=0.1)).fit(X), X_test, y)
    assert auc >= 0.78
    assert auc >= pretrained + 0.1
    assert auc > svm


@pytest.mark.slow
def test_mnist_threes_are_told_from_other_digits(shared_data):
    with np.load(shared_data / "mnist.npz") as mnist:
        images = {part: _contrast(mnist[f"X_{part}"]) for part in ("train", "test")}
        threes = images["train"][mnist["y_train"] == 3]
        y = mnist["y_test"] != 3
    low, high = threes.min(), threes.max()
    X, X_test = ((rows - low) / (high - low) for rows in (threes, images["test"]))
    det = DeepSVDD(
        backbone=ConvBackbone(),
        n_latent=32,
        scaler=None,
        batch_size=200,
        lr=1e-3,
        pretrain_epochs=10,
        max_epochs=20,
        trim=0,  # the paper's objective, on rows of one class alone
        random_state=0,
    )
    assert auc_of(det.fit(X), X_test, y) >= 0.885


def _contrast(images):
    """Global contrast normalisation of flattened images with the L1 scale."""
    rows = images.reshape(len(images), -1).astype(np.float32)
    rows -= rows.mean(1, keepdims=True)
    return rows / np.abs(rows).mean(1, keepdims=True)
