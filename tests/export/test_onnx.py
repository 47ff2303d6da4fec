"""Detectors and pipelines as ONNX models, computed by onnxruntime."""

import json
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    StandardScaler,
)
from torch.distributions import MultivariateNormal

from skdeepad import (
    BDSGM,
    SDGM,
    VAE,
    AnoGAN,
    AutoEncoder,
    DetectorEnsemble,
    DevNet,
    InvertibleResNet,
    LeSiNN,
    default_detector,
)
from skdeepad.calibration import ConformalDetector, TunedThreshold
from skdeepad.export import to_onnx
from skdeepad.export._decompositions import DECOMPOSITIONS
from skdeepad.export._onnx import _quiet
from skdeepad.feedback import FeedbackDetector

from ..flow.gaussians import KnownDensity
from ..instances import rows_of_few_kinds, small, without_labels
from .test_module import DETECTORS, assert_close, some_rows

for name in ("onnx", "onnxscript", "onnxruntime", "skl2onnx"):
    pytest.importorskip(name, reason=f"{name} is not installed")

# These have all operators that need care; the others take a minute and are slow.
QUICK = {"AutoEncoder", "DeepSVDD", "EGBAD", "REPEN"}
OTHERS = {
    "AnoGAN": {"train_encoder": True, "encoder_steps": 5},
    "LadderVAE": {"n_draws": 2},
    "ADGM": {"n_draws": 2},
    "SDGM": {"n_draws": 2},
}


def in_runtime(model, inputs):
    from onnxruntime import InferenceSession

    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, inputs if isinstance(inputs, dict) else {"X": inputs})


@without_labels
@pytest.mark.usefixtures("quick_stages")
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in DETECTORS],
)
def test_a_runtime_agrees_in_range_and_far_out_for_any_number_of_rows(name):
    X, far = some_rows()
    y = np.where(np.arange(len(X)) < 10, -1, 0)
    det = small(name, **OTHERS.get(name, {})).fit(X, y)
    model = to_onnx(det)
    scores, of_far = det.score_samples(X), det.score_samples(far)
    for n in (1, 2, len(X)):
        score, decision, label = in_runtime(model, X[:n])
        assert_close(score, scores[:n], scores.std(), 1e-4)
        assert_close(decision, det.decision_function(X[:n]), scores.std(), 1e-4)
        clear = np.abs(det.decision_function(X[:n])) > 1e-4 * scores.std()
        assert_array_equal(label[clear], det.predict(X[:n])[clear])
    assert_close(in_runtime(model, far)[0], of_far, np.r_[scores, of_far].std(), 1e-4)


def test_a_flow_of_many_features_has_its_determinants():
    X, far = some_rows(d=36)
    params = {"hidden_layer_sizes": (40,), "n_blocks": 2, "max_epochs": 3}
    det = InvertibleResNet(random_state=0, scaler="standard", **params).fit(X)
    model = to_onnx(det)
    for rows in (X, far):
        assert_allclose(in_runtime(model, rows)[0], det.score_samples(rows), rtol=1e-4)


