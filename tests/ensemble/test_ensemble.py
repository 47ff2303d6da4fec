"""Ensembles: laws of scikit-learn, seeds, and each combination against its formula."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepad import VAE, AutoEncoder, DetectorEnsemble, default_detector
from skdeepad.ensemble._combinations import COMBINATIONS


def small(**params):
    settings = {"n_estimators": 2, "random_state": 0} | params
    return DetectorEnsemble(AutoEncoder(max_epochs=3), **settings)


@parametrize_with_checks([small()])
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_members_differ_and_the_same_seed_gives_the_same_scores(X):
    det = small().fit(X)
    first, second = det.estimators_
    assert (first.score_samples(X) != second.score_samples(X)).any()
    assert_array_equal(det.score_samples(X), small().fit(X).score_samples(X))
    assert_array_equal(det.score_samples(X), clone(det).fit(X).score_samples(X))
    assert (det.score_samples(X) != small(random_state=1).fit(X).score_samples(X)).any()


def test_seeds_in_the_estimator_are_replaced_at_any_depth(X):
    pipeline = make_pipeline(StandardScaler(), AutoEncoder(max_epochs=2, random_state=7))
    det = DetectorEnsemble(pipeline, n_estimators=3, random_state=0).fit(X)
    seeds = [member[-1].random_state for member in det.estimators_]
    assert len(set(seeds)) == 3
    assert 7 not in seeds
    assert pipeline[-1].random_state == 7


@pytest.mark.parametrize("n_jobs", [2, -1])
def test_members_trained_in_parallel_are_the_same(n_jobs, X):
    expected = small(n_estimators=3).fit(X).score_samples(X)
    assert_array_equal(small(n_estimators=3, n_jobs=n_jobs).fit(X).score_samples(X), expected)


def test_the_global_random_state_is_left_alone(X):
    before = np.random.get_state()[1].tolist()
    small().fit(X)
    assert np.random.get_state()[1].tolist() == before


@pytest.mark.parametrize("combine", ["log", "quantile", "rank", "zscore"])
def test_each_combination_is_its_formula_and_a_function_of_the_row(combine, X):
    det = small(combine=combine).fit(X)
    rows = np.r_[X[:50], 30 * X[:3]]
    member = [each.score_samples(rows) for each in det.estimators_]
    training = [each.score_samples(X) for each in det.estimators_]
    if combine == "log":
        parts = [-np.log(-scores) for scores in member]
    elif combine == "zscore":
        pairs = zip(member, training, strict=True)
        parts = [(scores - t.mean()) / t.std() for scores, t in pairs]
    elif combine == "quantile":
        parts = []
        for scores, t in zip(member, training, strict=True):
            median, upper = np.quantile(-t, [0.5, 0.95])
            parts.append(-np.clip((-scores - median) / (upper - median), -3, 10))
    else:
        below = [(t[:, None] < s).mean(0) for s, t in zip(member, training, strict=True)]
        parts = [share * len(X) / (len(X) - 1) for share in below]
    inside = slice(0, 50)
    expected = np.mean(parts, axis=0)
    assert_allclose(det.score_samples(rows)[inside], expected[inside], rtol=1e-9)
    assert_array_equal(det.score_samples(rows[::-1])[::-1], det.score_samples(rows))
    assert_array_equal(det.score_samples(rows[:1]), det.score_samples(rows)[:1])
    # The right order beyond the training scores too.
    far = det.score_samples(np.array([20, 30, 40])[:, None] * X[:1])
    if combine != "log":  # the logarithms are of clipped residuals
        assert (np.diff(far) <= 0).all()
    assert (far < det.training_scores_[0]).all()
    assert (far == -10).all() == (combine == "quantile")


def test_ranks_go_on_beyond_the_training_scores():
    from skdeepad.base._training_scores import ranks_among

    training = np.array([-4.0, -2.0, 0.0])
    assert_allclose(
        ranks_among(np.array([-8.0, -4, -3, -1, 0, 1]), training), [-1, 0, 0.25, 0.75, 1, 1.25]
    )


@pytest.mark.parametrize(
    ("training", "scores", "expected"),
    [
        (np.full(100, 0.1), [0.0, 0.1, 0.2, np.nan], [-0.1, 0, 0.1, np.nan]),
        # No .95 quantile beyond the median: the range is the unit.
        (np.r_[-4.0, np.zeros(99)], [-4, -40, -80, 4, 40], [-1, -10, -10, 1, 3]),
        (np.arange(101.0), [50, 5, 95, 0, -np.inf, np.inf], [0, -1, 1, -10 / 9, -10, 3]),
    ],
)
def test_quantiles_of_scores_that_hardly_differ_and_limits(training, scores, expected):
    found = COMBINATIONS["quantile"](np.array(scores, dtype=float), training)
    assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("combine", ["log", "quantile", "rank", "zscore"])
@pytest.mark.parametrize("weights", [None, np.arange(1, 13)])
def test_a_row_alone_has_the_score_that_it_has_among_others(combine, weights, X):
    forest = IsolationForest(n_estimators=3)
    det = DetectorEnsemble(forest, 12, combine=combine, weights=weights, random_state=0).fit(X)
    alone = [det.score_samples(row[None])[0] for row in X[:30]]
    assert_array_equal(alone, det.score_samples(X)[:30])


def test_negative_anomaly_scores_are_not_combined_by_logarithms(X):
    before = small(combine="log").fit(X)
    scores = before.score_samples(X)
    before.set_params(estimator=OneClassSVM())
    with pytest.raises(ValueError, match=r"'log' needs .* OneClassSVM .* 'quantile', 'rank' or"):
        before.fit(X)
    assert_array_equal(before.score_samples(X), scores)


def test_rows_without_any_residual_have_a_finite_score():
    X = np.ones((40, 3))
    with pytest.warns(UserWarning, match="all equal"):
        det = small().fit(X)
    assert np.isfinite(det.score_samples(X)).all()


def test_a_member_that_tells_no_rows_apart_is_named(X):
    far = X + 1e9  # in float32, in which the forest has them, the rows are the same
    with pytest.warns(ConvergenceWarning, match="by the member 'forest' are all equal") as seen:
        det = default_detector(random_state=0).fit(far)
    assert len(seen) == 1
    assert len(np.unique(det.score_samples(far))) > 100


class NoScoreOfFarRows(IsolationForest):
    def score_samples(self, X):
        return np.where(np.abs(X).max(axis=1) > 3, np.nan, super().score_samples(X))


@pytest.mark.parametrize("combine", ["log", "rank"])
def test_a_member_whose_scores_are_not_finite_is_named(combine, X):
    members = [
        ("forest", IsolationForest(n_estimators=3)),
        ("broken", NoScoreOfFarRows(n_estimators=5)),
    ]
    with pytest.warns(ConvergenceWarning, match="are not finite") as seen:
        DetectorEnsemble(members, combine=combine, random_state=0).fit(X)
    assert ["by the member 'broken'" in str(w.message) for w in seen] == [False, True]


def test_an_ensemble_that_tells_no_rows_apart_warns_once(X):
    forest = IsolationForest(n_estimators=3)
    with pytest.warns(ConvergenceWarning, match="are all equal") as seen:
        DetectorEnsemble(forest, 4, random_state=0).fit(np.ones((20, 2)))
    assert len(seen) == 1


def test_any_estimator_with_score_samples_can_be_a_member(X, far_anomalies):
    rows, y = far_anomalies
    det = DetectorEnsemble(IsolationForest(n_estimators=10), random_state=0).fit(X)
    assert len(det.estimators_) == 5
    assert roc_auc_score(y, -det.score_samples(rows)) > 0.95
    with pytest.raises(ValueError, match="'estimator' parameter of DetectorEnsemble"):
        DetectorEnsemble(StandardScaler()).fit(X)
    with pytest.raises(ValueError, match="must be an instance"):
        DetectorEnsemble(IsolationForest).fit(X)


def test_an_ensemble_varies_less_over_seeds_than_its_members(X, broken_correlations):
    rows, y = broken_correlations

    def areas(make):
        scores = [make(seed).fit(X).score_samples(rows) for seed in range(6)]
        return [roc_auc_score(y, -each) for each in scores]

    member = AutoEncoder(max_epochs=30)
    alone = areas(lambda seed: clone(member).set_params(random_state=seed))
    together = areas(lambda seed: DetectorEnsemble(member, random_state=seed))
    assert np.std(together) < np.std(alone)
    assert np.mean(together) > np.mean(alone)


@pytest.mark.parametrize("member", [VAE, lambda **p: make_pipeline(StandardScaler(), VAE(**p))])
def test_members_that_compare_with_the_training_rows_leave_out_the_row_itself(member, X):
    params = {"anomaly_score": "latent_euclidean", "max_epochs": 20}
    det = DetectorEnsemble(member(**params), n_estimators=2, random_state=0).fit(X[:150])
    assert np.ptp(det.training_scores_) > 0
    assert (det.predict(X[150:]) == -1).mean() < 0.4


def test_contamination_and_pickles_as_of_any_detector(X):
    det = small().fit(X)
    det.set_params(contamination=0.25)
    assert (det.predict(X) == -1).sum() == 75
    twin = pickle.loads(pickle.dumps(det))
    assert_array_equal(twin.score_samples(X), det.score_samples(X))
    assert not hasattr(clone(det), "estimators_")


def test_members_parameters_can_be_searched(X, far_anomalies):
    rows, y = far_anomalies
    grid = {"estimator__lr": [1e-4, 1e-2], "combine": ["log", "rank"]}
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(small(), grid, scoring="roc_auc", cv=folds).fit(rows, 1 - 2 * y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


class Misshapen(IsolationForest):
    """Scores in another shape than that of a vector; as many as there are rows, or fewer."""

    def score_samples(self, X):
        scores = super().score_samples(X)
        return scores[:, None] if self.n_estimators == 5 else scores[:-1]


@pytest.mark.parametrize("n_trees", [5, 6])
def test_scores_that_are_no_vector_are_named(n_trees, X):
    members = [("odd", Misshapen(n_estimators=n_trees)), ("forest", IsolationForest())]
    with pytest.raises(ValueError, match="The member 'odd' must return one score for each of 300"):
        DetectorEnsemble(members, random_state=0).fit(X)


class NoChance(IsolationForest):
    """The score −∞ for a tenth of the rows."""

    def score_samples(self, X):
        return np.where(X[:, 0] < np.quantile(X[:, 0], 0.1), -np.inf, super().score_samples(X))


@pytest.mark.parametrize("combine", ["quantile", "rank"])
def test_infinite_scores_of_a_member_are_its_most_abnormal(combine, X):
    members = [("far", NoChance(n_estimators=5)), ("forest", IsolationForest(n_estimators=5))]
    with pytest.warns(ConvergenceWarning, match="by the member 'far' are not finite"):
        det = DetectorEnsemble(members, combine=combine, random_state=0).fit(X)
    scores = det.score_samples(X)
    lowest = X[:, 0] < np.quantile(X[:, 0], 0.1)
    assert np.isfinite(scores).all()
    assert scores[lowest].mean() < scores[~lowest].mean() - 0.1


@pytest.mark.filterwarnings("ignore:The scores of the training rows are not finite")
def test_infinite_scores_stay_infinite_as_standard_deviations_and_leave_others_alone(X):
    members = [("far", NoChance(n_estimators=5)), ("forest", IsolationForest(n_estimators=5))]
    with pytest.warns(ConvergenceWarning, match="by the member 'far' are not finite"):
        det = DetectorEnsemble(members, combine="zscore", random_state=0).fit(X)
    scores, lowest = det.score_samples(X), X[:, 0] < np.quantile(X[:, 0], 0.1)
    assert (scores[lowest] == -np.inf).all()
    assert np.isfinite(scores[~lowest]).all()


def test_a_member_without_weight_does_not_count(X):
    members = [("broken", NoScoreOfFarRows(n_estimators=5)), ("forest", IsolationForest())]
    with pytest.warns(ConvergenceWarning, match="by the member 'broken' are not finite"):
        det = DetectorEnsemble(members, weights=[0, 1], random_state=0).fit(X)
    assert np.isfinite(det.score_samples(X)).all()
