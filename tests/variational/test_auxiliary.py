"""The auxiliary bound is tighter than a mean-field one, and one where it must be."""

from math import log

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from skorch.callbacks import LRScheduler
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from skdeepad import VAE, AuxiliaryVAE
from skdeepad.nn import ConvBackbone, MLPBackbone
from skdeepad.variational._layered_scores import elbo, iwae

NOISE = 0.2
#: ½ (Σ log Λ_ii − log det Λ) with Λ = I + 11ᵀ/σ², the precision of p(z|x).
MEAN_FIELD_GAP = 0.5 * (2 * log(1 + NOISE**-2) - log(1 + 2 * NOISE**-2))


class SumOfCodes(nn.Module):
    def forward(self, z):
        return z.sum(1, keepdim=True)


def with_the_true_decoder(module):
    module.decoder = SumOfCodes()
    module.likelihood.logvar.requires_grad_(False).fill_(2 * log(NOISE))
    return module


class TrueVAE(VAE):
    def _make_module(self, n_features):
        return with_the_true_decoder(super()._make_module(n_features))


class TrueAuxiliaryVAE(AuxiliaryVAE):
    def _make_module(self, n_features):
        return with_the_true_decoder(super()._make_module(n_features))


def gap(cls, seed, **params):
    """Mean of log p(x) − ELBO where x = z₁ + z₂ + noise is known."""
    rng = np.random.RandomState(seed)
    train, test = (
        rng.randn(n, 2).sum(1, keepdims=True) + NOISE * rng.randn(n, 1) for n in (6400, 1000)
    )
    params = {
        "hidden_layer_sizes": (32,),
        "n_latent": 2,
        "likelihood": "gaussian",
        "min_std": 0.01,
        "n_draws": 256,
        "scaler": None,
        "max_epochs": 50,
        "lr": 1e-2,
        "trim": 0,
        "callbacks": [LRScheduler(CosineAnnealingLR, T_max=50)],
        "random_state": seed,
    } | params
    det = cls(**params).fit(train)
    return norm(0, (2 + NOISE**2) ** 0.5).logpdf(test).mean() - det.score(test)


