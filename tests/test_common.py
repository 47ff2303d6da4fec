"""Laws that every detector keeps, scikit-learn's and ours."""

import copy
import io
import pickle
import random
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepad import all_detectors
from skdeepad.base import GradientContributionsMixin

from .instances import (
    INSTANCES,
    UNTRAINED,
    other_values,
    rows_of_few_kinds,
    small,
    with_few_rows,
    without_labels,
)

DETECTORS = dict(all_detectors())
TRANSFORMERS = [name for name, cls in DETECTORS.items() if hasattr(cls, "transform")]

pytestmark = [pytest.mark.usefixtures("quick_stages"), without_labels]
BY_GRADIENTS = [
    name for name, cls in DETECTORS.items() if issubclass(cls, GradientContributionsMixin)
]
every_detector = pytest.mark.parametrize("name", DETECTORS)
every_learned = pytest.mark.parametrize("learned", DETECTORS, indirect=True)
every_transformer = pytest.mark.parametrize("name", TRANSFORMERS)


def some_labels(X):
    """Labels for detectors that learn from them; the others ignore y."""
    return np.resize([-1, 1, 0, 0, 0], len(X))


def training_rows(name, X, known):
    """Rows and labels to learn from, with known anomalies for methods that are made for them."""
    if not INSTANCES[name].needs_anomalies:
        return X, None
    return np.r_[X, known], np.repeat([0, -1], [len(X), len(known)])


# scikit-learn's checks ----------------------------------------------------------------------


@with_few_rows
@parametrize_with_checks([small(name) for name in DETECTORS])
def test_scikit_learn_check(estimator, check):
    check(estimator)


@every_detector
@pytest.mark.parametrize(
    "check",
    ["check_dataframe_column_names_consistency", "check_param_validation"]
    + ["check_inplace_ensure_writeable", "check_estimators_partial_fit_n_features"],
)
def test_check_that_check_estimator_leaves_out(name, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getattr(estimator_checks, check)(name, small(name))


@every_transformer
# Some of these checks fit to an array and transform a data frame, or the other way round.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize(
    "check",
    ["check_set_output_transform", "check_set_output_transform_pandas"]
    + ["check_set_output_transform_polars", "check_global_output_transform_pandas"]
    + ["check_transformer_get_feature_names_out"]
    + ["check_transformer_get_feature_names_out_pandas", "check_get_feature_names_out_error"],
)
def test_transformer_check_that_check_estimator_leaves_out(name, check):
    getattr(estimator_checks, check)(name, small(name))


# Seeds --------------------------------------------------------------------------------------


@every_detector
def test_same_seed_same_scores_another_seed_other_weights(name, X):
    first = small(name).fit(X)
    assert_array_equal(first.score_samples(X), small(name).fit(X).score_samples(X))
    assert_array_equal(first.score_samples(X), first.fit(X).score_samples(X))
    other = small(name, random_state=1).fit(X)
    weights = [next(det.net_.module_.parameters()).detach() for det in (first, other)]
    assert not torch.equal(*weights)


@every_detector
def test_global_random_states_are_neither_read_nor_written(name, X):
    def states():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()

    before = states()
    scores = small(name).fit(X).score_samples(X)
    assert states() == before
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    assert_array_equal(small(name).fit(X).score_samples(X), scores)


@every_detector
@pytest.mark.whole_stages
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_every_joblib_backend_gives_the_same_scores(name, backend, X):
    def scores(detector):  # a local function travels to workers by value
        torch.set_num_threads(1)
        return detector.fit(X).score_samples(X)

    expected = scores(small(name))
    tasks = [joblib.delayed(scores)(small(name)) for _ in range(4)]
    for each in joblib.Parallel(n_jobs=2, backend=backend)(tasks):
        assert_array_equal(each, expected)


