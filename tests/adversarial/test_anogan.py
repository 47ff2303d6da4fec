"""AnoGAN: the search finds what the generator can make, row by row, and scores nothing else."""

from math import log

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from torch import nn

from skdeepad import AnoGAN
from skdeepad.nn import Backbone, DCGANBackbone, MLPBackbone
from skdeepad.training import seeded_generator

from ..conftest import correlated_rows
from .protocol import halves


def few_steps(**params):
    return AnoGAN(**{"max_steps": 50, "hidden_layer_sizes": (32,), "random_state": 0} | params)


def shuffled_distance(rows):
    """Median L1 distance of rows to one another."""
    order = np.random.RandomState(0).permutation(len(rows))
    return np.median(np.abs(rows - rows[order]).sum(1))


# The game ------------------------------------------------------------------------------------


def losses_by_hand(module, x, c=None):
    generated = module.generator(torch.randn(len(x), 2, generator=seeded_generator(3)))
    odds = [
        module.discriminator.head(module.discriminator.features(v))[:, 0] for v in (x, generated)
    ]
    return [torch.sigmoid(o) for o in odds]


def test_the_losses_are_those_of_the_game(X):
    module = few_steps(n_latent=2, max_steps=1, gradient_penalty_weight=0.0).fit(X).net_.module_
    x = torch.as_tensor(X[:5], dtype=torch.float32)
    real, generated = losses_by_hand(module, x)
    module.rng = seeded_generator(3)
    expected = -real.log() - (1 - generated).log().mean()
    assert_allclose(module.loss_discriminator(x).detach(), expected.detach(), rtol=1e-5)
    module.rng = seeded_generator(3)
    loss = module.loss_generator(x).item()
    assert_allclose(loss, -generated.log().mean().item(), rtol=1e-5)
    module.label_smoothing, module.rng = 0.1, seeded_generator(3)
    expected = -0.9 * real.log() - 0.1 * (1 - real).log() - (1 - generated).log().mean()
    assert_allclose(module.loss_discriminator(x).detach(), expected.detach(), rtol=1e-5)


def test_the_gradient_penalty_is_half_the_squared_gradient_of_the_log_odds(X):
    module = (
        few_steps(n_latent=2, max_steps=1, gradient_penalty_weight=0.0).fit(X).net_.module_.double()
    )
    x = torch.as_tensor(X[:4])
    module.rng = seeded_generator(3)
    plain = module.loss_discriminator(x)
    module.gradient_penalty_weight, module.rng = 3.0, seeded_generator(3)
    penalty = (module.loss_discriminator(x) - plain).detach()
    step = 1e-6
    slopes = [
        (module.discriminator(x + step * unit) - module.discriminator(x - step * unit)) / 2 / step
        for unit in torch.eye(x.shape[1], dtype=x.dtype)
    ]
    assert_allclose(penalty, 1.5 * (torch.stack(slopes) ** 2).sum(0).detach(), rtol=1e-4)


def test_both_players_move_and_only_they(X):
    start = few_steps(max_steps=1, lr=1e-12).fit(X).net_.module_.state_dict()
    end = few_steps().fit(X).net_.module_.state_dict()
    for name, weight in end.items():
        moved = name.split(".")[0] in {"generator", "discriminator"}
        assert torch.allclose(weight, start[name], atol=1e-6) != moved, name


def test_another_seed_gives_other_nets(X):
    first, second = (few_steps(random_state=s, max_steps=1).fit(X).generator_ for s in (0, 1))
    assert not torch.equal(next(first.parameters()), next(second.parameters()))


def test_generated_rows_have_the_means_and_the_spread_of_the_training_rows(X):
    det = few_steps(max_steps=1500, gradient_penalty_weight=1.0).fit(X)
    rows = det.sample(2000, random_state=0)
    assert_allclose(rows.mean(0), X.mean(0), atol=0.35 * X.std())
    assert 0.6 < rows.std() / X.std() < 1.4
    assert 0.5 < det.history_["spread"][-1] < 1.5


# The score -----------------------------------------------------------------------------------


