import pytest
import torch
from numpy.testing import assert_allclose
from torch.distributions import Normal
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from skdeepad import AAE, WAE
from skdeepad.base._rows import rows_to_train_on
from skdeepad.training import Batch, TensorData, seeded_generator, to_tensor

from .matching import RING, accuracy, auc, codes, crossed_curves, distance_to, pendigits


def hashes(module):
    return {
        name: hash(b"".join(p.detach().numpy().tobytes() for p in part.parameters()))
        for name, part in module.named_children()
        if name != "residual"
    }


@pytest.fixture
def fitted(X):
    return AAE(n_latent=2, max_epochs=2, trim=0, random_state=0).fit(X)


def batch(X):
    return torch.as_tensor(X[:40], dtype=torch.float32)


def test_each_player_has_the_papers_loss(fitted, X):
    module, x = fitted.net_.module_, batch(X)
    module.rng = seeded_generator(3)
    draws = torch.empty(40, 2).normal_(generator=seeded_generator(3))
    with torch.no_grad():
        z = module.encoder(x)
        error = ((x - module.decoder(z)) ** 2).sum(1)
        real, fake = (module.discriminator.layers(codes)[:, 0] for codes in (draws, z))
        ones, zeros = torch.ones(40), torch.zeros(40)
        told_apart = cross_entropy(real, ones) + cross_entropy(fake, zeros)
        assert_allclose(module.loss_reconstruction(x), error, rtol=1e-5)
        assert_allclose(module.loss_discriminator(x), told_apart, rtol=1e-5)
        assert_allclose(module.loss_generator(x), cross_entropy(fake, ones), rtol=1e-5)


@pytest.mark.parametrize(
    ("player", "moved"),
    [("reconstruction", {"encoder", "decoder"})]
    + [("discriminator", {"discriminator"}), ("generator", {"encoder"})],
)
def test_a_phase_moves_its_own_parts_only(fitted, X, player, moved):
    net = fitted.net_
    prefix = "optimizer" if player == "reconstruction" else f"optimizer_{player}"
    before = hashes(net.module_)
    net._turn(player, net._named_optimizers()[prefix], Batch(batch(X)))
    after = hashes(net.module_)
    assert {name for name in after if after[name] != before[name]} == moved


def test_phases_are_in_the_papers_order(fitted):
    assert list(fitted.net_.module_.players) == ["reconstruction", "discriminator", "generator"]
    assert {"train_loss", "discriminator_loss", "generator_loss"} <= set(fitted.history_)


def settings(det, key):
    return [o.param_groups[0][key] for o in det.net_._named_optimizers().values()]


def test_optimizers_have_little_momentum_unless_asked_for_otherwise(X):
    def det(**params):
        return AAE(max_epochs=1, max_steps=1, lr=3e-3, **params).fit(X)

    assert settings(det(), "betas") == [(0.5, 0.999)] * 3
    assert settings(det(), "lr") == [3e-3, 5e-4, 3e-3]
    assert settings(det(lr_discriminator=0.1), "lr") == [3e-3, 0.1, 3e-3]
    net_params = {"optimizer__betas": (0.9, 0.9), "optimizer_generator__lr": 0.2}
    other = det(net_params=net_params)
    assert settings(other, "betas") == [(0.9, 0.9)] * 3
    assert settings(other, "lr") == [3e-3, 5e-4, 0.2]
    assert settings(det(optimizer="sgd"), "lr") == [3e-3, 5e-4, 3e-3]


def test_scores_are_what_their_names_say(X):
    def scores(name, **params):
        det = AAE(n_latent=2, max_epochs=2, anomaly_score=name, random_state=0, **params).fit(X)
        return det, -det.score_samples(X)

    det, found = scores("discriminator")
    with torch.no_grad():
        logits = det.net_.module_.discriminator(codes(det, X))
    assert_allclose(found, -logits, rtol=1e-4, atol=1e-6)
    det, found = scores("latent_density")
    assert_allclose(found, -Normal(0.0, 1.0).log_prob(codes(det, X)).sum(1), rtol=1e-5)
    det, found = scores("latent_density", prior=Normal(1.0, 3.0))
    assert_allclose(found, -Normal(1.0, 3.0).log_prob(codes(det, X)).sum(1), rtol=1e-5)
    det, found = scores("reconstruction", residual_scaling="plain")
    residual = det.scaler_.transform(X) - det.scaler_.transform(det.reconstruct(X))
    assert_allclose(found, (residual**2).mean(1), rtol=1e-4)
    assert_allclose(det.feature_contributions(X).sum(1), found, rtol=1e-6)


