"""The detector to begin with."""

import numpy as np
from sklearn.ensemble import IsolationForest

from ..neighbors import LeSiNN
from ._ensemble import DetectorEnsemble


def default_detector(*, clean=False, random_state=None):
    """Return an unfitted detector to begin with if nothing is known about the anomalies.

    For training rows that may contain anomalies it is a :class:`~skdeepad.DetectorEnsemble` of
    :class:`~skdeepad.LeSiNN` and scikit-learn's isolation forest. For clean rows it is a
    :class:`~skdeepad.LeSiNN` of two neighbours, without trimming.

    Read more in the :ref:`User Guide <default_detector>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    clean : bool, default=False
        Whether all training rows are known to be normal. Then distances to the nearest rows are
        reliable, which anomalies among them would make small.
    random_state : int, RandomState instance or None, default=None
        Seed of the detector.

    Returns
    -------
    detector : DetectorEnsemble or LeSiNN
        Its parameters can be set like those of any other one.

    See Also
    --------
    skdeepad.feedback.FeedbackDetector : Learns from answers; this is where it begins.

    Notes
    -----
    ``python benchmarks/mixed.py`` and ``python benchmarks/clean.py`` are the studies on tuning sets
    by which it was chosen, ``benchmarks/results/mixed.md`` and ``benchmarks/results/clean.md``.
    Contaminated rows, two seeds: the ensemble is above the forest alone on 17 of 19 sets in AUCROC
    and on 16 in AUCPR. LeSiNN alone has higher means, and ensembles with a VAE up to 4 points of
    AUCPR more, but with wider intervals, and the latter at fifteen times the cost.

    With clean training rows ``contamination`` is the share of false alarms to be expected. A
    training row is its own neighbour after ``fit``, so that fewer training rows are alarms.

    Examples
    --------
    >>> from skdeepad import default_detector
    >>> from skdeepad.datasets import load_cardio
    >>> from skdeepad.metrics import anomaly_roc_auc
    >>> X, y = load_cardio(return_X_y=True)
    >>> det = default_detector(random_state=0).fit(X)
    >>> bool(anomaly_roc_auc(y, det.score_samples(X)) > 0.85)
    True
    >>> default_detector(clean=True)
    LeSiNN(...)
    """
    if not isinstance(clean, bool | np.bool_):
        raise ValueError(f"clean={clean!r} must be True or False.")
    if clean:
        return LeSiNN(
            max_samples=4096,
            n_neighbors=2,
            trim=0.0,
            metric="euclidean",
            scaler="minmax",
            clip=None,
            random_state=random_state,
        )
    members = [("lesinn", LeSiNN()), ("forest", IsolationForest())]
    return DetectorEnsemble(members, random_state=random_state)
