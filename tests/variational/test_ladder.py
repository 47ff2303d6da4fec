import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import LRScheduler
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.optim.lr_scheduler import CosineAnnealingLR

from skdeepad import LadderVAE
from skdeepad.nn import ConvBackbone
from skdeepad.variational._ladder_module import Gaussian, LadderModule
from skdeepad.variational._layered_scores import SCORES, Draws
from skdeepad.variational._likelihood import Likelihood

TINY = {"hidden_layer_sizes": (6, 5, 4), "n_latent": (3, 2, 1), "max_epochs": 3, "random_state": 0}


def fitted(X, **params):
    return LadderVAE(**TINY | params).fit(X)


def rows_of(X):
    return torch.tensor(X, dtype=torch.float32)


# The merge, and the way down ----------------------------------------------------------------


def test_the_merge_is_the_normalised_product_of_both_densities():
    rng = np.random.RandomState(0)
    means, variances = rng.randn(2, 20), rng.gamma(1.0, 1.0, (2, 20)) + 0.05
    a, b = (
        Gaussian(torch.tensor(m)[None], torch.tensor(v)[None])
        for m, v in zip(means, variances, strict=True)
    )
    merged = a.merge(b)
    grid = np.linspace(-15, 15, 60_001)[:, None]
    log_product = -((grid - means[:, None]) ** 2 / variances[:, None]).sum(0) / 2
    density = np.exp(log_product - log_product.max(0))
    density /= density.sum(0)
    mean = (density * grid).sum(0)
    assert_allclose(merged.mean[0], mean, atol=1e-6)
    assert_allclose(merged.variance[0], (density * (grid - mean) ** 2).sum(0), atol=1e-6)
    assert (merged.variance <= torch.minimum(a.variance, b.variance)).all()


def test_rows_that_say_nothing_leave_the_prior_at_no_cost():
    prior = Gaussian(torch.tensor([[0.5, -2.0]]), torch.tensor([[0.3, 4.0]]))
    nothing = Gaussian(torch.tensor([[7.0, 7.0]]), torch.full((1, 2), torch.inf))
    merged = nothing.merge(prior)
    assert_allclose(merged.mean, prior.mean, rtol=1e-6)
    assert_allclose(merged.variance, prior.variance, rtol=1e-6)
    assert abs(merged.kl(prior).item()) < 1e-6


def test_the_posteriors_draw_is_what_goes_down(X):
    module = fitted(X).net_.module_.eval()
    with torch.no_grad():
        x, noise = rows_of(X[:50]), torch.randn(50, 6, generator=torch.manual_seed(0))
        estimates = module.climb(x)
        rungs = module.descend(estimates, noise)
        assert_array_equal(rungs[2].q.mean, estimates[2].mean)
        assert_array_equal(rungs[2].p.variance, torch.ones(50, 1))
        for i, part in enumerate(noise.split((3, 2, 1), dim=1)):
            z, q, p = rungs[i]
            assert_allclose(z, q.mean + q.variance.sqrt() * part, rtol=1e-6)
            if i < 2:
                assert_array_equal(p.mean, module.prior(i, rungs[i + 1].z).mean)
                assert_array_equal(q.mean, estimates[i].merge(p).mean)


def test_loss_and_scores_are_what_torch_distributions_say(X):
    module = fitted(X, likelihood="gaussian", n_draws=4).net_.module_.eval()
    with torch.no_grad():
        x = rows_of(X[:20])
        estimates = module.climb(x)
        draws, layers = module.draws(x), module.kl_per_layer(x)
        for *terms, noise in zip(*draws, module.z_noise, strict=True):
            draw = Draws(*terms)
            rungs = module.descend(estimates, noise)
            kl = ratio = 0
            for z, *pair in rungs:
                q, p = (Normal(mean, variance.sqrt()) for mean, variance in pair)
                kl = kl + kl_divergence(q, p).sum(1)
                ratio = ratio + (q.log_prob(z) - p.log_prob(z)).sum(1)
            assert_allclose(draw.kl, kl, rtol=1e-4)
            assert_allclose(draw.log_ratio, ratio, rtol=1e-3, atol=1e-4)
            std = torch.exp(0.5 * module.likelihood.logvar)
            nll = -Normal(module.decoder(rungs[0].z), std).log_prob(x)
            assert_allclose(draw.nll, nll, rtol=1e-4, atol=1e-5)
        assert_allclose(layers.sum(1), SCORES["kl"](module, x), rtol=1e-5)
        module.randn_like = lambda like: module.z_noise[0].expand_as(like)
        expected = draws.nll[0].sum(1) + draws.kl[0]
        assert_allclose(module.loss(x), expected, rtol=1e-5)


