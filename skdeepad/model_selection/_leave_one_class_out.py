"""Evaluation of detectors by classes left out and by generated anomalies."""

from collections.abc import Mapping

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.parallel import Parallel, delayed

from .._tables import are_among, as_labels, framed_like, refuse_masked
from .._validation import Real, n_rows_of, take_rows
from ..base._seeds import reseeded
from ..metrics import anomaly_roc_auc
from ..metrics._box import detector_scores
from ._strong_anomalies import KINDS, StrongAnomalySampler


def leave_one_class_out(
    detector,
    X,
    classes,
    *,
    left_out=None,
    sampler=None,
    n_samples=1000,
    test_size=0.25,
    random_state=None,
    n_jobs=None,
):
    """Evaluate detectors on a class left out and on generated anomalies.

    Each class in turn is anomalous: a detector is trained on rows of the other classes, and its
    scores of held-out rows of these are compared with those of the class left out. A single class
    represents possible anomalies poorly. The held-out rows are therefore also compared with
    anomalies that are generated near the boundary of the training rows and far from it; see
    :class:`StrongAnomalySampler` [1]_.

    Read more in the :ref:`User Guide <strong_anomalies>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    detector : estimator or dict of str to estimator
        Detectors to evaluate, with ``score_samples`` or a ``decision_function`` with scikit-learn's
        sign; copies are fitted. Detectors in a dict, by name, are evaluated on the same rows and
        anomalies.
    X : array-like of shape (n_samples, n_features)
        Rows of all classes.
    classes : array-like of shape (n_samples,)
        Class of each row. With labels of normal rows and anomalies, ``left_out`` is the label of
        the anomalies.
    left_out : label, array-like of labels or None, default=None
        Classes to leave out in turn. If None, each of them.
    sampler : StrongAnomalySampler or None, default=None
        Sampler of anomalies; a copy is fitted to the training rows. If None, a sampler with its
        defaults. Any estimator with ``sample(n_samples, kind, random_state)`` is accepted.
    n_samples : int, default=1000
        Number of generated anomalies of each kind.
    test_size : float or int, default=0.25
        Share or number of the normal rows to hold out.
    random_state : int, RandomState instance or None, default=None
        Source of all seeds: those of the splits and of the anomalies, and any ``random_state`` of
        the detectors and the sampler, at any depth.
    n_jobs : int or None, default=None
        Number of fits to run in parallel with joblib. The result is the same for any value.

    Returns
    -------
    table : DataFrame
        One row for each class left out and each detector: ``left_out``, ``detector``, ``n_train``,
        ``n_test`` (held-out normal rows), and the ROC AUC of these against ``left_out_class``,
        ``strong``, ``adversarial`` and ``weak`` anomalies.

    See Also
    --------
    StrongAnomalySampler : Sampler of the anomalies.
    skdeepad.benchmark.run_benchmark : Evaluation with labelled anomalies.

    Notes
    -----
    The function needs pandas. The anomalies are generated from the training rows alone. Those near
    the boundary are only as good as the sampler's density, and a detector with the same density has
    an advantage.

    References
    ----------
    .. [1] N. Dionelis, M. Yaghoobi, S. A. Tsaftaris, "Boundary of distribution support generator
       (BDSG): sample generation on the boundary", ICIP 2020, arXiv:2107.09950.

    Examples
    --------
    >>> from sklearn.ensemble import IsolationForest
    >>> from sklearn.datasets import load_iris
    >>> from skdeepad import BDSGM
    >>> from skdeepad.model_selection import StrongAnomalySampler, leave_one_class_out
    >>> X, y = load_iris(return_X_y=True)
    >>> table = leave_one_class_out(
    ...     IsolationForest(),
    ...     X,
    ...     y,
    ...     left_out=0,
    ...     sampler=StrongAnomalySampler(BDSGM(density="gaussian", generator_steps=10)),
    ...     n_samples=100,
    ...     random_state=0,
    ... )
    >>> table.columns.tolist()
    ['left_out', 'detector', 'n_train', 'n_test', 'left_out_class', 'strong', 'adversarial', 'weak']
    """
    import pandas as pd

    refuse_masked(classes, "classes", "the rows that have one")
    classes = column_or_1d(as_labels(classes))
    check_consistent_length(X, classes)
    if pd.isna(classes).any():
        raise ValueError("classes must have a value for each row, got missing ones.")
    rng = check_random_state(random_state)
    sampler = StrongAnomalySampler() if sampler is None else sampler
    detectors = detector if isinstance(detector, Mapping) else {type(detector).__name__: detector}
    if not detectors or not all(hasattr(each, "fit") for each in detectors.values()):
        raise ValueError(
            f"detector={detector!r} must be a detector, or a dictionary of one or several with "
            "their names."
        )
    if not hasattr(sampler, "fit") or not hasattr(sampler, "sample"):
        raise ValueError(f"sampler={sampler!r} must be a StrongAnomalySampler or None.")
    if not isinstance(test_size, Real) or isinstance(test_size, bool):
        raise ValueError(f"test_size={test_size!r} must be a share in (0, 1) or a number of rows.")
    parallel = Parallel(n_jobs=n_jobs)
    splits = [
        _split(classes, label, test_size, rng) for label in _labels_to_leave_out(classes, left_out)
    ]
    generated = parallel(
        delayed(_generate)(sampler, take_rows(X, train), n_samples, seed)
        for _, (train, _, _), (seed, _) in splits
    )
    rows = parallel(
        delayed(_evaluate)(each, X, parts, anomalies, seed)
        for (_, parts, (_, seed)), anomalies in zip(splits, generated, strict=True)
        for each in detectors.values()
    )
    heads = ({"left_out": label, "detector": name} for label, _, _ in splits for name in detectors)
    return pd.DataFrame([head | row for head, row in zip(heads, rows, strict=True)])


