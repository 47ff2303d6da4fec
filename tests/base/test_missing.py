"""Missing values: what detectors with ``missing="mask"`` make of them, and what others say."""

import copy
import pickle
import re
from datetime import date

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from scipy.stats import spearmanr
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    Normalizer,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.utils import check_array, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepad import (
    VAE,
    WAE,
    AutoEncoder,
    DetectorEnsemble,
    RobustAutoEncoder,
    _tables,
    all_detectors,
)
from skdeepad.base import _rows
from skdeepad.base._scaling import fit_scaler
from skdeepad.calibration import ConformalDetector, TunedThreshold
from skdeepad.datasets import load_breastw, load_cardio, load_wine
from skdeepad.export import to_module
from skdeepad.inspection import ContributionDisplay, ReconstructionDisplay
from skdeepad.interop import to_pyod
from skdeepad.metrics import anomaly_roc_auc
from skdeepad.nn import cell_weights, masked_reconstruction_loss
from skdeepad.training import _lazy_rows as lazy_module
from skdeepad.variational._vae_scores import SCORES

from ..instances import small, without_labels

DETECTORS = dict(all_detectors())
MASKING = [name for name, cls in DETECTORS.items() if hasattr(cls, "missing")]

pytestmark = without_labels
every_masking = pytest.mark.parametrize("name", MASKING)
every_detector = pytest.mark.parametrize("name", DETECTORS)


def masking(name, **params):
    return small(name, missing="mask", **params)


def with_holes(X, share=0.2, seed=0):
    return np.where(np.random.RandomState(seed).rand(*X.shape) < share, np.nan, X)


@pytest.fixture(scope="module")
def holed(X):
    """Training rows with a fifth of the cells missing, and nothing at all in row 7."""
    rows = with_holes(X)
    rows[7] = np.nan
    return rows


@parametrize_with_checks([masking("AutoEncoder"), masking("VAE")])
def test_scikit_learn_check_with_masks(estimator, check):
    check(estimator)


# Laws of all detectors that have the parameter -----------------------------------------------


def test_the_detectors_that_reconstruct_through_a_code_have_the_parameter():
    assert {"AAE", "AutoEncoder", "RobustAutoEncoder", "VAE", "WAE"} <= set(MASKING)


@every_masking
def test_without_missing_values_nothing_changes_to_the_bit(name, X):
    det, other = masking(name).fit(X), small(name).fit(X)
    assert_array_equal(det.score_samples(X), other.score_samples(X))
    assert det.offset_ == other.offset_
    for key, values in other.history_.items():
        assert_array_equal(det.history_[key], values)


@every_masking
def test_rows_with_holes_are_scored_encoded_and_filled(name, holed):
    det = masking(name).fit(holed)
    assert np.isfinite(det.score_samples(holed)).all()
    assert set(det.predict(holed)) == {-1, 1}
    assert np.isfinite(det.transform(holed)).all()
    assert np.isfinite(det.reconstruct(holed)).all()
    contributions = det.feature_contributions(holed)
    assert (contributions[np.isnan(holed)] == 0).all()
    assert (contributions[~np.isnan(holed)] != 0).all()


@every_masking
def test_a_score_depends_on_its_row_alone_with_holes_too(name, holed):
    det = masking(name).fit(holed)
    scores, order = det.score_samples(holed), np.random.RandomState(0).permutation(len(holed))
    assert_array_equal(det.score_samples(holed[order]), scores[order])
    parts = [det.score_samples(holed[i : i + 7]) for i in range(0, len(holed), 7)]
    assert_array_equal(np.concatenate(parts), scores)
    assert_array_equal(masking(name).fit(holed[order]).score_samples(holed), scores)


@every_masking
def test_weights_are_repetitions_and_training_goes_on_with_holes(name, holed):
    weight = np.arange(len(holed)) % 3
    weighted = masking(name).fit(holed, sample_weight=weight)
    repeated = masking(name).fit(holed.repeat(weight, axis=0))
    assert_array_equal(weighted.score_samples(holed), repeated.score_samples(holed))
    before = weighted.score_samples(holed)
    weighted.partial_fit(holed[:50])
    assert np.isfinite(weighted.score_samples(holed)).all()
    assert (weighted.score_samples(holed) != before).any()