def test_the_density_of_codes_finds_rows_far_along_the_plane(X):
    det = AAE(n_latent=2, max_epochs=100, anomaly_score="latent_density", random_state=0).fit(X)
    assert auc(det, X, 4 * X[:50]) > 0.7


def test_a_gaussian_encoder_draws_in_training_and_scores_by_the_mean(X):
    det = AAE(n_latent=2, posterior="gaussian", max_epochs=2, random_state=0).fit(X)
    module, x = det.net_.module_, batch(X)
    with torch.no_grad():
        mu, logvar = module.encoder(x).chunk(2, dim=1)
        module.rng = seeded_generator(3)
        noise = torch.empty(40, 2).normal_(generator=seeded_generator(3))
        assert_allclose(module.draw_codes(x), mu + torch.exp(logvar / 2) * noise, rtol=1e-5)
        assert_allclose(module.encode(x), mu)
        assert_allclose(module.reconstruct(x), module.decoder(mu))


def test_widths_of_the_discriminator_are_checked(X):
    with pytest.raises(ValueError, match=r"discriminator_layer_sizes=\(8, 0\) must be positive"):
        AAE(discriminator_layer_sizes=(8, 0)).fit(X)


def test_early_stopping_follows_the_reconstruction(X):
    det = AAE(early_stopping=True, n_iter_no_change=2, max_steps=None, lr=0.01, random_state=0)
    det.fit(X)
    loss = det.history_["valid_loss"]
    assert det.n_iter_ < 500
    assert len(loss) - 1 - loss.argmin() == 2
    kept = det.net_.module_  # the weights of the best epoch are put back
    rows = det._scale(X[rows_to_train_on(X, None, None)])
    _, valid = det.net_.train_split(TensorData(to_tensor(rows, "cpu")))
    assert_allclose(kept.loss_reconstruction(valid.X).mean().item(), loss.min(), rtol=1e-5)


# Acceptance: codes meet the prior -------------------------------------------------------------

PARAMS = {"n_latent": 2, "max_steps": None, "trim": 0, "lr_milestones": (0.6,)}


def check_codes_meet(prior, folder, n_train, max_epochs, seed):
    train, held_out = pendigits(folder, n_train, seed)
    params = PARAMS | {"max_epochs": max_epochs, "random_state": seed}
    plain = WAE(divergence_weight=0, **params).fit(train)
    matched = AAE(prior=prior, **params).fit(train)
    before, after = (distance_to(prior, det, held_out) for det in (plain, matched))
    assert before >= 30 * after, (before, after)
    discriminator = matched.net_.module_.discriminator
    assert 0.42 <= accuracy(discriminator, prior, matched, held_out) <= 0.60


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prior", "seed"),
    [("normal", 0), ("normal", 1), ("normal", 2), (RING, 0)],
    ids=["normal-0", "normal-1", "normal-2", "ring-0"],
)
def test_codes_meet_the_prior_and_the_discriminator_can_only_guess(prior, seed, shared_data):
    check_codes_meet(prior, shared_data, 4000, 60, seed)


def test_codes_of_fewer_rows_meet_the_prior(shared_data):
    check_codes_meet("normal", shared_data, 2000, 40, 0)


def test_codes_of_a_surface_meet_the_prior():
    train, held_out = crossed_curves(600, 0), crossed_curves(500, 1)
    plain = WAE(divergence_weight=0, **PARAMS, max_epochs=60, random_state=0).fit(train)
    matched = AAE(**PARAMS, max_epochs=60, random_state=0).fit(train)
    before, after = (distance_to("normal", det, held_out) for det in (plain, matched))
    assert before >= 8 * after
    assert 0.4 <= accuracy(matched.net_.module_.discriminator, "normal", matched, held_out) <= 0.65