@every_detector
def test_every_parameter_shows_and_whatever_it_is_the_fitted_detector_can_be_pickled(name, X):
    def result(**params):
        det = small(name, **params).fit(X, some_labels(X))
        scores, twin = det.score_samples(X), pickle.loads(pickle.dumps(det))
        assert_array_equal(twin.score_samples(X[:20]), scores[:20], err_msg=str(params))
        history = [v for values in det.history_.values() for v in values]
        return np.r_[scores, det.offset_, history]

    plain = result()
    silent = [
        parameter
        for parameter, value, others in other_values(name)
        if np.array_equal(
            result(**others) if others else plain, result(**others | {parameter: value})
        )
    ]
    assert silent == []


@every_detector
def test_what_changes_after_fit_takes_effect_in_a_new_one_that_does_not_resume(name, X):
    begun = small(name, warm_start=True).fit(X, some_labels(X))
    resumed, changed = copy.deepcopy(begun), copy.deepcopy(begun)
    resumed.fit(X, some_labels(X))
    others = {}
    for parameter, value, more in other_values(name):
        others |= more | {parameter: value}
    declared = type(begun)._parameters
    lasting = {key: value for key, value in others.items() if not declared[key].resumes}
    changed.set_params(**lasting)
    assert_array_equal(changed.decision_function(X), begun.decision_function(X))
    with pytest.warns(UserWarning, match="Training resumes with the values"):
        changed.fit(X, some_labels(X))
    assert_array_equal(changed.score_samples(X), resumed.score_samples(X))
    assert changed.history_.keys() == resumed.history_.keys()
    assert {key: changed.get_params()[key] for key in lasting} == lasting


# Order and weights of rows ---------------------------------------------------------------


@every_detector
def test_the_order_of_the_rows_changes_nothing(name, X):
    det, y = small(name).fit(X, some_labels(X)), some_labels(X)
    order = np.random.RandomState(0).permutation(len(X))
    other = small(name).fit(X[order], y[order])
    assert_array_equal(other.score_samples(X), det.score_samples(X))
    for attribute in INSTANCES[name].of_rows:
        values, others = getattr(det, attribute), getattr(other, attribute)
        if hasattr(values, "toarray"):
            values, others = values.toarray(), others.toarray()
        assert_array_equal(others, values[order])


@every_detector
def test_whole_weights_are_repetitions_whatever_their_unit(name, X):
    y, weight = some_labels(X), np.arange(len(X)) % 4
    weighted = small(name).fit(X, y, sample_weight=weight)
    repeated = small(name).fit(X.repeat(weight, axis=0), y.repeat(weight))
    assert_array_equal(weighted.score_samples(X), repeated.score_samples(X))
    assert weighted.offset_ == repeated.offset_
    assert_array_equal(weighted.training_scores_, repeated.training_scores_)
    in_parts = small(name).fit(X, y, sample_weight=weight[weight > 0].min() * 0.3 * weight)
    assert_array_equal(in_parts.score_samples(X), repeated.score_samples(X))
    weighted.partial_fit(X, y, sample_weight=weight)
    repeated.partial_fit(X.repeat(weight, axis=0), y.repeat(weight))
    assert_array_equal(weighted.score_samples(X), repeated.score_samples(X))
    for attribute in INSTANCES[name].of_rows:
        assert getattr(weighted, attribute).shape[0] == len(X)


@every_detector
def test_a_row_of_no_weight_is_as_if_it_were_not_there(name, X):
    y, weight = some_labels(X), np.random.RandomState(3).rand(len(X)) * (np.arange(len(X)) % 2)
    kept, order = weight > 0, np.random.RandomState(4).permutation(len(X))
    weighted = small(name).fit(X, y, sample_weight=weight)
    dropped = small(name).fit(X[kept], y[kept], sample_weight=weight[kept])
    moved = small(name).fit(X[order], y[order], sample_weight=weight[order])
    for other in (dropped, moved):
        assert_array_equal(other.training_scores_, weighted.training_scores_)
        assert_array_equal(other.score_samples(X), weighted.score_samples(X))


@every_detector
def test_labels_without_weight_are_none(name, X):
    y = some_labels(X)
    with warnings.catch_warnings(record=True):
        det = small(name).fit(X, y, sample_weight=y >= 0)
        same = small(name).fit(X[y >= 0], y[y >= 0])
    assert_array_equal(det.score_samples(X), same.score_samples(X))
    if det._labels.learned:
        scores = det.score_samples(X)
        with pytest.raises(ValueError, match="marks every row as a known anomaly"):
            det.fit(X, y, sample_weight=y < 0)
        assert_array_equal(det.score_samples(X), scores)


