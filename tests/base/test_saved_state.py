"""Saved detectors know the version that saved them."""

import copy
import pickle
import warnings

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from pyod.models.knn import KNN
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import InconsistentVersionWarning

from skdeepad import BDSGM, AutoEncoder, DeepSVDD, DetectorEnsemble, LeSiNN, default_detector
from skdeepad.base import _saved_state
from skdeepad.calibration import ConformalDetector, TunedThreshold
from skdeepad.feedback import FeedbackDetector
from skdeepad.interop import DetectorClassifier, from_pyod
from skdeepad.model_selection import StrongAnomalySampler


@pytest.fixture(scope="module")
def detector(X):
    return AutoEncoder(max_epochs=2, random_state=0).fit(X)


def test_a_file_of_another_version_is_opened_with_a_warning(detector, X, monkeypatch, tmp_path):
    path = tmp_path / "detector.joblib"
    joblib.dump(detector, path)
    file = pickle.dumps(detector)
    monkeypatch.setattr(_saved_state, "__version__", "9.9")
    for load in (lambda: pickle.loads(file), lambda: joblib.load(path)):
        with pytest.warns(
            InconsistentVersionWarning, match=r"AutoEncoder was saved by .*9\.9"
        ) as seen:
            opened = load()
        assert seen[0].filename == __file__
        assert len(opened.score_samples(X)) == len(X)


@pytest.mark.parametrize(
    "estimator",
    [
        LeSiNN(n_estimators=2),
        default_detector(),
        DetectorEnsemble(AutoEncoder(max_epochs=2), n_estimators=2),
        ConformalDetector(IsolationForest(n_estimators=5)),
        TunedThreshold(LeSiNN(n_estimators=2)),
        FeedbackDetector(LeSiNN(n_estimators=2)),
        DetectorClassifier(LeSiNN(n_estimators=2)),
        from_pyod(KNN()),
        StrongAnomalySampler(BDSGM(density="gaussian", generator_steps=5)),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_what_is_fitted_around_detectors_knows_its_version_too(estimator, X, monkeypatch):
    fitted = estimator.fit(X, np.resize([-1, 1], len(X)))
    file, name = pickle.dumps(fitted), type(estimator).__name__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert vars(pickle.loads(file)).keys() == vars(fitted).keys()
    monkeypatch.setattr(_saved_state, "__version__", "9.9")
    with pytest.warns(InconsistentVersionWarning) as seen:
        pickle.loads(file)
    assert any(f"This {name} was saved by" in str(each.message) for each in seen)
    assert seen[0].filename == __file__


def test_the_same_version_and_copies_are_silent(detector, X):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for twin in (pickle.loads(pickle.dumps(detector)), copy.deepcopy(detector)):
            assert_array_equal(twin.score_samples(X), detector.score_samples(X))
            assert vars(twin).keys() == vars(detector).keys()
        clone(detector).fit(X)


def test_a_state_without_a_version_is_an_old_one(detector):
    state = detector.__getstate__()
    del state[_saved_state.VERSION]
    with pytest.warns(InconsistentVersionWarning, match="before 0.1"):
        AutoEncoder().__setstate__(state)
    assert _saved_state.VERSION not in state


def test_a_file_without_the_baseline_of_contributions_asks_for_another_fit(X):
    state = DeepSVDD(max_epochs=1, pretrain_epochs=1).fit(X).__getstate__()
    del state["baseline_"]
    opened = DeepSVDD()
    opened.__setstate__(state)
    with pytest.raises(ValueError, match=r"DeepSVDD was saved by an earlier .*: fit it again"):
        opened.feature_contributions(X)


def test_files_of_ensembles_and_conformal_detectors_before_they_had_weights_are_read(X):
    forest = IsolationForest(n_estimators=5)
    ensemble = DetectorEnsemble(forest, n_estimators=2, random_state=0).fit(X)
    conformal = ConformalDetector(forest, random_state=0).fit(X)
    for det, later in ((ensemble, ("_weights", "_is_kept")), (conformal, ("_below",))):
        scores, state = det.score_samples(X), det.__getstate__()
        before = type(det).__new__(type(det))
        before.__setstate__({name: value for name, value in state.items() if name not in later})
        assert_array_equal(before.score_samples(X), scores)
