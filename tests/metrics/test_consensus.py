"""How far candidates agree, as numbers and as what a search picks by."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepad import AutoEncoder
from skdeepad.metrics import ConsensusScorer, consensus

CV = KFold(2, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def rows():
    return np.random.RandomState(0).randn(80, 3)


def search_of(estimator, grid, X, **params):
    scorer = ConsensusScorer(X)
    search = GridSearchCV(estimator, grid, scoring=scorer, refit=scorer.best_index, cv=CV, **params)
    return scorer, search.fit(X)


def test_consensus_is_the_mean_of_spearmans_correlations():
    scores = np.random.RandomState(1).randint(0, 6, size=(5, 30))
    expected = spearmanr(scores, axis=1).statistic
    np.testing.assert_allclose(consensus(scores), (expected.sum(axis=1) - 1) / 4, atol=1e-12)


def test_two_detectors_agree_with_one_another_to_the_bit():
    rng = np.random.RandomState(0)
    for _ in range(100):
        first, second = consensus(rng.randn(2, 17))
        assert first == second
        assert consensus(np.tile(rng.randn(11), (3, 1))).tolist() == [1, 1, 1]


def test_detectors_with_nan_are_left_out_and_constant_ones_agree_with_nobody():
    a, b = np.random.RandomState(2).randn(2, 20)
    with_others = consensus([a, np.full(20, np.nan), b, np.zeros(20)])
    rho = spearmanr(a, b).statistic
    np.testing.assert_allclose(with_others, [rho / 2, np.nan, rho / 2, 0])
    assert np.isnan(consensus([a])).all()
    assert np.isnan(consensus([a, a * np.nan])).all()


def test_infinite_scores_are_ranked():
    np.testing.assert_allclose(consensus([[-np.inf, 0, 1], [1, 2, np.inf]]), [1, 1])


def test_a_search_picks_the_candidate_that_the_others_agree_with(rows):
    scorer, search = search_of(AutoEncoder(max_steps=5, random_state=0), {"lr": [1e-3, 1e-2]}, rows)
    np.testing.assert_array_equal(*scorer.consensus(search.cv_results_))  # each with the other
    forest = IsolationForest(n_estimators=10)
    scorer, search = search_of(forest, {"random_state": [0, 1, 2, 3]}, rows)
    agreement = np.zeros(4)
    for train, _ in CV.split(rows):
        fitted = [
            IsolationForest(n_estimators=10, random_state=i).fit(rows[train]) for i in range(4)
        ]
        agreement += consensus([det.score_samples(rows) for det in fitted]) / 2
    np.testing.assert_allclose(scorer.consensus(search.cv_results_), agreement)
    assert search.best_index_ == agreement.argmax()


def test_a_search_over_a_pipeline_of_a_frame(rows):
    frame = pd.DataFrame(rows, columns=list("abc"))
    grid = {"localoutlierfactor__n_neighbors": [2, 10, 11]}
    pipeline = make_pipeline(StandardScaler(), LocalOutlierFactor(novelty=True))
    scorer, search = search_of(pipeline, grid, frame)
    by_n = dict(zip([2, 10, 11], scorer.consensus(search.cv_results_), strict=True))
    assert by_n[2] < min(by_n[10], by_n[11])
    best = search.best_params_["localoutlierfactor__n_neighbors"]
    assert by_n[best] == max(by_n.values())


def test_a_candidate_that_cannot_score_is_never_the_best(rows):
    grid = {"novelty": [False, True], "n_neighbors": [5, 6]}
    scorer = ConsensusScorer(rows)
    search = GridSearchCV(
        LocalOutlierFactor(), grid, scoring=scorer, refit=scorer.best_index, cv=CV
    )
    with (
        pytest.warns(UserWarning, match="left out of the consensus, because it can't score"),
        pytest.warns(UserWarning, match="test scores are non-finite"),
    ):
        search.fit(rows)
    assert search.best_params_["novelty"]


def test_a_single_candidate_is_the_best(rows):
    assert (
        search_of(IsolationForest(n_estimators=5), {"random_state": [3]}, rows)[1].best_index_ == 0
    )


def test_candidates_that_fail_are_never_the_best(rows):
    grid = {"lr": [-1.0, 1e-3, 1e-2]}
    scorer = ConsensusScorer(rows)
    search = GridSearchCV(
        AutoEncoder(max_steps=5, random_state=0),
        grid,
        scoring=scorer,
        refit=scorer.best_index,
        cv=CV,
        error_score=np.nan,
    )
    with (
        pytest.warns(FitFailedWarning, match="2 fits failed"),
        pytest.warns(UserWarning, match="test scores are non-finite"),
    ):
        search.fit(rows)
    assert np.isnan(scorer.consensus(search.cv_results_)[0])
    assert search.best_index_ == 1


def test_only_failures_are_an_error(rows):
    scorer, search = search_of(IsolationForest(n_estimators=5), {"random_state": [3, 4]}, rows)
    failed = {key: np.full(2, np.nan) for key in search.cv_results_ if "test_row" in key}
    with pytest.raises(ValueError, match="fewer than two candidates were fitted"):
        scorer.best_index(failed)


def test_results_of_another_scorer_are_refused(rows):
    with pytest.raises(ValueError, match="pass this scorer as scoring"):
        ConsensusScorer(rows).consensus({"mean_test_score": np.zeros(2)})


@pytest.mark.parametrize("n_rows", [1, 0, True, 2.5])
def test_bad_numbers_of_rows_are_refused(rows, n_rows):
    with pytest.raises(ValueError, match=f"n_rows={n_rows!r}"):
        ConsensusScorer(rows, n_rows=n_rows)


def test_one_row_is_refused(rows):
    with pytest.raises(ValueError, match="at least 2 rows, got 1"):
        ConsensusScorer(rows[:1])


def test_rows_are_drawn_by_the_seed(rows):
    forest = IsolationForest(n_estimators=5, random_state=0).fit(rows)
    one, same, other = (
        ConsensusScorer(rows, n_rows=5, random_state=seed)(forest, rows) for seed in (0, 0, 1)
    )
    assert list(one) == [f"row_{i}" for i in range(5)]
    assert one == same != other