@every_masking
def test_copies_score_holes_alike(name, holed):
    det = masking(name).fit(holed)
    scores = det.score_samples(holed)
    for twin in (pickle.loads(pickle.dumps(det)), copy.deepcopy(det), clone(det).fit(holed)):
        assert_array_equal(twin.score_samples(holed), scores)
    with torch.inference_mode():
        exported = to_module(det)(torch.from_numpy(holed))
    assert_allclose(exported, scores, rtol=1e-4, atol=1e-5)


@every_masking
def test_float32_gives_nearly_the_same_scores_of_rows_with_holes(name, holed):
    rows = holed.astype(np.float32)
    a, b = (masking(name).fit(r).score_samples(r) for r in (rows, rows.astype(np.float64)))
    assert_allclose(a, b, rtol=2e-2, atol=1e-3 * np.ptp(a))


QUANTILES = QuantileTransformer(n_quantiles=20)
empty_column = pytest.warns(UserWarning, match=r"Column\(s\) \[3\] of X have no value in the")


@every_masking
@pytest.mark.parametrize("scaler", ["standard", "minmax", "robust", None, QUANTILES])
@pytest.mark.parametrize("largest", [0, 2**23], ids=["lazy", "whole"])
def test_a_column_that_is_empty_in_training_has_no_part_in_any_score(
    name, scaler, largest, X, monkeypatch
):
    monkeypatch.setattr(_rows, "LAZY_VALUES", largest)
    rows = X.copy()
    rows[:, 3] = np.nan
    with empty_column as warnings:
        det = masking(name, scaler=scaler).fit(rows)
    assert sum("no value" in str(warning.message) for warning in warnings) == 1
    assert np.isfinite(det.score_samples(rows)).all()
    assert_array_equal(det.score_samples(X), det.score_samples(rows))
    assert np.isnan(det.reconstruct(X)).any(axis=0).tolist() == [j == 3 for j in range(X.shape[1])]
    if scaler is not QUANTILES:
        assert_allclose(to_module(det)(torch.from_numpy(X)), det.score_samples(X), rtol=1e-4)


def test_a_column_that_is_empty_at_first_stays_out_until_a_new_fit(X):
    frame = spoiled(X, np.nan)
    with pytest.warns(UserWarning, match=r"\['f2'\] .* left out of scores, .* until a new fit"):
        det = masking("AutoEncoder").partial_fit(frame)
    later = spoiled(X, X[:, 2])
    det.partial_fit(later)
    assert_array_equal(det.score_samples(later), det.score_samples(frame))
    det.fit(later)
    assert (det.score_samples(later) != det.score_samples(frame)).any()


@every_masking
def test_a_row_of_holes_is_scored_and_has_no_contributions(name, X):
    det = masking(name).fit(X)
    nothing = np.full((1, X.shape[1]), np.nan)
    assert np.isfinite(det.score_samples(nothing)).all()
    assert (det.feature_contributions(nothing) == 0).all()


@every_masking
@pytest.mark.parametrize("scaler", ["standard", "minmax"])
def test_large_tables_with_holes_give_the_same_scores(name, scaler, holed, monkeypatch):
    whole = masking(name, scaler=scaler).fit(holed)
    monkeypatch.setattr(_rows, "LAZY_VALUES", 0)
    monkeypatch.setattr(lazy_module, "BLOCK_VALUES", 37 * 8)
    lazy = masking(name, scaler=scaler).fit(holed)
    assert_allclose(lazy.training_scores_, whole.training_scores_, rtol=1e-3, atol=1e-4)


@every_masking
def test_the_choice_holds_until_the_next_fit(name, X, holed):
    det = masking(name).fit(holed)
    scores = det.score_samples(holed)
    det.set_params(missing="raise")
    assert_array_equal(det.score_samples(holed), scores)
    with pytest.raises(ValueError, match="contains NaN"):
        det.fit(holed)
    assert_array_equal(det.score_samples(holed), scores)
    det.fit(X).set_params(missing="mask")
    with pytest.raises(ValueError, match="contains NaN"):
        det.score_samples(holed)


@every_masking
def test_the_tag_says_that_missing_values_pass(name):
    assert get_tags(masking(name)).input_tags.allow_nan
    assert not get_tags(small(name)).input_tags.allow_nan


@every_masking
def test_infinity_is_an_error_all_the_same(name, holed):
    rows = holed.copy()
    rows[3, 2] = np.inf
    with pytest.raises(ValueError, match=r"Input X contains infinity .* in column 2\."):
        masking(name).fit(rows)


