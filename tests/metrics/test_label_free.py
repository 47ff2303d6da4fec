"""The criteria without labels meet their closed forms, and prefer the better detector."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.datasets import make_blobs
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.svm import OneClassSVM

from skdeepad.metrics import (
    em_mv_scores,
    excess_mass_area,
    excess_mass_curve,
    excess_mass_scorer,
    mass_volume_area,
    mass_volume_curve,
    mass_volume_scorer,
)

HALF_WIDTH = 4.0
BOX = (2 * HALF_WIDTH) ** 2


@pytest.fixture(scope="module")
def gaussian():
    """Log-density of N(0, I) in the plane, up to a constant, on its rows and on uniform points."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(50_000, 2))
    uniform = rng.uniform(-HALF_WIDTH, HALF_WIDTH, size=(50_000, 2))
    return -(data**2).sum(axis=1), -(uniform**2).sum(axis=1)


def excess_mass_of_gaussian(t):
    """EM*(t) = 1 - τ + τ ln τ, τ = 2πt: the level set {f > t} holds 1 - τ on -2π ln τ."""
    tau = 2 * np.pi * t
    return 1 - tau + tau * np.log(tau) if 0 < tau < 1 else float(tau <= 0)


def test_mass_volume_of_a_gaussian_meets_its_closed_form(gaussian):
    mass, volume = mass_volume_curve(*gaussian)
    disc = -2 * np.pi * np.log(1 - mass)  # r² = -2 ln(1 - α) holds the mass α
    np.testing.assert_allclose(volume * BOX, disc, rtol=0.1)
    expected = quad(lambda alpha: -2 * np.pi * np.log(1 - alpha), 0.9, 0.999)[0]
    assert mass_volume_area(*gaussian) * BOX == pytest.approx(expected, rel=0.02)


def test_excess_mass_of_a_gaussian_meets_its_closed_form(gaussian):
    t = np.linspace(0, 0.2, 41)
    expected = [excess_mass_of_gaussian(value) for value in t]
    found = excess_mass_curve(*gaussian, t=t * BOX)[1]
    np.testing.assert_allclose(found, expected, atol=0.02)
    end = brentq(lambda value: excess_mass_of_gaussian(value) - 0.9, 1e-9, 0.1)
    area = quad(excess_mass_of_gaussian, 0, end)[0]
    assert excess_mass_area(*gaussian) / BOX == pytest.approx(area, rel=0.03)


def test_no_score_beats_the_density(gaussian):
    data, uniform = gaussian
    rng = np.random.default_rng(1)
    noise = rng.normal(size=len(data)), rng.normal(size=len(uniform))
    assert np.all(mass_volume_curve(data, uniform)[1] < mass_volume_curve(*noise)[1])
    t = np.linspace(1, 10, 10)
    better = excess_mass_curve(data, uniform, t=t)[1]
    assert np.all(better > excess_mass_curve(*noise, t=t)[1])


def test_a_constant_score_gives_the_values_of_knowing_nothing():
    constant = np.zeros(50), np.zeros(20)
    assert mass_volume_area(*constant) == pytest.approx(0.099)
    assert excess_mass_area(*constant) == pytest.approx(0.095)


def test_the_curves_by_hand():
    data, uniform = [4, 3, 2, 1], [3.5, 2.0, 0.5, 0.0]  # a tie with the third row: inside
    volume = mass_volume_curve(data, uniform, mass=[0.25, 0.5, 0.75, 1])[1]
    np.testing.assert_array_equal(volume, [0, 0.25, 0.5, 0.5])
    excess = excess_mass_curve(data, uniform, t=[0, 1, 2, 100])[1]
    # lines (mass, volume): (1, .5), (.75, .5), (.5, .25), (.25, one point at least: .25)
    np.testing.assert_allclose(excess, [1, 0.5, 0, 0])


