import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepad import AAE, VAE, WAE, GroupAnomalyDetector
from skdeepad.group._errors import Spread, Tail
from skdeepad.group._group import NEEDS
from skdeepad.group._members import Members
from skdeepad.group._scores import Characterization

SMALL_VAE = VAE(hidden_layer_sizes=(16,), n_latent=2, n_draws=2, max_epochs=3)
every_score = pytest.mark.parametrize("score", sorted(NEEDS))


def small(**params):
    return GroupAnomalyDetector(**{"estimator": SMALL_VAE, "random_state": 0} | params)


def correlated(n_groups, rho, n_members, rng):
    """Groups of points in the plane with correlation ``rho``."""
    points = rng.standard_normal((n_groups, n_members, 2)).astype(np.float32)
    points[..., 1] = rho * points[..., 0] + np.sqrt(1 - rho**2) * points[..., 1]
    return points


@pytest.fixture(scope="module")
def groups_of_two_kinds():
    """Array of 60 groups of 200 points, the last 10 of the other correlation."""
    rng = np.random.RandomState(0)
    X = np.r_[correlated(50, 0.7, 200, rng), correlated(10, -0.7, 200, rng)]
    return X, np.repeat([0, 1], [50, 10])


@pytest.fixture(scope="module")
def labelled_rows(groups_of_two_kinds):
    """The rows of groups of different size in mixed order, and their labels."""
    rng = np.random.RandomState(1)
    X = groups_of_two_kinds[0]
    rows = X.reshape(-1, 2)[: 20 * 200]
    labels = np.array([f"g{i:02}" for i in np.repeat(np.arange(20), 200)])
    keep = rng.permutation(len(rows))[:1500]
    return rows[keep], labels[keep]


# What scikit-learn asks ---------------------------------------------------------------------


@parametrize_with_checks([small(), small(anomaly_score="reference")])
def test_scikit_learn_check(estimator, check):
    check(estimator)


# The paper's task ---------------------------------------------------------------------------


