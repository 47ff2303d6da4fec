"""A detector as a classifier: scikit-learn's checks, and its tools for classifiers."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepad import AutoEncoder, DeepSAD
from skdeepad.datasets import load_wine
from skdeepad.interop import DetectorClassifier


@pytest.fixture(scope="module")
def wine():
    return load_wine(return_X_y=True)


SHORT = {"max_epochs": 10, "pretrain_epochs": 2, "random_state": 0}


def small():
    return DetectorClassifier(AutoEncoder(max_epochs=10, random_state=0))


@parametrize_with_checks(
    [small(), DetectorClassifier(DeepSAD(max_epochs=10, pretrain_epochs=2, random_state=0))]
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_anomalies_are_the_positive_class(wine):
    X, y = wine
    classifier = small().fit(X, y)
    assert_array_equal(classifier.classes_, [0, 1])
    assert_allclose(
        classifier.decision_function(X), -classifier.detector_.decision_function(X), rtol=0
    )
    assert_array_equal(classifier.predict(X), (classifier.decision_function(X) > 0).astype(int))
    assert roc_auc_score(y, classifier.decision_function(X)) > 0.5


@pytest.mark.parametrize(
    ("normal", "anomaly"), [(0, 1), (False, True), ("normal", "odd"), (1.0, 2.0), (-1, 1)]
)
def test_the_greater_of_two_labels_is_that_of_the_anomalies(normal, anomaly, wine):
    X, y = wine
    labels = np.where(y == 1, anomaly, normal)
    classifier = small().fit(X, labels)
    assert_array_equal(classifier.classes_, [normal, anomaly])
    assert_array_equal(classifier.predict(X) == anomaly, small().fit(X, y).predict(X) == 1)


def test_signs_of_outlier_detectors_are_warned_of(wine):
    X, y = wine
    classifier = small()
    classifier.fit(X, np.where(y == 1, 1, -1))
    with pytest.warns(UserWarning, match="y holds -1 and 1, and 1, .* pass y == -1"):
        classifier.fit(X, np.where(y == 1, -1, 1))
    weights = np.where(y == 1, 1, np.cumsum(y == 0) <= 5)  # few normal rows count
    classifier.fit(X, np.where(y == 1, -1, 1), sample_weight=weights)


def test_rows_may_all_be_normal_but_not_all_be_anomalies(wine):
    X, _ = wine
    classifier = small().fit(X, np.zeros(len(X), dtype=int))
    assert_array_equal(classifier.classes_, [0, 1])
    for label in (1, "odd"):
        with pytest.raises(ValueError, match="one class"):
            small().fit(X, np.full(len(X), label))
    with pytest.raises(ValueError, match="Only binary classification"):
        small().fit(X, np.arange(len(X)) % 3)


def test_detectors_that_learn_from_labels_get_their_signs(wine):
    X, y = wine
    scores = DetectorClassifier(DeepSAD(**SHORT)).fit(X, y).decision_function(X)
    expected = DeepSAD(**SHORT).fit(X, np.where(y == 1, -1, 1)).decision_function(X)
    assert_allclose(scores, -expected, rtol=0)


def test_weights_reach_the_detector_or_are_refused(wine):
    X, y = wine
    weights = np.where(np.arange(len(X)) < 60, 1.0, 2.0)
    scores = small().fit(X, y, sample_weight=weights).decision_function(X)
    expected = AutoEncoder(max_epochs=10, random_state=0).fit(X, sample_weight=weights)
    assert_allclose(scores, -expected.decision_function(X), rtol=0)
    with pytest.raises(ValueError, match="takes no sample_weight"):
        DetectorClassifier(LocalOutlierFactor(novelty=True)).fit(X, y, sample_weight=weights)


def test_a_failed_fit_leaves_the_classifier_as_it_was(wine):
    X, y = wine
    classifier = small().fit(X, y)
    before = classifier.decision_function(X)
    with pytest.raises(ValueError, match="NaN"):
        classifier.fit(np.full_like(X, np.nan), y)
    assert_array_equal(classifier.decision_function(X), before)


# scikit-learn's tools ------------------------------------------------------------------------


def test_thresholds_are_tuned_and_fixed(wine):
    X, y = wine
    tuned = TunedThresholdClassifierCV(small(), scoring="f1", cv=3).fit(X, y)
    decision = tuned.estimator_.decision_function(X)
    assert_array_equal(tuned.predict(X), (decision >= tuned.best_threshold_).astype(int))
    assert f1_score(y, tuned.predict(X)) > f1_score(y, np.ones_like(y))
    fixed = FixedThresholdClassifier(small(), threshold=np.inf).fit(X, y)
    assert not fixed.predict(X).any()


def test_probabilities_are_calibrated(wine):
    X, y = wine
    calibrated = CalibratedClassifierCV(small(), cv=3).fit(X, y)
    probabilities = calibrated.predict_proba(X)[:, 1]
    assert roc_auc_score(y, probabilities) > 0.5
    assert abs(probabilities.mean() - y.mean()) < 0.05
    frozen = CalibratedClassifierCV(FrozenEstimator(small().fit(X, y))).fit(X, y)
    assert frozen.predict_proba(X).shape == (len(X), 2)


def test_scorers_by_name_and_searches_are_right(wine):
    X, y = wine
    by_name = cross_val_score(small(), X, y, cv=3, scoring="roc_auc")
    out_of_fold = cross_val_predict(small(), X, y, cv=3, method="decision_function")
    assert abs(by_name.mean() - roc_auc_score(y, out_of_fold)) < 0.2
    assert by_name.mean() > 0.5
    search = GridSearchCV(small(), {"detector__lr": [1e-6, 1e-2]}, scoring="average_precision")
    assert search.fit(X, y).best_params_.keys() == {"detector__lr"}


def test_classifiers_work_around_pipelines_and_within_stacks(wine):
    X, y = wine
    pipeline = make_pipeline(StandardScaler(), AutoEncoder(max_epochs=10, random_state=0))
    inside = DetectorClassifier(pipeline).fit(X, y)
    outside = make_pipeline(StandardScaler(), small()).fit(X, y)
    assert_allclose(inside.decision_function(X), outside.decision_function(X), rtol=0)
    stack = StackingClassifier([("deep", small()), ("line", LogisticRegression())], cv=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert stack.fit(X, y).score(X, y) > 0.8


def test_displays_draw_the_right_curve(wine):
    pytest.importorskip("matplotlib").use("Agg")
    from sklearn.metrics import (
        ConfusionMatrixDisplay,
        DetCurveDisplay,
        PrecisionRecallDisplay,
        RocCurveDisplay,
    )

    X, y = wine
    classifier = small().fit(X, y)
    expected = roc_auc_score(y, classifier.decision_function(X))
    display = RocCurveDisplay.from_estimator(classifier, X, y)
    area = display.roc_auc[0] if isinstance(display.roc_auc, list) else display.roc_auc
    assert_allclose(area, expected)
    for cls in (PrecisionRecallDisplay, DetCurveDisplay, ConfusionMatrixDisplay):
        cls.from_estimator(classifier, X, y)