some_seeds = pytest.mark.parametrize(
    "seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)


@some_seeds
def test_an_auxiliary_variable_closes_the_mean_field_gap(seed):
    assert abs(MEAN_FIELD_GAP - 1.2922) < 1e-4
    assert 0 <= gap(TrueAuxiliaryVAE, seed, n_auxiliary=1) <= 0.08


@some_seeds
def test_without_an_auxiliary_variable_the_gap_is_the_mean_field_one(seed):
    assert gap(TrueVAE, seed) == pytest.approx(MEAN_FIELD_GAP, abs=0.03)


def log_normal(x, mu, logvar):
    """Log density of diagonal Gaussians, in numpy."""
    mu, logvar = (value.detach().double().numpy() for value in (mu, logvar))
    return norm(mu, np.exp(logvar / 2)).logpdf(x.detach().double().numpy()).sum(1)


@pytest.mark.parametrize("skip", [False, True])
def test_the_terms_of_two_layers_are_the_densities_of_the_model(skip):
    torch.manual_seed(0)
    det = AuxiliaryVAE(n_latent=(3, 2), n_auxiliary=4, skip=skip, likelihood="gaussian")
    module = det._make_module(5).eval()
    x, none = torch.randn(6, 5), torch.empty(6, 0)
    a, log_q_a = module.draw_auxiliary(x, torch.randn(6, 4))
    noise = torch.randn(6, 5)
    draw = module.explain(x, x, a, log_q_a, none, noise)
    q1 = module.q_z[0](x, a, none)
    z1 = q1[0] + torch.exp(q1[1] / 2) * noise[:, :3]
    q2 = module.q_z[1](x, a, none, z1)
    z2 = q2[0] + torch.exp(q2[1] / 2) * noise[:, 3:]
    log_q = log_normal(a, *module.q_a(x)) + log_normal(z1, *q1) + log_normal(z2, *q2)
    zeros = torch.zeros(6, 2)
    p_a = module.p_a(z1, z2) if skip else module.p_a(z1, z2, x)
    log_p = log_normal(z2, zeros, zeros) + log_normal(z1, *module.p_z[0](z2))
    log_p += log_normal(a, *p_a)
    mean = module.decoder(torch.cat([z1, a], 1) if skip else z1)
    nll = -log_normal(x, mean, torch.zeros_like(mean))
    assert_allclose(draw.nll.sum(1).detach(), nll, rtol=1e-4)
    assert_allclose(draw.log_ratio.detach(), log_q - log_p, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("params", [{}, {"skip": True}, {"n_latent": (4, 2)}], ids=str)
def test_closed_forms_have_the_mean_of_the_draws_and_more_draws_a_tighter_bound(params, X):
    det = AuxiliaryVAE(max_epochs=20, n_draws=128, random_state=0, **params).fit(X)
    module, x = det.net_.module_, torch.tensor(det._scale(X[:20]))
    with torch.no_grad():
        draws = module.draws(x)
        exact, sampled = draws.kl.mean(0).numpy(), draws.log_ratio.mean(0).numpy()
        assert (iwae(module, x) <= elbo(module, x)).all()
    assert_allclose(exact, sampled, atol=0.25)
    assert np.abs(exact - sampled).mean() < 0.1


@pytest.mark.parametrize(
    ("params", "n_code"), [({}, 8), ({"skip": True}, 12), ({"n_latent": (4, 2)}, 6)], ids=str
)
def test_codes_hold_all_that_rows_are_decoded_from(params, n_code, X):
    det = AuxiliaryVAE(max_epochs=3, random_state=0, **params).fit(X)
    codes = det.transform(X)
    assert codes.shape == (len(X), n_code)
    assert_allclose(det.inverse_transform(codes), det.reconstruct(X), rtol=1e-6)
    with pytest.raises(ValueError, match=f"X has {n_code - 1} columns, but the codes"):
        det.inverse_transform(codes[:, 1:])


@pytest.mark.parametrize("params", [{"skip": True}, {"n_latent": (4, 2)}], ids=str)
def test_samples_resemble_the_rows(params, X):
    det = AuxiliaryVAE(max_epochs=100, random_state=0, **params).fit(X)
    rows = det.sample(1000, random_state=0)
    assert_allclose(np.cov(rows.T), np.cov(X.T), atol=0.35 * np.var(X, axis=0).max())


def test_contributions_single_out_the_spoilt_feature(X):
    det = AuxiliaryVAE(max_epochs=60, random_state=0).fit(X)
    spoilt = X[:20].copy()
    spoilt[:, 3] += 6 * X[:, 3].std()
    assert (det.feature_contributions(spoilt).argmax(1) == 3).mean() > 0.8


@pytest.mark.parametrize("score", ["elbo", "reconstruction_probability", "iwae"])
def test_likelihoods_see_far_rows(score, X, far_anomalies):
    rows, y = far_anomalies
    det = AuxiliaryVAE(max_epochs=60, anomaly_score=score, random_state=0).fit(X)
    assert roc_auc_score(y, -det.score_samples(rows)) > 0.8


def test_images_are_read_through_features_of_a_convolutional_backbone():
    images = np.random.RandomState(0).rand(40, 64)
    backbone = ConvBackbone((1, 8, 8), channels=(2,), kernel_size=3)
    det = AuxiliaryVAE(
        backbone=backbone, likelihood="bernoulli", scaler=None, max_epochs=2, random_state=0
    ).fit(images)
    assert any(isinstance(part, nn.Conv2d) for part in det.net_.module_.features.modules())
    assert any(isinstance(part, nn.Conv2d) for part in det.net_.module_.decoder.modules())
    assert det.sample(2).shape == (2, 64)


def test_a_backbone_leaves_the_other_nets_to_hidden_layer_sizes(X):
    det = AuxiliaryVAE(
        backbone=MLPBackbone((5,)), hidden_layer_sizes=(7,), max_epochs=1, random_state=0
    ).fit(X)
    module = det.net_.module_
    assert module.features[0][0].out_features == module.decoder[0].out_features == 5
    assert {q.net[0].out_features for q in (module.q_a, module.p_a, *module.q_z)} == {7}


def test_the_cost_of_the_codes_warms_up(X):
    det = AuxiliaryVAE(max_epochs=1, kl_warm_up_epochs=4, random_state=0)
    weights = [float(det.partial_fit(X).net_.module_.warm_up.weight) for _ in range(6)]
    assert weights == [0.25, 0.5, 0.75, 1, 1, 1]


def test_a_collapse_is_told():
    noise = np.random.RandomState(0).randn(400, 3)
    det = AuxiliaryVAE(
        hidden_layer_sizes=(8,),
        likelihood="gaussian",
        min_std=4.0,
        max_epochs=100,
        lr=1e-2,
        random_state=1,
    )
    with pytest.warns(ConvergenceWarning, match="posterior collapse"):
        det.fit(noise)


@pytest.mark.parametrize("n_latent", [(), (3, 0), (2, 2, 2), (2.5,), ("a", 2)])
def test_layers_are_one_or_two_of_positive_width(n_latent, X):
    with pytest.raises(ValueError, match=r"n_latent=.* must be a positive integer, or a pair"):
        AuxiliaryVAE(n_latent=n_latent).fit(X)
