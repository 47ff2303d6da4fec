import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from skorch.callbacks import LRScheduler
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from skdeepad import VAE
from skdeepad.nn import ConvBackbone, MLPBackbone, ResidualScore, kl_standard_normal
from skdeepad.variational._likelihood import VARIANCE_RATE, Likelihood
from skdeepad.variational._vae import VAEModule
from skdeepad.variational._vae_scores import SCORES


def make_module(**params):
    torch.manual_seed(0)
    likelihood = Likelihood(params.pop("likelihood", "gaussian"), 3, 0.135)
    settings = {
        "n_features": 3,
        "n_latent": 2,
        "kl_weight": 1.0,
        "score": "elbo",
        "n_draws": 64,
    } | params
    backbone = MLPBackbone((8,))
    return VAEModule(
        backbone.make_encoder(3, 4),
        backbone.make_decoder(2, likelihood.n_outputs),
        likelihood,
        ResidualScore(3, "plain"),
        **settings,
    )


def linear_gaussian(n, rng, weights, noise=0.5):
    return rng.randn(n, weights.shape[0]) @ weights + noise * rng.randn(n, weights.shape[1])


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_the_elbo_of_a_linear_vae_is_the_likelihood_of_probabilistic_pca(seed):
    rng = np.random.RandomState(seed)
    weights = rng.randn(3, 10)
    train, test = (linear_gaussian(n, rng, weights) for n in (4000, 2000))
    ppca = PCA(3).fit(train).score(test)
    params = {
        "hidden_layer_sizes": (),
        "n_latent": 3,
        "scaler": None,
        "max_epochs": 60,
        "max_steps": None,
        "lr": 1e-2,
        "trim": 0,
        "n_draws": 200,
        "likelihood": "gaussian",
        "callbacks": [LRScheduler(CosineAnnealingLR, T_max=60)],
        "random_state": seed,
    }
    det = VAE(**params).fit(train)
    module = det.net_.module_
    elbo, sigma2 = det.score(test), module.likelihood.logvar.exp().item()
    assert -0.02 <= ppca - elbo <= 0.25
    assert abs(sigma2 - 0.25) < 0.03
    W, mean = (p.detach().double().numpy() for p in module.decoder[0].parameters())
    evidence = multivariate_normal(mean, W @ W.T + sigma2 * np.eye(10)).logpdf(test).mean()
    x = torch.tensor(test, dtype=torch.float32)
    with torch.no_grad():
        iwae = -SCORES["iwae"](module, x).mean().item()
    assert elbo - 1e-3 <= iwae <= evidence + 0.01  # of even draws, not of infinitely many
    assert evidence - iwae < 0.02


def aucs_beside_a_quiet_region(seed, n, **params):
    """Of reconstruction probability and error, for anomalies in the noise of other regions."""
    rng = np.random.RandomState(seed)

    # Between the regions lies a gap; with the true density as the score the AUC is .98 to .99.
    def curve(n, quiet_only=False):
        t = rng.uniform(0.2, 1, n) * (-1 if quiet_only else rng.choice([-1, 1], n))
        clean = np.column_stack([t, np.sin(3 * t), t**2, np.cos(2 * t)])
        return clean + np.where(t < 0, 0.02, 0.5)[:, None] * rng.randn(n, 4), clean

    train, test = curve(n)[0], curve(1000)[0]
    _, quiet = curve(300, quiet_only=True)
    anomalies = quiet + 0.25 * np.sign(rng.randn(300, 4)) + 0.02 * rng.randn(300, 4)
    rows, y = np.r_[test, anomalies], np.repeat([0, 1], [1000, 300])

    def auc(score):
        det = VAE(
            n_latent=2,
            likelihood="heteroscedastic",
            min_std=0.01,
            anomaly_score=score,
            residual_scaling="plain",
            max_steps=None,
            trim=0,
            random_state=seed,
            **params,
        ).fit(train)
        return roc_auc_score(y, -det.score_samples(rows))

    return auc("reconstruction_probability"), auc("reconstruction_error")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_reconstruction_probability_sees_what_the_error_does_not(seed):
    params = {"hidden_layer_sizes": (64, 64), "n_draws": 64, "max_epochs": 200, "lr": 3e-3}
    params |= {"callbacks": [LRScheduler(CosineAnnealingLR, T_max=200)]}
    probability, error = aucs_beside_a_quiet_region(seed, 3000, **params)
    assert probability >= 0.93
    assert error <= 0.70