def test_the_score_is_the_weighted_sum_of_both_residuals_at_the_code(X):
    det = few_steps(residual_weight=0.7).fit(X)
    module, rows = det.net_.module_, X[:20]
    x = torch.as_tensor(det.scaler_.transform(rows), dtype=torch.float32)
    with torch.no_grad():
        restored = det.generator_(torch.as_tensor(det.transform(rows), dtype=torch.float32))
        features = det.discriminator_.features(x) - det.discriminator_.features(restored)
    residual = (x - restored).abs().sum(1)
    expected = 0.7 * residual + 0.3 * features.abs().sum(1)
    assert_allclose(-det.score_samples(rows), expected, rtol=1e-5)
    assert_allclose(det.feature_contributions(rows).sum(1), 0.7 * residual, rtol=1e-5)
    module.discriminator_term = "cross_entropy"
    with torch.no_grad():
        restored = det.generator_(torch.as_tensor(det.transform(rows), dtype=torch.float32))
        judged = -torch.sigmoid(det.discriminator_(restored)).log()
    expected = 0.7 * (x - restored).abs().sum(1) + 0.3 * judged
    assert_allclose(-det.score_samples(rows), expected, rtol=1e-5)


def test_the_score_never_rises_with_more_steps(X):
    rows = 2 * X[:100]
    scores = [-few_steps(n_latent_steps=n).fit(X).score_samples(rows) for n in (0, 20, 100)]
    assert (scores[1] <= scores[0]).all()
    assert (scores[2] <= scores[1]).all()
    assert (scores[2] < scores[0]).mean() > 0.9


def test_the_score_never_rises_with_more_restarts_or_starts(X):
    rows = 2 * X[:100]
    one, five = (-few_steps(n_restarts=n).fit(X).score_samples(rows) for n in (1, 5))
    assert (five <= one).all()
    assert (five < one).any()
    det = few_steps(n_latent_steps=0).fit(X)
    starts = det.net_.module_.starts
    every = np.array(
        [
            np.abs(det.scaler_.transform(rows) - g).sum(1)
            for g in det.generator_(starts).detach().numpy()
        ]
    )
    module = det.net_.module_
    module.residual_weight = 1.0
    assert_allclose(-det.score_samples(rows), every.min(0), rtol=1e-5)


def test_more_restarts_than_starts_are_refused(X):
    with pytest.raises(ValueError, match="n_restarts=9 must be at most n_starts=5"):
        few_steps(n_restarts=9, n_starts=5).fit(X)


@pytest.mark.parametrize("params", [{}, {"train_encoder": True, "encoder_steps": 50}])
def test_scoring_leaves_the_nets_alone_and_repeats(X, params):
    det = few_steps(max_steps=50, **params).fit(X)
    before = {name: value.clone() for name, value in det.net_.module_.state_dict().items()}
    first, second = det.score_samples(X), det.score_samples(X)
    assert_array_equal(first, second)
    for name, value in det.net_.module_.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_scores_are_the_same_in_any_order_chunk_and_company(X, monkeypatch):
    det = few_steps(n_latent_steps=50).fit(X)
    rows = correlated_rows(300, np.random.RandomState(3))
    scores = det.score_samples(rows)
    order = np.random.RandomState(0).permutation(len(rows))
    assert_allclose(det.score_samples(rows[order]), scores[order], rtol=1e-6)
    alone = np.concatenate([det.score_samples(row[None]) for row in rows[:40]])
    assert_allclose(alone, scores[:40], rtol=1e-6)
    monkeypatch.setattr("skdeepad.training._scoring.CHUNK_ROWS", 64)
    assert_allclose(det.score_samples(rows), scores, rtol=1e-6)


def test_batch_normalisation_scores_a_row_by_itself(X):
    backbone = MLPBackbone((32,), activation="leaky_relu", batch_norm=True)
    det = few_steps(backbone=backbone, n_latent=4).fit(X[:65])
    scores = det.score_samples(X)
    assert_allclose(det.score_samples(3 * X[:1]), det.score_samples(3 * X)[:1], rtol=1e-5)
    assert_allclose(np.r_[det.score_samples(X[:7]), det.score_samples(X[7:])], scores, rtol=1e-5)


