"""How far detectors agree with one another: a criterion without labels."""

import re

import numpy as np
from scipy.stats import rankdata
from sklearn.utils import check_array, check_random_state

from .._validation import check_integer, n_rows_of, take_rows
from ..training import warn
from ._box import detector_scores


def consensus(scores):
    """Mean rank correlation of each detector with the other ones.

    Errors of different detectors differ, so that one which ranks the rows as most others do tends
    to be a good one. Of the three criteria without labels that are compared in
    ``benchmarks/results/selection.md`` it picks the best detectors, but defaults have a higher
    AUCPR still.

    Read more in the :ref:`User Guide <selection>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    scores : array-like of shape (n_detectors, n_samples)
        Scores of the same rows by each detector, all with the same sign. A detector with a NaN
        among its scores is left out.

    Returns
    -------
    agreement : ndarray of shape (n_detectors,)
        The mean of Spearman's correlations with the other detectors, from -1 to 1; the greater,
        the better. It is NaN for a detector that is left out or alone. A detector whose scores are
        all equal has the correlation 0 with any other one.

    See Also
    --------
    ConsensusScorer : The same for the candidates of a search.

    References
    ----------
    M. Q. Ma, Y. Zhao, X. Zhang, L. Akoglu, "The need for unsupervised outlier model selection: a
    review and evaluation of internal evaluation strategies", SIGKDD Explorations 25, 2023.

    Examples
    --------
    >>> from skdeepad.metrics import consensus
    >>> consensus([[1, 2, 3, 4], [1, 2, 4, 3], [1, 4, 3, 2]]).round(1)
    array([0.5, 0.6, 0.3])
    """
    scores = check_array(scores, ensure_all_finite=False, input_name="scores", dtype=np.float64)
    agreement = np.full(len(scores), np.nan)
    counted = np.flatnonzero(~np.isnan(scores).any(axis=1))
    if len(counted) < 2:
        return agreement
    ranks = rankdata(scores[counted], axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    length = np.linalg.norm(ranks, axis=1, keepdims=True)
    ranks = np.divide(ranks, length, out=np.zeros_like(ranks), where=length > 0)
    others = ranks.sum(axis=0) - ranks
    mean = (ranks * others).sum(axis=1) / (len(counted) - 1)
    agreement[counted] = mean.round(12)  # so that rounding decides nothing
    return agreement


class ConsensusScorer:
    """Scorer of a search that picks the candidate with which the others agree most.

    As ``scoring`` of a search it returns the scores of the same rows for each candidate, which are
    ``split0_test_row_0`` and so on in ``cv_results_``. As ``refit`` of that search,
    :meth:`best_index` picks the candidate with the greatest :func:`consensus`. There is no single
    score, so that the search has no ``best_score_`` and no ``score``, and halving searches, which
    compare candidates by one, can't use it.

    Read more in the :ref:`User Guide <selection>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows to be scored by all candidates, as they are given to the search.
    n_rows : int, default=200
        Number of them that are drawn, or all if there are fewer. ``cv_results_`` has as many
        metrics.
    random_state : int, RandomState instance or None, default=0
        Seed of the draw.

    See Also
    --------
    mass_volume_scorer : A criterion without labels for each candidate by itself.

    Examples
    --------
    >>> from sklearn.ensemble import IsolationForest
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skdeepad.datasets import load_wdbc
    >>> from skdeepad.metrics import ConsensusScorer
    >>> X = load_wdbc().data
    >>> scorer = ConsensusScorer(X)
    >>> search = GridSearchCV(
    ...     IsolationForest(n_estimators=20, random_state=0), {"max_samples": [2, 16, 128]},
    ...     scoring=scorer, refit=scorer.best_index, cv=3,
    ... ).fit(X)
    >>> search.best_params_
    {'max_samples': 16}
    >>> scorer.consensus(search.cv_results_).shape
    (3,)
    """

    def __init__(self, X, *, n_rows=200, random_state=0):
        check_integer("n_rows", n_rows, 2)
        n_samples = n_rows_of(X)
        if n_samples < 2:
            raise ValueError(f"X must have at least 2 rows, got {n_samples}.")
        order = check_random_state(random_state).permutation(n_samples)
        self._rows = take_rows(X, np.sort(order[:n_rows]))

    def __call__(self, estimator, X, y=None):
        """Return the scores of the rows of the scorer.

        Parameters
        ----------
        estimator : estimator
            A fitted detector, with ``score_samples`` or ``decision_function``.
        X : object
            Ignored: all candidates are compared on the same rows.
        y : object, default=None
            Ignored.

        Returns
        -------
        scores : dict of str to float
            ``row_0`` and so on. They are NaN, with a warning, if the estimator can't score.
        """
        try:
            scores = detector_scores(estimator, self._rows)
        except Exception as error:
            warn(f"{estimator!r} is left out of the consensus, because it can't score: {error}")
            scores = np.full(n_rows_of(self._rows), np.nan)
        return {f"row_{i}": float(score) for i, score in enumerate(scores)}

    def consensus(self, cv_results):
        """Return the consensus of each candidate, averaged over the splits.

        Parameters
        ----------
        cv_results : dict of ndarray
            ``cv_results_`` of a search with this ``scoring``.

        Returns
        -------
        agreement : ndarray of shape (n_candidates,)
            As :func:`consensus` returns it. It is NaN for a candidate whose fit failed in a split,
            which is left out there.
        """
        splits: dict = {}
        for key, values in cv_results.items():
            found = re.fullmatch(r"split(\d+)_test_row_(\d+)", key)
            if found:
                splits.setdefault(int(found[1]), {})[int(found[2])] = values
        if not splits:
            raise ValueError(
                "cv_results has no scores of rows: pass this scorer as scoring of the search."
            )
        return np.mean(
            [
                consensus(np.column_stack([by_row[row] for row in sorted(by_row)]))
                for by_row in splits.values()
            ],
            axis=0,
        )

    def best_index(self, cv_results):
        """Return the number of the candidate with the greatest consensus, for ``refit``.

        Parameters
        ----------
        cv_results : dict of ndarray
            ``cv_results_`` of a search with this ``scoring``.

        Returns
        -------
        index : int
            The first candidate if there is only one.
        """
        agreement = self.consensus(cv_results)
        if len(agreement) == 1:
            return 0
        if np.isnan(agreement).all():
            raise ValueError("fewer than two candidates were fitted in all splits.")
        return int(np.nanargmax(agreement))
