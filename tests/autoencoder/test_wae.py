import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from skdeepad import WAE, AutoEncoder
from skdeepad.nn import Backbone, MLPBackbone, squared_mmd
from skdeepad.training import AdversarialNet, Batch, DetectorNet, seeded_generator

from .matching import RING, SCALES, crossed_curves, distance_to, pendigits, reconstruction
from .test_aae import hashes, settings


def small(**params):
    return WAE(**{"n_latent": 2, "max_epochs": 2, "trim": 0, "random_state": 0} | params)


def batch(X):
    return torch.as_tensor(X[:40], dtype=torch.float32)


def mean_distance(z, draws):
    return (z.mean(0) - draws.mean(0)).abs().sum()


@pytest.mark.parametrize("divergence", ["imq", "rbf", mean_distance])
def test_the_loss_is_cost_and_weighted_divergence(X, divergence):
    name = divergence if isinstance(divergence, str) else "imq"
    params = {"kernel": name, "kernel_scales": (0.5, 2.0)}
    params |= {} if isinstance(divergence, str) else {"divergence": divergence}
    module, x = small(divergence_weight=3.0, **params).fit(X).net_.module_, batch(X)
    module.rng = seeded_generator(3)
    draws = torch.empty(40, 2).normal_(generator=seeded_generator(3))
    with torch.no_grad():
        z = module.encoder(x)
        cost = ((x - module.decoder(z)) ** 2).sum(1)
        if isinstance(divergence, str):  # two standard normal draws are 2 × 2 apart in the mean
            penalty = squared_mmd(z, draws, divergence, (2.0, 8.0))
        else:
            penalty = mean_distance(z, draws)
        assert_allclose(module.loss(x), cost + 3 * penalty, rtol=1e-5)


def test_under_gan_the_divergence_is_what_the_discriminator_can_tell(X):
    det = small(divergence="gan", divergence_weight=3.0).fit(X)
    module, x = det.net_.module_, batch(X)
    assert isinstance(det.net_, AdversarialNet)
    assert not isinstance(small().fit(X).net_, AdversarialNet)
    assert list(module.players) == ["autoencoder", "discriminator"]
    assert settings(det, "betas") == [(0.5, 0.999)] * 2
    assert settings(det, "lr") == [1e-3, 5e-4]
    module.rng = seeded_generator(3)
    draws = torch.empty(40, 2).normal_(generator=seeded_generator(3))
    with torch.no_grad():
        z = module.encoder(x)
        real, fake = (module.divergence.layers(codes)[:, 0] for codes in (draws, z))
        ones, zeros = torch.ones(40), torch.zeros(40)
        cost = ((x - module.decoder(z)) ** 2).sum(1)
        assert_allclose(module.loss_autoencoder(x), cost + 3 * cross_entropy(fake, ones), rtol=1e-5)
        told_apart = cross_entropy(real, ones) + cross_entropy(fake, zeros)
        assert_allclose(module.loss_discriminator(x), told_apart, rtol=1e-5)


@pytest.mark.parametrize(
    ("player", "moved"),
    [("autoencoder", {"encoder", "decoder"}), ("discriminator", {"divergence"})],
)
def test_players_move_their_own_parts_only(X, player, moved):
    net = small(divergence="gan").fit(X).net_
    optimizer = net.optimizer_ if player == "autoencoder" else net.optimizer_discriminator_
    before = hashes(net.module_)
    net._turn(player, optimizer, Batch(batch(X)))
    after = hashes(net.module_)
    assert {name for name in after if after[name] != before[name]} == moved


class LinearCode(Backbone):
    """Hidden layers of an activation; a detector puts none on the code."""

    def make_encoder(self, n_features, n_outputs, *, bias=True):
        return MLPBackbone((8, 6)).make_encoder(n_features, n_outputs)

    def make_decoder(self, n_inputs, n_features, *, bias=True):
        return MLPBackbone((8, 6)).make_decoder(n_inputs, n_features)