@pytest.mark.parametrize("n_normal", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_groups_that_are_correlated_the_other_way_round_are_found(n_normal):
    rng = np.random.RandomState(0)
    X = np.r_[correlated(n_normal, 0.7, 1536, rng), correlated(50, -0.7, 1536, rng)]
    y = np.repeat([0, 1], [n_normal, 50])
    vae = VAE(hidden_layer_sizes=(32, 32), n_latent=1, n_draws=2, max_steps=1000)
    det = GroupAnomalyDetector(vae, random_state=0).fit(X)
    scores = det.score_samples(X)
    assert roc_auc_score(y, -scores) >= 0.99
    shuffled = X[-60:, rng.permutation(1536)]
    assert_allclose(det.score_samples(shuffled), scores[-60:], rtol=0, atol=1e-9)


def test_a_few_outlying_members_show_in_the_greatest_score():
    rng = np.random.RandomState(0)
    X = correlated(120, 0.7, 100, rng)
    y = np.repeat([0, 1], [100, 20])
    X[y == 1, :2] = 4 * np.array([1, -1], dtype=np.float32)
    vae = VAE(hidden_layer_sizes=(16,), n_latent=1, n_draws=4, max_epochs=10)

    def auc(score):
        det = GroupAnomalyDetector(vae, anomaly_score=score, random_state=0).fit(X)
        return roc_auc_score(y, -det.score_samples(X))

    assert auc("max_point") > max(0.99, auc("reference"))


# Groups -------------------------------------------------------------------------------------


@every_score
def test_a_group_is_scored_by_its_own_rows_in_any_company(score, labelled_rows):
    X, labels = labelled_rows
    det = small(anomaly_score=score).fit(X, groups=labels)
    scores = dict(zip(pd.unique(labels), det.score_samples(X, labels), strict=True))
    assert list(scores) == list(det.groups_)
    assert_array_equal(np.sort(list(scores.values())), det.training_scores_)
    for label in det.groups_[:3]:
        mine = labels == label
        assert_array_equal(det.score_samples(X[mine], labels[mine]), [scores[label]])
    order = np.random.RandomState(0).permutation(len(X))
    again = det.score_samples(X[order], labels[order])
    expected = [scores[label] for label in pd.unique(labels[order])]
    assert_allclose(again, expected, rtol=0, atol=1e-9)


@every_score
def test_an_array_of_groups_is_rows_with_labels(score, groups_of_two_kinds):
    X, _ = groups_of_two_kinds
    labels = np.repeat(np.arange(60), 200)
    det = small(anomaly_score=score).fit(X)
    twin = small(anomaly_score=score).fit(X.reshape(-1, 2), groups=labels)
    assert_array_equal(det.groups_, np.arange(60))
    assert_array_equal(det.score_samples(X), twin.score_samples(X.reshape(-1, 2), labels))
    assert_array_equal(det.fit_predict(X), twin.predict(X.reshape(-1, 2), labels))
    assert (det.predict(X) == -1).sum() == 6


@pytest.mark.parametrize("score", ["mean_point", "max_point"])
def test_without_groups_each_row_is_scored_as_the_estimator_does(score, X):
    det = small(anomaly_score=score).fit(X)
    order = np.argsort(det.estimator_.score_samples(X))
    assert (np.diff(det.score_samples(X)[order]) > 0).all()
    assert_array_equal(det.groups_, np.arange(len(X)))


def test_moments_of_groups_are_numpys():
    rng = np.random.RandomState(0)
    labels, codes = rng.choice(list("zyx"), 50), rng.randn(50, 3)
    members = Members.from_labels(labels)
    assert_array_equal(members.labels, pd.unique(labels))
    upper = np.triu_indices(3)
    for label, mean, scatter, top in zip(
        members.labels,
        members.mean(codes),
        members.scatter(codes),
        members.max(codes[:, 0]),
        strict=True,
    ):
        mine = codes[labels == label]
        assert_allclose(mean, mine.mean(0))
        assert_allclose(scatter, (np.cov(mine.T) * (len(mine) - 1))[upper])
        assert top == mine[:, 0].max()


# Scores -------------------------------------------------------------------------------------


def test_the_characterization_is_measured_in_errors_of_groups_of_that_size(labelled_rows):
    X, labels = labelled_rows
    X = np.c_[X, np.random.RandomState(2).randn(len(X))]
    det = small(estimator=PcaDetector(2), anomaly_score="characterization").fit(X, groups=labels)
    codes, points = det.estimator_.transform(X), -det.estimator_.score_samples(X)
    by_group = [labels == label for label in det.groups_]
    m = np.array([[g.sum()] for g in by_group])
    scatter = np.array([np.cov(codes[g].T, bias=True)[[0, 0, 1], [0, 1, 1]] for g in by_group]) * m
    pooled = scatter.sum(0) / (len(X) - 20)
    strays = np.concatenate([codes[g] - codes[g].mean(0) for g in by_group])
    products = strays[:, [0, 0, 1]] * strays[:, [0, 1, 1]]
    within = sum(points[g].var() * g.sum() for g in by_group) / (len(X) - 20)
    parts = (
        (np.array([codes[g].mean(0) for g in by_group]), pooled[[0, 2]] / m),
        ((scatter + 3 * pooled) / (m + 2), products.var(0) * (m - 1) / (m + 2) ** 2),
        (np.array([[points[g].mean()] for g in by_group]), within / m),
    )
    expected = 0
    for values, errors in parts:
        z = Spread.of(values, errors).deviations(values, errors)
        expected = expected + (z**2).mean(1) / 3
    assert_allclose(-det.score_samples(X, labels), np.sqrt(expected), rtol=1e-6)


def test_what_groups_differ_by_beyond_sampling_is_found():
    rng = np.random.RandomState(0)
    errors = rng.choice([0.01, 1.0], (4000, 1))
    for between in (0.0, 0.5, 4.0):
        values = 3 + rng.randn(4000, 1) * np.sqrt(between + errors)
        values[:100] += 50
        spread = Spread.of(values, errors)
        assert abs(spread.center[0] - 3) < 0.1
        assert abs(spread.between[0] - between) < 0.12 * (between + 0.2)
        assert 0.9 < np.median(np.abs(spread.deviations(values, errors))) / 0.6745 < 1.1


def test_where_most_groups_are_alike_the_others_stray_by_a_few_deviations():
    values = np.zeros((100, 1))
    values[:4] = 1.0
    errors = np.zeros((100, 1))
    deviations = Spread.of(values, errors).deviations(values, errors)
    assert_allclose(deviations[:4], 5.0)
    assert (deviations[4:] == 0).all()
    alike = np.ones((9, 1))
    assert (Spread.of(alike, errors[:9]).deviations(alike + 1, errors[:9]) == 0).all()


def test_the_chance_of_the_greatest_of_many_is_uniform_for_each_size_and_falls_beyond():
    rng = np.random.RandomState(0)
    tail = Tail.of(rng.exponential(size=2_000_000))
    for size in (1, 5, 500):
        greatest = rng.exponential(size=(2000, size)).max(1)
        chances = np.exp(tail.log_chance_in(np.full(2000, size), greatest))
        assert_allclose(np.quantile(chances, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.05)
    far = tail.log_chance_in(np.full(4, 5), np.array([10.0, 20.0, 40.0, 1e6]))
    assert (np.diff(far) < 0).all()
    assert_allclose(far[2] - far[1], -20, rtol=0.1)


@pytest.mark.parametrize("score", NEEDS)
@pytest.mark.parametrize(
    "sizes",
    [((500, 100), (5, 100)), ((2, 100), (30, 100)), ((1, 100), (9, 100)), ((1, 150), (9, 50))],
    ids=str,
)
def test_groups_of_each_size_are_flagged_equally_often(score, sizes):
    rng, sizes = np.random.RandomState(0), np.repeat(*np.transpose(sizes))
    groups = np.repeat(np.arange(len(sizes)), sizes)
    mix = rng.randn(4, 4)
    det = GroupAnomalyDetector(VAE(max_steps=200), anomaly_score=score, random_state=0)
    det.fit(rng.randn(len(groups), 4) @ mix, groups=groups)
    outlying = det.predict(rng.randn(len(groups), 4) @ mix, groups=groups) == -1
    shares = [outlying[sizes == size].mean() for size in np.unique(sizes)]
    assert max(shares) < 0.25
    assert min(shares) > 0.02


@pytest.mark.parametrize("score", NEEDS)
def test_groups_smaller_than_those_of_training_are_flagged_as_often(score):
    rng = np.random.RandomState(0)
    mix = rng.randn(4, 4)
    det = GroupAnomalyDetector(VAE(max_steps=200), anomaly_score=score, random_state=0)
    det.fit(rng.randn(100, 10, 4) @ mix)
    for size in (1, 2, 5):
        groups = rng.randn(200, size, 4) @ mix
        assert 0.02 < (det.predict(groups) == -1).mean() < 0.25
        assert det.score_samples(groups + 5).max() < np.median(det.score_samples(groups))


@pytest.mark.parametrize("counts", [(198, 2), (150, 50), (0, 200)], ids=str)
def test_covariances_are_judged_by_the_groups_that_have_one(counts):
    rng = np.random.RandomState(0)

    def draw(*counts):
        sizes = np.repeat([1, 9], counts)
        members = Members.from_labels(np.repeat(np.arange(len(sizes)), sizes))
        return rng.randn(sizes.sum(), 3), rng.randn(sizes.sum()), members

    shares = []
    for _ in range(5):
        rows = draw(*counts)
        learned = Characterization.learn(*rows, np.ones(sum(counts), dtype=bool))
        threshold = np.quantile(learned.scores(*rows), 0.1)
        fresh = draw(1000, 0), draw(0, 1000)
        shares.append([(learned.scores(*each) < threshold).mean() for each in fresh])
    assert np.mean(shares, axis=0).min() > 0.02
    assert np.mean(shares, axis=0).max() < 0.4  # of two groups a covariance is known roughly


def test_whole_weights_are_repetitions_of_rows(labelled_rows):
    X, labels = labelled_rows
    weight = np.arange(len(X)) % 3
    weighted = small().fit(X, groups=labels, sample_weight=weight)
    repeated = small().fit(X.repeat(weight, axis=0), groups=labels.repeat(weight))
    assert_array_equal(weighted.score_samples(X, labels), repeated.score_samples(X, labels))
    assert weighted.offset_ == repeated.offset_
    with pytest.raises(ValueError, match="sample_weight must be None if X is an array"):
        small().fit(X[:1200].reshape(20, 60, 2), sample_weight=weight[:1200])


def test_references_are_decoded_from_means_and_not_from_sums(labelled_rows):
    X, labels = labelled_rows
    det = small(anomaly_score="reference", n_references=500).fit(X, groups=labels)
    assert det.reference_.shape == (500, 2)
    codes = pd.DataFrame(det.estimator_.transform(X)).groupby(labels, sort=False).mean()
    assert_allclose(det.group_codes_, codes, rtol=1e-6)
    mean_code = det.estimator_.inverse_transform(codes.to_numpy().mean(0)[None])
    spread = det.reference_.std(0)
    assert (np.abs(det.reference_.mean(0) - mean_code[0]) < 0.3 * spread + 0.05).all()
    assert (spread > 1e-3).all()


def in_errors(values, labels):
    """Means of a value of rows over groups, as deviations in units of their own error."""
    groups = pd.Series(values).groupby(labels, sort=False)
    m = groups.size().to_numpy()[:, None]
    within = (groups.var(ddof=0) * m[:, 0]).sum() / (len(labels) - len(m))
    means = groups.mean().to_numpy()[:, None]
    return Spread.of(means, within / m).deviations(means, within / m)[:, 0]


@pytest.mark.parametrize("distance", ["euclidean", "cityblock", lambda a, b: abs(a - b).max()])
def test_the_reference_score_is_the_mean_distance_of_the_members(distance, labelled_rows):
    X, labels = labelled_rows
    det = small(anomaly_score="reference", distance=distance, n_references=3)
    det.fit(X, groups=labels)
    scale = det.estimator_.scaler_.transform
    distances = pd.Series(cdist(scale(X), scale(det.reference_), distance).mean(1))
    assert_allclose(
        -det.score_samples(X, labels), in_errors(distances, labels), rtol=1e-6, atol=1e-6
    )


def test_codes_without_a_distribution_lend_the_references_their_spread(labelled_rows):
    X, labels = labelled_rows
    det = small(estimator=PcaDetector(2), anomaly_score="reference", n_references=2000)
    det.fit(X, groups=labels)
    drawn, codes = (det.estimator_.transform(rows) for rows in (det.reference_, X))
    assert_allclose(drawn.std(0), codes.std(0), rtol=0.1)
    assert_allclose(drawn.mean(0), codes.mean(0), atol=0.1)


def test_normal_groups_that_are_named_are_what_the_others_are_compared_with(groups_of_two_kinds):
    X, _ = groups_of_two_kinds
    for score in ("characterization", "reference"):
        all_of_them = small(anomaly_score=score).fit(X[5:])
        some = small(anomaly_score=score, reference_groups=np.arange(20)).fit(X[5:])
        assert not np.allclose(some.score_samples(X), all_of_them.score_samples(X))
    half = np.r_[X[:10], X[-10:]]  # as many anomalous groups as normal ones
    named = small(reference_groups=np.arange(10)).fit(half)
    assert roc_auc_score(np.repeat([0, 1], 10), -named.score_samples(half)) > 0.95


@every_score
def test_the_same_seed_gives_the_same_scores_in_copies_too(score, labelled_rows):
    X, labels = labelled_rows
    det = small(anomaly_score=score).fit(X, groups=labels)
    expected = det.score_samples(X, labels)
    for twin in (
        pickle.loads(pickle.dumps(det)),
        clone(det).fit(X, groups=labels),
        small(anomaly_score=score).fit(X, groups=labels),
    ):
        assert_array_equal(twin.score_samples(X, labels), expected)
    assert not hasattr(clone(det), "estimator_")
    assert not hasattr(SMALL_VAE, "net_")
    other = small(anomaly_score=score, random_state=1).fit(X, groups=labels)
    assert not np.allclose(other.score_samples(X, labels), expected)


def test_contamination_moves_the_threshold_without_training(groups_of_two_kinds):
    X, _ = groups_of_two_kinds
    det = small().fit(X)
    det.set_params(contamination=0.5)
    assert (det.predict(X) == -1).sum() == 30
    assert_allclose(det.decision_function(X), det.score_samples(X) - det.offset_)


# Other estimators ---------------------------------------------------------------------------


class PcaDetector(PCA):
    """Principal components as a detector, without a net."""

    def __init__(self, n_components=1, random_state=None):
        super().__init__(n_components, random_state=random_state)

    def score_samples(self, X):
        return -np.linalg.norm(X - self.inverse_transform(self.transform(X)), axis=1)


@every_score
def test_any_estimator_with_codes_will_do(score, groups_of_two_kinds):
    X, y = groups_of_two_kinds
    det = GroupAnomalyDetector(PcaDetector(), anomaly_score=score, random_state=0).fit(X)
    if score in ("characterization", "mean_point"):
        assert roc_auc_score(y, -det.score_samples(X)) > 0.95


@pytest.mark.parametrize("cls", [AAE, WAE])
def test_adversarial_and_wasserstein_autoencoders_will_do(cls, groups_of_two_kinds):
    X, y = groups_of_two_kinds
    estimator = cls(n_latent=1, max_steps=300)
    for score, least in (("characterization", 0.99), ("reference", 0.7)):
        det = GroupAnomalyDetector(estimator, anomaly_score=score, random_state=0).fit(X)
        assert roc_auc_score(y, -det.score_samples(X)) >= least


def test_any_detector_can_lend_the_scores_of_its_rows(groups_of_two_kinds):
    X, y = groups_of_two_kinds
    det = GroupAnomalyDetector(IsolationForest(), anomaly_score="mean_point", random_state=0)
    assert roc_auc_score(y, -det.fit(X).score_samples(X)) > 0.9


@every_score
def test_a_frozen_estimator_is_taken_as_it_is(score, groups_of_two_kinds):
    X, _ = groups_of_two_kinds
    fitted = clone(SMALL_VAE).set_params(random_state=3).fit(X[:10].reshape(-1, 2))
    before = fitted.score_samples(X[0])
    det = small(estimator=FrozenEstimator(fitted), anomaly_score=score).fit(X)
    assert_array_equal(det.estimator_.score_samples(X[0]), before)
    if score == "mean_point":
        points, labels = -fitted.score_samples(X.reshape(-1, 2)), np.repeat(np.arange(60), 200)
        assert_allclose(-det.score_samples(X), in_errors(points, labels), rtol=1e-6)


# Input --------------------------------------------------------------------------------------


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_a_pipeline_routes_groups(labelled_rows):
    X, labels = labelled_rows
    det = small().set_fit_request(groups=True).set_predict_request(groups=True)
    det.set_decision_function_request(groups=True)
    pipeline = make_pipeline(StandardScaler(), det).fit(X, groups=labels)
    alone = small().fit(StandardScaler().fit_transform(X), groups=labels)
    expected = alone.predict(StandardScaler().fit_transform(X), groups=labels)
    assert_array_equal(pipeline.predict(X, groups=labels), expected)
    assert pipeline.decision_function(X, groups=labels).shape == (20,)
    assert_array_equal(pipeline.fit_predict(X, groups=labels), expected)


@every_score
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.mask(f == f.iloc[0, 0]), "contains NaN"),
        (lambda f: f[["b", "a"]], "Feature names must be in the same order"),
        (lambda f: f.assign(c=0.0).to_numpy(), "X has 3 features, but"),
    ],
)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_bad_rows_get_a_clear_error_whatever_the_score(score, spoil, message, labelled_rows):
    X, labels = labelled_rows
    frame = pd.DataFrame(X, columns=["a", "b"])
    det = small(anomaly_score=score).fit(frame, groups=labels)
    with pytest.raises(ValueError, match=message):
        det.score_samples(spoil(frame), labels)


