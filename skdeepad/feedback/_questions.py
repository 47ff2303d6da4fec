"""Which rows to ask about."""

import numpy as np

# Share of anomalies up to which questions follow the ranking, and from which they are at random.
RARE, FREQUENT = 0.05, 0.12
# The exponent as long as anomalies are rare.
STEEPEST = 1.3
# What the share is taken to be before the answers, and how many answers that counts for.
EXPECTED_SHARE, N_EXPECTED = 0.05, 4.0


def share_of_anomalies(known: list[tuple[float, bool]], n_rows: int) -> float:
    """Estimate the share of anomalies among the rows from answers to questions.

    Each answer, with the probability of its question and whether it is an anomaly, is weighted by
    the inverse of the probability, because questions prefer rows that look like anomalies.
    """
    if not known:
        return EXPECTED_SHARE
    chances, are_anomalies = np.array(known, dtype=float).T
    weights = np.minimum(1 / chances, n_rows)
    weights = weights / weights.mean()
    found = (weights * are_anomalies).sum() + N_EXPECTED * EXPECTED_SHARE
    return float(found / (len(known) + N_EXPECTED))


def exponent_for(share: float) -> float:
    """Return the power of a rank at which the chance of a question about its row falls."""
    return STEEPEST * float(np.clip((FREQUENT - share) / (FREQUENT - RARE), 0, 1))


def draw_questions(
    scores: np.ndarray,
    kinds: np.ndarray,
    is_open: np.ndarray,
    n_rows: int,
    exponent: float,
    rng: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows to ask about, without replacement.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Anomaly scores.
    kinds : ndarray of int of shape (n_samples,)
        The same for equal rows, of which at most one is drawn.
    is_open : ndarray of bool of shape (n_samples,)
        Rows that may be drawn.
    n_rows : int
        Number of rows to draw, if there are as many.
    exponent : float
        The chance of a row is its rank among all rows, from 1, to the power of minus this.
    rng : RandomState

    Returns
    -------
    rows : ndarray of int
        Numbers of the rows, those of higher scores first.
    chances : ndarray of shape of `rows`
        The chance of each to be among the rows, divided by their number.
    """
    order = np.argsort(-scores, kind="stable")
    chances = np.empty(len(scores))
    chances[order] = np.arange(1, len(scores) + 1.0) ** -exponent
    chances /= chances.sum()
    # The least of exponential variables with these rates is drawn with the chances; and so on.
    times = rng.exponential(size=len(scores)) / chances
    drawn = np.argsort(np.where(is_open, times, np.inf), kind="stable")[: is_open.sum()]
    _, first = np.unique(kinds[drawn], return_index=True)
    drawn = drawn[np.sort(first)][:n_rows]
    drawn = drawn[np.argsort(-scores[drawn], kind="stable")]
    included = 1 - np.exp(-times[drawn].max(initial=0.0) * chances[drawn])
    return drawn, included / max(1, len(drawn))