@every_detector
@pytest.mark.parametrize(
    ("weight", "message"),
    [(-1.0, "Negative values"), (0.0, "zero"), (np.nan, "NaN")],
    ids=["negative", "all zero", "NaN"],
)
def test_weights_without_sense_are_refused_and_lose_nothing(name, weight, message, X):
    det = small(name).fit(X)
    scores = det.score_samples(X)
    with pytest.raises(ValueError, match=message):
        det.fit(X, sample_weight=np.full(len(X), weight))
    assert_array_equal(det.score_samples(X), scores)


def test_weights_are_routed():
    X, weight = np.random.RandomState(0).randn(60, 3), np.arange(60) % 3
    with config_context(enable_metadata_routing=True):
        detector = small("AutoEncoder").set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        routed = make_pipeline(scaler, detector).fit(X, sample_weight=weight)
    repeated = make_pipeline(StandardScaler(), small("AutoEncoder")).fit(X.repeat(weight, axis=0))
    assert_allclose(routed.score_samples(X), repeated.score_samples(X), rtol=1e-4)


# Scores -------------------------------------------------------------------------------------


@every_learned
@pytest.mark.whole_stages
def test_far_rows_are_anomalous(learned, X, far_anomalies, known_far):
    rows, y = far_anomalies
    det, name = learned, type(learned).__name__
    if INSTANCES[name].needs_anomalies:
        det = clone(learned).fit(*training_rows(name, X, known_far))
    assert roc_auc_score(y, -det.score_samples(rows)) >= 0.97
    assert (det.predict(rows[y == 1]) == -1).mean() >= 0.9


@every_learned
def test_training_beats_the_untrained_net(learned, X, broken_correlations, known_broken):
    rows, y = broken_correlations
    name = type(learned).__name__
    train = training_rows(name, X, known_broken)
    untrained = UNTRAINED | INSTANCES[name].untrained

    def auc(seed, **params):
        if seed == 0 and params == INSTANCES[name].learning and not INSTANCES[name].needs_anomalies:
            det = learned
        else:
            det = DETECTORS[name](random_state=seed, **params).fit(*train)
        return roc_auc_score(y, -det.score_samples(rows))

    before, after = (
        np.mean([auc(seed, **params) for seed in range(3)])
        for params in (untrained, INSTANCES[name].learning)
    )
    assert after >= before + 0.1


@every_learned
@pytest.mark.whole_stages
def test_scores_do_not_collapse_and_change_in_training(learned, X):
    scores, name = learned.score_samples(X), type(learned).__name__
    assert len(np.unique(scores)) >= len(X) / 2
    assert np.ptp(scores) > 1e-4 * np.abs(scores).max()
    untrained = clone(learned).set_params(**UNTRAINED | INSTANCES[name].untrained).fit(X)
    assert np.abs(untrained.score_samples(X) - scores).max() > 1e-3 * np.abs(scores).max()


@every_learned
@pytest.mark.whole_stages
def test_the_loss_falls(learned):
    loss = learned.history_["train_loss"]
    assert len(loss) == learned.n_iter_
    assert np.isfinite(loss).all()
    assert loss[-3:].mean() < loss[:3].mean()


@every_detector
def test_a_score_depends_on_its_row_alone(name, X):
    det = small(name).fit(X)
    scores = det.score_samples(X)
    order = np.random.RandomState(0).permutation(len(X))
    assert_array_equal(det.score_samples(X[order]), scores[order])
    assert_array_equal(det.score_samples(X), scores)
    for size in (1, 7, 33):
        parts = [det.score_samples(X[i : i + size]) for i in range(0, len(X), size)]
        assert_array_equal(np.concatenate(parts), scores)
    assert scores.dtype == np.float64