# The paper's claims -------------------------------------------------------------------------


class LinearLadder(LadderVAE):
    """Two layers of codes and nothing that is not linear but the variances."""

    def _make_module(self, n_features):
        likelihood = Likelihood("gaussian", n_features, self.min_std)
        return LadderModule(
            [nn.Identity(), nn.Identity()],
            [nn.Linear(n_features, 6), nn.Linear(n_features, 4)],
            [nn.Linear(2, 6)],
            nn.Linear(3, n_features),
            likelihood,
            n_features=n_features,
            widths=(3, 2),
            score="elbo",
            kl_layer=None,
            n_draws=self.n_draws,
        )


def evidence(module, x, step=0.15):
    """Mean log p(x) of a linear ladder: exact given z_2, which has two dimensions."""
    axis = torch.arange(-5, 5, step)
    z2 = torch.cartesian_prod(axis, axis)
    log_p = -0.5 * (z2.double() ** 2).sum(1) + 2 * np.log(step) - np.log(2 * np.pi)
    prior = module.prior(0, z2)
    origin = module.decoder(torch.zeros(1, 3))
    W = module.decoder(torch.eye(3)) - origin
    noise = module.likelihood.logvar.exp() * torch.eye(x.shape[1])
    covariance = torch.einsum("ki,nk,kj->nij", W, prior.variance, W) + noise
    L = torch.linalg.cholesky(covariance.double())
    half_logdet = L.diagonal(dim1=1, dim2=2).log().sum(1)
    residual = x[:, None].double() - (origin + prior.mean @ W).double()
    whitened = torch.einsum("nij,bnj->bni", torch.linalg.inv(L), residual)
    log_x = -0.5 * ((whitened**2).sum(2) + x.shape[1] * np.log(2 * np.pi)) - half_logdet
    return torch.logsumexp(log_x + log_p, 1).mean().item()


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 2))])
def test_on_a_linear_gaussian_hierarchy_the_bound_is_the_evidence(seed):
    rng = np.random.RandomState(seed)
    A, B = rng.randn(2, 3), rng.randn(3, 8)

    def draw(n):
        z1 = rng.randn(n, 2) @ A + 0.5 * rng.randn(n, 3)
        return z1 @ B + 0.5 * rng.randn(n, 8)

    train, test = draw(4000), draw(500)
    covariance = B.T @ (A.T @ A + 0.25 * np.eye(3)) @ B + 0.25 * np.eye(8)
    truth = multivariate_normal(np.zeros(8), covariance).logpdf(test).mean()
    det = LinearLadder(
        hidden_layer_sizes=(1, 1),
        n_latent=(3, 2),
        n_draws=256,
        scaler=None,
        max_epochs=60,
        max_steps=None,
        lr=1e-2,
        trim=0,
        callbacks=[LRScheduler(CosineAnnealingLR, T_max=60)],
        random_state=seed,
    ).fit(train)
    module, x = det.net_.module_, rows_of(test)
    with torch.no_grad():
        exact = evidence(module, x)
        iwae = -SCORES["iwae"](module, x).mean().item()
    assert -0.01 <= exact - det.score(test) <= 0.06
    assert abs(exact - iwae) <= 0.02
    assert truth - exact <= 0.25