def test_the_search_finds_the_codes_of_generated_rows(X):
    params = {"max_steps": 300, "n_starts": 64, "residual_weight": 1.0}
    found, start = (few_steps(**params, n_latent_steps=n).fit(X) for n in (100, 0))
    rows = found.sample(100, random_state=1)
    distance = np.median(-found.score_samples(rows))
    assert distance <= 0.01 * shuffled_distance(found.scaler_.transform(rows))
    assert np.median(-start.score_samples(rows)) >= 20 * distance


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pendigits", "optdigits"])
def test_the_search_inverts_the_generator(shared_data, name):
    X, *_ = halves(name)
    found, start = (AnoGAN(n_latent_steps=n, random_state=0).fit(X) for n in (200, 0))
    rows = found.sample(300, random_state=1)
    unit = shuffled_distance(found.scaler_.transform(rows))
    assert np.median(-found.score_samples(rows)) <= 0.05 * unit
    assert np.median(-start.score_samples(rows)) >= 5 * np.median(-found.score_samples(rows))


@pytest.mark.slow
def test_optdigits_anomalies_are_found_by_search(shared_data):
    aucs = []
    for seed in range(3):
        X, X_test, y_test = halves("optdigits", seed)
        det = AnoGAN(random_state=seed).fit(X)
        aucs.append(roc_auc_score(y_test, -det.score_samples(X_test)))
    assert np.mean(aucs) >= 0.80
    assert min(aucs) >= 0.70


# The encoder ---------------------------------------------------------------------------------


def test_the_encoder_is_trained_after_the_game_and_moves_nothing_of_it(X):
    search, det = few_steps().fit(X), few_steps(train_encoder=True, encoder_steps=200).fit(X)
    for mine, other in zip(
        det.generator_.parameters(), search.generator_.parameters(), strict=True
    ):
        assert torch.equal(mine, other)
    losses = det.encoder_history_["train_loss"]
    assert losses[-3:].mean() < 0.7 * losses[0]
    assert search.encoder_ is None
    assert search.encoder_history_ == {}


def test_the_encoders_score_is_the_error_that_it_was_trained_on(X):
    det = few_steps(train_encoder=True, encoder_steps=100, encoder_feature_weight=2.0).fit(X)
    x = torch.as_tensor(det.scaler_.transform(X), dtype=torch.float32)
    with torch.no_grad():
        restored = det.generator_(torch.tanh(det.encoder_(x)))
        f, f_restored = (det.discriminator_.features(v) for v in (x, restored))
    expected = ((x - restored) ** 2).mean(1) + 2 * ((f - f_restored) ** 2).mean(1)
    assert_allclose(-det.score_samples(X), expected, rtol=1e-5)
    assert_allclose(det.feature_contributions(X).sum(1), ((x - restored) ** 2).mean(1), rtol=1e-5)


def test_the_encoder_finds_broken_correlations(X, broken_correlations):
    rows, y = broken_correlations
    det = few_steps(max_steps=1000, train_encoder=True, encoder_steps=500).fit(X)
    assert roc_auc_score(y, -det.score_samples(rows)) >= 0.75


@pytest.mark.slow
def test_the_encoder_does_as_well_as_the_search_on_pendigits(shared_data):
    X, X_test, y_test = halves("pendigits")
    search, encoder = (
        roc_auc_score(y_test, -AnoGAN(encoder=e, random_state=0).fit(X).score_samples(X_test))
        for e in (False, True)
    )
    assert encoder >= search - 0.05


# Contexts ------------------------------------------------------------------------------------


def with_context(X):
    """Rows whose first column says which half of them the others are reflected in."""
    sign = np.resize([-1.0, 1.0], len(X))
    return np.c_[sign, sign[:, None] * np.abs(X)]


