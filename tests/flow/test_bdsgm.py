"""BDSGM: terms of the loss, boundaries of known densities, threshold, other densities."""

import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import QuantileTransformer
from skorch.callbacks import Callback
from torch import nn

from skdeepad import BDSGM, InvertibleResNet
from skdeepad.datasets import fetch_adbench
from skdeepad.flow import _boundary
from skdeepad.flow._bdsgm_module import PEAK, BoundaryModule, BoundaryTraining

from .gaussians import (
    MEANS,
    ONE_MODE,
    STANDARD,
    TWO_MODES,
    KnownDensity,
    draw,
    level,
    share_of_bins,
)

SMALL = {"n_blocks": 2, "hidden_layer_sizes": (8,), "max_epochs": 3, "generator_steps": 20}
SMALL |= {"reference_batch_size": 100, "generator_batch_size": 32, "random_state": 0}


# The loss -----------------------------------------------------------------------------------


def boundary_module(n_features, generator=None):
    return BoundaryModule(
        generator or nn.Identity(),
        n_features=n_features,
        distance_weight=0.3,
        dispersion_weight=0.025,
        batch_size=2,
    )


def test_the_terms_by_hand():
    boundary = boundary_module(2)
    b = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    z = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    x = torch.tensor([[1.0, 0.0], [3.0, 2.0]])
    assert_allclose(boundary.density_term(torch.tensor([0.2, 0.5]).log()), [0.2, 0.5], rtol=1e-6)
    assert_allclose(boundary.distance_term(b, x), [1, 4, 2])
    # ‖z_i − z_j‖² are 1, 4, 5 and ‖b_i − b_j‖² are 25, 1, 18.
    expected = [(1 / 25 + 4) / 2, (1 / 25 + 5 / 18) / 2, (4 + 5 / 18) / 2]
    assert_allclose(boundary.dispersion_term(z, b), expected, rtol=1e-5)


def test_beyond_two_features_the_density_is_relative_and_the_distance_per_two_features():
    boundary = boundary_module(6)
    boundary.reference.fill_(-10.0)
    values = boundary.density_term(torch.tensor([-10.0, -200.0]))
    assert_allclose(values, [PEAK * np.log(2), 0], atol=1e-7)
    b, x = torch.zeros(1, 6), torch.ones(1, 6)
    assert_allclose(boundary.distance_term(b, x), [6 / 3])


def test_rows_that_meet_have_finite_gradients():
    generator = nn.Linear(2, 2)
    generator.weight.data.zero_()  # all of B's rows are one
    boundary = boundary_module(2, generator)
    z = torch.randn(8, 2)
    boundary.dispersion_term(z, boundary.generate(z)).mean().backward()
    assert torch.isfinite(generator.weight.grad).all()


def test_training_the_boundary_leaves_the_density_as_it_was():
    X = draw(ONE_MODE, 300, 0)
    few, many = (BDSGM(**SMALL | {"generator_steps": n}).fit(X) for n in (1, 30))
    assert_array_equal(few.score_samples(X), many.score_samples(X))
    assert not np.array_equal(few.sample_boundary(5, 0), many.sample_boundary(5, 0))
    assert all(weight.requires_grad for weight in many.net_.module_.density.parameters())
    # And its density is that of the flow alone.
    flow = {key: SMALL[key] for key in ("n_blocks", "hidden_layer_sizes", "max_epochs")}
    alone = InvertibleResNet(**flow, random_state=0).fit(X)
    assert_allclose(alone.score_samples(X), few.score_samples(X), rtol=1e-12)


@pytest.mark.parametrize("n_features", [5, 30])
def test_the_boundary_is_trained_by_the_density_that_rows_are_scored_by(n_features):
    X = np.random.RandomState(0).randn(200, n_features)
    module = BDSGM(**SMALL).fit(X).net_.module_.eval()
    x = torch.from_numpy(X[:20].astype(np.float32))
    with torch.no_grad():
        expected = -module.anomaly_score(x).mean().item()
        training = BoundaryTraining(module.boundary, module.density).train()
        drawn = np.array([training.log_prob(x).mean().item() for _ in range(300)])
    if n_features <= 20:  # the flow is trained by exact determinants
        assert_allclose(drawn, expected, rtol=1e-5)
    else:  # and here by the series: the estimates for B are unbiased
        standard_error = drawn.std() / len(drawn) ** 0.5
        assert 0 < standard_error < 0.1
        assert abs(drawn.mean() - expected) < 3 * standard_error


