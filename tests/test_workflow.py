"""A user's day: real data, a pipeline, a search with workers, a file."""

import io
import pickle

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepad import DeepSVDD
from skdeepad.datasets import load_cardio
from skdeepad.metrics import anomaly_roc_auc_scorer, mass_volume_scorer

GRID = {"deepsvdd__nu": [0.05, 0.1], "deepsvdd__weight_decay": [1e-6, 1e-2]}


def search(scoring, cv):
    det = DeepSVDD(max_epochs=5, pretrain_epochs=5, random_state=0)
    return GridSearchCV(
        make_pipeline(StandardScaler(), det), GRID, scoring=scoring, cv=cv, n_jobs=2
    )


@pytest.mark.parametrize("labels", ["with labels", "without labels"])
def test_a_search_over_nu_and_weight_decay_in_a_pipeline_with_workers(labels):
    X, y = load_cardio(return_X_y=True, as_frame=True)
    if labels == "with labels":
        folds = StratifiedKFold(2, shuffle=True, random_state=0)
        found = search(anomaly_roc_auc_scorer, folds).fit(X, y)
        assert (found.cv_results_["mean_test_score"] > 0.6).all()
    else:
        found = search(mass_volume_scorer, 2).fit(X.sample(frac=1, random_state=0))
    results = found.cv_results_["mean_test_score"]
    assert np.isfinite(results).all()
    # The weight decay changes the net; nu does so under the soft boundary, else the threshold.
    assert len(np.unique(results)) >= 2

    best = found.best_estimator_
    assert_array_equal(best.feature_names_in_, X.columns)
    scores = best.score_samples(X)
    file = io.BytesIO()
    joblib.dump(best, file)
    file.seek(0)
    assert_array_equal(joblib.load(file).score_samples(X), scores)
    assert_array_equal(pickle.loads(pickle.dumps(best)).score_samples(X), scores)
    share = (best.predict(X) == -1).mean()
    assert abs(share - found.best_params_["deepsvdd__nu"]) < 0.002