@every_detector
@pytest.mark.parametrize("width", [9, 17])
def test_a_score_depends_on_its_row_alone_whatever_the_widths(name, width):
    X = np.random.RandomState(0).randn(100, width)
    widths = (10, 9, 5) if name == "LadderVAE" else (10, 9)
    det = small(name, hidden_layer_sizes=widths, max_epochs=1).fit(X)
    scores, order = det.score_samples(X), np.random.RandomState(0).permutation(len(X))
    assert_array_equal(det.score_samples(X[order]), scores[order])
    assert_array_equal(np.r_[[det.score_samples(x[None])[0] for x in X[:5]]], scores[:5])


@every_detector
def test_large_inputs_are_scored_in_slices_with_the_same_bits(name, X, monkeypatch):
    det = small(name).fit(X)
    expected = det.score_samples(X)
    monkeypatch.setattr("skdeepad.base._detector.SLICE_VALUES", 37 * X.shape[1])
    assert_array_equal(det.score_samples(X), expected)
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])])
    named = small(name).fit(frame)
    assert_array_equal(named.score_samples(frame), expected)


# Contributions of features ------------------------------------------------------------------


@every_learned
@pytest.mark.whole_stages
def test_the_spoilt_feature_contributes_most(learned, X, known_far):
    pytest.importorskip("captum")
    det, name, rng = learned, type(learned).__name__, np.random.RandomState(5)
    if INSTANCES[name].needs_anomalies:
        det = clone(learned).fit(*training_rows(name, X, known_far))
    rows, columns = X[:100].copy(), rng.randint(X.shape[1], size=100)
    rows[np.arange(100), columns] += 5 * X.std(0)[columns] * rng.choice([-1, 1], 100)
    contributions = det.feature_contributions(rows)
    assert contributions.shape == rows.shape
    assert (contributions.argmax(1) == columns).mean() >= 0.8
    far = X[:5] + 1e9 * (np.arange(X.shape[1]) == 2)
    assert (det.feature_contributions(far).argmax(1) == 2).all()


@every_detector
def test_contributions_depend_on_their_row_alone_and_change_nothing(name, X):
    pytest.importorskip("captum")

    def states():
        weights = [value.numpy().tobytes() for value in det.net_.module_.state_dict().values()]
        seeds = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
        return weights, seeds

    rows = X[:50]
    det = small(name).fit(X, some_labels(X))
    before, scores = states(), det.score_samples(rows)
    contributions = det.feature_contributions(rows)
    assert contributions.dtype == np.float64
    assert np.isfinite(contributions).all()
    order = np.random.RandomState(0).permutation(len(rows))
    assert_array_equal(det.feature_contributions(rows[order]), contributions[order])
    for size in (1, 33):
        parts = [det.feature_contributions(rows[i : i + size]) for i in range(0, 50, size)]
        assert_array_equal(np.concatenate(parts), contributions)
    with torch.inference_mode():
        assert_array_equal(det.feature_contributions(rows), contributions)
    assert states() == before
    assert_array_equal(det.score_samples(rows), scores)


@every_detector
@pytest.mark.filterwarnings("ignore:The boundary needs features of about unit variance")
def test_contributions_are_those_of_features_or_refused(name, X):
    pytest.importorskip("captum")
    apart = small(name, scaler=QuantileTransformer(n_quantiles=20)).fit(X)
    assert apart.feature_contributions(X[:3]).shape == (3, X.shape[1])
    mixing = small(name, scaler=PCA(5, random_state=0)).fit(X)
    with pytest.raises(ValueError, match=r"scaler_=PCA.* mixes features"):
        mixing.feature_contributions(X[:3])


@pytest.mark.parametrize("name", BY_GRADIENTS)
def test_contributions_by_gradients_sum_to_the_difference_of_scores(name, X):
    pytest.importorskip("captum")
    det = small(name).fit(X, some_labels(X))
    assert_allclose(det.baseline_, np.median(X, axis=0))
    for rows in (X[:60], 3 * X[:20], 1e6 + X[:20], np.r_[X[:1], det.baseline_[None]]):
        difference = det.score_samples(det.baseline_[None]) - det.score_samples(rows)
        size = np.abs(det.score_samples(rows)).max()
        found = det.feature_contributions(rows)
        assert_allclose(found.sum(1), difference, rtol=1e-4, atol=3e-6 * size)
    assert_array_equal(found[1], 0)
    det.partial_fit(2 + X, some_labels(X))
    assert_allclose(det.baseline_, 2 + np.median(X, axis=0))


