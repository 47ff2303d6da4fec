"""The invertible residual network: bounds, log-determinants, inverse, densities."""

from collections import Counter

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import MaxAbsScaler

from skdeepad import InvertibleResNet
from skdeepad.flow._iresnet_module import (
    N_EXACT_TERMS,
    ActNorm,
    exact_log_det,
    roulette_weights,
    series_log_det,
)
from skdeepad.nn import LipschitzMLP
from skdeepad.training import seeded_generator

from .gaussians import ONE_MODE, TWO_MODES, KnownDensity, draw

SMALL = {"n_blocks": 3, "hidden_layer_sizes": (16,), "random_state": 0}


# Log-determinants ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def linear_map():
    """A linear g of four features with a spectral norm of .9, its Jacobian, log det(I + J)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        g = LipschitzMLP([4, 4], "elu", 0.9).double()
        g.layers[0].weight.data.normal_()
    jacobian = g.layers[0].bounded_weight().detach()
    assert_allclose(torch.linalg.matrix_norm(jacobian, 2), 0.9)
    _, core = g.linearize(torch.zeros(1, 4, dtype=torch.float64))
    return core, torch.linalg.slogdet(torch.eye(4) + jacobian).logabsdet.item()


def test_twenty_terms_of_the_series_are_the_log_determinant(linear_map):
    core, expected = linear_map
    basis = 2 * torch.eye(4, dtype=torch.float64)[None]  # orthogonal and of length √d
    with torch.no_grad():
        assert_allclose(exact_log_det(core, basis), [expected], rtol=1e-12)
        errors = [
            abs(series_log_det(core, basis, [1.0] * n).item() - expected) for n in (2, 10, 20)
        ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-4


def test_the_roulette_is_unbiased(linear_map):
    core, expected = linear_map
    rng = np.random.RandomState(0)
    values = []
    with torch.no_grad():
        for n_drawn, count in Counter(rng.geometric(0.5, 20_000)).items():
            probes = torch.from_numpy(rng.standard_normal((count, 1, 4)))
            weights = roulette_weights(N_EXACT_TERMS + int(n_drawn))
            values.append(series_log_det(core, probes, weights))
        basis = 2 * torch.eye(4, dtype=torch.float64)[None]
        cut_off = series_log_det(core, basis, [1.0] * N_EXACT_TERMS).item()
    values = torch.cat(values).numpy()
    assert len(values) == 20_000
    standard_error = values.std() / len(values) ** 0.5
    assert standard_error < 0.05
    assert abs(values.mean() - expected) < 3 * standard_error
    assert abs(cut_off - expected) > 6 * standard_error  # the terms that chance brings in count


def test_the_modules_own_draws_are_unbiased_too():
    X = np.random.RandomState(0).randn(100, 4)
    linear = {"hidden_layer_sizes": (), "n_blocks": 1, "max_epochs": 3, "random_state": 0}
    module = InvertibleResNet(**linear, log_det="roulette").fit(X).net_.module_.train()
    x = torch.zeros(4, 4)
    _, core = module.blocks[0].linearize(x)
    with torch.no_grad():
        expected = exact_log_det(core, module.probes).item()
        means = np.array([module.total_log_det([core], len(x)).mean().item() for _ in range(4000)])
    standard_error = means.std() / len(means) ** 0.5
    assert standard_error < 0.05
    assert abs(means.mean() - expected) < 3 * standard_error


@pytest.mark.parametrize("hidden", [(16,), (3, 2), ()])
def test_the_density_is_that_of_the_latent_code_times_the_whole_jacobian(hidden):
    X = np.random.RandomState(0).randn(200, 4)
    det = InvertibleResNet(**SMALL | {"hidden_layer_sizes": hidden}, max_epochs=2).fit(X)
    module = det.net_.module_.double()
    x = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    jacobians = [torch.autograd.functional.jacobian(module.encode, row[None]) for row in x]
    log_dets = [torch.linalg.slogdet(j[0, :, 0]).logabsdet for j in jacobians]
    with torch.no_grad():
        z = module.encode(x)
        expected = -0.5 * (z**2).sum(1) - 2 * np.log(2 * np.pi) + torch.stack(log_dets)
        assert_allclose(module.log_prob(x) - module.log_volume, expected, rtol=1e-6)


def test_the_gradient_of_the_series_is_that_of_the_log_determinant():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        g = LipschitzMLP([3, 8, 3], "lipswish", 0.6).double()
    basis = 3**0.5 * torch.eye(3, dtype=torch.float64)[None]
    gradients = []
    for log_det in (exact_log_det, lambda *args: series_log_det(*args, [1.0] * 40)):
        x = torch.tensor([[0.3, -1.0, 2.0], [1.0, 1.0, 0.0]]).double().requires_grad_()
        _, core = g.linearize(x)
        of = [x, *(layer.weight for layer in g.layers)]
        gradients.append(torch.autograd.grad(log_det(core, basis).sum(), of))
    for exact, by_series in zip(*gradients, strict=True):
        assert exact.abs().max() > 1e-3
        assert_allclose(by_series, exact, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("n_features", [5, 40])
@pytest.mark.parametrize("log_det", ["series", "roulette"])
def test_scores_are_exact_and_those_of_a_series_are_near_and_always_alike(
    log_det, n_features, monkeypatch
):
    X = np.random.RandomState(0).randn(200, n_features)
    det = InvertibleResNet(**SMALL, max_epochs=10, log_det=log_det, n_power_terms=40).fit(X)
    scores = det.score_samples(X)
    det.net_.module_.log_det = "exact"
    assert_array_equal(det.score_samples(X), scores)
    det.net_.module_.log_det = log_det
    monkeypatch.setattr("skdeepad.flow._iresnet_module.SCORED_EXACTLY_UP_TO", 4)
    by_series = det.score_samples(X)
    assert_array_equal(det.score_samples(X), by_series)
    assert not np.array_equal(by_series, scores)
    assert_allclose(by_series, scores, atol=1e-3)


def error_of_the_score(n_features, hidden_layer_sizes, max_epochs):
    """What scores differ by from those of the same weights with log_det="exact"; these."""
    rng = np.random.RandomState(0)
    X = rng.randn(300, 8) @ rng.randn(8, n_features) + rng.randn(300, n_features)
    params = {"n_blocks": 3, "hidden_layer_sizes": hidden_layer_sizes, "max_epochs": max_epochs}
    det = InvertibleResNet(**params, random_state=0).fit(X)
    assert det.net_.module_.log_det == "series"  # of log_det="auto"
    scores = det.score_samples(X)
    det.net_.module_.log_det = "exact"
    return scores - det.score_samples(X), det.score_samples(X)


@pytest.mark.parametrize("sizes", [(64, (70,)), (70, (64,)), (70, (70, 64))])
def test_scores_are_exact_where_features_or_the_last_hidden_width_are_64_at_most(sizes):
    error, _ = error_of_the_score(*sizes, max_epochs=1)
    assert_array_equal(error, 0)


@pytest.mark.parametrize("max_epochs", [1, 20])
def test_scores_are_off_by_some_tenths_of_a_nat_where_both_are_above_64(max_epochs):
    error, exact = error_of_the_score(70, (70,), max_epochs)
    assert 0.02 < np.abs(error).mean() < 0.7
    assert np.abs(error).max() < 1.5
    assert np.corrcoef(exact + error, exact)[0, 1] > 0.99


def test_the_way_to_take_log_determinants_is_chosen_by_the_number_of_features():
    for n_features, way in [(20, "exact"), (21, "series")]:
        X = np.random.RandomState(0).randn(50, n_features)
        det = InvertibleResNet(**SMALL, max_epochs=1).fit(X)
        assert det.net_.module_.log_det == way
        assert det.set_params(log_det="exact").fit(X).net_.module_.log_det == "exact"


# Bounds and inverse -------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["lipswish", "elu"])
def test_after_training_every_spectral_norm_is_bounded_and_codes_are_inverted(activation):
    X = draw(TWO_MODES, 1000, 0)
    det = InvertibleResNet(activation=activation, max_epochs=40, random_state=0).fit(X)
    norms = [
        torch.linalg.matrix_norm(layer.bounded_weight(), 2).item()
        for block in det.net_.module_.blocks
        for layer in block.layers
    ]
    assert max(norms) <= det.lipschitz_constant * (1 + 1e-5)
    assert max(norms) > 0.9 * det.lipschitz_constant  # the bound is what holds them
    assert np.abs(det.inverse_transform(det.transform(X)) - X).max() < 1e-5
    z = np.random.RandomState(0).randn(200, 2)
    assert np.abs(det.transform(det.inverse_transform(z)) - z).max() < 1e-5


def test_a_training_that_fails_warns_and_flags_all_rows():
    X = draw(ONE_MODE, 100, 0)
    with pytest.warns(ConvergenceWarning, match="are not finite; scale the input or lower lr"):
        det = InvertibleResNet(**SMALL | {"lr": 1e6, "max_epochs": 20}).fit(X)
    assert (det.predict(X) == -1).all()
    assert np.isnan(det.inverse_transform(X)).any()


@pytest.mark.parametrize("value", [0, 1.0, 0.9999])
def test_a_map_that_could_not_be_inverted_is_refused(value):
    with pytest.raises(ValueError, match="'lipschitz_constant' parameter"):
        InvertibleResNet(lipschitz_constant=value).fit(np.eye(5))


def test_norms_begin_with_mean_0_and_variance_1():
    noise = torch.randn(100, 3, generator=seeded_generator(0))
    norm, x = ActNorm(3), 5 + 3 * noise
    norm.begin(x)
    with torch.no_grad():
        y = norm(x)
        assert_allclose(y.mean(0), 0, atol=1e-5)
        assert_allclose(y.std(0, correction=0), 1, rtol=1e-5)
        assert_allclose(norm.inverse(y), x, rtol=1e-4)


# Densities ----------------------------------------------------------------------------------


def mass(det, rows, n=200):
    """Integral of the density over a box around rows of the plane."""
    low, high = rows.min(0) - 0.5 * np.ptp(rows, axis=0), rows.max(0) + 0.5 * np.ptp(rows, axis=0)
    axes = [np.linspace(*ends, n) for ends in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)
    return np.exp(det.score_samples(grid)).mean() * np.prod(high - low)


@pytest.fixture(scope="module")
def of_one_mode():
    """Rows of one mode, and the flow that has learned them."""
    X = draw(ONE_MODE, 4096, 0)
    return X, InvertibleResNet(max_steps=400, random_state=0).fit(X)


def test_one_mode_is_learned_to_its_entropy(of_one_mode):
    X, det = of_one_mode
    X_test = draw(ONE_MODE, 20_000, 1)
    truth = KnownDensity(ONE_MODE).score_samples(X_test)
    assert abs(det.score(X_test) - truth.mean()) <= 0.03
    assert np.corrcoef(det.score_samples(X_test), truth)[0, 1] >= 0.99
    assert abs(mass(det, X) - 1) <= 0.01


def test_two_modes_are_told_from_what_lies_between_them():
    X, X_test = draw(TWO_MODES, 1000, 0), draw(TWO_MODES, 5000, 1)
    params = {"n_blocks": 4, "max_steps": 300, "batch_size": 128, "lr": 0.02, "random_state": 0}
    det = InvertibleResNet(**params, max_epochs=1000).fit(X)
    truth = KnownDensity(TWO_MODES).score_samples(X_test)
    assert -0.02 <= truth.mean() - det.score(X_test) <= 0.25
    assert np.corrcoef(det.score_samples(X_test), truth)[0, 1] >= 0.9
    left, right, between = det.score_samples([[-3, 0], [3, 0], [0, 0]])
    assert abs(left - right) < 1 < min(left, right) - between


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_two_modes_are_learned_to_their_entropy(seed):
    X, X_test = draw(TWO_MODES, 4096, seed), draw(TWO_MODES, 20_000, 10 + seed)
    det = InvertibleResNet(random_state=seed).fit(X)
    truth = KnownDensity(TWO_MODES).score_samples(X_test)
    assert abs(det.score(X_test) - truth.mean()) <= 0.05
    assert np.corrcoef(det.score_samples(X_test), truth)[0, 1] >= 0.98
    assert abs(mass(det, X) - 1) <= 0.01


@pytest.mark.parametrize("scaler", ["standard", "minmax", "robust", None])
def test_densities_are_of_rows_in_their_own_units(scaler):
    X = draw(TWO_MODES, 500, 0)
    X = X * [100, 0.1] + [1e4, 0] if scaler else X
    det = InvertibleResNet(**SMALL, scaler=scaler, max_epochs=20).fit(X)
    assert abs(mass(det, X) - 1) <= 0.02
    assert det.score(X) == det.score_samples(X).mean()
    values = det.log_density(torch.from_numpy(X))
    assert_allclose(values.detach(), det.score_samples(X), rtol=1e-3, atol=1e-3)


def test_the_gradient_of_a_log_density_is_its_slope():
    det = InvertibleResNet(**SMALL, max_epochs=10).fit(draw(ONE_MODE, 300, 0))
    det.net_.module_.double()
    x = torch.tensor([[0.5, -1.0], [2.0, 0.3]], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(det.log_density(x).sum(), x)
    step = torch.tensor([1e-2, 0.0])
    with torch.no_grad():
        ahead, behind = det.log_density(x + step), det.log_density(x - step)
    assert_allclose(slope[:, 0], (ahead - behind) / 2e-2, rtol=2e-2)


def test_a_scaler_that_is_not_linear_has_no_gradient():
    det = InvertibleResNet(**SMALL, max_epochs=1, scaler=MaxAbsScaler()).fit(np.eye(5))
    with pytest.raises(ValueError, match=r"scaler=MaxAbsScaler\(\) must be 'standard'"):
        det.log_density(torch.eye(5))


def test_samples_are_like_the_rows(of_one_mode):
    X, det = of_one_mode
    rows = det.sample(4000, random_state=0)
    assert_allclose(rows.mean(0), X.mean(0), atol=0.1)
    assert_allclose(np.cov(rows.T), np.cov(X.T), atol=0.15)


def test_a_constant_column_adds_no_more_than_the_noise_allows():
    X = np.random.RandomState(0).randn(500, 2)
    params = SMALL | {"noise": 0.01, "max_epochs": 100}
    without = InvertibleResNet(**params).fit(X).score(X)
    det = InvertibleResNet(**params).fit(np.c_[X, np.full(500, 7.0)])
    rows = np.c_[X, np.full(500, 7.0)]
    assert 1 < det.score(rows) - without < -np.log(det.noise * (2 * np.pi) ** 0.5) + 0.1
    assert (det.score_samples(rows + [0, 0, 0.1]) < det.score_samples(rows)).all()


def test_a_grid_search_finds_the_better_density_without_labels():
    X = draw(TWO_MODES, 600, 0)
    grid = {"noise": [0.05, 3.0]}
    search = GridSearchCV(InvertibleResNet(**SMALL, max_epochs=30), grid, cv=2).fit(X)
    assert search.best_params_ == {"noise": 0.05}
    assert search.cv_results_["mean_test_score"][0] > search.cv_results_["mean_test_score"][1]