# Parameters beside the mask ------------------------------------------------------------------

OPTIONS = [
    (AutoEncoder, {"scaler": "minmax", "loss": "binary_cross_entropy"}),
    (AutoEncoder, {"scaler": "robust", "loss": "huber", "norm": "l1"}),
    (AutoEncoder, {"scaler": None, "loss": "absolute_error", "norm": "max"}),
    (AutoEncoder, {"noise": 0.3, "dropout": 0.2, "activity_weight": 0.1, "n_snapshots": 3}),
    (AutoEncoder, {"early_stopping": True, "residual_scaling": "plain", "trim": 0.3}),
    (AutoEncoder, {"scaler": QuantileTransformer(n_quantiles=20), "batch_size": 50}),
    *((RobustAutoEncoder, {"penalty": p, "sparse_weight": 0.5}) for p in ("cell", "row", "column")),
    *((VAE, {"anomaly_score": score}) for score in SCORES if score != "jacodeco"),
    (VAE, {"likelihood": "gaussian"}),
    (VAE, {"likelihood": "bernoulli", "scaler": "minmax", "kl_weight": 0.0}),
    (WAE, {"cost": "absolute_error", "anomaly_score": "cost"}),
]


@pytest.mark.parametrize(("cls", "params"), OPTIONS)
def test_every_option_goes_with_holes_and_changes_nothing_without(cls, params, X, holed):
    det = masking(cls.__name__, **params).fit(holed)
    assert np.isfinite(det.score_samples(holed)).all()
    assert np.isfinite(det.history_["train_loss"]).all()
    complete = [small(cls.__name__, missing=m, **params).fit(X) for m in ("mask", "raise")]
    masked, plain = (d.score_samples(X) for d in complete)
    assert_allclose(masked, plain, rtol=1e-6)


def test_sparse_parts_of_holes_are_zero(holed):
    det = masking("RobustAutoEncoder", sparse_weight=0.1).fit(holed)
    sparse = det.sparse_.toarray()
    assert (sparse[np.isnan(holed)] == 0).all()
    assert (sparse[~np.isnan(holed)] != 0).any()


@pytest.mark.parametrize(
    ("cls", "params", "message"),
    [
        (AutoEncoder, {"residual_scaling": "mahalanobis"}, "residual_scaling='mahalanobis' needs"),
        (VAE, {"anomaly_score": "jacodeco"}, "anomaly_score='jacodeco' needs complete rows"),
        (WAE, {"cost": "euclidean"}, "cost='euclidean' needs complete rows"),
        (WAE, {"cost": lambda x, y: (x - y).abs().sum(1)}, "cost=<function .* needs complete"),
    ],
)
def test_what_has_no_sense_with_holes_is_refused(cls, params, message, X):
    with pytest.raises(ValueError, match=message):
        masking(cls.__name__, **params).fit(X)


KEEP_HOLES = [
    FunctionTransformer(np.tanh),
    make_pipeline(FunctionTransformer(np.arcsinh), StandardScaler()),
    make_column_transformer((MinMaxScaler(), [5, 0]), ("passthrough", [2])),
]
LOSE_HOLES = [
    PCA(2),
    Normalizer(),
    make_pipeline(StandardScaler(), SimpleImputer()),
    FunctionTransformer(lambda X: X - X[:, :1]),
]


@pytest.mark.parametrize("scaler", KEEP_HOLES)
@pytest.mark.parametrize("largest", [0, 2**23], ids=["lazy", "whole"])
def test_a_scaler_that_keeps_holes_is_welcome(scaler, largest, holed, monkeypatch):
    monkeypatch.setattr(_rows, "LAZY_VALUES", largest)
    det = masking("AutoEncoder", scaler=scaler).fit(holed)
    assert np.isfinite(det.score_samples(holed)).all()


@pytest.mark.parametrize("scaler", LOSE_HOLES)
@pytest.mark.parametrize("largest", [0, 2**23], ids=["lazy", "whole"])
def test_a_scaler_that_fills_or_spreads_holes_is_refused(scaler, largest, X, holed, monkeypatch):
    monkeypatch.setattr(_rows, "LAZY_VALUES", largest)
    message = re.escape(f"leaves NaN as it is, got scaler={scaler!r}.")
    for rows in (X, holed):
        with pytest.raises(ValueError, match=message):
            masking("AutoEncoder", scaler=scaler).fit(rows)