def test_the_default_levels_are_those_of_the_paper(gaussian):
    mass, _ = mass_volume_curve(*gaussian)
    assert (mass[0], mass[-1]) == (0.9, 0.999)
    t, excess = excess_mass_curve(*gaussian)
    assert t[0] == 0
    assert excess[0] == 1
    assert excess[-1] == pytest.approx(0.9)


def test_a_mass_that_is_a_whole_number_of_rows_takes_no_row_more():
    for n in (10, 20, 30, 70, 100):
        data = np.arange(n)
        volume = mass_volume_curve(data, data, mass=[0.9])[1]
        assert volume == pytest.approx([0.9])


@pytest.mark.parametrize("area", [mass_volume_area, excess_mass_area])
def test_a_volume_too_small_to_see_is_finite_and_warned_of(area):
    with pytest.warns(UndefinedMetricWarning, match="none of the 30 uniform points") as caught:
        assert np.isfinite(area(np.arange(1, 9), np.zeros(30)))
    assert caught[0].filename == __file__


@pytest.mark.parametrize("curve", [mass_volume_curve, excess_mass_curve])
def test_bad_scores_are_refused(curve):
    with pytest.raises(ValueError, match="y_score holds NaN"):
        curve([np.nan, 1], [1, 2])
    with pytest.raises(ValueError, match=r"uniform_score of shape \(0,\)"):
        curve([1, 2], [])
    with pytest.raises(ValueError, match=r"y_score of shape \(1, 2\)"):
        curve([[1, 2]], [1, 2])


def test_bad_levels_are_refused():
    for mass in ([0.0], [1.1], [np.nan], 0.5):
        with pytest.raises(ValueError, match=r"mass=.* masses in"):
            mass_volume_curve([1, 2], [1, 2], mass=mass)
    for t in ([-1.0], [np.nan], 2.0):
        with pytest.raises(ValueError, match=r"t=.* density levels"):
            excess_mass_curve([1, 2], [1, 2], t=t)


class Inverted(IsolationForest):
    """An isolation forest that takes the normal for abnormal."""

    def score_samples(self, X):
        return -super().score_samples(X)


class Guessing(IsolationForest):
    """An isolation forest that looks at nothing."""

    def score_samples(self, X):
        return np.random.default_rng(0).normal(size=len(X))


@pytest.mark.parametrize("scorer", [mass_volume_scorer, excess_mass_scorer])
def test_a_sensible_detector_beats_guesses_and_inverted_scores(scorer):
    X = np.random.default_rng(0).normal(size=(400, 3))
    sensible, guessing, inverted = (
        scorer(cls(n_estimators=30, random_state=0).fit(X[:200]), X[200:])
        for cls in (IsolationForest, Guessing, Inverted)
    )
    assert sensible > guessing > inverted


@pytest.mark.parametrize("scorer", [mass_volume_scorer, excess_mass_scorer])
def test_a_search_without_labels_chooses_a_sensible_width(scorer):
    X, _ = make_blobs(400, centers=[[-6, -6], [6, 6]], cluster_std=1.0, random_state=0)
    gammas = [1e-4, 1e-1, 1e3]  # one blob for both, a blob for each, a needle for each row
    search = GridSearchCV(
        OneClassSVM(nu=0.1),
        {"gamma": gammas},
        scoring=scorer,
        cv=KFold(3, shuffle=True, random_state=0),
    ).fit(X)
    assert search.best_params_ == {"gamma": 0.1}


@pytest.mark.parametrize("scorer", [mass_volume_scorer, excess_mass_scorer])
def test_a_hundred_features_give_a_finite_score(scorer):
    X = np.random.default_rng(0).normal(size=(60, 100))
    with pytest.warns(UndefinedMetricWarning, match="em_mv_scores"):
        assert np.isfinite(scorer(OneClassSVM().fit(X), X, n_uniform=500))


def forest(**parameters):
    return IsolationForest(n_estimators=10, random_state=0, **parameters)