@pytest.mark.parametrize("params", [{}, {"trim": 0.1}, {"early_stopping": True, "max_epochs": 30}])
def test_without_a_weight_it_is_an_autoencoder_to_the_bit(X, params):
    params = {"max_epochs": 5, "n_latent": 3, "trim": 0, "random_state": 0} | params
    plain = AutoEncoder(backbone=LinearCode(), **params).fit(X)
    wae = WAE(backbone=LinearCode(), divergence_weight=0, **params).fit(X)
    pairs = zip(plain.net_.module_.parameters(), wae.net_.module_.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    assert_array_equal(plain.score_samples(X), wae.score_samples(X))
    # The same net without a backbone of one's own.
    widths = WAE(hidden_layer_sizes=(8, 6), divergence_weight=0, **params).fit(X)
    assert_array_equal(widths.score_samples(X), wae.score_samples(X))
    other = WAE(backbone=LinearCode(), divergence_weight=1.0, **params).fit(X)
    assert not np.array_equal(other.score_samples(X), wae.score_samples(X))


COSTS = {
    "squared_error": lambda r: (r**2).sum(1),
    "absolute_error": lambda r: np.abs(r).sum(1),
    "euclidean": lambda r: np.linalg.norm(r, axis=1),
}


def quartic(x, reconstruction):
    return ((x - reconstruction) ** 4).mean(1)


@pytest.mark.parametrize("cost", [*COSTS, quartic])
def test_costs_are_what_their_names_say(X, cost):
    det = small(cost=cost, anomaly_score="cost").fit(X)
    residual = det.scaler_.transform(X) - det.scaler_.transform(det.reconstruct(X))
    expected = (residual**4).mean(1) if cost is quartic else COSTS[cost](residual)
    assert_allclose(-det.score_samples(X), expected, rtol=1e-4)
    assert det.history_["train_loss"][-1] < det.history_["train_loss"][0]


def test_contributions_sum_to_the_score_of_the_residual(X):
    det = small().fit(X)
    assert_allclose(det.feature_contributions(X).sum(1), -det.score_samples(X), rtol=1e-6)


class Learnable(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x, reconstruction):
        return self.weight**2 * ((x - reconstruction) ** 2).sum(1)


def test_weights_of_a_cost_stay_as_they_are(X):
    det = small(cost=Learnable()).fit(X)
    assert det.cost.weight == 1
    assert all("cost" not in name for name, _ in det.net_.module_.named_parameters())
    assert_array_equal(det.score_samples(X), small().fit(X).score_samples(X))


def test_rows_are_left_out_by_their_cost(X):
    net, x = small(trim=0.25, divergence_weight=5.0).fit(X).net_, batch(X)
    module, net.step_ = net.module_, net.trim_from_
    with torch.no_grad():
        module.rng = seeded_generator(3)
        losses = module.loss(x)
        cost = module.cost(x, module.reconstruct(x))
        kept = net._reduce(losses, Batch(x))
    assert_allclose((losses - cost).std(), 0, atol=1e-5)
    assert_allclose(kept, cost.sort().values[:30].mean() + (losses - cost)[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"cost": lambda x, y: (x - y) ** 2}, r"cost=.* shape \(2,\) for two rows, got \(2, 8\)"),
        ({"cost": lambda x, y: 0.0}, r"cost=.* must return a tensor .* got float"),
        ({"divergence": lambda z, d: (z - d)[:, 0]}, r"divergence=.* shape \(\) for two .*\(2,\)"),
        ({"kernel_scales": ()}, r"kernel_scales=\(\) must be positive numbers"),
        ({"kernel_scales": (1.0, -1.0)}, r"kernel_scales=\(1.0, -1.0\) must be positive"),
        ({"divergence": "kl"}, "The 'divergence' parameter of WAE must be .* Got 'kl'"),
        ({"anomaly_score": "discriminator"}, "'anomaly_score' parameter of WAE must be"),
    ],
)
def test_wrong_parameters_are_named_and_an_earlier_fit_is_kept(X, params, message):
    det = small().fit(X)
    scores = det.score_samples(X)
    with pytest.raises(ValueError, match=message):
        det.set_params(**params).fit(X)
    assert_array_equal(det.score_samples(X), scores)
    assert isinstance(det.net_, DetectorNet)


@pytest.mark.parametrize("prior", ["normal", "uniform", "sphere", "mixture"])
def test_samples_look_like_the_data(X, prior):
    det = WAE(prior=prior, n_latent=3, lr=5e-3, max_steps=300, random_state=0).fit(X)
    rows = det.sample(2000, random_state=0)
    assert_allclose(rows.mean(0), X.mean(0), atol=0.3 * X.std(0).max())
    assert_allclose(rows.std(0), X.std(0), rtol=0.35)
    assert abs(np.corrcoef(rows.T) - np.corrcoef(X.T)).mean() < 0.2


# Acceptance: codes meet the prior -------------------------------------------------------------

PARAMS = {"n_latent": 2, "activation": "relu", "max_steps": None, "trim": 0}
PARAMS |= {"lr": 3e-3, "lr_milestones": (0.6,)}


def check_codes_meet(prior, folder, n_train, max_epochs, seed, **params):
    """Check the fall of the MMD, and return the weight's detectors with their errors."""
    train, held_out = pendigits(folder, n_train, seed)
    params = PARAMS | {"max_epochs": max_epochs, "random_state": seed, "prior": prior} | params
    plain, matched = (WAE(divergence_weight=weight, **params).fit(train) for weight in (0, 10))
    before, after = (distance_to(prior, det, held_out) for det in (plain, matched))
    assert before >= 50 * after, (before, after)
    error = reconstruction(matched, held_out)
    assert error <= 1.25 * reconstruction(plain, held_out)
    return error, lambda weight: reconstruction(
        WAE(divergence_weight=weight, **params).fit(train), held_out
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("divergence", ["mmd", "gan"])
def test_codes_meet_the_prior_and_rows_are_still_reconstructed(divergence, seed, shared_data):
    params = {"divergence": divergence, "lr_discriminator": 3e-3}
    error, error_with = check_codes_meet("normal", shared_data, 4000, 60, seed, **params)
    if divergence == "mmd":
        assert error_with(100) > error


@pytest.mark.slow
def test_codes_meet_a_prior_of_many_small_modes(shared_data):
    check_codes_meet(RING, shared_data, 4000, 60, 0, kernel_scales=(0.01, 0.02, 0.05, *SCALES))


def test_codes_of_fewer_rows_meet_the_prior(shared_data):
    check_codes_meet("normal", shared_data, 2000, 40, 0)


@pytest.mark.parametrize(
    ("params", "ratio"),
    [
        ({}, 30),
        ({"divergence": "gan", "lr_discriminator": 3e-3}, 30),
        ({"prior": RING, "kernel_scales": (0.01, 0.02, 0.05, *SCALES)}, 8),
    ],
    ids=["mmd", "gan", "ring"],
)
def test_codes_of_a_surface_meet_the_prior(params, ratio):
    train, held_out = crossed_curves(600, 0), crossed_curves(500, 1)
    plain, matched = (
        WAE(**PARAMS | params, divergence_weight=w, max_epochs=60, random_state=0).fit(train)
        for w in (0, 10)
    )
    prior = params.get("prior", "normal")
    before, after = (distance_to(prior, det, held_out) for det in (plain, matched))
    assert before >= ratio * after