def test_small_variances_are_exact():
    class Softplus(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.softplus(x)

    x = torch.linspace(-20, 20, 81)
    with _quiet():
        program = torch.export.export(Softplus(), (x,)).run_decompositions(DECOMPOSITIONS)
        model = torch.onnx.export(program, dynamo=True, input_names=["X"], verbose=False)
    (found,) = in_runtime(model.model_proto, x.numpy())
    assert_allclose(found, Softplus()(x), rtol=1e-6)


def test_float32_rows_are_taken_as_they_are():
    X = some_rows()[0].astype(np.float32)
    det = AutoEncoder(max_epochs=3, random_state=0).fit(X)
    scores = det.score_samples(X)
    assert_close(in_runtime(to_onnx(det, X=X), X)[0], scores, scores.std(), 1e-4)


def test_a_file_is_written_and_says_what_it_is(tmp_path):
    onnx = pytest.importorskip("onnx")
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(some_rows(d=2)[0], columns=["height", "weight"])
    det = AutoEncoder(max_epochs=2, random_state=0).fit(X)
    to_onnx(det, tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    assert model.producer_name == "skdeepad"
    assert "AutoEncoder" in model.doc_string
    (names,) = model.metadata_props
    assert json.loads(names.value) == ["height", "weight"]
    assert [output.name for output in model.graph.output] == ["score", "decision", "label"]


@pytest.mark.parametrize("wrap", [ConformalDetector, TunedThreshold, None], ids=str)
def test_rows_that_tie_at_the_threshold_have_the_label_of_the_detector(wrap):
    X = rows_of_few_kinds()
    det = AutoEncoder(max_epochs=3, random_state=0)
    det = det if wrap is None else wrap(det, random_state=0)
    det.fit(X, np.where(np.arange(len(X)) < 40, -1, 1))
    score, _, label = in_runtime(to_onnx(det), X)
    assert_array_equal(label, det.predict(X))
    assert_allclose(score, det.score_samples(X), atol=1e-3)


def test_missing_values_are_outliers():
    X, _ = some_rows()
    det = AutoEncoder(max_epochs=2, random_state=0).fit(X)
    X[0, 0] = np.nan
    assert in_runtime(to_onnx(det), X[:1])[2] == [-1]


def test_a_pipeline_of_numbers_is_one_model():
    X = some_rows()[0].astype(np.float32)
    det = make_pipeline(StandardScaler(), PCA(3), "passthrough", AutoEncoder(max_epochs=3))
    det.set_params(autoencoder__random_state=0).fit(X)
    score, _, label = in_runtime(to_onnx(det), X)
    scores = det.score_samples(X)
    assert_close(score, scores, scores.std(), 1e-4)
    assert (label == det.predict(X)).mean() > 0.99


def test_pipelines_and_frozen_steps_within_a_pipeline_are_taken_apart():
    X = some_rows()[0].astype(np.float32)
    steps = make_pipeline(FrozenEstimator(StandardScaler().fit(X)), "passthrough", None)
    det = make_pipeline(steps, PCA(3), AutoEncoder(max_epochs=1, random_state=0)).fit(X)
    assert_allclose(in_runtime(to_onnx(det, X=X), X)[0], det.score_samples(X), rtol=1e-4)


def test_a_pipeline_without_steps_has_the_input_of_its_detector():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(some_rows(d=2)[0], columns=["size", "price"])
    det = make_pipeline("passthrough", AutoEncoder(max_epochs=1, random_state=0)).fit(X)
    assert to_onnx(det, X=X).graph.input == to_onnx(det[-1], X=X).graph.input


def test_a_pipeline_of_mixed_columns_has_an_input_for_each():
    pandas = pytest.importorskip("pandas")
    rng = np.random.RandomState(0)
    X = pandas.DataFrame(rng.randn(200, 2), columns=["size", "price"])
    X["kind"] = rng.choice(["new", "used"], 200)
    X.loc[3, "size"] = np.nan
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    kinds = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((numbers, ["size", "price"]), (kinds, ["kind"]))
    det = make_pipeline(columns, AutoEncoder(max_epochs=3, random_state=0)).fit(X)
    model = to_onnx(det, X=X)
    inputs = {name: X[[name]].to_numpy(dtype=np.float32) for name in ("size", "price")}
    inputs["kind"] = X[["kind"]].to_numpy(dtype=object)
    scores = det.score_samples(X)
    assert_close(in_runtime(model, inputs)[0], scores, scores.std(), 1e-4)
    inputs["kind"] = np.full((200, 1), "unheard of", dtype=object)
    X["kind"] = "unheard of"
    scores = det.score_samples(X)
    assert_close(in_runtime(model, inputs)[0], scores, scores.std(), 1e-4)


def test_p_values_of_a_pipeline_are_one_model():
    X = some_rows()[0].astype(np.float32)
    inner = make_pipeline(StandardScaler(), PCA(3), AutoEncoder(max_epochs=3, random_state=0))
    det = ConformalDetector(inner, alpha=0.2, random_state=0).fit(X)
    score, _, label = in_runtime(to_onnx(det), X)
    assert_allclose(score, det.score_samples(X), atol=1e-3)
    assert (label == det.predict(X)).mean() > 0.99


@pytest.mark.parametrize("combine", ["log", "quantile", "zscore"])
def test_an_ensemble_is_one_model(combine):
    X, _ = some_rows()
    members = [("ae", AutoEncoder(max_epochs=3)), ("neighbours", LeSiNN(max_samples=30))]
    det = DetectorEnsemble(members, combine=combine, weights=[2, 1], random_state=0).fit(X)
    scores = det.score_samples(X)
    assert_close(in_runtime(to_onnx(det), X)[0], scores, scores.std(), 1e-4)


@pytest.mark.parametrize(
    "det",
    [
        VAE(likelihood="bernoulli", scaler="minmax", max_epochs=2),
        AutoEncoder(n_snapshots=3, max_epochs=4),
        AutoEncoder(missing="mask", activation="gelu", norm="max", max_epochs=2),
        SDGM(n_auxiliary=0, n_draws=2, max_epochs=2),
    ],
    ids=["bernoulli", "snapshots", "missing", "M2"],
)
def test_what_a_detector_can_be_set_to_is_exported(det):
    X, _ = some_rows()
    X[::7, 1] = np.nan if det.missing == "mask" else X[::7, 1]
    det = det.set_params(random_state=0).fit(X, np.repeat([-1, 1, 0], [10, 50, len(X) - 60]))
    assert_allclose(in_runtime(to_onnx(det), X)[0], det.score_samples(X), rtol=1e-4)


def test_whole_numbers_and_booleans_are_numbers():
    pandas = pytest.importorskip("pandas")
    rng = np.random.RandomState(0)
    X = pandas.DataFrame(
        {"count": rng.randint(0, 9, 120), "size": rng.randn(120), "is new": rng.rand(120) < 0.5}
    )
    det = make_pipeline(StandardScaler(), AutoEncoder(max_epochs=2, random_state=0)).fit(X)
    inputs = {name: X[[name]].to_numpy(dtype=np.float32) for name in X.columns}
    inputs["is_new"] = inputs.pop("is new")
    for rows in (X, X[["size", "is new", "count"]]):
        score = in_runtime(to_onnx(det, X=rows), inputs)[0]
        assert_allclose(score, det.score_samples(X), rtol=1e-4)


def test_whole_numbers_may_be_categories():
    pandas = pytest.importorskip("pandas")
    rng = np.random.RandomState(0)
    X = pandas.DataFrame({"size": rng.randn(120), "kind": rng.randint(0, 3, 120)})
    columns = make_column_transformer(
        (StandardScaler(), ["size"]), (OneHotEncoder(sparse_output=False), ["kind"])
    )
    det = make_pipeline(columns, AutoEncoder(max_epochs=2, random_state=0)).fit(X)
    inputs = {name: X[[name]].to_numpy(dtype=np.float32) for name in X.columns}
    score = in_runtime(to_onnx(det, X=X), inputs)[0]
    assert_allclose(score, det.score_samples(X), rtol=1e-4)


def test_columns_that_do_not_fit_are_named():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(some_rows(d=2)[0], columns=["size", "score"])
    det = make_pipeline(StandardScaler(), AutoEncoder(max_epochs=1)).fit(X)
    with pytest.raises(ValueError, match=r"names of the model's outputs, \['score'\]"):
        to_onnx(det, X=X)
    with pytest.raises(ValueError, match=r"columns of fit, but \['score'\] is not there"):
        to_onnx(det, X=X[["size"]])
    with pytest.raises(ValueError, match=r"X must be of shape .*, got \(2,\)"):
        to_onnx(det[-1], X=X.to_numpy()[0])
    with pytest.raises(ValueError, match="X has 1 columns, but the estimator was fitted to 2"):
        to_onnx(det, X=X.to_numpy()[:, :1].tolist())
    to_onnx(AutoEncoder(max_epochs=1).fit(X), X=X)  # its one input is X


def test_a_file_has_no_paths_and_exports_wait_for_one_another():
    X, _ = some_rows()
    det = AutoEncoder(max_epochs=1, random_state=0).fit(X)
    filters = list(warnings.filters)
    with ThreadPoolExecutor(3) as pool:
        models = list(pool.map(to_onnx, [det] * 3))
    assert warnings.filters == filters
    assert len({model.SerializeToString() for model in models}) == 1
    assert b".py" not in models[0].SerializeToString()


def of_another_density(X):
    normal = MultivariateNormal(torch.zeros(X.shape[1]), torch.eye(X.shape[1]))
    return BDSGM(density=KnownDensity(normal), generator_steps=3, random_state=0)


@pytest.mark.usefixtures("quick_stages")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda X: AnoGAN(max_epochs=1), "AnoGAN can't .* with train_encoder=False"),
        (
            lambda X: VAE(max_epochs=1, n_latent=3, anomaly_score="jacodeco"),
            "VAE can't .* with anomaly_score='jacodeco'",
        ),
        (
            lambda X: VAE(max_epochs=1, anomaly_score="decoder_nearest"),
            "VAE can't .* with anomaly_score='decoder_nearest'",
        ),
        (
            lambda X: DetectorEnsemble(AutoEncoder(max_epochs=1), combine="rank"),
            "DetectorEnsemble can't .* with combine='rank'",
        ),
        (
            lambda X: DetectorEnsemble(AnoGAN(max_epochs=1), n_estimators=2),
            "AnoGAN can't .* with train_encoder=False",
        ),
        (of_another_density, "BDSGM can't .* with density=.*KnownDensity"),
    ],
)
def test_scores_of_more_than_one_pass_are_refused_by_name(make, message):
    X, _ = some_rows(n=60)
    det = make(X).fit(X)
    with pytest.raises(ValueError, match=message):
        to_onnx(det)


