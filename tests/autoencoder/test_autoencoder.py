import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.stats import spearmanr
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import LRScheduler
from torch.optim.lr_scheduler import CosineAnnealingLR

from skdeepad import AutoEncoder
from skdeepad.datasets import fetch_adbench, load_breastw, load_cardio
from skdeepad.nn import ConvBackbone


def standardised_normals(name):
    X, y = fetch_adbench(name, return_X_y=True)
    return StandardScaler().fit_transform(X[y == 0])


def fit_one_layer(X, activation):
    return AutoEncoder(
        hidden_layer_sizes=(4,),
        activation=activation,
        scaler=None,
        max_epochs=200,
        max_steps=None,
        lr=1e-2,
        trim=0,
        residual_scaling="plain",
        callbacks=[LRScheduler(CosineAnnealingLR, T_max=200)],
        random_state=0,
    ).fit(X)


@pytest.mark.parametrize("name", ["cardio", pytest.param("pendigits", marks=pytest.mark.slow)])
def test_a_linear_autoencoder_is_principal_component_analysis(name, request):
    if name == "pendigits":
        request.getfixturevalue("shared_data")
    X = standardised_normals(name)
    train, test = X[::2], X[1::2]
    pca = PCA(4).fit(train)

    def pca_error(rows):
        return ((rows - pca.inverse_transform(pca.transform(rows))) ** 2).mean(1)

    linear = fit_one_layer(train, "identity")
    errors = -linear.score_samples(train)
    assert errors.mean() / pca_error(train).mean() <= 1.005
    assert spearmanr(-linear.score_samples(test), pca_error(test)).statistic >= 0.999
    sigmoid = fit_one_layer(train, "sigmoid")
    assert -sigmoid.score_samples(train).mean() / pca_error(train).mean() <= 1.10


def one_hidden_layer(U, V, **params):
    """The network min ‖X − f(XU)V‖² with given weights and no biases."""
    X = np.random.RandomState(0).randn(3, 2)
    det = AutoEncoder(
        hidden_layer_sizes=(1,),
        activation="sigmoid",
        scaler=None,
        max_epochs=1,
        residual_scaling="plain",
        **params,
    ).fit(X)
    module = det.net_.module_
    assert len(module.encoder) == 2
    with torch.no_grad():
        for layer, weights in ((module.encoder[0][0], U), (module.decoder[0], V)):
            layer.weight.copy_(torch.tensor(weights).T)
            layer.bias.zero_()
    return det, module


def test_one_hidden_layer_is_the_equation_by_hand():
    U, V = np.array([[0.5], [-1.0]]), np.array([[2.0, 1.0]])
    det, module = one_hidden_layer(U, V)
    X = np.array([[1.0, 2.0], [-1.0, 0.5], [0.0, 0.0]])
    reconstruction = 1 / (1 + np.exp(-X @ U)) @ V
    errors = (X - reconstruction) ** 2
    x = torch.tensor(X, dtype=torch.float32)
    assert_allclose(module.loss(x).detach(), errors.sum(1), rtol=1e-6)
    assert_allclose(-det.score_samples(X), errors.mean(1), rtol=1e-6)
    assert_allclose(det.reconstruct(X), reconstruction, rtol=1e-6)
    assert_allclose(det.transform(X), 1 / (1 + np.exp(-X @ U)), rtol=1e-6)
    assert_allclose(det.inverse_transform(det.transform(X)), reconstruction, rtol=1e-6)


def test_a_row_that_is_its_own_reconstruction_scores_zero():
    det, _ = one_hidden_layer(np.zeros((2, 1)), np.array([[2.0, 1.0]]))
    assert_allclose(det.score_samples([[1.0, 0.5]]), 0)


def test_the_gradient_is_that_of_the_equation():
    U, V = np.array([[0.5], [-1.0]]), np.array([[2.0, 1.0]])
    _, module = one_hidden_layer(U, V)
    X = np.array([[1.0, 2.0], [-1.0, 0.5], [0.3, 0.0]])
    module.zero_grad()
    module.loss(torch.tensor(X, dtype=torch.float32)).mean().backward()
    h = 1 / (1 + np.exp(-X @ U))
    residual = X - h @ V
    gradient_V = -2 * h.T @ residual / 3
    gradient_U = X.T @ (-2 * residual @ V.T * h * (1 - h)) / 3
    assert_allclose(module.decoder[0].weight.grad.T, gradient_V, rtol=1e-5)
    assert_allclose(module.encoder[0][0].weight.grad.T, gradient_U, rtol=1e-5)


def test_noise_is_on_the_input_and_not_on_the_target(X):
    det = AutoEncoder(noise=0.3, max_epochs=1, random_state=0).fit(X)
    module = det.net_.module_.train()
    seen = []
    module.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    x = torch.zeros(4096, X.shape[1])
    with torch.no_grad():
        losses = module.loss(x)
        assert_allclose(losses, (module.decoder(module.encode(seen[0])) ** 2).sum(1), rtol=1e-5)
    assert_allclose(seen[0].std(), 0.3, rtol=0.05)


