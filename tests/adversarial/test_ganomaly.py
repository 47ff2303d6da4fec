"""GANomaly: its loss by hand, who gets gradients, its scores, and its figures on digits."""

import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn import functional as F

from skdeepad import GANomaly
from skdeepad.nn import DCGANBackbone, MLPBackbone

from .protocol import halves

TERMS = ("adversarial_loss", "contextual_loss", "encoder_loss")


def fitted(X, **params):
    params = {"hidden_layer_sizes": (16,), "n_latent": 3, "max_steps": 30} | params
    return GANomaly(random_state=0, **params).fit(X)


def tensor(det, X):
    return torch.as_tensor(det.scaler_.transform(X), dtype=torch.float32)


def terms_by_hand(det, X):
    """L_adv, L_con and L_enc of each row, from the public networks."""
    x = tensor(det, X)
    with torch.no_grad():
        restored = det.generator_(x)
        f, f_restored = det.discriminator_.features(x), det.discriminator_.features(restored)
        z, z_restored = det.encoder_(x), det.encoder2_(restored)
    return {
        "adversarial_loss": ((f - f_restored).flatten(1) ** 2).mean(1),
        "contextual_loss": (x - restored).abs().mean(1),
        "encoder_loss": ((z - z_restored) ** 2).mean(1),
    }


# Losses -------------------------------------------------------------------------------------


def test_losses_agree_with_what_is_computed_by_hand(X):
    det = fitted(X, adversarial_weight=2.0, contextual_weight=3.0, encoder_weight=5.0)
    x, module = tensor(det, X), det.net_.module_
    adversarial, contextual, encoder = terms_by_hand(det, X).values()
    expected = 2 * adversarial + 3 * contextual + 5 * encoder
    assert_allclose(module.loss_generator(x).detach(), expected, rtol=1e-5)
    with torch.no_grad():
        real, made = (torch.sigmoid(det.discriminator_(rows)) for rows in (x, det.generator_(x)))
    expected = F.binary_cross_entropy(real, torch.ones(len(x)), reduction="none") / 2
    expected += F.binary_cross_entropy(made, torch.zeros(len(x)), reduction="none") / 2
    assert_allclose(module.loss_discriminator(x).detach(), expected, rtol=1e-4)


def test_smoothing_and_penalty_are_of_real_rows_in_the_discriminators_loss(X):
    det = fitted(X)
    x, module = tensor(det, X), det.net_.module_
    plain, logits = module.loss_discriminator(x), det.discriminator_(x)
    module.label_smoothing = 0.1
    # −(1 − s) log σ(l) − s log σ(−l) is s l more than −log σ(l), and has half the weight.
    assert_allclose(
        (module.loss_discriminator(x) - plain).detach(), 0.05 * logits.detach(), atol=1e-5
    )
    module.label_smoothing, module.gradient_penalty_weight = 0.0, 4.0
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(det.discriminator_(x).sum(), x)
    penalty = 2 * (gradient**2).sum(1)
    assert_allclose((module.loss_discriminator(x) - plain).detach(), penalty, atol=1e-5)


def test_the_history_has_the_three_terms_as_the_last_epoch_left_them(X):
    det = fitted(X[:200], batch_size=None, max_steps=30)
    for name, losses in terms_by_hand(det, X[:200]).items():
        assert det.history_[name].shape == (det.n_iter_,)
        assert_allclose(det.history_[name][-1], losses.mean(), rtol=1e-5)


def test_the_terms_of_the_history_make_up_the_loss_of_the_training(X):
    # Without batch norm and with next to no steps, an epoch and its end are the same.
    det = fitted(X[:200], batch_size=None, max_steps=2, lr=1e-12, trim=0.0)
    terms = [det.history_[name] for name in TERMS]
    expected = np.average(terms, axis=0, weights=(1, 50, 1)) * 52
    assert_allclose(det.history_["train_loss"], expected, rtol=1e-5)
    x = tensor(det, X[:200])
    with torch.no_grad():
        of_discriminator = det.net_.module_.loss_discriminator(x).mean()
    assert_allclose(det.history_["discriminator_loss"], of_discriminator, rtol=1e-5)


def test_the_terms_fall_in_training(X):
    det = fitted(X, n_latent=6, max_steps=500)
    for name in ("contextual_loss", "encoder_loss"):
        assert det.history_[name][-5:].mean() < 0.5 * det.history_[name][:5].max()


# Players ------------------------------------------------------------------------------------

PARTS = ("generator.encoder", "generator.decoder", "encoder2", "discriminator")


def parts_with_gradients(module, loss):
    module.zero_grad()
    loss.mean().backward()
    return {
        part
        for part in PARTS
        if any(w.grad is not None and w.grad.any() for w in module.get_submodule(part).parameters())
    }


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("adversarial", {"generator.encoder", "generator.decoder", "discriminator"}),
        ("contextual", {"generator.encoder", "generator.decoder"}),
        ("encoder", {"generator.encoder", "generator.decoder", "encoder2"}),
    ],
)
def test_each_term_has_gradients_for_the_networks_that_it_goes_through(term, expected, X):
    det = fitted(X)
    module = det.net_.module_
    assert parts_with_gradients(module, module.loss_terms(tensor(det, X))[term]) == expected