def test_steps_without_a_converter_are_named():
    X, _ = some_rows()
    steps = FunctionTransformer(np.abs), AutoEncoder(max_epochs=1)
    with pytest.raises(ValueError, match=r"can't convert one of these.*FunctionTransformer"):
        to_onnx(make_pipeline(*steps).fit(X))


def rows_with_holes():
    X = np.round(some_rows()[0])
    X[np.random.RandomState(0).rand(*X.shape) < 0.1] = np.nan
    return X


@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
@pytest.mark.parametrize(
    "steps",
    [
        [OrdinalEncoder(encoded_missing_value=-2)],
        [PowerTransformer(), SimpleImputer()],
        [SimpleImputer(add_indicator=True)],
        [SimpleImputer(), "of a column without values"],
        [KNNImputer()],
    ],
    ids=str,
)
def test_steps_that_are_converted_wrongly_are_an_error(steps, tmp_path):
    X = rows_with_holes()
    if isinstance(steps[-1], str):
        steps, X[:, 1] = steps[:-1], np.nan
    det = make_pipeline(*steps, AutoEncoder(max_epochs=1, random_state=0)).fit(X)
    with pytest.raises(ValueError, match=f"model is wrong.*{type(steps[0]).__name__}"):
        to_onnx(det, tmp_path / "model.onnx", X=X)
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_not_valid_is_an_error_without_rows():
    X = rows_with_holes()
    steps = SimpleImputer(add_indicator=True), AutoEncoder(max_epochs=1)
    with pytest.raises(ValueError, match=r"can't be run.*SimpleImputer"):
        to_onnx(make_pipeline(*steps).fit(X))


