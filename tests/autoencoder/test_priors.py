import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from torch.distributions import (
    Cauchy,
    Exponential,
    Independent,
    MultivariateNormal,
    Normal,
    Poisson,
    RelaxedOneHotCategorical,
)

from skdeepad import AAE, WAE
from skdeepad.autoencoder._priors import OUTSIDE, PRIORS, make_prior

both_detectors = pytest.mark.parametrize("cls", [AAE, WAE])
CORRELATED = MultivariateNormal(torch.tensor([1.0, -1.0]), torch.tensor([[2.0, 0.5], [0.5, 1.0]]))


def uniform_square(n, generator):
    return torch.rand(n, 2, generator=generator)


ALL = {
    **{name: name for name in PRIORS},
    "of a code": CORRELATED,
    "one for each value": Normal(torch.zeros(2), torch.tensor([1.0, 3.0])),
    "of one value": Normal(0.0, 5.0),
    "half line": Exponential(1.0),
    "discrete": Poisson(3.0),
    "function": uniform_square,
}
every_prior = pytest.mark.parametrize("prior", ALL.values(), ids=ALL)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@every_prior
def test_draws_come_from_the_generator_alone(prior):
    prior = make_prior(prior, 2)
    state = torch.get_rng_state()
    first, again, other = (prior.draw(50, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert first.shape == (50, 2)
    assert first.dtype == torch.float32
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    source = generator()
    assert not torch.equal(prior.draw(50, source), prior.draw(50, source))


@every_prior
def test_the_squared_length_is_the_mean_squared_distance_of_two_draws(prior):
    prior = make_prior(prior, 2)
    x, y = (prior.draw(20_000, generator(seed)) for seed in (3, 4))
    assert_allclose(prior.squared_length, ((x - y) ** 2).sum(1).mean(), rtol=0.05)


@pytest.mark.parametrize("n_latent", [1, 2, 7])
@pytest.mark.parametrize("name", ["normal", "mixture"])
def test_these_priors_have_unit_variance_whatever_the_size(name, n_latent):
    codes = make_prior(name, n_latent).draw(40_000, generator())
    assert_allclose(codes.mean(0), np.zeros(n_latent), atol=0.03)
    assert_allclose(np.atleast_2d(np.cov(codes.T.numpy())), np.eye(n_latent), atol=0.05)


def test_the_mixture_has_as_many_modes_as_half_axes():
    codes = make_prior("mixture", 2).draw(4000, generator())
    assert (codes.norm(dim=1) < 0.3).float().mean() < 0.03  # N(0, I): 0.044, and most near there
    largest = codes.abs().argmax(1)
    signs = codes.gather(1, largest[:, None]).sign().squeeze(1)
    shares = np.unique(2 * largest.numpy() + (signs > 0).numpy(), return_counts=True)[1] / 4000
    assert_allclose(shares, 0.25, atol=0.03)


@pytest.mark.parametrize("name", ["uniform", "sphere"])
def test_codes_are_brought_to_where_the_prior_lives(name):
    prior = make_prior(name, 3)
    codes = prior.shape(10 * torch.randn(100, 3, generator=generator()))
    if name == "uniform":
        assert codes.abs().max() <= 1
    else:
        assert_allclose(codes.norm(dim=1), 1, rtol=1e-5)
    assert_allclose(prior.draw(9, generator()).norm(dim=1) <= 3**0.5, True)


def test_densities_are_those_of_the_distributions():
    z = torch.randn(20, 2, generator=generator()).double()
    normal = Normal(0.0, 1.0).log_prob(z).sum(1)
    assert_allclose(make_prior("normal", 2).log_prob(z), normal, rtol=1e-6)
    assert_allclose(make_prior(Normal(0.0, 1.0), 2).log_prob(z), normal, rtol=1e-6)
    each = Normal(torch.zeros(2), torch.tensor([1.0, 3.0]))
    assert_allclose(make_prior(each, 2).log_prob(z), each.log_prob(z).sum(1), rtol=1e-6)
    assert_allclose(
        make_prior(CORRELATED, 2).log_prob(z), CORRELATED.log_prob(z.float()), rtol=1e-5
    )
    step = 0.05
    axis = torch.arange(-6, 6, step)
    grid = torch.cartesian_prod(axis, axis)
    assert_allclose(make_prior("mixture", 2).log_prob(grid).exp().sum() * step**2, 1, rtol=1e-3)


def test_outside_of_the_support_the_density_is_as_good_as_none():
    values = make_prior(Exponential(1.0), 2).log_prob(torch.tensor([[1.0, 2.0], [1.0, -2.0]]))
    assert_allclose(values, [-3.0, OUTSIDE])


@pytest.mark.parametrize(
    ("prior", "has"),
    [("normal", True), ("mixture", True), ("uniform", False), ("sphere", False)]
    + [(CORRELATED, True), (Cauchy(0.0, 1.0), True), (Poisson(3.0), False)]
    + [(uniform_square, False)],
)
def test_which_priors_have_a_density_that_tells_codes_apart(prior, has, X):
    assert make_prior(prior, 2).has_density is has
    det = WAE(prior=prior, anomaly_score="latent_density", n_latent=2, max_epochs=2)
    if has:
        assert np.isfinite(det.fit(X).score_samples(X)).all()
    else:
        with pytest.raises(ValueError, match="anomaly_score='latent_density' needs a prior whose"):
            det.fit(X)


@both_detectors
@every_prior
def test_detectors_take_every_prior(cls, prior, X):
    det = cls(prior=prior, n_latent=2, max_epochs=2, random_state=0).fit(X)
    scores = det.score_samples(X)
    assert_array_equal(clone(det).fit(X).score_samples(X), scores)
    assert_array_equal(pickle.loads(pickle.dumps(det)).score_samples(X), scores)
    assert det.sample(3, random_state=0).shape == (3, X.shape[1])
    assert_array_equal(det.sample(3, random_state=0), det.sample(3, random_state=0))


def test_threads_do_not_disturb_draws_from_distributions(X):
    def scores(seed):
        det = AAE(prior=Normal(0.0, 2.0), n_latent=2, max_epochs=3, random_state=seed)
        return det.fit(X).score_samples(X)

    expected = [scores(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for found, each in zip(pool.map(scores, range(4)), expected, strict=True):
            assert_array_equal(found, each)


@both_detectors
@pytest.mark.parametrize(
    ("prior", "message"),
    [
        (CORRELATED.expand((3,)), r"prior=MultivariateNormal.* draws codes of shape \(3, 2\)"),
        (Independent(Normal(torch.zeros(4), 1.0), 1), r"shape \(4,\); accepted .* shape \(2,\)"),
        (RelaxedOneHotCategorical(torch.tensor(1.0), torch.ones(3)), r"shape \(3,\)"),
        (lambda n, generator: torch.zeros(n, 3), r"must return a tensor of shape \(2, 2\).*\(2, 3"),
        (lambda n, generator: [[0.0, 0.0]] * n, r"must return a tensor .* got list"),
        (lambda n, generator: torch.full((n, 2), np.nan), "must draw finite codes"),
        ("gamma", "The 'prior' parameter .* must be .* Got 'gamma' instead"),
    ],
)
def test_a_wrong_prior_is_named_and_an_earlier_fit_is_kept(cls, prior, message, X):
    det = cls(n_latent=2, max_epochs=2, random_state=0).fit(X)
    scores = det.score_samples(X)
    with pytest.raises(ValueError, match=message):
        det.set_params(prior=prior).fit(X)
    assert_array_equal(det.score_samples(X), scores)


@both_detectors
def test_a_sphere_needs_a_direction(cls, X):
    with pytest.raises(ValueError, match="prior='sphere' needs a code with a direction"):
        cls(prior="sphere", n_latent=1).fit(X)


def test_a_prior_of_one_code_is_refused(X):
    with pytest.raises(ValueError, match="must not draw the same code each time"):
        WAE(prior=lambda n, generator: torch.ones(n, 2), n_latent=2, max_epochs=1).fit(X)