def test_the_codes_of_both_encoders_are_drawn_to_one_another(X):
    det = fitted(X)
    module, x = det.net_.module_, tensor(det, X)
    z = module.encode(x).detach().requires_grad_()
    z_restored = module.encoder2(module.decode(z))
    assert torch.autograd.grad(((z - z_restored) ** 2).mean(), z)[0].any()
    with_code_fixed = ((z.detach() - module.encoder2(module.reconstruct(x))) ** 2).mean(1)
    gradients = [
        torch.autograd.grad(loss.mean(), det.encoder_[0].weight)[0]
        for loss in (with_code_fixed, module.loss_terms(x)["encoder"])
    ]
    assert not torch.allclose(*gradients)


def test_the_discriminators_loss_moves_the_discriminator_alone(X):
    det = fitted(X)
    module = det.net_.module_
    assert parts_with_gradients(module, module.loss_discriminator(tensor(det, X))) == {
        "discriminator"
    }


def test_every_weight_of_the_four_networks_is_trained(X):
    det = fitted(X, max_steps=30)
    start = fitted(X, max_steps=1, lr=1e-12)
    assert det.encoder_ is not det.encoder2_
    assert det.encoder_ is det.generator_.encoder
    for part in ("generator_", "encoder2_", "discriminator_"):
        after = dict(getattr(det, part).named_parameters())
        for name, before in getattr(start, part).named_parameters():
            assert not torch.isclose(after[name], before, atol=1e-3).all(), (part, name)
    shapes = [[w.shape for w in e.parameters()] for e in (det.encoder_, det.encoder2_)]
    assert shapes[0] == shapes[1]
    assert not torch.equal(det.encoder_[0].weight, det.encoder2_[0].weight)


# The discriminator drawn anew ---------------------------------------------------------------

BACKBONES = [
    None,
    MLPBackbone((7,), batch_norm=True),
    DCGANBackbone((1, 8, 8), width=4),
    DCGANBackbone((1, 16, 4), width=4),
]


@pytest.mark.parametrize("backbone", BACKBONES, ids=str)
def test_a_discriminator_that_has_won_is_drawn_anew_whatever_its_layers(backbone):
    X = load_digits().data[:64]

    def discriminator(**params):
        # Steps of no length: what differs has been drawn.
        params = {"max_steps": 1, "lr": 1e-12, "batch_size": None, "backbone": backbone} | params
        return dict(fitted(X, **params).discriminator_.named_parameters())

    before, kept = discriminator(), discriminator(discriminator_reset_tol=1e-3)
    never, drawn = (
        discriminator(discriminator_reset_tol=None),
        discriminator(discriminator_reset_tol=100.0),
    )
    assert {name.split(".")[0] for name in before} == {"features", "head"}
    for name, weights in before.items():
        assert_allclose(kept[name].detach(), weights.detach(), atol=1e-6)
        assert_allclose(never[name].detach(), weights.detach(), atol=1e-6)
        if weights.detach().abs().max() > 1e-6:  # biases of DCGAN are 0 again
            assert not torch.isclose(drawn[name], weights, rtol=0.0, atol=1e-4).all(), name


def test_no_other_network_is_drawn_anew(X):
    plain = fitted(X, max_steps=1, discriminator_reset_tol=None)
    drawn = fitted(X, max_steps=1, discriminator_reset_tol=100.0)
    for part in ("generator_", "encoder2_"):
        for a, b in zip(
            getattr(plain, part).parameters(), getattr(drawn, part).parameters(), strict=True
        ):
            assert torch.equal(a, b)


def test_a_discriminator_that_has_won_is_no_reason_to_warn(X):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        det = fitted(
            X, max_steps=400, turns=(8, 1), net_params={"optimizer_discriminator__lr": 0.02}
        )
    assert det.history_["discriminator_loss"].min() < 0.05


# Scores -------------------------------------------------------------------------------------


def test_scores_are_distances_of_codes_or_residuals(X):
    dets = {
        (score, norm): fitted(X, anomaly_score=score, norm=norm)
        for score, norm in [("latent", "l2"), ("latent", "l1"), ("contextual", "l2")]
    }
    det = dets["latent", "l2"]
    terms = terms_by_hand(det, X)
    assert_allclose(-det.score_samples(X), terms["encoder_loss"], rtol=1e-4)
    x = tensor(det, X)
    with torch.no_grad():
        difference = det.encoder_(x) - det.encoder2_(det.generator_(x))
    assert_allclose(-dets["latent", "l1"].score_samples(X), difference.abs().mean(1), rtol=1e-4)
    contextual = -dets["contextual", "l2"].score_samples(X)
    assert_allclose(contextual, terms["contextual_loss"], rtol=1e-4)
    assert_allclose(det.feature_contributions(X).sum(1), contextual, rtol=1e-5)