def test_the_only_missing_value_of_a_column_is_found():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(rows_with_holes(), columns=list("abcde"))
    X["kind"] = np.random.RandomState(0).choice(["new", "used"], len(X))
    X.loc[5, "kind"] = None
    columns = make_column_transformer((OrdinalEncoder(), ["kind"]), remainder="passthrough")
    det = make_pipeline(columns, SimpleImputer(), AutoEncoder(max_epochs=1, random_state=0)).fit(X)
    with pytest.raises(ValueError, match=r"1 of \d+ scores differ from those of score_samples"):
        to_onnx(det, X=X)


@pytest.mark.parametrize(
    ("step", "far"),
    [(StandardScaler(), 1e6), (KBinsDiscretizer(4, encode="onehot-dense"), 0.0)],
    ids=["large", "bins"],
)
def test_rounding_in_float32_is_no_error(step, far):
    X = some_rows()[0] + far
    det = make_pipeline(step, AutoEncoder(max_epochs=2, random_state=0)).fit(X)
    to_onnx(det, X=X)


def test_rows_of_each_kind_of_table_are_compared():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    rng = np.random.RandomState(0)
    X = pandas.DataFrame({"size": rng.randn(80), "kind": rng.choice(["new", "used"], 80)})
    columns = make_column_transformer((StandardScaler(), ["size"]), (OneHotEncoder(), ["kind"]))
    columns.set_params(sparse_threshold=0)
    det = make_pipeline(columns, AutoEncoder(max_epochs=2, random_state=0))
    for table in (X, polars.DataFrame(X.to_dict("list"))):
        to_onnx(TunedThreshold(det).fit(table), X=table)
    to_onnx(det.fit(X), X=X[:0])
    rows = X[["size"]].to_numpy()
    to_onnx(AutoEncoder(max_epochs=1).fit(rows), X=rows.tolist())