def test_a_scaler_that_fails_without_holes_too_is_not_blamed_for_them(holed):
    det = masking("AutoEncoder", scaler=FunctionTransformer(np.tanh, kw_args={"power": 2}))
    with pytest.raises(TypeError, match="power"):
        det.fit(holed)


# Values by hand ------------------------------------------------------------------------------


def test_each_cell_that_is_there_counts_as_often_as_its_row_lacks_others():
    nan = torch.nan
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0], [1.0, nan, nan, 4.0], [nan] * 4])
    expected = torch.tensor([[1.0] * 4, [2.0, 0.0, 0.0, 2.0], [0.0] * 4])
    assert torch.equal(cell_weights(x), expected)
    losses = masked_reconstruction_loss(torch.zeros(3, 4), x)
    assert losses.tolist() == [30.0, 34.0, 0.0]


def test_holes_have_no_gradient():
    output = torch.ones(2, 3, requires_grad=True)
    x = torch.tensor([[0.0, torch.nan, 2.0], [torch.nan] * 3])
    masked_reconstruction_loss(output, x).sum().backward()
    assert torch.equal(output.grad, torch.tensor([[3.0, 0.0, -3.0], [0.0, 0.0, 0.0]]))


def test_the_score_is_the_mean_over_what_is_there(X, holed):
    det = masking("AutoEncoder", residual_scaling="plain").fit(holed)
    residual = det.scaler_.transform(holed) - det.scaler_.transform(det.reconstruct(holed))
    expected = np.nan_to_num(np.nanmean(residual[:7] ** 2, axis=1))
    assert_allclose(-det.score_samples(holed[:7]), expected, rtol=1e-4)
    filled = np.where(np.isnan(holed), det.scaler_.mean_, holed)
    assert_allclose(det.transform(holed), det.transform(filled), atol=1e-5)


def test_residual_scales_are_those_of_the_cells_that_are_there(holed):
    det = masking("AutoEncoder").fit(holed)
    residual = det.scaler_.transform(holed) - det.scaler_.transform(det.reconstruct(holed))
    expected = np.nanquantile(np.abs(residual), 0.75, axis=0) + 1e-3
    assert_allclose(det.net_.module_.residual.scale, expected, rtol=1e-3)


def test_a_scaler_knows_columns_that_are_empty_in_a_block(monkeypatch):
    monkeypatch.setattr(_rows, "LAZY_VALUES", 0)
    X = np.arange(40.0).reshape(20, 2)
    X[:10, 0], X[15:, 1] = np.nan, np.nan
    monkeypatch.setattr(lazy_module, "BLOCK_VALUES", 10)
    scaler = masking("AutoEncoder")._make_scaler(0)
    fit_scaler(scaler, X, slice(None), lambda block: block, empty=np.zeros(2, dtype=bool))
    assert_allclose(scaler.transform(X), clone(scaler).fit_transform(X))


# Effects -------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [load_wine, load_breastw, load_cardio])
@pytest.mark.parametrize("cls", [AutoEncoder, RobustAutoEncoder, VAE])
def test_a_fifth_of_the_cells_can_be_missing(cls, load):
    X, y = load(return_X_y=True)
    train, test = np.flatnonzero(y == 0)[::2], np.r_[np.flatnonzero(y == 0)[1::2], y.nonzero()[0]]

    def auc(rows):
        det = cls(missing="mask", max_steps=300, random_state=0).fit(rows[train])
        return anomaly_roc_auc(y[test], det.score_samples(rows[test]))

    assert auc(with_holes(X)) >= auc(X) - 0.06


def test_holes_are_filled_better_than_by_the_mean(X):
    rows = with_holes(X)
    det = AutoEncoder(missing="mask", hidden_layer_sizes=(32, 2), trim=0, random_state=0).fit(rows)
    holes = np.isnan(rows)
    error = np.abs(det.reconstruct(rows) - X)[holes].mean()
    mean_error = np.abs(np.nanmean(rows, axis=0) - X)[holes].mean()
    assert error < 0.7 * mean_error


def test_nets_are_trained_as_one_with_holes(holed):
    dets = [masking("AutoEncoder", random_state=i, max_epochs=10) for i in range(3)]
    alone = [clone(det).fit(holed).score_samples(holed) for det in dets]
    with parallel_config("stacked", n_jobs=3):
        together = Parallel()(delayed(det.fit)(holed) for det in dets)
    for det, scores in zip(together, alone, strict=True):
        assert spearmanr(det.score_samples(holed), scores).statistic > 0.999