def test_codes_and_reconstructions_are_the_generators(X):
    det = fitted(X)
    x = tensor(det, X)
    with torch.no_grad():
        z, restored = det.encoder_(x), det.generator_(x)
    assert_allclose(det.transform(X), z, atol=1e-5)
    assert_allclose(tensor(det, det.reconstruct(X)), restored, atol=1e-5)
    assert_allclose(det.inverse_transform(det.transform(X)), det.reconstruct(X), atol=1e-5)


def test_scores_of_a_test_set_are_scaled_from_0_to_1_and_depend_on_it(X):
    det = fitted(X[:200])
    rows, scores = X[200:], -det.score_samples(X[200:])
    scaled = det.min_max_scores(rows)
    assert scaled.min() == 0
    assert scaled.max() == 1
    assert_allclose(scaled, (scores - scores.min()) / (scores.max() - scores.min()))
    assert_array_equal(scaled.argsort(), scores.argsort())
    fewer = det.min_max_scores(rows[scaled < 0.5])
    assert fewer.max() == 1
    assert_array_equal(det.min_max_scores(X[:1]), [0.0])
    assert_array_equal(-det.score_samples(rows), scores)


# Images -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_rows", [65, 10])
def test_scores_with_batch_norm_depend_on_the_row_alone_whatever_the_number_of_rows(n_rows):
    X = load_digits().data
    det = fitted(X[:n_rows], backbone=DCGANBackbone((1, 8, 8), width=8), max_steps=6)
    assert any(isinstance(m, nn.BatchNorm2d) for m in det.generator_.modules())
    scores = det.score_samples(X[:300])
    assert np.isfinite(scores).all()
    alone = [det.score_samples(X[i : i + 1])[0] for i in range(40)]
    assert_allclose(alone, scores[:40], rtol=1e-5)
    order = np.random.RandomState(0).permutation(300)
    assert_allclose(det.score_samples(X[:300][order]), scores[order], rtol=1e-5)


def test_convolutions_restore_digits_and_tell_another_one():
    X, y = load_digits(return_X_y=True)
    normal = np.flatnonzero(y != 0)
    det = fitted(
        X[normal[::2]], backbone=DCGANBackbone((1, 8, 8), width=16), n_latent=32, max_steps=250
    )
    residual = np.abs(det.reconstruct(X[normal[1::2]]) - X[normal[1::2]]).mean()
    assert residual < 0.5 * np.abs(X - X[normal].mean(0)).mean()
    rows = np.r_[normal[1::2], np.flatnonzero(y == 0)]
    assert roc_auc_score(y[rows] == 0, -det.score_samples(X[rows])) > 0.8


def test_rows_outside_of_the_range_of_a_tanh_are_refused():
    X = load_digits().data[:50]
    with pytest.raises(ValueError, match=r"makes values in \[-1, 1\], .* from 0 to 16"):
        fitted(X, backbone=DCGANBackbone((1, 8, 8)), scaler=None)


# Figures ------------------------------------------------------------------------------------


def area_without(digit, X, y):
    """ROC AUC where 80 % of the other digits are for training."""
    others = np.random.RandomState(0).permutation(np.flatnonzero(y != digit))
    n_train = int(0.8 * len(others))
    rows = np.r_[others[n_train:], np.flatnonzero(y == digit)]
    det = GANomaly(random_state=0).fit(X[others[:n_train]])
    return roc_auc_score(y[rows] == digit, -det.score_samples(X[rows]))


@pytest.mark.slow
def test_each_digit_left_out_is_found():
    X, y = load_digits(return_X_y=True)
    areas = [area_without(digit, X, y) for digit in range(10)]
    assert np.mean(areas) >= 0.87, areas
    assert min(areas) >= 0.65, areas


def test_anomalies_are_told_by_codes_that_the_second_encoder_has_learned(X, broken_correlations):
    rows, y = broken_correlations
    params = {"hidden_layer_sizes": (32,), "n_latent": None, "max_steps": 400}
    trained, untaught = (
        roc_auc_score(y, -fitted(X, encoder_weight=w, **params).score_samples(rows))
        for w in (1.0, 0.0)
    )
    assert trained >= 0.8
    assert untaught <= 0.6


@pytest.mark.slow
def test_optdigits_are_told_by_codes_that_the_second_encoder_has_learned(shared_data):
    def areas(**params):
        for seed in range(3):
            X_train, X_test, y_test = halves("optdigits", seed)
            det = GANomaly(random_state=seed, **params).fit(X_train)
            yield roc_auc_score(y_test, -det.score_samples(X_test))

    trained, untaught = [*areas()], [*areas(encoder_weight=0.0)]
    assert np.mean(trained) >= 0.88, trained
    assert np.mean(untaught) <= 0.7, untaught


def test_a_generator_that_restores_one_row_for_all_gives_a_warning(X):
    with pytest.warns(ConvergenceWarning, match="The generator has collapsed"):
        fitted(X, lr=1e-12, max_steps=150, n_latent=1, contextual_weight=0.0)
    assert 0.5 < fitted(X, max_steps=300).history_["spread"][-1] < 1.5