# Copies -------------------------------------------------------------------------------------


def _through_joblib(detector):
    file = io.BytesIO()
    joblib.dump(detector, file)
    file.seek(0)
    return joblib.load(file)


@every_detector
@pytest.mark.parametrize(
    "copied",
    [lambda det: pickle.loads(pickle.dumps(det)), _through_joblib, copy.deepcopy],
    ids=["pickle", "joblib", "deepcopy"],
)
def test_copies_score_and_train_on_alike(name, copied, X):
    det = small(name).fit(X)
    twin = copied(det)
    assert_array_equal(twin.score_samples(X), det.score_samples(X))
    assert twin.offset_ == det.offset_
    assert_array_equal(twin.partial_fit(X).score_samples(X), det.partial_fit(X).score_samples(X))


@every_detector
def test_pickles_hold_the_weights_once_and_no_data(name, X):
    def size(rows):
        det = small(name).fit(rows)
        of_rows = [getattr(det, attribute) for attribute in INSTANCES[name].of_rows]
        of_rows += getattr(det, "_remembered", ())  # a bounded number of rows, for streams
        return len(pickle.dumps(det)) - sum(len(pickle.dumps(value)) for value in of_rows)

    few, many = size(X[:100]), size(np.tile(X, (9, 1)))
    net = small(name).fit(X).net_
    saved = [*net.module_.state_dict().values()]
    if getattr(net, "averages_", None):  # and the weights that averages stand in for
        saved += net.averages_.others
    groups = [g for o in net._named_optimizers().values() for g in o.param_groups]
    moved = [p for group in groups for p in group["params"]]
    scores = 8 * (9 * len(X) - 100)
    assert many - few < scores + 2000
    values = sum(v.nbytes for v in saved) + 2 * sum(p.nbytes for p in moved)  # and two moments
    overhead = 12_000 + 500 * len(saved) + 1_000 * len(moved)
    assert few < values + overhead


# Input --------------------------------------------------------------------------------------


@every_detector
def test_data_frames_give_feature_names_and_the_same_scores(name, X):
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])])
    det = small(name).fit(frame)
    assert_array_equal(det.feature_names_in_, frame.columns)
    assert_array_equal(det.score_samples(frame), small(name).fit(X).score_samples(X))


@every_detector
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.mask(f == f.iloc[0, 0]), "contains NaN"),
        (lambda f: f.replace(f.iloc[0, 0], np.inf), "contains infinity"),
        (lambda f: f.iloc[:, 1:], "feature names should match"),
        (lambda f: f.rename(columns={"f0": "g0"}), "feature names should match"),
        (lambda f: f[f.columns[::-1]], "Feature names must be in the same order"),
        (lambda f: f.iloc[:0], "0 sample"),
        (lambda f: f.to_numpy()[:, 1:], "is expecting 8 features"),
        (lambda f: f.to_numpy()[None], "dim 3"),
        (lambda f: f.to_numpy()[0], "Expected 2D array"),
        (lambda f: f.astype(object).assign(f0="text"), "could not convert string to float"),
        (lambda f: f.to_numpy() * 1j, "Complex data not supported"),
    ],
    ids=["nan", "inf", "missing", "renamed", "reordered", "empty", "width", "3-d", "1-d", "object"]
    + ["complex"],
)
def test_bad_input_gets_a_clear_error_and_loses_nothing(name, spoil, message, X):
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])])
    det = small(name).fit(frame)
    scores = det.score_samples(frame)
    with pytest.raises(ValueError, match=message):
        det.score_samples(spoil(frame))
    if message.startswith(("contains", "0 sample", "dim 3", "could", "Expected", "Complex")):
        with pytest.raises(ValueError, match=message):
            det.fit(spoil(frame))
    assert_array_equal(det.score_samples(frame), scores)