@pytest.mark.parametrize("wrap", [DetectorEnsemble, ConformalDetector, TunedThreshold, to_pyod])
def test_estimators_made_of_detectors_pass_holes_on(wrap, holed):
    wrapper = wrap(masking("AutoEncoder")).fit(holed, (np.arange(300) % 9 == 0).astype(int))
    assert np.isfinite(wrapper.decision_function(holed)).all()


def test_displays_show_rows_with_holes(holed):
    pytest.importorskip("matplotlib").use("Agg")
    det = masking("AutoEncoder").fit(holed)
    assert len(ContributionDisplay.from_estimator(det, holed).contributions) == holed.shape[1]
    display = ReconstructionDisplay.from_estimator(det, holed, rows=[0, 1])
    assert np.isfinite(display.reconstruction).all()
    assert_array_equal(np.isnan(display.X), np.isnan(holed[:2]))


# Errors of all detectors ---------------------------------------------------------------------


def spoiled(X, values):
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])])
    frame["f2"] = values
    return frame


@every_detector
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            np.nan,
            r"contains NaN in column 'f2'.*(missing='mask'.*imputer|imputer.*missing='mask')",
        ),
        (np.inf, r"Input X contains infinity .* in column 'f2'\."),
        ("red", r"could not convert string to float: 'red'\. Column 'f2' holds text: .*OneHot"),
        (pd.Timestamp("2020-02-02"), r"Column 'f2' holds dates or times: .*TableVectorizer"),
        (pd.Categorical(["a", "b"] * 150), r"Column 'f2' holds text"),
        (pd.array([1, None] * 150, dtype="Int64"), r"contains NaN in column 'f2'"),
    ],
    ids=["NaN", "infinity", "text", "date", "category", "NA"],
)
def test_errors_name_the_column_and_the_way_out(name, values, message, X):
    with pytest.raises((ValueError, TypeError), match=message):
        small(name).fit(spoiled(X, values))


@pytest.mark.parametrize("columns", ["names", "numbers"])
def test_the_same_errors_come_in_scoring(columns, X):
    rows = spoiled(X, X[:, 2])
    det = small("DeepSVDD").fit(rows if columns == "names" else X)
    bad = spoiled(X, np.nan)
    column = "'f2'" if columns == "names" else "2"
    with pytest.raises(
        ValueError, match=f"NaN in column {column}, but DeepSVDD needs complete rows"
    ):
        det.score_samples(bad if columns == "names" else bad.to_numpy())


def test_the_way_out_of_a_masking_detector_is_its_parameter(X):
    with pytest.raises(ValueError, match=r"use RobustAutoEncoder\(missing='mask'\)"):
        RobustAutoEncoder().fit(with_holes(X))


def test_a_column_is_found_in_lists_and_arrays_of_objects():
    for rows in ([[1.0, "a"]] * 9, np.array([[1.0, "a"]] * 9, dtype=object), [["1", "a"]] * 9):
        with pytest.raises(ValueError, match="Column 1 holds text"):
            AutoEncoder().fit(rows)
    with pytest.raises(ValueError, match="inhomogeneous"):
        AutoEncoder().fit([[1.0, 2.0], [3.0]])