class PlainModule(LadderModule):
    """The usual hierarchy: q(z_i|z_{i−1}) is drawn from the bottom up, and shares nothing."""

    def loss(self, x):
        nll, kl = self.nll_and_kl(x)
        return nll + kl.sum(1)

    def nll_and_kl(self, x):
        z, q, d = [], [], x
        for block, head in zip(self.upward, self.heads, strict=True):
            q.append(Gaussian.from_output(head(block(d))))
            d = q[-1].draw(self.randn_like(q[-1].mean))
            z.append(d)
        standard = Gaussian(torch.zeros_like(d), torch.ones_like(d))
        p = [*(self.prior(i, z[i + 1]) for i in range(len(z) - 1)), standard]
        kl = [b.nll(c) - a.nll(c) for a, b, c in zip(q, p, z, strict=True)]
        return self.likelihood.nll(self.decoder(z[0]), x).sum(1), torch.stack(kl, 1)

    def kl_per_layer(self, x):
        return self.nll_and_kl(x)[1].double()

    def anomaly_score(self, x):
        nll, kl = self.nll_and_kl(x)
        return nll.double() + kl.double().sum(1)

    negative_elbo = anomaly_score


class PlainHierarchy(LadderVAE):
    def _make_module(self, n_features):
        ladder = super()._make_module(n_features)
        widths, codes = self.hidden_layer_sizes, self.n_latent
        upward = [self._block(nn.Linear(n, w), w) for n, w in zip(codes, widths[1:], strict=False)]
        return PlainModule(
            [ladder.upward[0], *upward],
            ladder.heads,
            ladder.priors,
            ladder.decoder,
            ladder.likelihood,
            n_features=n_features,
            widths=codes,
            score="elbo",
            kl_layer=None,
            n_draws=1,
        )


def test_the_second_layer_of_digits_stays_alive_where_a_plain_hierarchys_dies():
    X = load_digits().data / 16
    params = {"hidden_layer_sizes": (64, 32), "n_latent": (8, 4), "likelihood": "bernoulli"}
    params |= {"scaler": None, "max_epochs": 40, "max_steps": None, "trim": 0, "random_state": 0}
    ladder = LadderVAE(kl_warm_up_epochs=20, **params).fit(X)
    plain = PlainHierarchy(batch_norm=False, kl_warm_up_epochs=0, **params).fit(X)
    assert ladder.kl_per_layer_[-1] >= 0.7
    assert plain.kl_per_layer_[-1] <= 0.2
    assert ladder.score(X) >= plain.score(X) + 0.5


@pytest.mark.slow
def test_the_top_layer_stays_alive_where_a_plain_hierarchys_dies(shared_data):
    rng = np.random.RandomState(0)
    images = np.load(shared_data / "mnist.npz")
    train, test = (images[f"X_{part}"].reshape(-1, 784) / 255 for part in ("train", "test"))
    train, test = train[rng.permutation(len(train))[:10_000]], test[:2000]
    params = {
        "hidden_layer_sizes": (200, 100, 50),
        "n_latent": (16, 8, 4),
        "likelihood": "bernoulli",
        "scaler": None,
        "max_epochs": 15,
        "max_steps": None,
        "trim": 0,
        "random_state": 0,
    }
    ladder = LadderVAE(kl_warm_up_epochs=7, **params).fit(train)
    plain = PlainHierarchy(batch_norm=False, kl_warm_up_epochs=0, **params).fit(train)
    top, plain_top = ladder.kl_per_layer_[-1], plain.kl_per_layer_[-1]
    assert top >= 1
    assert top >= 10 * plain_top
    assert ladder.score(test) >= plain.score(test) + 8


# The estimator ------------------------------------------------------------------------------


def test_the_warm_up_is_a_fifth_of_the_plan_and_never_begins_again(X):
    weights = []

    class Watched(LadderVAE):
        def _train(self, run, net, X, y):
            def watching(*args):
                *args, update = args
                weights.append(net.module_.warm_up.weight.item())
                run(*args, lambda net: update(net) or weights.append(weight(net)))

            def weight(net):
                return net.module_.warm_up.weight.item()

            super()._train(watching, net, X, y)

    det = Watched(**TINY | {"max_epochs": 20}).fit(X)
    assert_allclose(weights, [0, 0.25, 0.5, 0.75] + 17 * [1])
    weights.clear()
    det.partial_fit(X)
    assert weights == [1, 1]
    weights.clear()
    det = Watched(**TINY | {"max_epochs": 20, "kl_warm_up_epochs": 2})
    for _ in range(3):
        det.partial_fit(X)
    assert weights == [0, 0.5, 0.5, 1, 1, 1]