def _labels_to_leave_out(classes, left_out) -> np.ndarray:
    try:
        known = np.unique(classes)
    except TypeError as error:
        raise ValueError(f"classes must be of one type: {error}.") from error
    labels = known if left_out is None else np.atleast_1d(as_labels(left_out))
    if labels.ndim != 1 or not labels.size or not are_among(labels, known).all():
        raise ValueError(f"left_out={left_out!r} must be one or several of {known.tolist()}.")
    if len(known) < 2:
        raise ValueError(f"classes must have at least two values, got {known.tolist()} only.")
    return labels


def _split(classes, label, test_size, rng):
    """Return the label, the rows to train on, held-out ones and those left out, and two seeds.

    Sampler and detectors have different seeds; with the same, both could have equal nets.
    """
    seeds = rng.randint(2**31 - 1, size=2)
    normal, left_out = np.flatnonzero(classes != label), np.flatnonzero(classes == label)
    try:
        train, test = train_test_split(normal, test_size=test_size, random_state=seeds[0])
    except ValueError as error:
        raise ValueError(
            f"Without the class {str(label)!r} there are {len(normal)} rows, which "
            f"test_size={test_size!r} does not fit: {error}"
        ) from error
    return label, (train, test, left_out), seeds


def _generate(sampler, X, n_samples, seed) -> dict[str, np.ndarray]:
    """Generate anomalies of each kind."""
    sampler = reseeded(clone(sampler), seed).fit(X)
    return {kind: framed_like(X, sampler.sample(n_samples, kind, seed)) for kind in KINDS}


def _evaluate(detector, X, parts, anomalies, seed) -> dict:
    """Return one row of the table."""
    train, test, left_out = parts
    detector = reseeded(clone(detector), seed).fit(take_rows(X, train))
    normal = detector_scores(detector, take_rows(X, test))
    anomalies = {"left_out_class": take_rows(X, left_out)} | anomalies
    row = {"n_train": len(train), "n_test": len(test)}
    for kind, rows in anomalies.items():
        scores = np.concatenate([normal, detector_scores(detector, rows)])
        y = np.repeat([0, 1], [len(normal), n_rows_of(rows)])
        row[kind] = anomaly_roc_auc(y, scores)
    return row