NO_NUMBERS = {
    "NA": (pd.NA, "contains <NA>, a missing value, in column {}: use AutoEncoder.missing='mask'"),
    "NaT": (pd.NaT, "contains NaT, a missing value, in column {}: use AutoEncoder.missing='mask'"),
    "None": (None, "contains NaN in column {}: use AutoEncoder.missing='mask'"),
    "complex": (1j, "Column {} holds complex numbers: make two columns"),
    "huge": (10**400, "Column {} holds integers too large for float64"),
    "date": (date(2020, 2, 2), "Column {} holds dates or times: make them numbers"),
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_one_object_among_numbers_is_named_for_what_it_is(kind, X):
    value, message = NO_NUMBERS[kind]
    rows = X.astype(object)
    rows[5, 2] = value
    frame = pd.DataFrame(rows, columns=[f"f{i}" for i in range(X.shape[1])])
    for table, name in ((rows, "2"), (rows.tolist(), "2"), (frame, "'f2'")):
        error = TypeError if kind in ("complex", "date") else ValueError
        with pytest.raises(error, match=message.format(name)):
            AutoEncoder().fit(table)


@pytest.mark.parametrize("value", [pd.NA, pd.NaT])
def test_the_way_to_nan_makes_rows_that_a_mask_takes(value, X):
    frame = spoiled(X, [value, *X[1:, 2]]).astype({"f2": object})
    with pytest.raises(ValueError, match=r"'f2'\. It must be NaN, which X\.where\(X\.notna"):
        masking("AutoEncoder").fit(frame)
    masking("AutoEncoder").fit(frame.where(frame.notna(), np.nan).astype(float))


@pytest.mark.parametrize("value", [np.datetime64("2020-02-02"), np.timedelta64(1, "D")])
def test_dates_of_numpy_are_named_among_objects(value):
    rows = np.ones((9, 2), dtype=object)
    rows[4, 1] = value
    for table, name in ((rows, 1), (pd.DataFrame({"a": range(9), "b": rows[:, 1]}), "'b'")):
        with pytest.raises(ValueError, match=f"Column {name} holds dates or times"):
            AutoEncoder().fit(table)


def test_a_frame_that_is_sparse_is_told_how_to_be_dense(X):
    with pytest.raises(ValueError, match=r"use X\.sparse\.to_dense\(\)"):
        AutoEncoder().fit(pd.DataFrame(X).astype(pd.SparseDtype(float)))


def test_dates_are_named_in_a_dictionary_of_pyarrow_too():
    pa = pytest.importorskip("pyarrow")
    dates = pa.array(DATES).dictionary_encode()
    with pytest.raises(ValueError, match="Column 'when' holds dates or times"):
        AutoEncoder().fit(pa.table({"size": np.arange(300.0), "when": dates}))


DATES = pd.date_range("2024", periods=300)


@pytest.mark.parametrize("flag", [{}, {"flag": True}, {"flag": pd.array([1] * 300, dtype="Int64")}])
@pytest.mark.parametrize(
    ("column", "held"),
    [
        (np.full(300, 1j), "complex numbers"),
        (pd.Categorical([1j, 2j] * 150), "complex numbers"),
        (pd.Categorical(["a", "b"] * 150), "text"),
        (pd.Categorical(DATES), "dates or times"),
        (DATES.to_period("D"), "dates or times"),
        (pd.interval_range(0, 300), "values of type Interval"),
        (pd.arrays.SparseArray(np.resize([0, 1j], 300), fill_value=0), "complex numbers"),
    ],
    ids=["complex", "complex categories", "categories", "dates", "periods", "intervals"]
    + ["sparse complex"],
)
def test_a_column_of_no_numbers_is_named_beside_flags_too(column, held, flag, X):
    frame = spoiled(X, column).assign(**flag)
    with pytest.raises((TypeError, ValueError), match=f"Column 'f2' holds {held}"):
        AutoEncoder().fit(frame)


def test_the_column_holds_what_the_message_says_in_any_block(monkeypatch, X):
    monkeypatch.setattr(_tables, "BLOCK_VALUES", 80)
    first = {(np.nan, np.inf): ("NaN in column 1", "infinity.* in column 4")}
    first[np.inf, np.nan] = "NaN in column 4", "infinity.* in column 1"
    for values, (of_any, of_mask) in first.items():
        rows = X.copy()
        rows[5, 1], rows[-5, 4] = values
        for table in (rows, rows.astype(object), rows.astype(np.longdouble)):
            for det, message in ((AutoEncoder(), of_any), (masking("AutoEncoder"), of_mask)):
                with pytest.raises(ValueError, match=message):
                    det.fit(table)


def test_long_doubles_that_are_too_large_are_found(X):
    rows = X.astype(np.longdouble)
    rows[3, 2] = np.longdouble("1e4000")
    if np.isinf(rows[3, 2]):
        pytest.skip("a long double is a double here")
    with pytest.raises(ValueError, match=r"too large for .* in column 2"):
        AutoEncoder().fit(rows)


@pytest.mark.parametrize(("value", "message"), [(np.nan, "NaN in column 9"), ("a", "Column 9 ")])
def test_a_column_among_many_is_found_in_few_checks(value, message, monkeypatch):
    frame = pd.DataFrame(np.zeros((9, 1000))).assign(**{"9": value})
    frame.columns = [*range(10, 1010), 9]
    checks = []
    monkeypatch.setattr(_tables, "check_array", lambda *a, **k: checks.append(check_array(*a, **k)))
    with pytest.raises(ValueError, match=message):
        AutoEncoder().fit(frame)
    assert len(checks) < 20


def test_columns_of_pyarrow_have_names(X):
    pyarrow = pytest.importorskip("pyarrow")
    for values, message in (
        (np.nan, "NaN in column 'f2'"),
        ("red", "Column 'f2' holds text"),
        (pd.Timestamp("2020-02-02"), "Column 'f2' holds dates"),
    ):
        with pytest.raises(ValueError, match=message):
            AutoEncoder().fit(pyarrow.table(spoiled(X, values)))


@pytest.mark.parametrize(
    "rows", [np.arange(6).astype("M8[s]"), np.arange(6).astype("m8[s]")], ids=["dates", "spans"]
)
def test_tables_of_times_alone_are_not_read_as_numbers(rows):
    rows = rows.reshape(3, 2)
    for table, name in ((rows, "0"), (pd.DataFrame(rows, columns=["a", "b"]), "'a'")):
        with pytest.raises(ValueError, match=f"Column {name} holds dates or times: make them num"):
            AutoEncoder().fit(table)


def test_a_table_of_nothing_gets_the_message_of_scikit_learn(X):
    frame = pd.DataFrame(X)
    for empty, what in ((frame[:0], "0 sample"), (frame[[]], "0 feature")):
        for table in (empty, empty.to_numpy()):
            with pytest.raises(ValueError, match=rf"Found array with {what}\(s\) \(shape="):
                AutoEncoder().fit(table)


def test_masked_cells_are_not_read(X):
    masked = np.ma.masked_array(X, X > 2)
    with pytest.raises(ValueError, match=r"use X\.astype\(float\)\.filled\(np\.nan\)"):
        masking("AutoEncoder").fit(masked)
    masking("AutoEncoder").fit(masked.astype(float).filled(np.nan))
    AutoEncoder(max_epochs=1).fit(np.ma.masked_array(X))


@every_detector
def test_sparse_input_gets_an_error_with_a_way_out(name, X):
    with pytest.raises(TypeError, match=rf"{name} needs dense rows: use X\.toarray\(\)"):
        small(name).fit(csr_matrix(X))


# In front of a detector ----------------------------------------------------------------------


@pytest.fixture
def table(X):
    rng = np.random.RandomState(0)
    frame = pd.DataFrame(with_holes(X[:, :3]), columns=["age", "height", "weight"])
    frame["kind"] = rng.choice(["red", "green", "blue"], len(X))
    frame["seen"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.randint(0, 900, len(X)), "D")
    return frame


def test_skrub_makes_rows_of_a_table_with_text_dates_and_holes(table):
    skrub = pytest.importorskip("skrub")
    model = make_pipeline(skrub.TableVectorizer(), masking("AutoEncoder")).fit(table)
    assert np.isfinite(model.score_samples(table)).all()
    imputed = make_pipeline(skrub.TableVectorizer(), SimpleImputer(), small("DeepSVDD"))
    assert set(imputed.fit(table).predict(table)) == {-1, 1}


def test_the_pipeline_of_skrub_imputes_if_a_detector_needs_it(table):
    skrub = pytest.importorskip("skrub")
    if not hasattr(skrub, "tabular_pipeline"):
        pytest.skip("skrub has it since 0.6")
    for detector, imputes in ((masking("VAE"), False), (small("VAE"), True)):
        pipeline = skrub.tabular_pipeline(detector)
        assert ("simpleimputer" in pipeline.named_steps) is imputes
        assert np.isfinite(pipeline.fit(table).score_samples(table)).all()


def test_missing_set_after_fit_says_that_it_needs_a_new_one(X):
    det = AutoEncoder(max_epochs=2).fit(X)
    rows = np.where(X > 2, np.nan, X)
    with pytest.raises(ValueError, match="missing='mask' of this AutoEncoder takes effect in a"):
        det.set_params(missing="mask").score_samples(rows)


def test_infinity_that_passes_unchecked_is_named(X):
    rows = X.copy()
    rows[3, 1] = np.inf
    with config_context(assume_finite=True), pytest.raises(ValueError, match="which assume_finite"):
        AutoEncoder(max_epochs=1, missing="mask").fit(rows)