class Interrupt(Callback):
    """Interrupt what has B as its module."""

    def on_epoch_end(self, net, **kwargs):
        raise KeyboardInterrupt


def listen_to_boundary(callback, monkeypatch):
    """Let the net that trains B have a callback."""
    make = _boundary.make_boundary_net

    def make_listened(detector, module, *args, **kwargs):
        kwargs |= {"callbacks": [callback]} if module is BoundaryTraining else {}
        return make(detector, module, *args, **kwargs)

    monkeypatch.setattr(_boundary, "make_boundary_net", make_listened)


def test_after_an_interruption_of_the_boundary_training_goes_on(monkeypatch):
    X = draw(ONE_MODE, 300, 0)
    det = BDSGM(**SMALL)
    listen_to_boundary(Interrupt(), monkeypatch)
    det.fit(X)  # a callback's way to stop early: B has trained for one epoch
    assert len(det.boundary_history_["train_loss"]) == 1

    class Pressed(Callback):
        def on_epoch_begin(self, net, **kwargs):
            net.interrupted_ = True
            raise KeyboardInterrupt

    monkeypatch.undo()
    listen_to_boundary(Pressed(), monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        det.fit(X)
    monkeypatch.undo()
    assert np.isfinite(det.partial_fit(X).score_samples(X)).all()


# Boundaries ---------------------------------------------------------------------------------


#: So many draws and steps are enough for a boundary that is where it belongs.
QUICK = {"generator_batch_size": 128, "generator_steps": 600}
#: With few rows to be near to the level is another one; what parts the draws is the same.
COARSE = {"reference_batch_size": 128, "generator_batch_size": 64, "generator_steps": 500}


def closed_form(seed=0, n=4096, **params):
    """BDSGM with the closed form, fitted to a standard normal distribution."""
    det = BDSGM(density="gaussian", scaler=None, random_state=seed, **QUICK | params)
    return det.fit(draw(STANDARD, n, seed))


@pytest.mark.parametrize("seed", range(3))
def test_one_mode_is_surrounded_where_its_tail_begins(seed):
    det = closed_form(seed)
    b = det.sample_boundary(4096, random_state=0)
    assert 0.03 <= level(STANDARD, b) <= 0.09
    assert share_of_bins(b) == 1
    assert np.mean(np.linalg.norm(b, axis=1) < 1) < 0.05
    assert abs(det.boundary_false_alarm_rate_ - level(STANDARD, b)) < 0.01
    loss = det.boundary_history_["train_loss"]
    assert loss[-len(loss) // 5 :].mean() < 0.7 * loss[: len(loss) // 25].mean()


def test_the_history_of_the_boundary_has_the_terms_of_its_loss():
    weights = {"distance_weight": 0.3, "dispersion_weight": 0.025}
    history = closed_form(**COARSE, **weights).boundary_history_
    total = (
        history["density"]
        + weights["distance_weight"] * history["distance"]
        + weights["dispersion_weight"] * history["dispersion"]
    )
    np.testing.assert_allclose(total, history["train_loss"], rtol=1e-5)
    assert history["density"][-1] < 0.8 * history["density"][0]  # B leaves the dense region


def test_the_weight_of_the_distance_orders_the_level():
    levels = [
        level(STANDARD, closed_form(**COARSE, distance_weight=weight).sample_boundary(4096, 0))
        for weight in (0.1, 0.3, 1.0)
    ]
    assert levels[0] < levels[1] < levels[2]


def test_without_the_dispersion_parts_of_the_boundary_are_lost():
    # From a start that covers all sides the draws come together slowly, and not from each seed.
    def covered(weight):
        dets = [closed_form(seed, 1024, **COARSE, dispersion_weight=weight) for seed in range(3)]
        return sorted(share_of_bins(det.sample_boundary(4096, random_state=0)) for det in dets)

    assert covered(0.0)[1] < 0.85
    assert covered(0.025) == [1, 1, 1]


def check_two_modes(det):
    """Each mode has its share of the boundary, on all of its sides."""
    b = det.sample_boundary(4096, random_state=0)
    right = b[:, 0] > 0
    assert 0.3 <= right.mean() <= 0.7
    for rows, center in zip((b[right], b[~right]), MEANS.numpy(), strict=True):
        assert share_of_bins(rows, center) >= 0.9
    assert 0.03 <= level(TWO_MODES, b) <= 0.09


@pytest.mark.parametrize("seed", range(3))
def test_both_of_two_modes_are_surrounded(seed):
    density = KnownDensity(TWO_MODES)
    det = BDSGM(density=density, scaler=None, random_state=seed, **QUICK)
    check_two_modes(det.fit(draw(TWO_MODES, 4096, seed)))


def test_a_quick_flow_has_a_boundary_on_all_sides_of_two_modes():
    params = {"n_blocks": 4, "max_steps": 300, "batch_size": 128, "lr": 0.02, "random_state": 0}
    det = BDSGM(scaler=None, max_epochs=1000, generator_steps=200, **params)
    check_two_modes(det.fit(draw(TWO_MODES, 1000, 0)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_flow_surrounds_both_of_two_modes(seed):
    det = BDSGM(scaler=None, random_state=seed)
    check_two_modes(det.fit(draw(TWO_MODES, 4096, seed)))


def test_the_threshold_of_the_closed_forms_boundary_is_one_to_work_with_on_thyroid():
    X, y = fetch_adbench("thyroid", return_X_y=True, download_if_missing=False)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
    det = BDSGM(density="gaussian", generator_steps=300, random_state=0).fit(X[y == 0])
    outlier = det.predict(X_test) == -1
    assert 0.02 <= outlier[y_test == 0].mean() <= 0.2
    assert outlier[y_test == 1].mean() >= 0.85


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_threshold_of_the_boundary_is_one_to_work_with_on_thyroid(seed, shared_data):
    X, y = fetch_adbench("thyroid", return_X_y=True, download_if_missing=False)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=seed)
    det = BDSGM(random_state=seed).fit(X[y == 0])
    assert roc_auc_score(y_test, -det.score_samples(X_test)) >= 0.96
    outlier = det.predict(X_test) == -1
    assert 0.02 <= outlier[y_test == 0].mean() <= 0.2
    assert outlier[y_test == 1].mean() >= 0.9


# Threshold ----------------------------------------------------------------------------------


def test_the_threshold_is_the_level_of_the_boundary_or_a_share_of_the_rows():
    X = draw(STANDARD, 1000, 0)
    det = closed_form(generator_steps=200)
    assert det.offset_ == det.log_density_threshold_
    rate = np.mean(det.score_samples(det.sample_boundary(20_000, 1)) < det.offset_)
    assert abs(rate - det.threshold_quantile) < 0.03
    assert_array_equal(det.predict(X) == -1, det.score_samples(X) < det.log_density_threshold_)
    tau = det.log_density_threshold_
    assert det.set_params(contamination=0.1).offset_ == pytest.approx(
        np.quantile(det.training_scores_, 0.1)
    )
    assert det.log_density_threshold_ == tau
    det.set_params(contamination="auto", threshold_quantile=0.1)
    assert det.offset_ == closed_form(generator_steps=200, threshold_quantile=0.1).offset_ < tau


@pytest.mark.parametrize(("scaler", "unit"), [("minmax", 1.0), (None, 100.0), (None, 0.01)])
def test_units_that_the_boundary_is_not_made_for_are_warned_of(scaler, unit):
    X = unit * draw(STANDARD, 300, 0)
    with pytest.warns(UserWarning, match=f"with scaler={scaler!r} they have a standard deviation"):
        BDSGM(**SMALL, scaler=scaler, density="gaussian").fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BDSGM(**SMALL, density="gaussian").fit(np.c_[X, np.ones(len(X))])


# Densities ----------------------------------------------------------------------------------


def test_the_closed_form_is_the_normal_density_in_the_units_of_the_rows():
    X = draw(ONE_MODE, 2000, 0) * [10, 0.1]
    det = BDSGM(density="gaussian", noise=0.0, **without("noise")).fit(X)
    covariance = np.cov(X.T, bias=True)
    expected = torch.distributions.MultivariateNormal(
        torch.tensor(X.mean(0)), torch.tensor(covariance)
    ).log_prob(torch.tensor(X))
    assert_allclose(det.score_samples(X), expected, rtol=1e-4, atol=1e-4)
    assert_allclose(np.cov(det.transform(X).T), np.eye(2), atol=0.01)
    assert_allclose(det.inverse_transform(det.transform(X)), X, rtol=1e-3, atol=1e-3)
    assert det.n_iter_ == 0


def without(name):
    return {key: value for key, value in SMALL.items() if key != name}


def test_partial_fit_takes_the_boundary_of_the_closed_form_on():
    X = draw(STANDARD, 1000, 0)
    det = BDSGM(density="gaussian", **SMALL)
    before = det.partial_fit(X).boundary_generator_
    for _ in range(40):
        det.partial_fit(X)
    assert det.boundary_generator_ is before
    assert det._boundary.n_trainings == 41
    fresh = BDSGM(density="gaussian", **SMALL).partial_fit(X)
    assert det.boundary_history_["train_loss"][-1] < fresh.boundary_history_["train_loss"][-1]


def test_a_fitted_estimator_is_a_density_and_survives_cloning():
    X = draw(ONE_MODE, 500, 0)
    flow = InvertibleResNet(n_blocks=2, hidden_layer_sizes=(8,), max_epochs=5, random_state=0)
    det = BDSGM(density=FrozenEstimator(flow.fit(X)), **SMALL)
    scores = det.fit(X).score_samples(X)
    assert_allclose(scores, flow.score_samples(X), rtol=1e-3, atol=1e-3)
    assert_array_equal(clone(det).fit(X).score_samples(X), scores)
    assert det.sample_boundary(3).shape == (3, 2)
    for method in (det.transform, det.inverse_transform):
        with pytest.raises(ValueError, match="can neither encode rows nor decode codes"):
            method(X)


def test_a_given_density_is_neither_changed_nor_followed():
    X = draw(ONE_MODE, 500, 0)
    flow = InvertibleResNet(n_blocks=2, hidden_layer_sizes=(8,), max_epochs=5, random_state=0)
    weights = list(flow.fit(X).net_.module_.norms.parameters())
    before = [weight.grad.clone() for weight in weights]
    det = BDSGM(density=flow, **SMALL).fit(X)
    assert all(torch.equal(w.grad, grad) for w, grad in zip(weights, before, strict=True))
    scores = det.score_samples(X)
    flow.fit(X + 3)
    assert_array_equal(det.score_samples(X), scores)


class NormalModule(nn.Module):
    """A density that is a torch module, in float64."""

    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(2, dtype=torch.float64))

    def log_density(self, x):
        return -0.5 * ((x - self.mean) ** 2).sum(1) - np.log(2 * np.pi)

    def score_samples(self, X):
        return self.log_density(torch.as_tensor(X)).detach().numpy()


def test_a_density_may_be_a_torch_module_of_any_precision():
    X, density = draw(STANDARD, 300, 0), NormalModule()
    det = BDSGM(density=density, scaler=None, **SMALL).fit(X)
    assert_allclose(det.score_samples(X), density.score_samples(X), rtol=1e-5)
    assert density.mean.dtype == torch.float64
    assert density.mean.requires_grad


def test_a_covariance_that_is_singular_is_refused_by_the_noise():
    X = np.c_[np.arange(20.0), np.ones(20)]
    det = BDSGM(density="gaussian", **SMALL).fit(X)
    scores = det.score_samples(X)
    with pytest.raises(ValueError, match=r"noise=0.0 must be larger with density='gaussian'"):
        det.set_params(noise=0.0).fit(X)
    assert_array_equal(det.score_samples(X), scores)


def test_a_density_that_can_not_be_used_is_refused():
    X = draw(ONE_MODE, 100, 0)
    flow = InvertibleResNet(n_blocks=2, hidden_layer_sizes=(8,), max_epochs=1)
    with pytest.raises(NotFittedError):
        BDSGM(density=flow, **SMALL).fit(X)
    with pytest.raises(ValueError, match="has 2 features, but X has 3"):
        BDSGM(density=flow.fit(X), **SMALL).fit(np.c_[X, X[:, 0]])
    with pytest.raises(ValueError, match=r"scaler=QuantileTransformer\(.*must be 'standard'"):
        BDSGM(density=flow, scaler=QuantileTransformer(n_quantiles=9), **SMALL).fit(X)
    with pytest.raises(ValueError, match="'density' parameter of BDSGM must be"):
        BDSGM(density="kde", **SMALL).fit(X)


@pytest.mark.parametrize("n_features", [1, 3, 30])
def test_the_boundary_has_any_number_of_features(n_features):
    X = np.random.RandomState(0).randn(200, n_features)
    det = BDSGM(**SMALL).fit(X)
    assert det.sample_boundary(7, random_state=0).shape == (7, n_features)
    assert np.isfinite(det.score_samples(det.sample_boundary(100, random_state=0))).all()
    assert det.sample(7, random_state=0).shape == (7, n_features)