def test_subsets_of_features_tell_detectors_apart_in_thirty_dimensions():
    X = np.random.default_rng(0).normal(size=(300, 30))
    options = {"n_subsets": 4, "n_features": 3, "n_uniform": 2000}
    sensible = em_mv_scores(forest(), X, **options)
    inverted = em_mv_scores(Inverted(n_estimators=10, random_state=0), X, **options)
    assert np.all(sensible.excess_mass > inverted.excess_mass)
    assert np.all(sensible.mass_volume < inverted.mass_volume)
    np.testing.assert_array_equal(sensible.features, inverted.features)


class Recorder(OutlierMixin, BaseEstimator):
    """Remembers what it was fitted on and asked about."""

    log = []

    def fit(self, X, y=None):
        self.log.append(("fit", X))
        return self

    def score_samples(self, X):
        self.log.append(("score", X))
        return -np.abs(X).sum(axis=1)


def test_subsets_are_fitted_on_one_part_and_measured_on_the_other():
    Recorder.log.clear()
    X = np.arange(200.0).reshape(20, 10)
    scores = em_mv_scores(Recorder(), X, n_subsets=3, n_features=4, test_size=0.25, n_uniform=9)
    assert scores.features.shape == (3, 4)
    steps = [Recorder.log[start : start + 3] for start in range(0, 9, 3)]
    for columns, ((_, train), (_, test), (_, uniform)) in zip(scores.features, steps, strict=True):
        assert len(set(columns)) == 4
        assert (train.shape, test.shape, uniform.shape) == ((15, 4), (5, 4), (9, 4))
        met = np.sort(np.vstack([train, test])[:, 0])
        np.testing.assert_array_equal(met, X[:, columns[0]])
        assert np.all((uniform >= test.min(axis=0)) & (uniform <= test.max(axis=0)))


def test_subsets_are_deterministic_and_leave_the_estimator_and_the_global_generator():
    X = np.random.default_rng(0).normal(size=(60, 6))
    detector, state = forest(), np.random.get_state()[1].copy()
    options = {"n_subsets": 2, "n_features": 2, "n_uniform": 100}
    one, two, other = (
        em_mv_scores(detector, X, random_state=seed, **options) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.excess_mass, two.excess_mass)
    assert not np.array_equal(one.excess_mass, other.excess_mass)
    assert not hasattr(detector, "estimators_")
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.filterwarnings("error")
def test_subsets_of_a_frame_keep_its_columns(library):
    X = np.random.default_rng(0).normal(size=(60, 4))
    names = ["a", "b", "c", "d"]
    if library == "pandas":
        frame = pytest.importorskip("pandas").DataFrame(X, columns=names)
    else:
        frame = pytest.importorskip("polars").DataFrame(X, schema=names)
    options = {"n_subsets": 2, "n_features": 2, "n_uniform": 100}
    found = em_mv_scores(forest(), frame, **options)
    np.testing.assert_array_equal(
        found.mass_volume, em_mv_scores(forest(), X, **options).mass_volume
    )


def test_all_features_are_taken_where_there_are_few():
    X = np.random.default_rng(0).normal(size=(40, 2))
    scores = em_mv_scores(forest(), X, n_subsets=2, n_uniform=100)
    np.testing.assert_array_equal(scores.features, [[0, 1], [0, 1]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_subsets": 0}, "n_subsets=0 must be an integer of at least 1"),
        ({"n_features": 2.0}, "n_features=2.0 must be an integer of at least 1"),
        ({"test_size": 1.0}, r"test_size=1.0: a share in \(0, 1\)"),
        ({"test_size": "half"}, "test_size='half': a share"),
        ({"n_uniform": -1}, "n_uniform=-1 must be an integer of at least 1"),
        ({"random_state": -1}, "random_state=-1: an integer of at least 0 or a numpy.random.Gen"),
    ],
    ids=str,
)
def test_bad_options_of_the_subsets_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        em_mv_scores(forest(), np.eye(6), **options)
