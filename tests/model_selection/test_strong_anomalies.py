"""Generated anomalies: how far from the data, below which density, and from which seed."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.frozen import FrozenEstimator
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import PowerTransformer
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from skdeepad import BDSGM
from skdeepad.model_selection import StrongAnomalySampler

KINDS = ("strong", "adversarial", "weak")


def normal_rows(n, seed=0):
    """Rows of two features in different units."""
    return np.random.RandomState(seed).randn(n, 2) * [1, 100] + [0, 500]


class BoundaryBetween(BaseEstimator):
    """Two parts of the support, at -1 and 1, and a boundary just to the right of the first."""

    scaler_ = None
    log_density_threshold_ = -0.1

    def fit(self, X, y=None):
        return self

    def score_samples(self, X):
        return -np.abs(np.abs(X[:, 0]) - 1)

    def sample_boundary(self, n_samples, random_state):
        return random_state.uniform(-0.85, -0.8, (n_samples, 1))


class Mixture:
    """A mixture of Gaussians, for rows and for tensors."""

    def __init__(self, mixture):
        self.mixture = mixture

    def score_samples(self, X):
        return self.mixture.score_samples(X)

    def log_density(self, x):
        means, covariances, weights = (
            torch.as_tensor(values, dtype=x.dtype)
            for values in (self.mixture.means_, self.mixture.covariances_, self.mixture.weights_)
        )
        modes = MultivariateNormal(means, covariances)
        return MixtureSameFamily(Categorical(weights), modes).log_prob(x)


@pytest.fixture(scope="module")
def boundary():
    return BDSGM(density="gaussian", generator_steps=200, random_state=0).fit(normal_rows(1500))


@pytest.fixture(scope="module")
def sampler(boundary):
    return StrongAnomalySampler(FrozenEstimator(boundary), random_state=0).fit(normal_rows(1500))


def distances_from(part, sampler, rows):
    scaled = sampler.boundary_.scaler_.transform(rows)
    return NearestNeighbors(n_neighbors=1).fit(part).kneighbors(scaled)[0][:, 0]


def distances_from_support(sampler, rows):
    return distances_from(sampler.support_, sampler, rows)


@pytest.mark.parametrize("kind", KINDS)
def test_anomalies_of_each_kind_are_below_the_level_of_the_boundary(sampler, kind):
    rows = sampler.sample(500, kind, random_state=0)
    assert rows.shape == (500, 2)
    scores = sampler.boundary_.score_samples(rows)
    assert (scores < sampler.boundary_.log_density_threshold_).all()


def test_strong_anomalies_lie_between_normal_rows_and_weak_ones(sampler):
    normal, strong, adversarial, weak = (
        np.median(distances_from_support(sampler, rows))
        for rows in (normal_rows(500, seed=1), *(sampler.sample(500, kind, 0) for kind in KINDS))
    )
    assert normal < 0.5 * adversarial < 0.5 * strong < 0.5 * weak


def test_strong_anomalies_are_boundary_draws_moved_away_from_the_support(boundary):
    frozen, X = FrozenEstimator(boundary), normal_rows(1500)
    still, moved = (
        StrongAnomalySampler(frozen, margin=margin, random_state=0).fit(X) for margin in (0, 0.7)
    )
    b, rows = (each.sample(50, random_state=3) for each in (still, moved))
    draws = boundary.sample_boundary(2048, random_state=np.random.RandomState(3))
    draws = draws[boundary.score_samples(draws) < boundary.log_density_threshold_]
    np.testing.assert_allclose(b, draws[:50], rtol=1e-5)
    scaled = boundary.scaler_.transform(b)
    distances, nearest = NearestNeighbors(n_neighbors=1).fit(still.support_).kneighbors(scaled)
    step = (rows - b) / boundary.scaler_.scale_
    away = (scaled - still.support_[nearest[:, 0]]) / distances
    np.testing.assert_allclose(step, 0.7 * away, atol=1e-4)


def test_the_nearest_row_is_one_in_the_support(sampler, boundary):
    X = normal_rows(1500)
    inside = boundary.score_samples(X) >= boundary.log_density_threshold_
    assert 0 < inside.sum() < len(X)
    np.testing.assert_allclose(sampler.support_, boundary.scaler_.transform(X[inside]))


@pytest.mark.parametrize("margin", [0, 0.5, 1.5])
def test_kinds_are_told_apart_by_the_distances_of_the_anomalies_themselves(boundary, margin):
    sampler = StrongAnomalySampler(
        FrozenEstimator(boundary), margin=margin, tail_share=0.25, random_state=0
    ).fit(normal_rows(1500))
    strong, adversarial, weak = (sampler.sample(4000, kind, random_state=1) for kind in KINDS)
    from_densest = distances_from(sampler.densest_, sampler, strong)
    assert np.mean(from_densest <= sampler.adversarial_distance_) == pytest.approx(0.25, abs=0.03)
    from_support = distances_from_support(sampler, strong)
    assert np.mean(from_support >= sampler.weak_distance_) == pytest.approx(0.25, abs=0.03)
    from_densest = distances_from(sampler.densest_, sampler, adversarial)
    assert from_densest.max() <= sampler.adversarial_distance_ * (1 + 1e-6)
    assert distances_from_support(sampler, weak).min() >= sampler.weak_distance_ * (1 - 1e-6)


def test_adversarial_anomalies_are_close_to_rows_of_high_density():
    """A dense mode at the left and a wide one at the right: they lie around the dense one."""
    rng = np.random.RandomState(0)
    X = np.r_[0.1 * rng.randn(1500, 2) - [1, 0], 0.5 * rng.randn(1500, 2) + [1, 0]]
    mixture = GaussianMixture(2, random_state=0).fit(X)
    boundary = BDSGM(density=Mixture(mixture), scaler=None, generator_steps=300, random_state=0)
    sampler = StrongAnomalySampler(boundary, random_state=0).fit(X)
    assert (sampler.densest_[:, 0] < 0).mean() > 0.95
    assert (sampler.sample(500, "adversarial", random_state=0)[:, 0] < 0).mean() > 0.95
    assert (sampler.sample(500, "strong", random_state=0)[:, 0] < 0).mean() < 0.8
    of_all = StrongAnomalySampler(boundary, dense_share=1.0, random_state=0).fit(X)
    np.testing.assert_array_equal(of_all.densest_, of_all.support_)


def test_a_file_from_before_dense_rows_counted_samples_as_then(boundary):
    sampler = StrongAnomalySampler(FrozenEstimator(boundary), dense_share=1.0, random_state=0)
    state = dict(vars(sampler.fit(normal_rows(1500))))
    state["_neighbors"] = state.pop("_to_support")
    for new in ("_to_densest", "densest_", "dense_share"):
        del state[new]
    old = StrongAnomalySampler()
    with pytest.warns(InconsistentVersionWarning, match="before 0.1"):
        old.__setstate__(state)
    for kind in KINDS:
        np.testing.assert_array_equal(old.sample(20, kind, 0), sampler.sample(20, kind, 0))


def test_between_two_parts_of_the_support_the_nearest_row_is_found_anew():
    X = np.random.RandomState(0).randn(400, 1) * 0.01 + np.repeat([-1, 1], 200)[:, None]
    sampler = StrongAnomalySampler(BoundaryBetween(), margin=1.5, random_state=0).fit(X)
    distances = NearestNeighbors(n_neighbors=1).fit(X).kneighbors(sampler.sample(50))[0]
    assert 0.25 < sampler.adversarial_distance_ < sampler.weak_distance_ < distances.max() < 0.5


def test_weak_anomalies_fill_the_widened_box_but_for_what_is_near_the_data(boundary):
    X = normal_rows(1500)
    for box_margin in (0.1, 1.0):
        sampler = StrongAnomalySampler(
            FrozenEstimator(boundary), box_margin=box_margin, random_state=0
        ).fit(X)
        rows = sampler.sample(2000, "weak", random_state=0)
        width = np.ptp(X, axis=0)
        low, high = X.min(0) - box_margin * width, X.max(0) + box_margin * width
        assert ((rows >= low) & (rows <= high)).all()
        np.testing.assert_allclose((rows.min(0) - low) / width, 0, atol=0.03)
        np.testing.assert_allclose((high - rows.max(0)) / width, 0, atol=0.03)
        assert distances_from_support(sampler, rows).min() >= sampler.weak_distance_ * (1 - 1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides(sampler, kind):
    first, again, other = (sampler.sample(20, kind, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.isclose(first, other).any()
    np.testing.assert_array_equal(sampler.sample(7, kind, random_state=0), first[:7])


def test_the_same_random_state_fits_the_same_sampler():
    sampler = StrongAnomalySampler(
        BDSGM(density="gaussian", generator_steps=20), margin=1.0, random_state=5
    )
    X = normal_rows(200)
    kept = X.copy()
    first, again = (clone(sampler).fit(X).sample(20, random_state=0) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(X, kept)
    assert not hasattr(sampler.boundary, "net_")
    other = clone(sampler).set_params(random_state=6).fit(X)
    assert not np.isclose(first, other.sample(20, random_state=0)).any()


def test_a_frame_is_fitted_and_sampled_without_a_warning(recwarn):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(normal_rows(200), columns=["a", "b"])
    boundary = BDSGM(density="gaussian", generator_steps=20, random_state=0)
    framed, plain = (
        StrongAnomalySampler(boundary, margin=1.0, random_state=0).fit(rows)
        for rows in (X, X.to_numpy())
    )
    assert framed.feature_names_in_.tolist() == ["a", "b"]
    for kind in KINDS:
        np.testing.assert_array_equal(framed.sample(9, kind, 0), plain.sample(9, kind, 0))
    assert [str(w.message) for w in recwarn if "feature names" in str(w.message)] == []


def test_rows_may_go_unscaled():
    X = np.random.RandomState(0).randn(300, 2)
    boundary = BDSGM(density="gaussian", generator_steps=100, scaler=None)
    sampler = StrongAnomalySampler(boundary, random_state=0).fit(X)
    assert np.linalg.norm(sampler.sample(50, random_state=0), axis=1).min() > 1.5


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"margin": -1}, "'margin' parameter of StrongAnomalySampler must be"),
        ({"tail_share": 0.7}, "'tail_share' parameter of StrongAnomalySampler must be"),
        ({"box_margin": "wide"}, "'box_margin' parameter of StrongAnomalySampler must be"),
        ({"boundary": object()}, "'boundary' parameter of StrongAnomalySampler must be"),
    ],
)
def test_a_wrong_parameter_is_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        StrongAnomalySampler(**parameters).fit(normal_rows(20))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 0}, "n_samples=0 must be an integer of at least 1"),
        ({"n_samples": 2.0}, r"n_samples=2\.0 must be an integer"),
        ({"kind": "odd"}, "kind='odd' must be 'strong', 'adversarial' or 'weak'"),
    ],
)
def test_a_wrong_argument_is_named(sampler, arguments, message):
    with pytest.raises(ValueError, match=message):
        sampler.sample(**arguments)


def test_a_box_without_room_for_weak_anomalies_is_an_error(boundary):
    sampler = StrongAnomalySampler(FrozenEstimator(boundary), box_margin=0).fit(normal_rows(1500))
    sampler.weak_distance_ = 100.0
    with pytest.raises(ValueError, match="box_margin=0 leaves no space for weak anomalies"):
        sampler.sample(1, "weak")


def test_rows_that_are_all_outside_are_an_error(boundary):
    sampler = StrongAnomalySampler(FrozenEstimator(boundary))
    with pytest.raises(ValueError, match="no row of X inside"):
        sampler.fit(normal_rows(20) + 1e4)
    assert not hasattr(sampler, "boundary_")


def test_other_columns_than_those_of_a_fitted_boundary_are_an_error(boundary):
    with pytest.raises(ValueError, match="3 features"):
        StrongAnomalySampler(FrozenEstimator(boundary)).fit(np.ones((9, 3)))


@pytest.mark.parametrize("name", ["margin", "box_margin"])
def test_margins_that_change_after_fit_are_checked(name, X):
    boundary = BDSGM(density="gaussian", generator_steps=5)
    sampler = StrongAnomalySampler(boundary, random_state=0).fit(X[:, :2])
    with pytest.raises(ValueError, match=f"'{name}' parameter of StrongAnomalySampler"):
        sampler.set_params(**{name: -1}).sample(2)


def test_scalers_get_the_names_of_columns(X):
    frame = pd.DataFrame(X[:, :2], columns=["a", "b"])
    boundary = BDSGM(density="gaussian", generator_steps=5, scaler=PowerTransformer())
    sampler = StrongAnomalySampler(boundary, random_state=0).fit(frame)
    assert sampler.sample(5, "weak", 0).shape == (5, 2)