@every_detector
@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: f.mask(f == f.iloc[0, 0]).rename(columns=str.upper),
        lambda f: f.iloc[:1, :3],
    ],
    ids=["NaN and other names", "one row of other width"],
)
def test_a_refused_fit_leaves_the_old_one_whole(name, spoil, X):
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])])
    det = small(name, warm_start=False).fit(frame)
    scores, offset = det.score_samples(frame), det.offset_
    with pytest.raises(ValueError, match=r"NaN|minimum of 2"):
        det.fit(spoil(frame))
    assert_array_equal(det.score_samples(frame), scores)
    assert det.offset_ == offset


@every_detector
@pytest.mark.filterwarnings("ignore:The boundary needs features of about unit variance")
def test_seeds_of_the_scaler_are_set_too(name, X):
    scaler = make_pipeline(QuantileTransformer(n_quantiles=20, subsample=50))
    state = np.random.get_state()[1].tolist()
    first, second = (small(name, scaler=scaler).fit(X).score_samples(X) for _ in range(2))
    assert_array_equal(first, second)
    assert np.random.get_state()[1].tolist() == state


@every_detector
def test_what_is_set_after_fit_but_contamination_waits_for_the_next_fit(name, X):
    det = small(name).fit(X)
    scores, offset = det.score_samples(3 * X), det.offset_
    others = {"scaler": None, "nu": 0.4, "anomaly_score": "kl", "residual_scaling": "plain"}
    det.set_params(**{k: v for k, v in others.items() if k in det.get_params()})
    assert_array_equal(det.score_samples(3 * X), scores)
    assert det.offset_ == offset


@every_detector
@pytest.mark.parametrize(
    "parameter",
    [{"contamination": 0.7}, {"lr": -1}, {"max_epochs": 0}, {"scaler": "log"}, {"trim": 1.0}]
    + [{"batch_size": 0}, {"optimizer": "newton"}],
    ids=lambda p: next(iter(p)),
)
def test_invalid_parameters_are_named_with_their_value(name, parameter, X):
    ((key, value),) = parameter.items()
    with pytest.raises(ValueError, match=rf"'{key}' parameter of {name} must be .*Got {value!r}"):
        small(name, **parameter).fit(X)


@every_detector
def test_values_too_large_for_float32_are_an_error_without_a_scaler(name, X):
    huge = X.copy()
    huge[0, 0] = 1e39
    with pytest.raises(ValueError, match="the scaled X contains infinity"):
        small(name, scaler=None).fit(huge)
    assert np.isfinite(small(name).fit(X).score_samples(huge)).all()


HARD_CASES = {
    "two rows": lambda X: X[:2],
    "one more than a batch": lambda X: X[:129],
    "one feature": lambda X: X[:, :1],
    "a constant column": lambda X: np.c_[X, np.full(len(X), 3.0)],
    "only constant columns": lambda X: np.ones((40, 3)),
    "equal rows": lambda X: np.repeat(X[:1], 50, axis=0),
    "float32": lambda X: X.astype(np.float32),
    "integers": lambda X: (10 * X).astype(np.int16),
    "Fortran order": np.asfortranarray,
    "large offsets": lambda X: 1e9 + X,
    "more features than rows": lambda X: X[:40].reshape(4, -1),
}


@every_detector
@with_few_rows
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("case", HARD_CASES)
def test_hard_cases_are_fitted_and_scored(name, case, X):
    rows = HARD_CASES[case](X)
    det = small(name, **({"batch_size": 128})).fit(rows)
    scores = det.score_samples(rows)
    assert scores.shape == (len(rows),)
    assert np.isfinite(scores).all()
    assert set(det.predict(rows)) <= {-1, 1}
    assert_array_equal(det.score_samples(rows[:1]), scores[:1])


@every_detector
def test_float32_and_float64_give_nearly_the_same_scores(name, X):
    X32 = X.astype(np.float32)
    a, b = (small(name).fit(rows).score_samples(rows) for rows in (X32, X32.astype(np.float64)))
    assert_allclose(a, b, rtol=2e-2, atol=1e-3 * np.ptp(a))