def test_reconstruction_probability_sees_quiet_regions_after_a_short_training():
    params = {"hidden_layer_sizes": (32,), "n_draws": 16, "max_epochs": 60, "lr": 5e-3}
    probability, error = aucs_beside_a_quiet_region(0, 1500, **params)
    assert probability >= 0.85
    assert error <= 0.75


def test_the_kl_term_is_the_formula_and_is_not_clamped():
    module = make_module(score="kl")
    x = torch.randn(5, 3)
    with torch.no_grad():
        mu, logvar = (t.double().numpy() for t in module.code_distribution(x))
        by_hand = 0.5 * (np.exp(logvar) + mu**2 - 1 - logvar).sum(1)
        assert_allclose(module.anomaly_score(x), by_hand, rtol=1e-6)


def test_beta_decides_how_much_the_code_says():
    X = linear_gaussian(1000, np.random.RandomState(0), np.random.RandomState(1).randn(2, 6), 0.1)

    def mean_kl(beta):
        det = VAE(n_latent=2, kl_weight=beta, anomaly_score="kl", max_epochs=60, random_state=0)
        return -det.fit(X).score_samples(X).mean()

    assert mean_kl(0) > 3
    with pytest.warns(ConvergenceWarning, match="posterior collapse"):
        assert mean_kl(50) < 0.05


def test_the_loss_is_the_negative_elbo_with_one_draw():
    for beta in (1.0, 3.0):
        module = make_module(kl_weight=beta)
        x = torch.randn(5, 3)
        module.rng = torch.Generator().manual_seed(1)
        loss = module.loss(x)
        noise = torch.empty(5, 2).normal_(generator=torch.Generator().manual_seed(1))
        mu, logvar = module.code_distribution(x)
        z = mu + torch.exp(logvar / 2) * noise
        log_p = torch.distributions.Normal(module.decoder(z), 1.0).log_prob(x).sum(1)
        kl = torch.distributions.kl_divergence(
            torch.distributions.Normal(mu, torch.exp(logvar / 2)),
            torch.distributions.Normal(0.0, 1.0),
        ).sum(1)
        assert_allclose(loss.detach(), (-log_p + beta * kl).detach(), rtol=1e-5)


@pytest.mark.parametrize("noise", [0.3, 0.1])
def test_jacodeco_is_the_density_of_linear_gaussian_data(noise):
    rng = np.random.RandomState(0)
    W, n_features = rng.randn(2, 6), 6
    module = VAEModule(
        nn.Linear(6, 4),
        nn.Linear(2, 6),
        Likelihood("gaussian", 6, 0.01),
        ResidualScore(6, "plain"),
        n_features=6,
        n_latent=2,
        kl_weight=1.0,
        score="jacodeco",
        n_draws=1,
    )
    precision = np.eye(2) + W @ W.T / noise**2
    posterior_mean = np.linalg.solve(precision, W / noise**2)
    with torch.no_grad():
        module.decoder.weight.copy_(torch.tensor(W.T))
        module.decoder.bias.zero_()
        module.encoder.weight.zero_()
        module.encoder.weight[:2].copy_(torch.tensor(posterior_mean))
        module.encoder.bias.zero_()
        module.likelihood.logvar.fill_(np.log(noise**2))
    X = linear_gaussian(500, rng, W, noise)
    exact = multivariate_normal(np.zeros(n_features), W.T @ W + noise**2 * np.eye(6)).logpdf(X)
    with torch.inference_mode():
        scores = module.anomaly_score(torch.tensor(X, dtype=torch.float32)).numpy()
    assert_allclose(-scores.mean(), exact.mean(), atol=0.01 if noise == 0.1 else 0.1)
    assert np.corrcoef(-scores, exact)[0, 1] > 0.999


