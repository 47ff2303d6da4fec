"""Files without code: detectors through skops."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import OneClassSVM
from torch.distributions import Normal

import skdeepad
import skdeepad.metrics
import skdeepad.model_selection
import skdeepad.nn
import skdeepad.preprocessing
from skdeepad import (
    EGBAD,
    VAE,
    WAE,
    AutoEncoder,
    DeepSVDD,
    DetectorEnsemble,
    GroupAnomalyDetector,
    InvertibleResNet,
    LeSiNN,
)
from skdeepad.base import _saved_state
from skdeepad.calibration import ConformalDetector, TunedThreshold
from skdeepad.feedback import FeedbackDetector
from skdeepad.group._group import LEARNED
from skdeepad.interop import DetectorClassifier, to_pyod, trusted_types
from skdeepad.nn import MLPBackbone

from ..instances import other_values, small, without_labels

sio = pytest.importorskip("skops.io", reason="skops is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DETECTORS = [name for name, _ in skdeepad.all_detectors()]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.RandomState(0)
    return rng.randn(150, 5) @ rng.randn(5, 5), np.where(np.arange(150) < 8, -1, 0)


def through_a_file(estimator):
    return sio.loads(sio.dumps(estimator), trusted=trusted_types())


def assert_goes_on_alike(det, opened, X, y):
    assert_array_equal(opened.score_samples(X), det.score_samples(X))
    assert_array_equal(opened.predict(X), det.predict(X))
    det, opened = pickle.loads(pickle.dumps(det)), opened
    for each in (det, opened):
        each.partial_fit(X, y)
    assert_array_equal(opened.score_samples(X), det.score_samples(X))
    assert opened.n_iter_ == det.n_iter_


@without_labels
@pytest.mark.usefixtures("quick_stages")
@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_scores_and_trains_on_as_before(name, rows):
    det = small(name).fit(*rows)
    assert_goes_on_alike(det, through_a_file(det), *rows)


@without_labels
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "params"),
    [
        pytest.param(name, others | {parameter: value}, id=f"{name}-{parameter}")
        for name in DETECTORS
        for parameter, value, others in other_values(name)
        if parameter not in ("callbacks", "random_state") and (name, parameter) != ("WAE", "prior")
    ],
)
def test_whatever_its_parameters_are(name, params, rows):
    det = small(name, **params).fit(*rows)
    assert_goes_on_alike(det, through_a_file(det), *rows)


@pytest.mark.parametrize(
    "det",
    [
        AutoEncoder(n_snapshots=3, max_epochs=6, early_stopping=True),
        DeepSVDD(objective="soft-boundary", max_epochs=4, warm_up_epochs=1, pretrain_epochs=1),
        EGBAD(average_decay=0.9, turns=(2, 1), max_epochs=3, hidden_layer_sizes=(8,)),
        VAE(backbone=MLPBackbone((6,), dropout=0.2), max_epochs=3, optimizer="sgd"),
        AutoEncoder(scaler=StandardScaler(), max_epochs=3, net_params={"optimizer__eps": 1e-3}),
    ],
    ids=["snapshots", "radius", "averages", "backbone", "scaler"],
)
def test_state_of_training_is_kept(det, rows):
    det = clone(det).set_params(random_state=0).fit(*rows)
    assert_goes_on_alike(det, through_a_file(det), *rows)


def test_estimators_made_of_detectors_are_kept(rows):
    X, y = rows
    labels = np.where(np.arange(150) < 20, -1, 1)
    inner = AutoEncoder(max_epochs=2, random_state=0)
    for estimator in (
        make_pipeline(StandardScaler(), PCA(3), inner),
        DetectorEnsemble(inner, n_estimators=2, random_state=0),
        DetectorEnsemble([("ae", inner), ("svm", OneClassSVM()), ("other", "drop")]),
        ConformalDetector(inner, random_state=0),
        TunedThreshold(inner, cv=2, random_state=0),
        DetectorClassifier(inner),
    ):
        estimator = clone(estimator).fit(X, (labels < 0) * 1 if "Class" in repr(estimator) else y)
        opened = through_a_file(estimator)
        assert_array_equal(opened.decision_function(X), estimator.decision_function(X))
        assert_array_equal(opened.predict(X), estimator.predict(X))


@pytest.mark.parametrize("score", list(LEARNED))
def test_a_detector_of_groups_is_kept(score, rows):
    X, _ = rows
    groups = np.repeat(np.arange(15), 10)
    inner = VAE(max_epochs=2, random_state=0)
    det = GroupAnomalyDetector(inner, anomaly_score=score, random_state=0).fit(X, groups=groups)
    opened = through_a_file(det)
    assert_array_equal(opened.score_samples(X, groups=groups), det.score_samples(X, groups=groups))


def test_a_detector_that_asks_is_kept_with_its_answers(rows):
    X, _ = rows
    det = FeedbackDetector(LeSiNN(), model=LogisticRegression(), random_state=0).fit(X)
    det.teach(det.query(6), [-1, 1, 1, -1, 1, 1]).teach(X[:2] + 1, [1, -1])
    opened = through_a_file(det)
    assert_array_equal(opened.query(5), det.query(5))
    for each in (det, opened):
        each.teach([7, 8], [1, -1])
    assert_array_equal(opened.score_samples(X), det.score_samples(X))


def test_a_detector_in_conventions_of_pyod_is_kept(rows):
    pytest.importorskip("pyod", reason="pyod is not installed")
    X, _ = rows
    det = to_pyod(AutoEncoder(max_epochs=1, random_state=0)).fit(X)
    assert_array_equal(through_a_file(det).decision_function(X), det.decision_function(X))


@pytest.mark.parametrize(
    "module",
    [skdeepad.metrics, skdeepad.nn, skdeepad.preprocessing, skdeepad.model_selection, skdeepad],
    ids=lambda module: module.__name__,
)
def test_what_may_be_a_parameter_is_kept(module):
    public = {name: getattr(module, name) for name in module.__all__}
    for name, value in public.items():
        is_parameter = isinstance(value, type) or module in (skdeepad.metrics, skdeepad.nn)
        if callable(value) and is_parameter:
            assert through_a_file(FunctionTransformer(value)).func is value, name


@pytest.mark.parametrize("scoring", [name for name in skdeepad.metrics.__all__ if "scorer" in name])
def test_a_search_is_kept_but_for_the_splitters_of_scikit_learn(scoring, rows):
    X, _ = rows
    y = np.where(np.arange(150) % 10, 0, -1)
    scoring = getattr(skdeepad.metrics, scoring)
    inner = AutoEncoder(max_epochs=1, random_state=0)
    search = GridSearchCV(inner, {"n_latent": [1, 2]}, scoring=scoring, cv=2).fit(X, y)
    data = sio.dumps(search)
    others = set(sio.get_untrusted_types(data=data)) - set(trusted_types())
    assert {name.rpartition(".")[0] for name in others} == {"sklearn.model_selection._split"}
    opened = sio.loads(data, trusted=[*trusted_types(), *others])
    assert_array_equal(opened.score_samples(X), search.score_samples(X))


def test_functions_that_write_or_download_are_not_trusted():
    words = (".datasets", ".export", ".benchmark", ".inspection")
    assert [name for name in trusted_types() if any(word in name for word in words)] == []


def test_an_unfitted_detector_is_kept():
    opened = through_a_file(AutoEncoder(n_latent=3))
    assert opened.get_params()["n_latent"] == 3
    assert not hasattr(opened, "net_")


def test_a_file_holds_names_and_arrays_only(rows):
    with zipfile.ZipFile(io.BytesIO(sio.dumps(InvertibleResNet(max_epochs=1).fit(*rows)))) as file:
        assert {name.rpartition(".")[2] for name in file.namelist()} == {"json", "npy"}
        assert "torch" not in file.read("schema.json").decode()


def test_no_code_of_a_hostile_file_runs(rows, tmp_path):
    data = sio.dumps(AutoEncoder(max_epochs=1).fit(*rows))
    trap = tmp_path / "trap"
    hostile = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as file, zipfile.ZipFile(hostile, "w") as other:
        for name in file.namelist():
            content = file.read(name)
            if name == "schema.json":
                schema = json.loads(content)
                schema["content"]["content"]["scaler_"] = {
                    "__class__": "system",
                    "__module__": "os",
                    "__loader__": "ConstructorFromReduceNode",
                    "__id__": 1,
                    "content": {
                        "__class__": "str",
                        "__module__": "builtins",
                        "__loader__": "JsonNode",
                        "content": json.dumps([f"touch {trap}"]),
                        "is_json": True,
                    },
                }
                content = json.dumps(schema)
            other.writestr(name, content)
    with pytest.raises(Exception, match=r"os\.system") as caught:
        sio.loads(hostile.getvalue(), trusted=trusted_types())
    assert "Untrusted" in type(caught.value).__name__
    assert not trap.exists()


def test_a_net_of_other_weights_is_refused(rows):
    state = AutoEncoder(max_epochs=1).fit(*rows).__getstate__()
    for lacks in ("lr", "seed", "optimizers"):
        other = state | {"net_": {k: v for k, v in state["net_"].items() if k != lacks}}
        with pytest.raises(ValueError, match=lacks):
            AutoEncoder().__setstate__(other)
    state["net_"]["weights"].popitem()
    with pytest.raises(ValueError, match="its weights differ"):
        AutoEncoder().__setstate__(state)


def test_a_parameter_that_is_an_object_of_torch_is_named(rows):
    det = WAE(prior=Normal(0.0, 1.0), max_epochs=1).fit(*rows)
    with pytest.raises(ValueError, match=r"prior=Normal.*is an object of torch"):
        sio.dumps(det)


def test_parameters_that_changed_after_fit_are_named(rows):
    det = AutoEncoder(max_epochs=1).fit(*rows)
    det.set_params(contamination=0.2, max_steps=10)
    assert through_a_file(det).offset_ == det.offset_
    det.set_params(n_latent=2)
    with pytest.raises(ValueError, match="n_latent of this AutoEncoder changed after fit"):
        sio.dumps(det)
    assert pickle.loads(pickle.dumps(det)).n_latent == 2


def test_a_file_of_another_version_is_opened_with_a_warning(rows, monkeypatch):
    data = sio.dumps(AutoEncoder(max_epochs=1).fit(*rows))
    monkeypatch.setattr(_saved_state, "__version__", "9.9")
    with pytest.warns(InconsistentVersionWarning, match="AutoEncoder was saved by"):
        sio.loads(data, trusted=trusted_types())


def test_without_its_device_it_is_opened_on_the_cpu(rows):
    det = AutoEncoder(max_epochs=1, random_state=0).fit(*rows)
    state = det.__getstate__() | {"device": "mps:7"}
    opened = AutoEncoder()
    with pytest.warns(UserWarning, match="device='mps:7' can't be used here.* opened on the CPU"):
        opened.__setstate__(state)
    assert_array_equal(opened.score_samples(rows[0]), det.score_samples(rows[0]))


@pytest.mark.filterwarnings("ignore")  # of its own code
def test_mlflow_saves_and_opens_it(rows, tmp_path):
    mlflow = pytest.importorskip("mlflow.sklearn", reason="mlflow is not installed")
    X, y = rows
    det = make_pipeline(StandardScaler(), AutoEncoder(max_epochs=2, random_state=0)).fit(X, y)
    mlflow.save_model(det, tmp_path / "model", skops_trusted_types=trusted_types())
    opened = mlflow.load_model(tmp_path / "model")
    assert_array_equal(opened.score_samples(X), det.score_samples(X))