def test_data_frames_give_names_and_the_same_scores(labelled_rows):
    X, labels = labelled_rows
    frame = pd.DataFrame(X, columns=["a", "b"])
    det = small().fit(frame, groups=pd.Series(labels))
    assert list(det.feature_names_in_) == ["a", "b"]
    assert_array_equal(
        det.score_samples(frame, pd.Series(labels)),
        small().fit(X, groups=labels).score_samples(X, labels),
    )
    with sklearn.config_context(transform_output="pandas"):
        assert det.score_samples(frame, labels).shape == (20,)


@pytest.mark.parametrize(
    ("params", "arguments", "message"),
    [
        ({}, lambda X, g: (X, None, g[:-1]), "groups has 1499 labels, but X has 1500 rows"),
        ({}, lambda X, g: (X, None, np.full(1500, np.nan)), "but some are missing"),
        ({}, lambda X, g: (X, None, np.full(1500, np.inf)), "or infinite"),
        ({}, lambda X, g: (X, None, pd.array(["a", None] * 750)), "but some are missing"),
        ({}, lambda X, g: (X, None, pd.to_datetime([None, 0] * 750)), "but some are missing"),
        ({}, lambda X, g: (X, None, np.c_[g, g]), "groups must hold one label for each row"),
        ({}, lambda X, g: (X, None, list(zip(g, g, strict=True))), r"of shape \(1500, 2\)"),
        ({}, lambda X, g: (X, None, np.ma.masked_equal(g, g[0])), "groups has masked cells"),
        ({}, lambda X, g: (X, None, ["a", float("nan")] * 750), "but some are missing"),
        ({}, lambda X, g: (X, None, [1, "1"] * 750), "labels of one type .* int, str"),
        ({}, lambda X, g: (X, None, "g"), r"groups must hold one label .* of shape \(\)"),
        ({}, lambda X, g: ([X[:30], X[30:]],), "Groups of different sizes are not an array"),
        ({}, lambda X, g: (X[None], None, g), "groups must be None if X has the shape"),
        ({"anomaly_score": "sum"}, lambda X, g: (X, None, g), "'anomaly_score' parameter"),
        ({"distance": "mahalanobis"}, lambda X, g: (X, None, g), "'distance' parameter"),
        ({"n_references": 0}, lambda X, g: (X, None, g), "'n_references' parameter"),
        ({"estimator": 3}, lambda X, g: (X, None, g), "'estimator' parameter"),
        (
            {"estimator": IsolationForest()},
            lambda X, g: (X, None, g),
            "needs an estimator with score_samples and transform, got .*IsolationForest",
        ),
        (
            {"reference_groups": ["g00", "elsewhere"]},
            lambda X, g: (X, None, g),
            "reference_groups=.* must be labels of training groups",
        ),
        ({"reference_groups": []}, lambda X, g: (X, None, g), "must be labels of training"),
    ],
)
def test_what_does_not_fit_gets_a_clear_error_and_loses_nothing(
    params, arguments, message, labelled_rows
):
    X, labels = labelled_rows
    det = small().fit(X, groups=labels)
    scores = det.score_samples(X, labels)
    with pytest.raises(ValueError, match=message):
        det.set_params(**params).fit(*arguments(X, labels))
    assert_array_equal(det.score_samples(X, labels), scores)


