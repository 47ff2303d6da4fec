"""Libraries that take scikit-learn's estimators; each test skips where its library is missing."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score, train_test_split

from skdeepad import AutoEncoder, DeepSVDD, DevNet
from skdeepad.calibration import ConformalDetector, TunedThreshold
from skdeepad.datasets import load_breastw
from skdeepad.interop import DetectorClassifier, to_pyod
from skdeepad.metrics import anomaly_roc_auc_scorer


@pytest.fixture(scope="module")
def breastw():
    return load_breastw(return_X_y=True)


def small(**params):
    return AutoEncoder(**{"max_steps": 60, "random_state": 0} | params)


class Half:
    """Thresholder in pythresh's form, which separates the half of the highest scores."""

    def eval(self, decision):
        self.thresh_ = np.median(decision)
        return (decision > self.thresh_).astype(int)


def test_a_thresholder_needs_no_labels(breastw):
    X, _ = breastw
    det = TunedThreshold(small(), metric=Half(), random_state=0).fit(X)
    assert (det.predict(X) == -1).mean() == pytest.approx(0.5, abs=0.02)
    assert np.isnan(det.best_score_)
    assert not hasattr(det.metric, "thresh_")
    assert clone(det).fit(X).offset_ == det.offset_


@pytest.mark.parametrize("n_outliers", [0, 5])
def test_a_thresholder_may_separate_none_or_all(n_outliers):
    class Extreme:
        def eval(self, decision):
            return np.full(len(decision), n_outliers > 0, dtype=int)

    X = np.random.RandomState(0).randn(60, 3)
    det = TunedThreshold(small(), metric=Extreme(), random_state=0).fit(X)
    assert (det.predict(X) == -1).all() == (n_outliers > 0)
    assert (det.predict(X) == 1).all() == (n_outliers == 0)


@pytest.mark.parametrize("labels", [[1.0, np.nan], [0.0, 2.0], [1.0]])
def test_a_thresholder_that_does_not_label_rows_is_refused(labels):
    class Wrong:
        def eval(self, decision):
            return np.resize(labels, len(decision)) if len(labels) > 1 else np.array(labels)

    with pytest.raises(ValueError, match="must label each row 0 or 1"):
        TunedThreshold(small(), metric=Wrong()).fit(np.random.RandomState(0).randn(60, 3))


def test_costs_come_before_a_thresholder(breastw):
    X, y = breastw
    signs = np.where(y == 1, -1, 1)
    det = TunedThreshold(small(), metric=Half(), costs=(1, 2), cv=2, random_state=0).fit(X, signs)
    assert det.best_score_ < 0


@pytest.mark.filterwarnings("ignore")  # of its own code
@pytest.mark.parametrize("name", ["IQR", "FILTER", "KARCH"])
def test_pythresh_separates_scores(name, breastw):
    thresholds = pytest.importorskip(f"pythresh.thresholds.{name.lower()}")
    X, _ = breastw
    thresholder = getattr(thresholds, name)()
    tuned = TunedThreshold(small(), metric=thresholder, random_state=0).fit(X)
    assert 0 < (tuned.predict(X) == -1).mean() < 0.5
    of_pyod = to_pyod(small(), contamination=thresholder).fit(X)
    assert 0 < of_pyod.labels_.mean() < 0.5


def test_optuna_searches_in_threads(breastw):
    optuna = pytest.importorskip("optuna", reason="optuna is not installed")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    X, y = breastw

    def objective(trial):
        nu = trial.suggest_float("nu", 0.01, 0.5, log=True)
        params = {"objective": "soft-boundary", "max_steps": 20, "pretrain_epochs": 1}
        det = DeepSVDD(nu=nu, random_state=0, **params)
        return cross_val_score(det, X, y, cv=2, scoring=anomaly_roc_auc_scorer).mean()

    values = []
    for n_jobs in (1, 2):
        sampler = optuna.samplers.RandomSampler(seed=0)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.enqueue_trial({"nu": 0.1})
        study.optimize(objective, n_trials=3, n_jobs=n_jobs)
        values.append(study.trials[0].value)
    assert values[0] == values[1]
    assert study.best_value >= values[0]


def test_imbalanced_learn_samples_before_a_classifier(breastw):
    pipeline = pytest.importorskip("imblearn.pipeline", reason="imbalanced-learn is not installed")
    from imblearn.under_sampling import RandomUnderSampler

    X, y = breastw
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
    classifier = DetectorClassifier(DevNet(max_steps=100, random_state=0))
    model = pipeline.make_pipeline(RandomUnderSampler(random_state=0), classifier)
    model.fit(X_train, y_train)
    assert roc_auc_score(y_test, model.decision_function(X_test)) > 0.9
    assert_array_equal(model.classes_, [0, 1])


def test_yellowbrick_draws_or_refuses_every_classifier(breastw):
    yellowbrick = pytest.importorskip("yellowbrick.classifier", reason="it is not installed")
    from sklearn.linear_model import LogisticRegression
    from yellowbrick.exceptions import YellowbrickTypeError

    X, y = breastw
    try:
        yellowbrick.ROCAUC(LogisticRegression(), binary=True)
    except YellowbrickTypeError:
        pytest.skip("this yellowbrick knows no classifier of this scikit-learn")
    drawn = yellowbrick.ROCAUC(DetectorClassifier(small()), binary=True)
    assert drawn.fit(X, y).score(X, y) > 0.9


@pytest.mark.filterwarnings("ignore")  # of its own code
def test_nonconform_has_right_p_values_through_pyods_convention(breastw):
    nonconform = pytest.importorskip("nonconform", reason="nonconform is not installed")
    X, y = breastw
    rows = np.random.RandomState(0).permutation(np.flatnonzero(y == 0))
    train, test = X[rows[:300]], X[rows[300:]]
    theirs = nonconform.ConformalDetector(
        detector=to_pyod(small(max_steps=200)), strategy=nonconform.Split(n_calib=0.5), seed=0
    )
    theirs.fit(train)
    ours = ConformalDetector(small(max_steps=200), random_state=0).fit(train)
    for detector in (theirs.compute_p_values, ours.p_values):
        of_normal, of_anomalies = (np.asarray(detector(rows)) for rows in (test, X[y == 1]))
        assert (of_normal <= 0.1).mean() < 0.2
        assert (of_anomalies <= 0.1).mean() > 0.8
