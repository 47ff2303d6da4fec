"""EGBAD plays BiGAN's game, and scores by what its players say of a row and its code."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import train_test_split
from torch import nn

from skdeepad import EGBAD
from skdeepad.adversarial._context import Context
from skdeepad.adversarial._egbad_module import EGBADModule
from skdeepad.datasets import fetch_kddcup99
from skdeepad.nn import DCGANBackbone

from .protocol import halves

SMALL = {
    "hidden_layer_sizes": (16,),
    "generator_layer_sizes": (16,),
    "discriminator_layer_sizes": (16,),
    "max_steps": 20,
    "random_state": 0,
}
ROWS = torch.tensor([[1.0, 2.0], [0.0, 1.0]])


class LinearJudge(nn.Module):
    """D(x, z) with the log odds x₁ + x₂ + 2 z."""

    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor([1.0, 1.0, 2.0]))

    def features(self, x, z):
        return torch.cat([x, z], 1)

    def forward(self, x, z):
        return self.features(x, z) @ self.weights


def linear_players(**params):
    """G(z) = (z, 3 z), E(x) = x₁ - x₂, and the judge."""
    generator, encoder = nn.Linear(1, 2, bias=False), nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        generator.weight.copy_(torch.tensor([[1.0], [3.0]]))
        encoder.weight.copy_(torch.tensor([[1.0, -1.0]]))
    defaults = {
        **{
            "residual_weight": 0.9,
            "discriminator_term": "cross_entropy",
            "discriminator_input": "row",
        },
        **{"norm": "l1", "reconstruction_weight": 0.0, "label_smoothing": 0.0},
        **{"gradient_penalty_weight": 0.0, "context": Context(2, []), "n_noise": 1},
    }
    players = {"generator": generator, "encoder": encoder, "discriminator": LinearJudge()}
    module = EGBADModule(**players, **defaults | params)
    module.rng = torch.Generator().manual_seed(3)
    return module


def next_noise():
    return torch.empty(2, 1).normal_(generator=torch.Generator().manual_seed(3))[:, 0]


# The game -----------------------------------------------------------------------------------


def test_the_discriminator_tells_rows_with_their_codes_from_codes_with_their_rows():
    real = torch.tensor([1.0, -1.0])  # E(x) is -1 for either row
    generated = 6 * next_noise()
    expected = -F.logsigmoid(real) - F.logsigmoid(-generated).mean()
    assert_allclose(linear_players().loss_discriminator(ROWS).detach(), expected, rtol=1e-6)
    smooth = -0.9 * F.logsigmoid(real) - 0.1 * F.logsigmoid(-real)
    expected = smooth - F.logsigmoid(-generated).mean()
    loss = linear_players(label_smoothing=0.1).loss_discriminator(ROWS)
    assert_allclose(loss.detach(), expected, rtol=1e-6)


def test_the_gradient_penalty_is_of_rows_and_codes():
    losses = [
        linear_players(gradient_penalty_weight=weight).loss_discriminator(ROWS).detach()
        for weight in (0.0, 4.0)
    ]
    assert_allclose(losses[1] - losses[0], [4 / 2 * (1 + 1 + 2**2)] * 2, rtol=1e-6)


def test_generator_and_encoder_fool_the_discriminator_from_either_side():
    expected = -F.logsigmoid(6 * next_noise()).mean()
    expected = expected - F.logsigmoid(-torch.tensor([1.0, -1.0])).mean()
    assert_allclose(linear_players().loss_generator(ROWS).item(), expected, rtol=1e-6)
    # x - G(E(x)) is (2, 5) and (1, 4).
    loss = linear_players(reconstruction_weight=0.5).loss_generator(ROWS).item()
    assert_allclose(loss, expected + 0.5 * 3, rtol=1e-6)


def test_the_reconstruction_teaches_the_encoder_alone():
    gradients = []
    for weight in (0.0, 1.0):
        players = linear_players(reconstruction_weight=weight)
        of = [players.generator.weight, players.encoder.weight]
        gradients.append(torch.autograd.grad(players.loss_generator(ROWS), of))
    (generator, encoder), (with_generator, with_encoder) = gradients
    assert torch.equal(generator, with_generator)
    assert (encoder - with_encoder).abs().min() > 0.1


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_a_player_moves_nothing_but_its_own_parts(player, X):
    prefixes = {"discriminator": "optimizer", "generator": "optimizer_generator"}
    parts = {"discriminator": {"discriminator"}, "generator": {"generator", "encoder"}}
    params = SMALL | {"optimizer": "sgd", "max_steps": 1, "average_decay": 0.0}
    params |= {"reconstruction_weight": 1.0}

    def weights(rates):
        det = EGBAD(
            **params, net_params={f"{prefixes[p]}__lr": rates.get(p, 0.0) for p in prefixes}
        )
        return det.fit(X).net_.module_.state_dict()

    before, after = weights({}), weights({player: 0.1})
    moved = {
        name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])
    }
    assert moved == parts[player]


def test_the_history_has_the_losses_of_all_players_and_the_state_of_the_game(X):
    history = EGBAD(**SMALL).fit(X).history_
    assert {"train_loss", "generator_loss", "spread", "fooled"} <= set(history)
    assert all(np.isfinite(values).all() for values in history.values())


def test_the_networks_have_the_papers_widths_for_kdd99(X):
    rows = np.random.RandomState(0).randn(64, 121)
    det = EGBAD(max_steps=1, random_state=0).fit(rows)

    def widths(module):
        return [(m.in_features, m.out_features) for m in module.modules() if hasattr(m, "weight")]

    assert widths(det.encoder_) == [(121, 64), (64, 32)]
    assert widths(det.generator_) == [(32, 64), (64, 128), (128, 121)]
    assert widths(det.discriminator_) == [(121, 128), (32, 128), (256, 128), (128, 1)]


# Scores -------------------------------------------------------------------------------------


def test_scores_of_linear_players_are_those_computed_by_hand():
    # L_G is 7 and 5; the log odds of (x, E(x)) are 1 and -1, of (G(E(x)), E(x)) -6.
    cross_entropy = np.log1p(np.exp([-1.0, 1.0]))
    of_rows = linear_players().anomaly_score(ROWS)
    assert_allclose(of_rows.detach(), 0.9 * np.array([7, 5]) + 0.1 * cross_entropy, rtol=1e-6)
    judged = linear_players(
        discriminator_input="reconstruction", residual_weight=0.0
    ).anomaly_score(ROWS)
    assert_allclose(judged.detach(), np.log1p(np.exp([6.0, 6.0])), rtol=1e-6)
    matched = linear_players(discriminator_term="feature_matching", residual_weight=0.0, norm="l2")
    assert_allclose(matched.anomaly_score(ROWS).detach() ** 2, [2**2 + 5**2, 1 + 4**2], rtol=1e-6)


def scores_by_the_formula(det, X):
    """A(x) from the public players alone."""
    x = torch.as_tensor(det.scaler_.transform(X), dtype=torch.float32)
    with torch.no_grad():
        z = det.encoder_(x)
        restored = det.generator_(z)
        of_generator = torch.linalg.vector_norm((x - restored).double(), int(det.norm[1]), dim=1)
        if det.discriminator_term == "feature_matching":
            features = det.discriminator_.features
            of_features = (features(x, z) - features(restored, z)).double()
            of_discriminator = torch.linalg.vector_norm(of_features, int(det.norm[1]), dim=1)
        else:
            judged = x if det.discriminator_input == "row" else restored
            of_discriminator = -F.logsigmoid(det.discriminator_(judged, z).double())
    return det.residual_weight * of_generator + (1 - det.residual_weight) * of_discriminator


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("alpha", [0.0, 0.9, 1.0])
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"discriminator_input": "reconstruction"},
        {"discriminator_term": "feature_matching"},
    ],
    ids=str,
)
def test_a_score_is_its_formula_of_the_public_players(form, alpha, norm, X):
    det = EGBAD(**SMALL | form, residual_weight=alpha, norm=norm).fit(X)
    assert_allclose(-det.score_samples(X), scores_by_the_formula(det, X), rtol=1e-5)


def test_forms_of_the_discriminators_term_differ(X):
    forms = [{}, {"discriminator_input": "reconstruction"}]
    forms.append({"discriminator_term": "feature_matching"})
    scores = [EGBAD(**SMALL | form, residual_weight=0.0).fit(X).score_samples(X) for form in forms]
    for i in range(3):
        assert not np.allclose(scores[i], scores[i - 1], rtol=0.01)
    whole = [EGBAD(**SMALL | form, residual_weight=1.0).fit(X).score_samples(X) for form in forms]
    assert_array_equal(whole[0], whole[1])
    assert_array_equal(whole[0], whole[2])


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_scaled_terms_are_one_on_average_over_the_training_rows(alpha, X):
    det = EGBAD(**SMALL, residual_weight=alpha, score_scaling="train").fit(X)
    assert_allclose(-det.training_scores_.mean(), 1, rtol=1e-6)
    plain = EGBAD(**SMALL, residual_weight=alpha).fit(X)
    if alpha != 0.3:
        ratio = det.score_samples(5 * X) / plain.score_samples(5 * X)
        assert_allclose(ratio, ratio[0], rtol=1e-6)


@pytest.mark.parametrize("params", [{}, {"norm": "l2"}, {"score_scaling": "train"}], ids=str)
def test_contributions_of_features_make_the_generators_term(params, X):
    det = EGBAD(**SMALL | params, residual_weight=1.0).fit(X)
    assert_allclose(det.feature_contributions(X).sum(1), -det.score_samples(X), rtol=1e-5)


def test_scoring_leaves_the_players_as_they_are(X):
    det = EGBAD(**SMALL).fit(X)
    before = {name: value.clone() for name, value in det.net_.module_.state_dict().items()}
    det.score_samples(X), det.reconstruct(X), det.sample(5), det.feature_contributions(X)
    for name, value in det.net_.module_.state_dict().items():
        assert torch.equal(value, before[name]), name


# Codes and images ---------------------------------------------------------------------------


def test_a_reconstruction_is_what_the_generator_makes_of_the_code(X):
    det = EGBAD(**SMALL, n_latent=3).fit(X)
    codes = det.transform(X)
    assert codes.shape == (len(X), 3)
    assert_allclose(det.inverse_transform(codes), det.reconstruct(X), rtol=1e-4, atol=1e-5)


def test_samples_have_the_covariance_of_the_training_rows(X):
    det = EGBAD(**SMALL | {"max_steps": 500, "lr": 3e-3}).fit(X)
    rows = det.sample(500, random_state=0)
    assert rows.shape == (500, X.shape[1])
    difference = np.cov(rows.T) - np.cov(X.T)
    assert np.linalg.norm(difference) <= 0.5 * np.linalg.norm(np.cov(X.T))
    assert_array_equal(rows, det.sample(500, random_state=0))


@pytest.fixture(scope="module")
def in_context():
    """Two values that lie around (2, 2) or (-2, -2), by an indicator in the middle column."""
    rng = np.random.RandomState(0)
    c = rng.randint(0, 2, size=400)
    v = (4 * c - 2)[:, None] + 0.3 * rng.randn(400, 2)
    return np.column_stack([v[:, 0], c, v[:, 1]])


def test_values_are_judged_under_their_context(in_context):
    wrong = in_context[:200].copy()
    wrong[:, 1] = 1 - wrong[:, 1]
    y = np.repeat([0, 1], 200)
    det = EGBAD(**SMALL | {"max_steps": 400, "lr": 3e-3}, context_columns=[1]).fit(in_context)
    scores = -det.score_samples(np.r_[in_context[200:], wrong])
    assert roc_auc_score(y, scores) >= 0.9
    rows = det.sample(200, random_state=0)
    assert_allclose(np.unique(rows[:, 1].round(6)), [0, 1])
    assert (np.sign(rows[:, 0]) == np.sign(rows[:, 1] - 0.5)).mean() >= 0.9
    assert_allclose(det.reconstruct(in_context)[:, 1], in_context[:, 1], atol=1e-6)


@pytest.mark.parametrize("n_rows", [65, 40])
def test_images_with_batch_norm_are_scored_row_by_row(n_rows):
    images = load_digits().data[:n_rows]
    backbone = DCGANBackbone((1, 8, 8), width=8)
    det = EGBAD(backbone=backbone, n_latent=8, max_steps=6, batch_size=64, random_state=0)
    scores = det.fit(images).score_samples(images)
    assert det.reconstruct(images).shape == images.shape
    singly = np.concatenate([det.score_samples(row[None]) for row in images[:9]])
    assert_allclose(singly, scores[:9], rtol=1e-5)
    assert_array_equal(det.score_samples(images[::-1])[::-1], scores)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"discriminator_layer_sizes": ()}, r"discriminator_layer_sizes=\(\) must"),
        ({"discriminator_layer_sizes": (5, 0)}, r"discriminator_layer_sizes=\(5, 0\) must"),
        ({"generator_layer_sizes": (-1,)}, r"generator_layer_sizes=\(-1,\) must"),
        ({"norm": "l3"}, r"'norm' parameter of EGBAD must .* Got 'l3'"),
        ({"score_scaling": "test"}, r"'score_scaling' parameter of EGBAD must .* Got 'test'"),
        ({"context_columns": [0, 99]}, r"context_columns=\[0, 99\] must"),
        ({"turns": (1, 0)}, r"turns=\(1, 0\) must"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_named_and_an_earlier_fit_stays(params, message, X):
    det = EGBAD(**SMALL).fit(X)
    scores = det.score_samples(X)
    with pytest.raises(ValueError, match=message):
        det.set_params(**params).fit(X)
    assert_array_equal(det.set_params(**{"norm": "l1", "turns": (1, 1)}).score_samples(X), scores)


# Published data -----------------------------------------------------------------------------


def test_the_encoder_inverts_the_generator_and_the_generator_the_encoder(X):
    params = SMALL | {"generator_layer_sizes": (32,), "discriminator_layer_sizes": (32,)}
    params |= {"hidden_layer_sizes": (32,), "n_latent": 2, "max_steps": 400, "lr": 3e-3}
    det = EGBAD(**params).fit(X[:200])
    x, restored = (det.scaler_.transform(rows) for rows in (X[200:], det.reconstruct(X[200:])))
    shuffled = np.random.RandomState(0).permutation(x)
    assert np.abs(x - restored).mean() <= 0.35 * np.abs(x - shuffled).mean()
    with torch.no_grad():
        z = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
        inverted = det.encoder_(det.generator_(z))
    assert all(np.corrcoef(z[:, j], inverted[:, j])[0, 1] >= 0.9 for j in range(2))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_encoder_inverts_the_generator_on_pendigits(seed, shared_data):
    train, test, y = halves("pendigits", seed)
    det = EGBAD(random_state=seed).fit(train)
    x = det.scaler_.transform(test[y == 0])
    restored = det.scaler_.transform(det.reconstruct(test[y == 0]))
    shuffled = np.random.RandomState(seed).permutation(x)
    assert np.abs(x - restored).mean() <= 0.55 * np.abs(x - shuffled).mean()
    with torch.no_grad():
        z = torch.randn(len(x), 8, generator=torch.Generator().manual_seed(seed))
        inverted = det.encoder_(det.generator_(z))
    correlations = [np.corrcoef(z[:, j], inverted[:, j])[0, 1] for j in range(8)]
    assert np.mean(correlations) >= 0.6


@pytest.mark.slow
def test_anomalies_of_optdigits_are_found(shared_data):
    literal, scaled = [], []
    for seed in range(3):
        train, test, y = halves("optdigits", seed)
        params = {"residual_weight": 0.5, "score_scaling": "train", "gradient_penalty_weight": 5.0}
        det = EGBAD(**params, random_state=seed).fit(train)
        scaled.append(roc_auc_score(y, -det.score_samples(test)))
        # The players are those of residual_weight=0.9 and no scaling.
        literal.append(
            roc_auc_score(y, scores_by_the_formula(det.set_params(residual_weight=0.9), test))
        )
    assert min(literal) >= 0.72
    assert np.mean(scaled) >= 0.85


@pytest.mark.slow
def test_kdd99_is_solved_as_in_the_paper(shared_data):
    """A fifth of the test rows are anomalies; the highest fifth of the scores is flagged."""
    kdd = fetch_kddcup99(download_if_missing=False)
    train, test = train_test_split(np.arange(len(kdd.data)), test_size=0.5, random_state=0)
    det = EGBAD(random_state=0).fit(kdd.data[train[kdd.target[train] == 0]])
    scores = -det.score_samples(kdd.data[test])
    flagged = scores >= np.quantile(scores, 0.8)
    assert f1_score(kdd.target[test], flagged) >= 0.88


def test_either_player_may_have_more_turns(X):
    for turns in ((1, 2), (3, 1)):
        det = EGBAD(turns=turns, max_steps=20, random_state=0).fit(X)
        assert np.isfinite(det.history_["train_loss"]).all()


def test_the_discriminators_branches_drop_out_in_training_alone(X):
    module = EGBAD(dropout=0.5, max_steps=1, random_state=0).fit(X).net_.module_
    x = torch.ones(50, X.shape[1])
    z = torch.ones(50, module.n_noise)
    for branch, values in ((module.discriminator.of_rows, x), (module.discriminator.of_codes, z)):
        assert (branch.train()(values) == 0).float().mean() > 0.3
        assert (branch.eval()(values) == 0).float().mean() < 0.1
