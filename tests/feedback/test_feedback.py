"""A detector that asks about rows, and learns from the answers."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr
from sklearn import config_context
from sklearn.ensemble import ExtraTreesClassifier, IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KernelDensity, LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepad import SDGM, AutoEncoder, DetectorEnsemble, DevNet, LeSiNN, default_detector
from skdeepad.calibration import ConformalDetector
from skdeepad.datasets import fetch_adbench, list_datasets
from skdeepad.feedback import FeedbackDetector
from skdeepad.feedback._questions import draw_questions, exponent_for, share_of_anomalies
from skdeepad.metrics import anomaly_average_precision, anomaly_roc_auc

from ..instances import without_labels


def small(**params):
    params = {"detector": LeSiNN(max_samples=64), "random_state": 0} | params
    return FeedbackDetector(params.pop("detector"), **params)


@without_labels
@pytest.mark.filterwarnings("ignore:The scores of the training rows are all equal")
@parametrize_with_checks([FeedbackDetector(), FeedbackDetector(IsolationForest(), random_state=0)])
def test_check_estimator(estimator, check):
    check(estimator)


def table(n=600, share=0.1, seed=0):
    """Rows of which some have an unusual value in a column where the prior sees nothing."""
    rng = np.random.RandomState(seed)
    X, is_anomaly = rng.randn(n, 6), rng.rand(n) < share
    X[is_anomaly, 2] = 0.05 * rng.randn(is_anomaly.sum()) + 0.7
    X[is_anomaly, 3] += 1
    return X, np.where(is_anomaly, -1, 1)


@pytest.fixture
def X():
    return table()[0]


@pytest.fixture
def y():
    return table()[1]


# Scores --------------------------------------------------------------------------------------


def test_without_answers_scores_are_those_of_the_prior(X, y):
    det = small().fit(X)
    new = table(seed=1)[0]
    assert det.model_ is None
    assert len(det.answered_) == len(det.answers_) == 0
    assert_array_equal(det.score_samples(new), det.prior_.score_samples(new))
    normal = np.flatnonzero(y > 0)[:20]  # answers without an anomaly change no score
    assert_array_equal(
        det.teach(normal, y[normal]).score_samples(new), det.prior_.score_samples(new)
    )


def test_scores_are_the_probability_and_the_weighted_prior(X, y):
    det = small(detector=IsolationForest(), prior_weight=0.5).fit(X)
    det.teach(np.arange(100), y[:100])
    new = table(seed=1)[0]
    median = np.median(det.prior_.score_samples(X))
    unit = median - np.quantile(det.prior_.score_samples(X), 0.05)
    prior = ((median - det.prior_.score_samples(new)) / unit).clip(-1, 5)
    scaled = StandardScaler().fit(X).transform(new)
    features = np.c_[scaled, prior].astype(np.float32)
    trees, linear = (each.predict_proba(features)[:, 1] for each in det.model_.estimators_)
    assert_allclose(-det.score_samples(new), (2 * trees + linear) / 3 + 0.5 * prior)


def test_features_of_the_model_are_standardised_and_compressed(X, y):
    far = X * 1e6
    far[0, 0] = 1e30
    det = small(model=LogisticRegression()).fit(far).teach(np.arange(100), y[:100])
    features = det._learned._features(det._rows, det._prior.columns)
    assert 20 < np.abs(features).max() < 30
    assert_allclose(features[:, 1 : X.shape[1]], StandardScaler().fit_transform(far)[:, 1:], 1e-6)


def test_each_member_of_an_ensemble_is_a_feature_of_the_model(X, y):
    ensemble = DetectorEnsemble([("a", LeSiNN()), ("b", IsolationForest())], weights=[3, 1])
    det = small(detector=ensemble).fit(X).teach(np.arange(100), y[:100])
    assert det.model_.n_features_in_ == X.shape[1] + 2


def test_answers_find_anomalies_that_the_prior_does_not():
    X, y = table(2000)
    X_test, y_test = table(2000, seed=1)
    det = small().fit(X)
    before = roc_auc_score(y_test, det.score_samples(X_test))
    for _ in range(6):
        rows = det.query(10)
        det.teach(rows, y[rows])
    after = roc_auc_score(y_test, det.score_samples(X_test))
    assert before < 0.6 < 0.8 < after


def test_the_threshold_follows_the_answers_and_contamination(X, y):
    det = small(contamination=0.2).fit(X)
    before = det.offset_
    det.teach(np.arange(100), y[:100])
    assert det.offset_ != before
    assert (det.predict(X) == -1).mean() == pytest.approx(0.2, abs=0.03)
    det.offset_ = -0.5
    assert det.offset_ == -0.5
    assert det.teach([100], [y[100]]).offset_ != -0.5  # scores are others now


# Answers -------------------------------------------------------------------------------------


def test_scores_do_not_depend_on_the_order_of_the_answers(X, y):
    together = small().fit(X).teach(np.arange(60), y[:60])
    one_by_one = small().fit(X)
    for i in np.random.RandomState(0).permutation(60):
        one_by_one.teach([i], [y[i]])
    given = small().fit(X, np.where(np.arange(len(X)) < 60, y, 0))
    for other in (one_by_one, given):
        assert_array_equal(other.answered_, np.arange(60))
        assert_array_equal(other.answers_, y[:60])
        assert_array_equal(other.score_samples(X), together.score_samples(X))


def test_an_answer_can_be_corrected_and_withdrawn(X, y):
    det = small().fit(X).teach(np.arange(60), -y[:60]).teach(np.arange(60), y[:60])
    right = small().fit(X).teach(np.arange(60), y[:60])
    assert_array_equal(det.score_samples(X), right.score_samples(X))
    det.teach(np.arange(60), np.zeros(60))
    assert_array_equal(det.score_samples(X), det.prior_.score_samples(X))


def test_anomalies_alone_are_compared_with_the_lower_part_of_the_ranking(X, y):
    anomalies = np.flatnonzero(y < 0)[:15]
    det = small().fit(X).teach(anomalies, y[anomalies])
    new, truth = table(seed=1)
    before = average_precision_score(truth < 0, -det.prior_.score_samples(new))
    assert average_precision_score(truth < 0, -det.score_samples(new)) > before


def test_rows_that_were_not_in_training_can_be_taught(X, y):
    new, truth = table(200, seed=2)
    det = small().fit(X).teach(new, truth)
    scores = det.score_samples(X)
    assert len(det.answered_) == 0
    assert roc_auc_score(y, scores) > roc_auc_score(y, det.prior_.score_samples(X))
    assert (det.teach(np.arange(50), y[:50]).score_samples(X) != scores).any()


@pytest.mark.parametrize(
    ("rows", "labels", "match"),
    [
        ([600], [1], r"rows=\[600\] must hold numbers of training rows, from 0 to 599, or"),
        ([-1], [1], r"rows=\[-1\] must hold numbers"),
        ([[1, 2], [3]], [1, 1], r"rows=\[\[1, 2\], \[3\]\] must hold numbers"),
        ([0.5], [1], r"rows=\[0.5\] must hold numbers"),
        ([0, 1], [1], r"labels must hold one for each of 2 row\(s\), got 1"),
        ([0], None, "labels must hold an answer for each row, got None"),
        ([0], ["yes"], "labels must hold numbers, below 0 for a known anomaly"),
        ([0], [np.nan], "labels contains NaN"),
        ([7], 1, r"labels should be a 1d array, got an array of shape \(\)"),
        ([7, 8], [[1, 1], [1, 1]], "labels should be a 1d array"),
        ([7], [], r"labels must hold one for each of 1 row\(s\), got 0"),
        ([], [1], r"labels=\[1\] must be empty if rows=\[\] are"),
        ([], None, "labels=None must be empty"),
        ([3, 3, 20], [-1, 1, -1], r"labels\[1\] contradicts that of an equal row"),
        (np.zeros((2, 6)), [1, -1], r"labels\[1\] contradicts that of an equal row"),
        (np.full((1, 6), np.nan), [1], "Input X contains NaN"),
        (np.zeros((2, 5)), [1, 1], "X has 5 features, but FeedbackDetector is expecting 6"),
    ],
    ids=str,
)
def test_wrong_answers_lose_nothing(rows, labels, match, X, y):
    det = small().fit(X).teach(np.arange(60), y[:60])
    scores = det.score_samples(X)
    with pytest.raises(ValueError, match=match):
        det.teach(rows, labels)
    assert_array_equal(det.score_samples(X), scores)
    assert_array_equal(det.answered_, np.arange(60))


def test_an_interrupted_lesson_leaves_the_detector_as_it_was(X, y):
    class Stopped(ExtraTreesClassifier):
        def fit(self, X, y):
            raise KeyboardInterrupt

    det = small().fit(X).teach(np.arange(60), y[:60])
    scores = det.score_samples(X)
    det.set_params(model=Stopped())
    with pytest.raises(KeyboardInterrupt):
        det.teach(np.arange(60, 80), y[60:80])
    assert_array_equal(det.score_samples(X), scores)
    assert len(det.answered_) == 60


def test_other_rows_are_answered_once_whatever_the_order_and_those_of_training_by_number(X, y):
    new, truth = table(80, seed=2)
    together = small().fit(X).teach(new, truth)
    one_by_one = small().fit(X)
    for i in np.random.RandomState(0).permutation(80):
        one_by_one.teach(new[[i]], [-truth[i]]).teach(new[[i]], [truth[i]])
    assert_array_equal(one_by_one.score_samples(X), together.score_samples(X))
    together.teach(new, np.zeros(80))
    assert_array_equal(together.score_samples(X), together.prior_.score_samples(X))
    det = small().fit(X)
    rows = det.query(10)
    det.teach(X[rows], y[rows])
    assert_array_equal(det.answered_, np.sort(rows))
    assert not set(det.query(300).tolist()) & set(rows.tolist())


def test_rows_are_taught_with_the_columns_of_fit(X, y):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    det = small().fit(frame)
    with pytest.raises(ValueError, match="feature names should match"):
        det.teach(frame[list("bacdef")][:20], y[:20])
    det.teach(frame[:60] + 0.5, y[:60])
    assert det._answers.rows.shape == (60, 6)


def test_training_rows_are_a_copy(X, y):
    rows = X.copy()
    det, other = small().fit(rows), small().fit(X)
    rows[:] = 0
    det.teach(np.arange(60), y[:60])
    assert_array_equal(det.score_samples(X), other.teach(np.arange(60), y[:60]).score_samples(X))


def test_equals_of_an_anomaly_are_not_taken_for_normal(X):
    X[:100] = X[0]
    det = small().fit(X).teach([0], [-1])
    assert not set(det._presumed_normal().tolist()) & set(range(100))


def test_an_answer_about_every_row_and_no_answer_at_all(X, y):
    det = small(model=LogisticRegression()).fit(X[:20]).teach(np.arange(20), -np.ones(20))
    assert det.model_ is None  # there is nothing to compare anomalies with
    assert det.query(5).size == 0
    assert det.teach(det.query(5), []) is det
    assert det.teach(X[:0], []) is det


def test_labels_that_may_be_0_and_1_are_warned_of(X):
    det = small().fit(X)
    with pytest.warns(UserWarning, match="1 is a normal row, and 0 withdraws an answer"):
        det.teach([3, 4], [0, 1])
    assert det.answered_.tolist() == [4]


def test_a_weight_that_changes_takes_effect_with_the_next_answers(X, y):
    det = small().fit(X).teach(np.arange(60), y[:60])
    scores = det.score_samples(X)
    det.set_params(prior_weight=5.0)
    assert_array_equal(det.score_samples(X), scores)
    assert (det.teach([60], [y[60]]).score_samples(X) != scores).any()


def test_the_prior_of_an_ensemble_compares_no_row_with_itself(X):
    members = [("lof", LocalOutlierFactor(n_neighbors=5, novelty=True)), ("lesinn", LeSiNN())]
    det = small(detector=DetectorEnsemble(members)).fit(X)
    assert_array_equal(det.training_scores_, det.prior_.training_scores_)


def test_no_product_of_finite_rows_is_warned_of_as_invalid(X, y, monkeypatch):
    def fit(model, *args, fit=LogisticRegression.fit, **kwargs):
        np.array([np.inf]) - np.inf  # sets the flag that OpenBLAS sets now and then
        return fit(model, *args, **kwargs)

    quiet = FeedbackDetector(random_state=0).fit(X, y).score_samples(X)
    monkeypatch.setattr(LogisticRegression, "fit", fit)
    assert_array_equal(FeedbackDetector(random_state=0).fit(X, y).score_samples(X), quiet)


def test_a_class_in_place_of_a_model_is_named(X):
    with pytest.raises(ValueError, match="must be an instance, not a class"):
        small(model=LogisticRegression).fit(X)


def test_a_frozen_prior(X, y):
    frozen = FrozenEstimator(LeSiNN(random_state=0).fit(X))
    det = small(detector=frozen).fit(X)
    assert_array_equal(det.score_samples(X), frozen.score_samples(X))


# Questions -----------------------------------------------------------------------------------


def test_questions_are_the_same_until_there_are_answers(X, y):
    det = small().fit(X)
    rows = det.query(10)
    assert len(set(rows.tolist())) == 10
    assert_array_equal(det.query(10), rows)
    det.teach(rows, y[rows])
    assert not set(det.query(10).tolist()) & set(rows.tolist())


def test_no_two_questions_are_about_equal_rows(y):
    X = np.repeat(table(60)[0], 10, axis=0)
    det = small().fit(X)
    rows = det.query(30)
    assert len(np.unique(X[rows], axis=0)) == 30
    det.teach(rows, y[rows])
    rest = det.query(100)
    assert len(rest) == 30
    assert len(np.unique(X[np.r_[rows, rest]], axis=0)) == 60
    assert len(det.teach(rest, y[rest]).query(5)) == 0


@pytest.mark.parametrize("n_rows", [0, -1, 2.5, "all"])
def test_a_wrong_number_of_questions_is_named(n_rows, X):
    with pytest.raises(ValueError, match="must be an integer of at least 1"):
        small().fit(X).query(n_rows)


def test_the_share_of_anomalies_is_estimated_without_the_preference_of_the_questions():
    rng = np.random.RandomState(0)
    is_anomaly = rng.rand(5000) < 0.3
    scores, kinds = 2.0 * is_anomaly + rng.randn(5000), np.arange(5000)
    is_open = np.ones(5000, dtype=bool)
    rows, chances = draw_questions(scores, kinds, is_open, 2000, 1.0, rng)
    known = list(zip(chances, is_anomaly[rows], strict=True))
    assert is_anomaly[rows].mean() > 0.4
    assert share_of_anomalies([], 5000) == 0.05
    assert exponent_for(0.05) == 1.3
    assert exponent_for(0.5) == 0
    assert share_of_anomalies(known[:0], 5000) < share_of_anomalies(known, 5000) < 0.55


@pytest.mark.parametrize("batch", [10, 100])
def test_the_estimate_does_not_depend_on_how_many_are_asked_about_at_once(batch):
    rng = np.random.RandomState(0)
    is_anomaly = np.arange(1000) < 100
    scores, kinds = is_anomaly + rng.randn(1000), np.arange(1000)
    estimates = []
    for _ in range(60):
        is_open, known = np.ones(1000, dtype=bool), []
        while len(known) < 100:
            rows, chances = draw_questions(scores, kinds, is_open, batch, 1.0, rng)
            is_open[rows] = False
            known += list(zip(chances, is_anomaly[rows], strict=True))
        estimates.append(share_of_anomalies(known, 1000))
    assert 0.1 < np.mean(estimates) < 0.15


def test_with_exponent_0_questions_are_at_random_and_with_1_they_follow_the_ranking():
    scores, kinds, is_open = -np.arange(1000.0), np.arange(1000), np.ones(1000, dtype=bool)
    mean = {
        exponent: np.mean(
            [
                draw_questions(scores, kinds, is_open, 20, exponent, np.random.RandomState(i))[0]
                for i in range(50)
            ]
        )
        for exponent in (0.0, 1.0)
    }
    assert abs(mean[0.0] - 499.5) < 40
    assert mean[1.0] < 200


# Compositions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        DevNet(max_epochs=3),
        ExtraTreesClassifier(10, random_state=3),
    ],
    ids=lambda model: type(model).__name__,
)
def test_any_classifier_and_detectors_that_learn_from_labels_can_be_the_model(model, X, y):
    det = small(model=model).fit(X).teach(np.arange(100), y[:100])
    scores = det.score_samples(X)
    assert np.isfinite(scores).all()
    assert roc_auc_score(y, scores) > roc_auc_score(y, det.prior_.score_samples(X))


@pytest.mark.parametrize(
    "model",
    [
        AutoEncoder(),
        LeSiNN(),
        make_pipeline(StandardScaler(), IsolationForest()),
        default_detector(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_model_that_ignores_labels_is_refused(model, X):
    with pytest.raises(ValueError, match="ignores labels, and would learn nothing from the answe"):
        small(model=model).fit(X)


def test_a_model_that_asks_learns_from_labels(X, y):
    inner = FeedbackDetector(IsolationForest(), random_state=0)
    one, other = (small(model=inner).fit(X, given).score_samples(X) for given in (y, -y))
    assert spearmanr(one, other)[0] < 0.9


def test_a_deep_prior_a_copy_and_a_frame(X, y):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    det = small(detector=AutoEncoder(max_epochs=3)).fit(frame).teach(np.arange(60), y[:60])
    assert det.feature_names_in_.tolist() == list("abcdef")
    copy = pickle.loads(pickle.dumps(det))
    assert_array_equal(copy.score_samples(frame), det.score_samples(frame))
    assert_array_equal(copy.query(5), det.query(5))
    assert_array_equal(
        copy.teach([70], [y[70]]).score_samples(frame),
        det.teach([70], [y[70]]).score_samples(frame),
    )


def test_behind_an_encoder_and_within_a_conformal_detector(X, y):
    frame = pd.DataFrame(X).assign(kind=np.where(X[:, 0] > 0, "a", "b"))
    pipeline = make_pipeline(OneHotEncoder(sparse_output=False), small())
    pipeline.fit(frame[["kind"]].join(frame.iloc[:, :2].round().astype(str)).rename(columns=str))
    rows = pipeline[-1].query(5)
    pipeline[-1].teach(rows, y[rows])
    det = ConformalDetector(small(), random_state=0).fit(X, np.where(np.arange(600) < 100, y, 0))
    assert ((det.p_values(X) > 0) & (det.p_values(X) <= 1)).all()


def test_the_same_seed_gives_the_same_questions_and_scores(X, y):
    first, second = small().fit(X), small().fit(X)
    for det in (first, second):
        for _ in range(2):
            rows = det.query(8)
            det.teach(rows, y[rows])
    assert_array_equal(first.answered_, second.answered_)
    assert_array_equal(first.score_samples(X), second.score_samples(X))


def test_no_number_of_answers_makes_the_ranking_of_other_rows_worse_in_the_mean():
    budgets, found = (0, 1, 2, 3, 5, 10, 20, 30), []
    for name in list_datasets():
        X, y = fetch_adbench(name, return_X_y=True)
        X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
        det, of_set = FeedbackDetector(random_state=0).fit(X), []
        for more in np.diff(budgets, prepend=0):
            if more:
                rows = det.query(more)
                det.teach(rows, np.where(y[rows] == 1, -1, 1))
            scores = det.score_samples(X_test)
            of_set.append(
                (anomaly_roc_auc(y_test, scores), anomaly_average_precision(y_test, scores))
            )
        found.append(of_set)
    before, *after = np.mean(found, axis=0)
    assert (np.array(after) > before).all()
    assert after[-1][1] > before[1] + 0.2


def test_a_detector_of_classes_learns_as_a_detector():
    X, y = table(200)
    det = (
        small(detector=LeSiNN(), model=SDGM(max_steps=20, n_draws=1))
        .fit(X)
        .teach(np.arange(60), y[:60])
    )
    assert det.model_.n_features_in_ == X.shape[1]
    learned = -det.score_samples(X) - 0.15 * det._prior.mean(det._prior.columns_of(X))
    assert_allclose(
        spearmanr(learned, -det.model_.score_samples(det._learned._features(X, None)))[0], 1
    )
    assert np.ptp(learned) > 0


@pytest.mark.parametrize("model", [KernelDensity(), GaussianMixture()], ids=["kernel", "mixture"])
def test_a_density_estimator_may_be_the_model(model):
    X, y = table(200)
    det = small(detector=LeSiNN(), model=model).fit(X).teach(np.arange(60), y[:60])
    assert np.isfinite(det.score_samples(X)).all()


def test_rows_that_overflow_when_they_are_standardised_are_refused_before_anyone_is_asked():
    X, _ = table(200)
    X[:, 0] *= 1e306
    with pytest.raises(ValueError, match="can't be computed with in float32 once it is scaled"):
        small(detector=LeSiNN()).fit(X)


def test_answers_about_equal_rows_are_about_one_row(X, y):
    twins = np.vstack([X, X[:3]])
    n = len(X)
    det = small(detector=LeSiNN()).fit(twins)
    with pytest.raises(ValueError, match="labels must agree on a row"):
        det.teach([1, n + 1], [-1, 1])
    det.teach([n + 1, 5], [-1, 1])
    assert_array_equal(det.answered_, [1, 5])
    assert_array_equal(det.answers_, [-1, 1])
    det.teach([1], [1])
    assert_array_equal(det.answers_, [1, 1])
    assert len(det.teach(twins[[n + 1]], [0]).answered_) == 1
    assert (det.query(n) < n).all()


def test_a_new_answer_replaces_labels_of_fit_about_equal_rows(X, y):
    twins = np.vstack([X, X[:3]])
    labels = np.zeros(len(twins))
    labels[[1, len(X) + 1, 7]] = -1, 1, 1
    det = small(detector=LeSiNN()).fit(twins, labels)
    assert_array_equal(det.answered_, [1, 7, len(X) + 1])
    assert_array_equal(det.teach([len(X) + 1], [-1]).answered_, [1, 7])
    assert_array_equal(det.answers_, [-1, 1])


@pytest.mark.parametrize(
    "params", [{"prior_weight": -5.0}, {"prior_weight": "a"}, {"model": "a"}], ids=str
)
def test_parameters_are_checked_again_when_answers_are_taught(params, X, y):
    det = small(detector=LeSiNN()).fit(X).teach(np.arange(60), y[:60])
    before = det.score_samples(X)
    det.set_params(**params)
    with pytest.raises(ValueError, match=f"The '{next(iter(params))}' parameter of Feedback"):
        det.teach(np.arange(70), y[:70])
    assert_array_equal(det.score_samples(X), before)


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_output_of_transformers_may_be_frames(container, X, y):
    expected = small().fit(X).teach(np.arange(60), y[:60]).score_samples(X)
    with config_context(transform_output=container):
        det = small().fit(X, np.r_[y[:60], np.zeros(len(X) - 60)])
        assert_array_equal(det.score_samples(X), expected)


def test_a_row_by_itself_has_the_same_score_to_the_bit(X, y):
    det = small().fit(X).teach(np.arange(60), y[:60])
    new = table(seed=1)[0]
    alone = [det.score_samples(row[None])[0] for row in new]
    assert_array_equal(det.score_samples(new), alone)


def test_a_file_of_an_earlier_version_learns_again_from_its_answers(X, y):
    det = small().fit(X).teach(np.arange(60), y[:60])
    state = dict(det.__getstate__())
    for name in ("_learned", "_scaler"):
        del state[name]
    state["_kinds"] = state["_kinds"] + 5  # they had other numbers
    earlier = FeedbackDetector.__new__(FeedbackDetector)
    earlier.__setstate__(state)
    assert_array_equal(earlier.score_samples(X), det.score_samples(X))
    assert_array_equal(earlier.query(5), det.query(5))


def test_zeros_and_ones_are_taken_for_signs_with_a_warning(X):
    y = np.resize([0, 0, 0, 1], len(X))
    with pytest.warns(UserWarning, match="so that rows of 1 are answered as normal ones"):
        small().fit(X, y)


def test_a_fitted_detector_takes_the_rows_that_its_prior_takes(X):
    rows = np.where(X > 2, np.nan, X)
    det = FeedbackDetector(AutoEncoder(max_epochs=2, missing="mask"), random_state=0).fit(rows)
    scores = det.score_samples(rows)
    assert_array_equal(det.set_params(detector=None).score_samples(rows), scores)