def noisy_plane(rng):
    return linear_gaussian(400, rng, np.random.RandomState(1).randn(2, 6), 0.1)


def far_away(rng):
    return 6 * rng.randn(40, 6)


def far_on_the_plane(rng):
    return 6 * noisy_plane(rng)[:40]


def correlated_bits(rng):
    return (rng.rand(400, 1) < 0.5) ^ (rng.rand(400, 6) < 0.02)


def random_bits(rng):
    return rng.rand(40, 6) < 0.5


CASES = {
    "gaussian": (noisy_plane, far_away, "standard"),
    "heteroscedastic": (noisy_plane, far_away, "standard"),
    "bernoulli": (correlated_bits, random_bits, "minmax"),
}


@pytest.mark.parametrize("likelihood", CASES)
@pytest.mark.parametrize("score", SCORES)
def test_every_score_finds_anomalies_and_is_a_function_of_the_row(score, likelihood):
    if (score, likelihood) == ("jacodeco", "bernoulli"):
        pytest.skip("refused, as tested elsewhere")
    normal, anomalous, scaler = CASES[likelihood]
    of_codes = score == "kl" or score.startswith("latent")
    if of_codes and likelihood != "bernoulli":
        anomalous = far_on_the_plane
    rng = np.random.RandomState(0)
    X = normal(rng)
    det = VAE(anomaly_score=score, likelihood=likelihood, scaler=scaler, n_latent=2)
    det.set_params(max_epochs=60, random_state=0).fit(X[:300])
    rows = np.r_[X[300:], anomalous(rng)]
    scores = det.score_samples(rows)
    assert np.isfinite(scores).all()
    assert_array_equal([det.score_samples(row[None])[0] for row in rows[:20]], scores[:20])
    auc = roc_auc_score(np.repeat([0, 1], [100, 40]), -scores)
    if not (of_codes and likelihood == "bernoulli"):  # random bits lie between the codes
        assert auc > (0.6 if of_codes else 0.8), auc


@pytest.mark.parametrize("score", ["latent_euclidean", "latent_bhattacharyya", "latent_density"])
def test_thresholds_of_latent_scores_hold_for_new_rows(score):
    rng = np.random.RandomState(0)
    X, new = noisy_plane(rng), noisy_plane(rng)
    det = VAE(anomaly_score=score, n_latent=2, max_epochs=30, random_state=0).fit(X)
    assert abs((det.predict(new) == -1).mean() - 0.1) < 0.06


def test_jacodeco_needs_a_narrow_code():
    with pytest.raises(ValueError, match=r"n_latent must be at most 3, got 8"):
        VAE(anomaly_score="jacodeco").fit(np.random.RandomState(0).randn(20, 3))


def test_bernoulli_refuses_rows_outside_the_unit_interval():
    with pytest.raises(ValueError, match=r"likelihood='bernoulli' needs scaled rows in \[0, 1\]"):
        VAE(likelihood="bernoulli").fit(np.random.RandomState(0).randn(20, 3))


def test_scores_are_what_their_names_say():
    module = make_module(likelihood="heteroscedastic")
    x = torch.randn(4, 3)
    with torch.no_grad():
        mu, logvar = module.code_distribution(x)
        draws = [mu + torch.exp(logvar / 2) * e for e in module.z_noise]

        def nll(z):
            mean, lv = module.likelihood.parameters_from(module.decoder(z))
            return -torch.distributions.Normal(mean, torch.exp(lv / 2)).log_prob(x).sum(1)

        def score(name):
            return SCORES[name](module, x).numpy()

        probability = torch.stack([nll(z) for z in draws]).mean(0)
        assert_allclose(score("reconstruction_probability"), probability, rtol=1e-5)
        assert_allclose(score("reconstruction_likelihood"), nll(mu), rtol=1e-5)
        assert_allclose(score("elbo"), probability.numpy() + score("kl"), rtol=1e-5)
        errors = torch.stack([(x - module.decode(z)).norm(dim=1) for z in draws])
        assert_allclose(score("stochastic_error"), errors.mean(0), rtol=1e-5)
        assert (score("fully_stochastic_error") <= score("decoder_stochastic_error")).all()
        best = score("decoder_nearest")
        assert (best <= (x - module.decode(mu)).norm(dim=1).numpy() + 1e-6).all()
        assert (score("iwae") <= score("elbo") + 1e-9).all()