def test_about_five_layers_work(X):
    sizes = {"hidden_layer_sizes": (32, 16, 16, 8, 8), "n_latent": (8, 6, 4, 3, 2)}
    det = fitted(X, **sizes, max_epochs=30)
    assert det.transform(X).shape == (300, 23)
    assert len(det.get_feature_names_out()) == 23
    assert det.kl_per_layer_.shape == (5,)
    assert det.history_["train_loss"][-1] < det.history_["train_loss"][10]


def test_the_kl_of_a_layer_is_a_score(X):
    total = fitted(X, anomaly_score="kl")
    layers = [fitted(X, anomaly_score="kl", kl_layer=i) for i in (1, 2, 3)]
    assert_allclose(sum(-d.score_samples(X) for d in layers), -total.score_samples(X), rtol=1e-5)
    means = [-d.score_samples(X).mean() for d in layers]
    assert_allclose(total.kl_per_layer_, means, rtol=1e-5)


def test_codes_of_all_layers_come_out_and_those_of_the_lowest_go_in(X):
    det = fitted(X)
    codes = det.transform(X)
    assert codes.shape == (300, 6)
    assert_allclose(det.inverse_transform(codes), det.reconstruct(X), rtol=1e-5, atol=1e-6)
    codes[:, 3:] = 100
    assert_allclose(det.inverse_transform(codes), det.reconstruct(X), rtol=1e-5, atol=1e-6)
    codes[:, 2] += 5
    assert np.abs(det.inverse_transform(codes) - det.reconstruct(X)).max() > 0.01


def test_samples_look_like_the_training_rows(X):
    det = fitted(X, likelihood="gaussian", max_epochs=150, lr=1e-2)
    rows = det.sample(3000, random_state=0)
    assert_allclose(rows.std(0), X.std(0), rtol=0.2)
    assert np.abs(np.corrcoef(rows.T) - np.corrcoef(X.T)).max() < 0.2
    assert_array_equal(det.sample(2, random_state=1), det.sample(2, random_state=1))


def test_contributions_add_up_to_the_reconstruction_probability(X):
    det = fitted(X, anomaly_score="reconstruction_probability")
    assert_allclose(det.feature_contributions(X).sum(1), -det.score_samples(X), rtol=1e-4)


def test_a_ladder_for_images_has_convolutions_at_its_foot():
    images = np.random.RandomState(0).rand(40, 64)
    det = LadderVAE(
        backbone=ConvBackbone(image_shape=(1, 8, 8), channels=(2,), kernel_size=3),
        likelihood="bernoulli",
        scaler="minmax",
        max_epochs=2,
        random_state=0,
    ).fit(images)
    assert any(isinstance(part, nn.Conv2d) for part in det.net_.module_.upward.modules())
    assert any(isinstance(part, nn.Conv2d) for part in det.net_.module_.decoder.modules())
    assert det.sample(3, random_state=0).shape == (3, 64)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_latent": (3, 2)}, r"n_latent=\(3, 2\) and hidden_layer_sizes=\(6, 5, 4\) must have"),
        ({"n_latent": (), "hidden_layer_sizes": ()}, "one entry for each layer"),
        ({"n_latent": (3, 2, 0)}, r"n_latent=\(3, 2, 0\) must be positive integers"),
        ({"hidden_layer_sizes": (3, 2.5, 1)}, "hidden_layer_sizes=.* must be positive integers"),
        ({"kl_layer": 4}, "kl_layer=4 must be at most 3"),
        ({"batch_size": 1}, "batch_size=1 needs batch_norm=False"),
        ({"likelihood": "bernoulli"}, r"needs scaled rows in \[0, 1\]"),
    ],
)
def test_parameters_that_do_not_fit_together_get_a_clear_error(params, message, X):
    det = fitted(X)
    scores = det.score_samples(X)
    with pytest.raises(ValueError, match=message):
        det.set_params(**params).fit(X)
    assert_array_equal(det.score_samples(X), scores)


def test_a_ladder_that_carries_nothing_warns(X):
    with pytest.warns(ConvergenceWarning, match="No layer carries information"):
        fitted(1e-3 * X, scaler=None, min_std=1.0, batch_norm=False, max_epochs=40, lr=1e-2)