@every_detector
def test_rows_that_tie_at_the_threshold_have_one_label_whatever_their_type(name):
    rows = rows_of_few_kinds()
    det = small(name).fit(rows)
    for contamination in (0.1, 0.25, 0.4):
        det.set_params(contamination=contamination)
        labels = det.predict(rows)
        for dtype in (np.float32, np.int8):
            assert_array_equal(det.predict(rows.astype(dtype)), labels)


@every_detector
def test_large_offsets_lose_no_precision(name, X):
    shifted = small(name).fit(X + 2.0**40).score_samples(X + 2.0**40)
    assert_allclose(
        shifted, small(name).fit(X).score_samples(X), rtol=5e-2, atol=1e-2 * np.ptp(shifted)
    )


@every_detector
def test_read_only_memory_maps_are_taken_as_they_are(name, X, tmp_path):
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    rows = np.load(tmp_path / "X.npy", mmap_mode="r")
    for scaler in ("standard", None):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scores = small(name, scaler=scaler).fit(rows, some_labels(X)).score_samples(rows)
        array = np.array(rows)
        expected = small(name, scaler=scaler).fit(array, some_labels(X)).score_samples(array)
        assert_array_equal(scores, expected)


# Thresholds ---------------------------------------------------------------------------------


@every_detector
def test_contamination_moves_the_threshold_without_training(name, X):
    det = small(name).fit(X)
    scores = det.score_samples(X)
    for share in (0.05, 0.2, 0.5):
        det.set_params(contamination=share)
        assert (det.predict(X) == -1).sum() == share * len(X)
        assert_allclose(det.offset_, np.quantile(scores, share))
    assert_array_equal(det.score_samples(X), scores)
    det.set_params(contamination=0.7)
    with pytest.raises(ValueError, match="contamination"):
        det.predict(X)


@every_detector
def test_a_row_without_a_finite_score_is_an_outlier(name, X):
    det = small(name).fit(X)
    parameter = next(det.net_.module_.parameters())
    with torch.no_grad():
        parameter.fill_(np.nan)
    assert (det.predict(X[:3]) == -1).all()


# In scikit-learn ----------------------------------------------------------------------------


@every_detector
@pytest.mark.whole_stages
def test_grid_search_in_a_pipeline_finds_the_same_with_workers(name, X, far_anomalies):
    rows, y = far_anomalies
    key = name.lower()
    pipeline = make_pipeline(StandardScaler(), small(name))
    widths = {parameter: value for parameter, value, _ in other_values(name)}["hidden_layer_sizes"]
    wider = tuple(2 * width for width in widths)
    grid = [
        {f"{key}__lr": [lr], f"{key}__hidden_layer_sizes": [sizes]}
        for lr, sizes in ((1e-4, widths), (1e-2, wider))
    ]
    results = []
    for n_jobs in (1, 2):
        folds = StratifiedKFold(2, shuffle=True, random_state=0)
        search = GridSearchCV(pipeline, grid, scoring="roc_auc", cv=folds, n_jobs=n_jobs)
        results.append(search.fit(rows, 1 - 2 * y).cv_results_)
        assert np.isfinite(results[-1]["mean_test_score"]).all()
    for column in ("mean_test_score", "rank_test_score"):
        assert_array_equal(results[0][column], results[1][column])


@every_detector
def test_clones_are_unfitted_and_fit_alike(name, X):
    det = small(name).fit(X)
    twin = clone(det)
    assert not hasattr(twin, "net_")
    assert_array_equal(twin.fit(X).score_samples(X), det.score_samples(X))


@every_detector
def test_named_columns_are_searched_by_nested_parameters_of_a_backbone(name, X):
    from skdeepad.nn import MLPBackbone

    if "backbone" not in small(name).get_params(deep=False):
        pytest.skip("has no backbone")
    det = small(name, backbone=MLPBackbone((5,), activation="relu"))
    det.set_params(backbone__hidden_layer_sizes=(7,)).fit(X)
    assert any(p.shape[0] == 7 for p in det.net_.module_.parameters() if p.ndim == 2)