def test_a_row_is_judged_within_its_context(X):
    rows = with_context(X)
    wrong = np.c_[-rows[:, :1], rows[:, 1:]]
    det = few_steps(max_steps=1500, context_columns=[0], random_state=4).fit(rows)
    scores = -np.r_[det.score_samples(rows), det.score_samples(wrong)]
    assert roc_auc_score(np.repeat([0, 1], len(X)), scores) >= 0.9
    assert_allclose(det.reconstruct(wrong)[:, 0], wrong[:, 0], atol=1e-6)
    assert_allclose(det.feature_contributions(wrong)[:, 0], 0, atol=1e-6)
    drawn = det.sample(200, random_state=0)
    assert set(drawn[:, 0].round(5)) == {-1.0, 1.0}
    assert (np.sign(drawn[:, 1:].sum(1)) == drawn[:, 0]).mean() > 0.9


def test_codes_hold_the_context_and_lead_back(X):
    det = few_steps(context_columns=[-1]).fit(X)
    codes = det.transform(X[:20])
    assert codes.shape == (20, 4)  # 7 // 2 values of z, and the context
    assert_allclose(det.inverse_transform(codes), det.reconstruct(X[:20]), rtol=1e-4, atol=1e-5)


def test_contexts_can_be_named(X):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    named = few_steps(context_columns=["c", "a"], max_steps=20).fit(frame)
    numbered = few_steps(context_columns=[0, 2], max_steps=20).fit(frame)
    assert_array_equal(named.score_samples(frame), numbered.score_samples(frame))


@pytest.mark.parametrize("columns", [["z"], [8], [0, 0], [0, -8], list(range(8)), [0.5]])
def test_contexts_that_are_no_columns_are_refused(X, columns):
    with pytest.raises(ValueError, match="context_columns="):
        few_steps(context_columns=columns).fit(X)


@pytest.mark.slow
def test_a_digit_under_another_name_is_found_by_the_conditional_net_alone():
    X, digits = load_digits(return_X_y=True)
    X, names = X / 8 - 1, 2 * np.eye(10) - 1
    wrong = (digits + np.random.RandomState(0).randint(1, 10, len(digits))) % 10
    train, test = train_test_split(np.arange(len(X)), random_state=0)
    right, wrong = np.c_[X, names[digits]], np.c_[X, names[wrong]]
    y = np.repeat([0, 1], len(test))

    def auc(rows, others, **params):
        det = AnoGAN(scaler=None, random_state=0, **params).fit(rows[train])
        scores = [det.score_samples(each[test]) for each in (rows, others)]
        return roc_auc_score(y, -np.concatenate(scores))

    assert auc(right, wrong, context_columns=range(64, 74)) >= 0.75
    # By construction: without names the pictures are the same ones.
    assert abs(auc(X, X, max_steps=5) - 0.5) <= 0.01


# Backbones -----------------------------------------------------------------------------------


def test_images_go_through_dcgan():
    X = load_digits().data / 8 - 1
    det = AnoGAN(
        backbone=DCGANBackbone((1, 8, 8), width=8),
        n_latent=8,
        scaler=None,
        max_steps=20,
        n_latent_steps=20,
        n_starts=64,
        random_state=0,
    ).fit(X)
    scores = det.score_samples(X[:50])
    assert np.abs(det.sample(5, random_state=0)).max() <= 1
    assert_allclose(
        np.r_[det.score_samples(X[:20]), det.score_samples(X[20:50])], scores, rtol=1e-4
    )


def test_images_outside_of_a_tanh_are_refused():
    X = load_digits().data
    with pytest.raises(ValueError, match=r"makes values in \[-1, 1\], but .* from 0 to 16"):
        AnoGAN(backbone=DCGANBackbone((1, 8, 8)), scaler=None).fit(X)


@pytest.mark.parametrize(
    "layers",
    [lambda n, m: nn.Bilinear(n, n, m), lambda n, m: nn.Sequential(nn.Linear(n, m, bias=False))],
)
def test_a_backbone_without_features_and_a_head_is_refused(layers, X):
    class Opaque(Backbone):
        def make_encoder(self, n_features, n_outputs, *, bias=True):
            return layers(n_features, n_outputs)

        def make_decoder(self, n_inputs, n_features, *, bias=True):
            return nn.Linear(n_inputs, n_features)

    with pytest.raises(ValueError, match=r"must make encoders that are an nn\.Sequential"):
        few_steps(backbone=Opaque()).fit(X)


