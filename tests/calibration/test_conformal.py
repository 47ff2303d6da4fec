"""Conformal p-values: their formula, their promise, and scikit-learn's laws."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import beta
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.covariance import EllipticEnvelope
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepad import AutoEncoder, DeepSAD
from skdeepad.calibration import ConformalDetector
from skdeepad.metrics import anomaly_roc_auc

from ..instances import without_labels


class FirstColumn(OutlierMixin, BaseEstimator):
    """Detector whose score is the first column."""

    def fit(self, X, y=None):
        self.n_seen_ = len(X)
        return self

    def score_samples(self, X):
        return np.asarray(X, dtype=float)[:, 0]


def small(**params):
    settings = {"alpha": 0.4, "random_state": 0} | params
    return ConformalDetector(AutoEncoder(max_epochs=3), **settings)


@without_labels
@parametrize_with_checks([small(), small(cv=3)])
def test_scikit_learn_check(estimator, check):
    check(estimator)


def column(*values):
    return np.array(values, dtype=float)[:, None]


def prefit(**params):
    calibration = column(3, 1, 2, 4)
    return ConformalDetector(FirstColumn(), cv="prefit", **{"alpha": 0.5} | params).fit(calibration)


# The formula ---------------------------------------------------------------------------------


def test_p_values_count_calibration_rows_that_are_as_abnormal():
    det = prefit()
    rows = column(0, 1, 1.5, 4, 9, np.nan, -np.inf, np.inf)
    assert_allclose(det.p_values(rows), np.array([1, 2, 2, 5, 5, 1, 1, 5]) / 5)
    assert_array_equal(det.calibration_scores_[0], [1, 2, 3, 4])
    assert det.n_calibration_ == 4


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.39, 0.4, 0.6, 0.8, 0.99])
@pytest.mark.parametrize("guarantee", ["marginal", "conditional"])
@pytest.mark.parametrize("cv", [0.5, 4])
def test_alarms_are_the_rows_whose_p_value_is_at_most_alpha(alpha, guarantee, cv):
    if cv == 4 and guarantee == "conditional":
        pytest.skip("a conditional guarantee needs one fold")
    rng = np.random.RandomState(0)
    X = rng.randn(38, 1).round(1)  # with ties
    params = {"cv": cv, "guarantee": guarantee, "delta": 0.5, "random_state": 0}
    det = ConformalDetector(FirstColumn(), alpha=0.9, **params).fit(X)
    det.alpha = alpha
    rows = np.r_[X, 3 * rng.randn(200, 1), column(np.nan, np.inf, -np.inf, 1e300, -1e300)]
    p, scores = det.p_values(rows), det.score_samples(rows)
    assert_array_equal(det.predict(rows) == -1, p <= alpha)
    assert_array_equal(det.decision_function(rows), scores - det.offset_)
    if guarantee == "marginal":
        assert ((scores < p) & (scores >= p - 1 / (det.n_calibration_ + 1) - 1e-12)).all()


def test_scores_keep_the_detectors_order_beyond_the_calibration_rows_too():
    rows = column(*np.linspace(-20, 20, 400))
    assert (np.diff(prefit().score_samples(rows)) > 0).all()


def test_folds_calibrate_the_detectors_that_have_not_seen_them():
    X = np.random.RandomState(0).randn(30, 1)
    det = ConformalDetector(FirstColumn(), cv=KFold(3), alpha=0.4).fit(X)
    assert [fitted.n_seen_ for fitted in det.detectors_] == [20] * 3
    assert_allclose(np.concatenate(det.calibration_scores_), np.sort(X.reshape(3, 10)).ravel())
    below = (X <= 0.3).sum()
    assert_allclose(det.p_values(column(0.3)), (1 + below) / 31)


def test_the_share_is_that_of_calibration_rows():
    det = ConformalDetector(FirstColumn(), cv=0.25, random_state=0).fit(np.zeros((100, 1)))
    assert det.n_calibration_ == 25
    assert det.detectors_[0].n_seen_ == 75


def test_known_anomalies_train_and_do_not_calibrate():
    rng = np.random.RandomState(0)
    X = rng.randn(60, 3)
    X[:6] += 6
    y = np.where(np.arange(60) < 6, -1, 0)
    deep = DeepSAD(max_epochs=30, pretrain_epochs=5)
    det = ConformalDetector(deep, alpha=0.2, random_state=0).fit(X, y)
    half = ConformalDetector(FirstColumn(), alpha=0.2, random_state=0).fit(X, y)
    assert det.n_calibration_ == half.n_calibration_ < 30
    assert_allclose(half.calibration_scores_[0].max(), X[6:, 0].max(), atol=3)
    assert not np.isin(half.calibration_scores_[0], X[:6, 0]).any()
    assert ConformalDetector(FirstColumn(), cv=KFold(10)).fit(X, y).n_calibration_ == 54
    with pytest.raises(ValueError, match="all rows that would calibrate"):
        ConformalDetector(FirstColumn(), cv="prefit").fit(X, -np.ones(60))
    again = ConformalDetector(FirstColumn(), alpha=0.2, random_state=0)
    assert_array_equal(again.fit_predict(X, y), half.predict(X))


def test_scores_that_are_no_numbers_count_as_the_lowest_in_calibration_too():
    rng = np.random.RandomState(0)
    X, new = np.where(rng.rand(2, 4000, 1) < 0.13, np.nan, rng.randn(2, 4000, 1))
    det = ConformalDetector(FirstColumn(), alpha=0.05, cv="prefit").fit(X)
    assert (det.predict(new) == -1).mean() < 0.06
    det.alpha = 0.2
    assert (det.predict(new) == -1).mean() == pytest.approx(0.2, abs=0.03)


# The promise ---------------------------------------------------------------------------------


@pytest.mark.parametrize("cv", [0.5, 5])
def test_the_rate_of_false_alarms_is_alpha_in_the_mean(cv):
    rates = []
    for seed in range(60):
        rng = np.random.RandomState(seed)
        X, new = rng.randn(2, 118, 4)
        envelope = EllipticEnvelope(support_fraction=1.0)
        det = ConformalDetector(envelope, alpha=0.1, cv=cv, random_state=seed).fit(X)
        rates.append((det.predict(new) == -1).mean())
    error = np.std(rates) / len(rates) ** 0.5
    assert np.mean(rates) <= 0.1 + 3 * error
    assert np.mean(rates) >= 0.1 - 1 / 60 - 3 * error  # α (n + 1) is rounded down
    assert error < 0.01


def test_with_a_conditional_guarantee_the_rate_of_one_calibration_is_rarely_above_alpha():
    # With uniform scores, the rate of alarms is the largest alarming calibration score itself.
    n, delta, alphas = 100, 0.2, np.linspace(0.03, 0.9, 30)
    above_marginal, above = 0, 0
    for seed in range(300):
        X = np.random.RandomState(seed).rand(n, 1)
        det = ConformalDetector(FirstColumn(), cv="prefit", delta=delta, alpha=0.5).fit(X)
        worse = {}
        for guarantee in ("marginal", "conditional"):
            det.guarantee = guarantee
            p = det.p_values(X)
            worse[guarantee] = any(
                (X[p <= alpha].max() if (p <= alpha).any() else 0) > alpha for alpha in alphas
            )
        above_marginal += worse["marginal"]
        above += worse["conditional"]
    assert above <= delta * 300 + 3 * (delta * (1 - delta) * 300) ** 0.5
    assert above_marginal > 200  # which the marginal p-values do not promise


def test_the_adjustment_is_simes():
    n, delta = 10, 0.1
    det = ConformalDetector(
        FirstColumn(), cv="prefit", alpha=0.9, guarantee="conditional", delta=delta
    ).fit(column(*range(n)))
    found = det.p_values(column(*(np.arange(-1, n) + 0.5)))
    expected = []
    for rank in range(1, n + 1):
        i, k = n + 1 - rank, n // 2
        ratio = np.prod([max(i - m, 0) / (n - m) for m in range(k)])
        expected.append(1 - (delta * ratio) ** (1 / k))
    assert_allclose(found, [*expected, 1.0])
    # The first bound alone holds with at least this probability.
    assert beta.cdf(found[0], 1, n) >= 1 - delta


def test_the_false_discovery_rate_is_held():
    shares, found = [], []
    for seed in range(60):
        rng = np.random.RandomState(seed)
        det = ConformalDetector(FirstColumn(), cv="prefit", alpha=0.2).fit(rng.randn(400, 1))
        new = np.r_[rng.randn(90, 1), rng.randn(10, 1) - 4]
        selected = det.discoveries(new)
        shares.append(selected[:90].sum() / max(1, selected.sum()))
        found.append(selected[90:].mean())
    assert np.mean(shares) <= 0.2 + 3 * np.std(shares) / 60**0.5
    assert np.mean(found) > 0.8
    assert det.discoveries(new, alpha=1e-6).sum() == 0
    for alpha in (2, "x"):
        with pytest.raises(ValueError, match="alpha="):
            det.discoveries(new, alpha=alpha)


def test_ties_of_a_selection_are_not_lost_to_rounding():
    det = ConformalDetector(FirstColumn(), cv="prefit", alpha=0.3).fit(column(*range(9)))
    assert_array_equal(det.discoveries(column(-1, 9, 9)), [True, False, False])


# Around it -----------------------------------------------------------------------------------


def test_too_few_calibration_rows_warn_that_there_is_no_alarm():
    with pytest.warns(UserWarning, match="no alarm"):
        det = prefit(alpha=0.1)
    assert (det.predict(column(-9, 0, 9)) == 1).all()
    with pytest.raises(ValueError, match="needs one set of calibration rows"):
        ConformalDetector(FirstColumn(), cv=3, guarantee="conditional").fit(np.zeros((9, 1)))
    repeated = ConformalDetector(FirstColumn(), cv=ShuffleSplit(3, test_size=0.5, random_state=0))
    with pytest.raises(ValueError, match="at most once"):
        repeated.fit(np.zeros((9, 1)))
    for train, held_out, message in (
        (np.arange(6), np.arange(5, 9), "must not train on rows that it holds out"),
        (np.arange(9), np.zeros(9, dtype=bool), "must hold out some rows"),
    ):
        with pytest.raises(ValueError, match=message):
            ConformalDetector(FirstColumn(), cv=Given(train, held_out)).fit(np.zeros((9, 1)))


class Given:
    def __init__(self, *parts):
        self.parts = parts

    def split(self, X, y=None, groups=None):
        yield self.parts


@pytest.mark.parametrize(
    ("name", "value"), [("guarantee", "foo"), ("delta", 5), ("alpha", 2), ("guarantee", None)]
)
def test_parameters_that_change_after_fit_are_checked(name, value):
    det = prefit().set_params(**{name: value})
    for method in (det.p_values, det.discoveries, det.predict):
        with pytest.raises(ValueError, match=name):
            method(column(1))
    folds = ConformalDetector(FirstColumn(), cv=2, alpha=0.9).fit(np.zeros((9, 1)))
    folds.guarantee = "conditional"
    with pytest.raises(ValueError, match="needs one set"):
        folds.p_values(column(1))


class HalvesAs:
    """A splitter whose parts of the rows are of any type."""

    def __init__(self, convert):
        self.convert = convert

    def split(self, X, y=None, groups=None):
        rows = np.arange(len(X))
        yield tuple(self.convert(part, len(X)) for part in (rows[::2], rows[1::2]))


@pytest.mark.parametrize(
    "convert",
    [lambda part, n: part.tolist(), lambda part, n: np.isin(np.arange(n), part)],
    ids=["lists", "masks"],
)
def test_parts_of_a_splitter_may_be_lists_or_masks(convert, X):
    halves = HalvesAs(lambda part, n: part)
    expected = small(cv=halves).fit(X).p_values(X)
    assert_array_equal(small(cv=HalvesAs(convert)).fit(X).p_values(X), expected)


def test_a_splitter_that_needs_labels_says_so(X):
    with pytest.raises(ValueError, match=r"cv=StratifiedKFold.* failed without y"):
        small(cv=StratifiedKFold()).fit(X)


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (GroupKFold(3), "failed without y and groups"),
        (PredefinedSplit([-1] * 300), "makes no fold"),
    ],
)
def test_a_splitter_without_folds_or_with_groups_says_so(cv, message, X):
    with pytest.raises(ValueError, match=message):
        small(cv=cv).fit(X)


@pytest.mark.parametrize("part", [[], [True, False], [0.5], [[1, 2]], [300], [-1]])
def test_parts_of_a_splitter_that_are_none_are_named(part, X):
    with pytest.raises(ValueError, match="must yield indices or masks of rows, got"):
        small(cv=HalvesAs(lambda rows, n: part)).fit(X)


def test_a_failed_fit_leaves_the_old_one(X):
    det = small().fit(X)
    before = det.score_samples(X)
    with pytest.raises(ValueError, match="NaN"):
        det.fit(np.full_like(X, np.nan))
    assert_array_equal(det.score_samples(X), before)


def test_pipelines_searches_frozen_detectors_and_pickles(X):
    pipeline = make_pipeline(StandardScaler(), AutoEncoder(max_epochs=3, random_state=0))
    inside = ConformalDetector(pipeline, alpha=0.2, random_state=0).fit(X)
    assert anomaly_roc_auc(np.arange(len(X)) < 5, inside.score_samples(X)) >= 0
    frozen = FrozenEstimator(pipeline.fit(X[:100]))
    det = ConformalDetector(frozen, cv="prefit").fit(X[100:])
    assert det.detectors_[0] is frozen
    assert_array_equal(pickle.loads(pickle.dumps(det)).p_values(X), det.p_values(X))
    outer = make_pipeline(StandardScaler(), small()).fit(X)
    assert set(outer.predict(X)) <= {-1, 1}
    search = GridSearchCV(
        small(), {"detector__lr": [1e-4, 1e-2]}, scoring=lambda est, X, y=None: 0.0, cv=2
    )
    assert search.fit(X).best_params_.keys() == {"detector__lr"}


def test_the_same_seed_gives_the_same_p_values(X):
    first, again = (small(cv=3).fit(X).p_values(X) for _ in range(2))
    assert_array_equal(first, again)
    assert (small(cv=3, random_state=1).fit(X).p_values(X) != first).any()


def test_a_frozen_detector_needs_no_labels():
    X = np.random.RandomState(0).randn(80, 3)
    frozen = FrozenEstimator(EllipticEnvelope(random_state=0).fit(X))
    det = ConformalDetector(frozen, random_state=0).fit(X)
    assert np.isfinite(det.score_samples(X)).all()


@pytest.mark.parametrize("cv", [0.999, 200])
def test_a_cv_that_does_not_fit_the_rows_is_named(cv, X):
    with pytest.raises(ValueError, match=f"cv={cv!r} does not fit 100 rows"):
        small(cv=cv).fit(X[:100])


def test_zeros_and_ones_are_taken_for_signs_with_a_warning(X):
    y = np.resize([0, 0, 0, 1], len(X))
    with pytest.warns(UserWarning, match="no labelled anomaly in y, so that no row is left out"):
        small().fit(X, y)