def test_latent_scores_are_their_formulas():
    module = make_module()
    x, reference = torch.randn(4, 3), torch.randn(7, 3)
    with torch.no_grad():
        mu, logvar = (t.double() for t in module.code_distribution(x))
        m, s = (t.double() for t in module.code_distribution(reference))
        module.register_buffer("reference_mu", m.float())
        module.register_buffer("reference_logvar", s.float())
        distances = torch.cdist(mu, m)
        assert_allclose(SCORES["latent_euclidean"](module, x), distances.amin(1), rtol=1e-5)
        normal = torch.distributions.Normal
        density = normal(m, torch.exp(s / 2)).log_prob(mu[:, None]).sum(2).exp().mean(1)
        assert_allclose(SCORES["latent_density"](module, x), -density.log(), rtol=1e-5)
        var, ref_var = logvar.exp()[:, None], s.exp()
        mean_var = (var + ref_var) / 2
        b = (mu[:, None] - m) ** 2 / mean_var / 8 + torch.log(mean_var / (var * ref_var).sqrt()) / 2
        assert_allclose(SCORES["latent_bhattacharyya"](module, x), b.sum(2).amin(1), rtol=1e-5)


def test_jacodeco_needs_a_density():
    with pytest.raises(ValueError, match=r"anomaly_score='jacodeco' needs a density"):
        VAE(anomaly_score="jacodeco", likelihood="bernoulli").fit(np.eye(3))


def test_samples_look_like_the_data():
    X = linear_gaussian(2000, np.random.RandomState(0), 10 * np.random.RandomState(1).randn(2, 5))
    X += 100
    det = VAE(n_latent=2, max_epochs=120, max_steps=None, trim=0, random_state=0).fit(X)
    rows = det.sample(4000, random_state=0)
    assert_allclose(rows.mean(0), X.mean(0), atol=0.15 * X.std(0).max())
    assert_allclose(np.corrcoef(rows.T), np.corrcoef(X.T), atol=0.15)
    assert_allclose(det.sample(3, random_state=1), det.sample(3, random_state=1))


@pytest.mark.parametrize("n_samples", [0, 2.5])
def test_the_number_of_samples_is_a_positive_integer(n_samples):
    det = VAE(max_epochs=1).fit(np.random.RandomState(0).randn(20, 3))
    with pytest.raises(ValueError, match=f"n_samples={n_samples} must be an integer"):
        det.sample(n_samples)


def test_bernoulli_scores_rows_outside_the_unit_interval_as_anomalous():
    X = correlated_bits(np.random.RandomState(0)).astype(float)
    det = VAE(likelihood="bernoulli", scaler=None, n_latent=2, max_epochs=20).fit(X)
    assert det.score_samples(X[:1] + 2) < det.score_samples(X[:1]) - 1


def test_active_units_are_those_that_the_data_need():
    X = linear_gaussian(2000, np.random.RandomState(0), np.random.RandomState(1).randn(3, 10))
    det = VAE(n_latent=6, likelihood="gaussian", max_epochs=80, max_steps=None, lr=3e-3, trim=0)
    # Unscaled, so that the noise is the same in all directions, as the model has it.
    assert det.set_params(random_state=0, scaler=None).fit(X).active_units_ == 3


@pytest.mark.parametrize("anomaly_score", ["elbo", "reconstruction_probability"])
def test_contributions_are_the_features_parts_of_the_reconstruction_probability(X, anomaly_score):
    vae = VAE(max_epochs=20, anomaly_score=anomaly_score, random_state=0).fit(X)
    parts = vae.feature_contributions(X)
    module = vae.net_.module_
    rest = (
        0.0
        if anomaly_score == "reconstruction_probability"
        else vae._apply(lambda x: kl_standard_normal(*module.code_distribution(x)).sum(1), X)
    )
    assert_allclose(parts.sum(1) + rest, -vae.score_samples(X), rtol=1e-4, atol=1e-4)