@pytest.mark.parametrize("turns", [(1,), (0, 1), (1, 2.5), "ab"])
def test_turns_that_are_no_pair_of_counts_are_refused(X, turns):
    with pytest.raises(ValueError, match="turns"):
        few_steps(turns=turns).fit(X)


def test_at_the_start_the_discriminator_knows_nothing(X):
    det = few_steps(max_steps=1, lr=1e-12).fit(X)
    assert_allclose(det.history_["train_loss"], 2 * log(2), rtol=0.1)
    assert_allclose(det.history_["generator_loss"], log(2), rtol=0.15)


def test_an_encoder_is_trained_on_where_training_goes_on(X, recwarn):
    det = few_steps(train_encoder=True, encoder_steps=50, max_steps=50, warm_start=True).fit(X)
    first = next(det.encoder_.parameters()).detach().clone()
    det.set_params(encoder_steps=20).fit(X)
    assert not torch.equal(next(det.encoder_.parameters()), first)
    assert not [w for w in recwarn.list if "resumes with the values" in str(w.message)]
    assert len(det.encoder_history_["train_loss"]) == 4


def test_turns_and_rates_of_the_game_are_none_of_the_encoders(X):
    rates = {"optimizer_generator__lr": 1e-3, "optimizer_discriminator__lr": 1e-3}
    game = {"max_steps": 20, "lr": 1e-3, "turns": (5, 1)}
    plain = few_steps(train_encoder=True, encoder_steps=8, **game).fit(X)
    given = few_steps(train_encoder=True, encoder_steps=8, net_params=rates, **game).fit(X)
    assert_array_equal(plain.score_samples(X), given.score_samples(X))
    before = few_steps(train_encoder=True, encoder_steps=1, **game | {"lr": 1e-12}).fit(X).encoder_
    moved = [
        not torch.allclose(p, q, atol=1e-6)
        for p, q in zip(plain.encoder_.parameters(), before.parameters(), strict=True)
    ]
    assert all(moved)


@pytest.mark.parametrize("turns", [(1, 2), (3, 1)])
def test_turns_of_either_player_go_with_a_gradient_penalty(X, turns):
    det = few_steps(turns=turns, gradient_penalty_weight=1.0, max_steps=20).fit(X)
    assert np.isfinite(det.history_["train_loss"]).all()
    assert np.isfinite(det.history_["generator_loss"]).all()


def test_a_collapse_is_seen_beside_the_contexts_that_vary(X):
    det = few_steps(max_steps=150, context_columns=[0], average_decay=0.0).fit(X)
    with torch.no_grad():
        for weight in det.generator_.parameters():
            weight.zero_()
    with pytest.warns(ConvergenceWarning, match="generator has collapsed"):
        det.set_params(lr=1e-12).partial_fit(X)
    assert det.history_["spread"][-1] < 1e-3


def test_starts_are_compared_by_both_terms(X):
    det = few_steps(n_latent_steps=0, n_starts=200, residual_weight=0.1).fit(X)
    module = det.net_.module_
    x = torch.as_tensor(det.scaler_.transform(X[:50]), dtype=torch.float32)
    with torch.no_grad():
        made, f = module.generator(module.starts), module.discriminator.features
        losses = 0.1 * torch.cdist(x, made, p=1) + 0.9 * torch.cdist(f(x), f(made), p=1)
    assert_allclose(-det.score_samples(X[:50]), losses.min(1).values, rtol=1e-4)


def test_a_batch_of_one_row_needs_nets_without_batch_norm(X):
    with pytest.raises(ValueError, match="batch_size=1 needs batch_norm=False"):
        few_steps(batch_size=1, backbone=MLPBackbone((8,), batch_norm=True)).fit(X)


def test_training_goes_on_with_images_outside_of_the_first_ones_range():
    X = load_digits().data
    det = AnoGAN(
        backbone=DCGANBackbone((1, 8, 8), width=4), max_steps=5, n_latent_steps=2, random_state=0
    )
    assert det.partial_fit(X[:200]).partial_fit(X[200:]).n_iter_ == 2