@pytest.mark.parametrize("model", [None, DevNet(max_epochs=2)], ids=["default", "DevNet"])
def test_a_runtime_scores_as_a_detector_that_learned_from_answers(model):
    X, _ = some_rows()
    det = FeedbackDetector(model=model, random_state=0).fit(X)
    det.teach(np.arange(60), np.where(np.arange(60) % 3, 1, -1))
    scores, onnx = det.score_samples(X), to_onnx(det)
    for n in (1, len(X)):
        difference = np.abs(in_runtime(onnx, X[:n])[0] - scores[:n])
        assert np.median(difference) < 1e-6 * scores.std()
        assert (difference < 1e-4 * scores.std()).mean() > 0.98


def test_a_runtime_scores_as_the_default_detector():
    X, far = some_rows()
    det = default_detector(random_state=0).fit(X)
    onnx = to_onnx(det, X=X)
    for rows in (X, far, X[:1]):
        assert_allclose(in_runtime(onnx, rows)[0], det.score_samples(rows), rtol=1e-5, atol=1e-6)


def test_a_frame_of_float32_gives_the_model_an_input_of_float32(X):
    frame = pd.DataFrame(X.astype(np.float32)).set_axis(list("abcdefgh"), axis=1)
    model = to_onnx(small("AutoEncoder").fit(frame), X=frame)
    assert model.graph.input[0].type.tensor_type.elem_type == 1  # float32


@pytest.mark.parametrize("names", [["1st", "größe"], ["a+b", "a b"]])
def test_columns_may_have_any_other_names(names, X):
    frame = pd.DataFrame(X[:, :2], columns=names)
    columns = make_column_transformer((StandardScaler(), names))
    model = to_onnx(make_pipeline(columns, small("AutoEncoder")).fit(frame), X=frame)
    assert len(model.graph.input) == 2


@pytest.mark.parametrize("names", [["a b", "a_b"], ["variable", "b"]])
def test_columns_with_names_that_onnx_changes_are_refused(names, X):
    frame = pd.DataFrame(X[:, :2], columns=names)
    columns = make_column_transformer((StandardScaler(), names))
    pipeline = make_pipeline(columns, small("AutoEncoder")).fit(frame)
    with pytest.raises(ValueError, match="alike in ONNX, or taken by skl2onnx"):
        to_onnx(pipeline, X=frame)