def test_mahalanobis_scores_see_broken_residual_correlations():
    rng = np.random.RandomState(0)
    weights = rng.randn(2, 6)
    noise = rng.randn(400, 1) * 0.3 + 0.01 * rng.randn(400, 6)
    X = rng.randn(400, 2) @ weights + noise
    rows = rng.randn(100, 2) @ weights + 0.3 * rng.randn(100, 6)
    aucs = {}
    for scaling in ("plain", "mahalanobis"):
        det = AutoEncoder(
            hidden_layer_sizes=(2,),
            activation="identity",
            residual_scaling=scaling,
            lr=1e-2,
            random_state=0,
        ).fit(X[:300])
        scores = -det.score_samples(np.r_[X[300:], rows])
        aucs[scaling] = roc_auc_score(np.repeat([0, 1], 100), scores)
    assert aucs["mahalanobis"] > aucs["plain"] + 0.02


def test_binary_cross_entropy_reconstructs_within_the_unit_interval():
    X = load_breastw().data
    det = AutoEncoder(loss="binary_cross_entropy", scaler="minmax", random_state=0).fit(X)
    low, high = X.min(0), X.max(0)
    reconstruction = det.reconstruct(X)
    assert (reconstruction >= low).all()
    assert (reconstruction <= high).all()
    assert np.abs(reconstruction - X).mean() < np.abs(X.mean(0) - X).mean() / 2


def test_binary_cross_entropy_refuses_rows_outside_the_unit_interval():
    with pytest.raises(
        ValueError, match=r"loss='binary_cross_entropy' needs scaled rows in \[0, 1\]"
    ):
        AutoEncoder(loss="binary_cross_entropy").fit(load_breastw().data)


def test_reconstructions_are_in_the_units_of_the_data():
    X = load_cardio().data * 100 + 7
    det = AutoEncoder(random_state=0).fit(X)
    explained = 1 - np.var(X - det.reconstruct(X)) / np.var(X)
    assert explained > 0.5
    assert det.transform(X).shape == (len(X), 5)
    with pytest.raises(ValueError, match="X has 3 columns, but the codes of this AutoEncoder"):
        det.inverse_transform(X[:, :3])


def test_a_row_on_the_threshold_is_an_inlier_and_one_below_it_an_outlier(X):
    det = AutoEncoder(max_epochs=3, random_state=0).fit(X)
    scores = det.score_samples(X)
    for k in (0, 7, scores.argmin()):
        det.offset_ = scores[k]
        assert det.decision_function(X)[k] == 0
        assert det.predict(X)[k] == 1
        det.offset_ = np.nextafter(scores[k], np.inf)
        assert det.predict(X)[k] == -1
    det.offset_ = scores.max()
    assert (det.predict(X) == 1).sum() == 1


@pytest.mark.parametrize("widths", [(0,), (-3,), ("a",), (4, 2.5)])
def test_widths_are_positive_integers(widths):
    with pytest.raises(ValueError, match=re.escape(f"hidden_layer_sizes={widths!r} must be")):
        AutoEncoder(hidden_layer_sizes=widths).fit(np.eye(4))


def test_a_code_needs_a_width():
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=\(\) needs at least one width"):
        AutoEncoder(hidden_layer_sizes=()).fit(np.eye(4))


def test_widths_are_what_they_say():
    def widths(**params):
        det = AutoEncoder(max_epochs=1, **params).fit(np.random.RandomState(0).randn(20, 12))
        return [p.shape[0] for p in det.net_.module_.parameters() if p.ndim == 2]

    assert widths() == [64, 32, 3, 32, 64, 12]
    assert widths(hidden_layer_sizes=(7,)) == [7, 12]
    assert widths(hidden_layer_sizes=(), n_latent=7) == [7, 12]
    assert widths(hidden_layer_sizes=(9, 5)) == [9, 5, 9, 12]
    assert widths(hidden_layer_sizes=(9, 5), n_latent=2) == [9, 5, 2, 5, 9, 12]


def global_contrast_normalised(images):
    """Each image centred, and on the scale of its mean absolute value."""
    rows = images.reshape(len(images), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / np.abs(rows).mean(axis=1, keepdims=True)


def test_a_small_convolutional_autoencoder_finds_what_is_no_eight():
    X, y = load_digits(return_X_y=True)
    train, test = np.split(np.argsort(y != 8, kind="stable"), [120])
    det = AutoEncoder(
        backbone=ConvBackbone((1, 8, 8), channels=(8, 16), kernel_size=3),
        n_latent=8,
        scaler=None,
        max_steps=400,
        batch_size=32,
        trim=0,
        residual_scaling="plain",
        random_state=0,
    ).fit(X[train] / 16)
    assert roc_auc_score(y[test] != 8, -det.score_samples(X[test] / 16)) >= 0.88


@pytest.mark.slow
def test_a_convolutional_autoencoder_finds_what_is_no_eight(shared_data):
    mnist = np.load(shared_data / "mnist.npz")
    X = global_contrast_normalised(mnist["X_train"][mnist["y_train"] == 8])
    low, high = X.min(), X.max()
    rows = global_contrast_normalised(mnist["X_test"])
    det = AutoEncoder(
        backbone=ConvBackbone((1, 28, 28)),
        n_latent=32,
        scaler=None,
        max_epochs=25,
        max_steps=None,
        batch_size=200,
        trim=0,
        residual_scaling="plain",
        random_state=0,
    ).fit((X - low) / (high - low))
    scores = det.score_samples((rows - low) / (high - low))
    auc = roc_auc_score(mnist["y_test"] != 8, -scores)
    assert auc >= 0.83, auc