def test_contributions_name_the_feature_that_is_off(X):
    vae = VAE(max_epochs=150, random_state=0).fit(X)
    spoilt = X.copy()
    columns = np.arange(len(X)) % X.shape[1]
    spoilt[np.arange(len(X)), columns] += 6
    assert (vae.feature_contributions(spoilt).argmax(1) == columns).mean() >= 0.8


@pytest.mark.parametrize("likelihood", ["heteroscedastic", "gaussian", "bernoulli"])
def test_every_likelihood_goes_with_images(likelihood):
    images = np.random.RandomState(0).rand(40, 64)
    backbone = ConvBackbone((1, 8, 8), channels=(2,), kernel_size=3)
    vae = VAE(backbone=backbone, likelihood=likelihood, scaler=None, max_epochs=1).fit(images)
    assert vae.reconstruct(images).shape == (40, 64)
    assert np.isfinite(vae.score_samples(images)).all()


# Sizes --------------------------------------------------------------------------------------


LATENT_SCORES = pytest.mark.parametrize(
    "score", ["latent_euclidean", "latent_bhattacharyya", "latent_density"]
)


def share_of_new_rows(score, n, n_seeds):
    """Share of new rows below the threshold of a tenth of the training rows, mean over seeds."""
    shares = []
    for seed in range(n_seeds):
        rng = np.random.RandomState(seed)
        det = VAE(anomaly_score=score, max_steps=100, random_state=seed).fit(rng.randn(n, 8))
        shares.append((det.predict(rng.randn(3000, 8)) == -1).mean())
    return np.mean(shares)


@LATENT_SCORES
@pytest.mark.parametrize("n", [600, 601, 1500])
def test_the_threshold_holds_for_new_rows_whether_all_rows_are_references_or_some(
    score, n, monkeypatch
):
    monkeypatch.setattr("skdeepad.variational._vae.MAX_REFERENCE", 600)
    assert abs(share_of_new_rows(score, n, 2) - 0.1) < 0.03


@pytest.mark.slow
@LATENT_SCORES
@pytest.mark.parametrize("n", [4000, 4097, 12_000])
def test_the_threshold_holds_for_new_rows_at_any_size(score, n):
    assert abs(share_of_new_rows(score, n, 3) - 0.1) < 0.01


@pytest.mark.parametrize("max_steps", [300, 1000])
def test_the_one_variance_of_a_gaussian_likelihood_meets_the_mean_squared_residual(max_steps):
    rng = np.random.RandomState(0)
    X = rng.randn(1000, 3) @ rng.randn(3, 8) + 0.4 * rng.randn(1000, 8)
    det = VAE(likelihood="gaussian", max_steps=max_steps, trim=0.0, random_state=0).fit(X)
    module, rows = det.net_.module_, det._scale(X)
    residuals = [
        rows - det.net_.apply(lambda x, i=i: module.decode(list(module.draws(x))[i]), rows)
        for i in range(4)
    ]
    variance = module.likelihood.logvar.exp().item()
    assert abs(variance / np.mean(np.square(residuals)) - 1) < 0.15


@pytest.mark.parametrize("name", ["lr", "optimizer__lr"])
def test_the_variance_learns_at_a_multiple_of_the_rate_of_net_params(name, X):
    det = VAE(likelihood="gaussian", max_epochs=1, net_params={name: 1e-4}).fit(X)
    rates = sorted(group["lr"] for group in det.net_.optimizer_.param_groups)
    own = sorted(
        group["lr"]
        for group in VAE(likelihood="gaussian", max_epochs=1, lr=1e-4)
        .fit(X)
        .net_.optimizer_.param_groups
    )
    assert rates == own
    assert rates[-1] == rates[0] * VARIANCE_RATE