@pytest.mark.parametrize("score", ["characterization", "mean_point", "max_point"])
def test_rows_that_are_compared_with_the_training_rows_are_left_out_of_these(score):
    rng = np.random.RandomState(0)
    vae = VAE(n_latent=2, anomaly_score="latent_euclidean", max_epochs=20)
    det = small(estimator=vae, anomaly_score=score).fit(rng.randn(40, 5, 3))
    assert np.ptp(det.training_scores_) > 0
    assert (det.predict(rng.randn(40, 5, 3)) == -1).mean() < 0.4


def test_labels_that_can_not_be_sorted_are_refused(X):
    labels = np.array(["a", 1] * (len(X) // 2), dtype=object)
    with pytest.raises(ValueError, match=r"groups must hold labels of one type .*int, str"):
        GroupAnomalyDetector(VAE(max_epochs=1)).fit(X, groups=labels)


class NamedColumns(StandardScaler):
    """A scaler that takes frames with the columns of its fit alone."""

    def transform(self, X):
        assert list(X.columns) == list(self.feature_names_in_)
        return super().transform(X)


def test_a_scaler_with_names_gets_the_names_of_the_rows(X):
    vae = VAE(scaler=NamedColumns(), max_epochs=2, random_state=0)
    det = GroupAnomalyDetector(vae, anomaly_score="reference", random_state=0)
    frame, groups = pd.DataFrame(X, columns=list("abcdefgh")), np.arange(len(X)) % 30
    assert np.isfinite(det.fit(frame, groups=groups).score_samples(frame, groups)).all()


def test_numbers_of_a_list_stay_apart(labelled_rows):
    X, _ = labelled_rows
    assert small().fit(X, groups=[2**53, 2**53 + 1, 0.5] * 500).groups_.tolist() == [
        2**53,
        2**53 + 1,
        0.5,
    ]


def test_labels_of_another_type_are_no_training_groups(X):
    groups = np.arange(len(X)) % 12
    det = GroupAnomalyDetector(VAE(max_epochs=1), reference_groups=["1", "2"])
    with pytest.raises(ValueError, match=r"reference_groups=\['1', '2'\] must be labels of"):
        det.fit(X, groups=groups)


def test_it_takes_the_missing_cells_that_its_estimator_takes(X):
    rows, groups = np.where(X > 2, np.nan, X), np.arange(len(X)) % 30
    det = GroupAnomalyDetector(VAE(max_epochs=2, missing="mask"), random_state=0)
    assert get_tags(det).input_tags.allow_nan
    assert np.isfinite(det.fit(rows, groups=groups).score_samples(rows, groups)).all()


def test_reference_groups_may_be_dates_in_another_unit(X):
    days = pd.Series(pd.date_range("2020-01-01", periods=12)).repeat(25)
    wanted = np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]")
    det = GroupAnomalyDetector(VAE(max_epochs=1), reference_groups=wanted).fit(X, groups=days)
    assert len(det.groups_) == 12


def test_a_class_as_estimator_still_has_a_picture():
    assert "VAE" in GroupAnomalyDetector(VAE)._repr_html_()
    assert not get_tags(
        GroupAnomalyDetector(VAE(missing="mask"), anomaly_score="reference")
    ).input_tags.allow_nan
