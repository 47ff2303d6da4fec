"""Scorers: what ``scoring=`` takes in a search or a cross-validation.

They are plain functions: they pickle by name, and ``functools.partial`` sets their options.
"""

from ._box import box_scores, detector_scores
from ._label_free import excess_mass_area, mass_volume_area
from ._labels import known_anomaly_mask
from ._ranking import anomaly_average_precision, anomaly_roc_auc, precision_at_n


def anomaly_roc_auc_scorer(estimator, X, y_true):
    """ROC AUC of a fitted detector, for ``scoring=``; greater is better.

    Read more in the :ref:`User Guide <metrics_sign>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimator : estimator
        Fitted detector, or a pipeline that ends in one. Its scores are read in scikit-learn's
        sign, the higher the more normal.

    X : array-like of shape (n_samples, n_features)
        Rows to score.

    y_true : array-like of shape (n_samples,)
        True labels, 0/1 (1 = anomaly), -1/+1 (-1 = anomaly) or bool (True = anomaly); or the
        signs that detectors learn from, -1/0/+1, where unlabelled rows, 0, count as normal. Each
        fold then needs an anomaly, as stratified folds have: 0 and 1 alone are read as 0/1, with a
        warning for a detector that learns from signs.

    Returns
    -------
    score : float
        ``anomaly_roc_auc(y_true, estimator.score_samples(X))``.

    See Also
    --------
    anomaly_roc_auc : The metric.

    Examples
    --------
    >>> from sklearn.ensemble import IsolationForest
    >>> from sklearn.model_selection import GridSearchCV, StratifiedKFold
    >>> from skdeepad.datasets import load_breastw
    >>> from skdeepad.metrics import anomaly_roc_auc_scorer
    >>> X, y = load_breastw(return_X_y=True)
    >>> search = GridSearchCV(
    ...     IsolationForest(n_estimators=20, random_state=0),
    ...     {"max_samples": [16, 64]},
    ...     scoring=anomaly_roc_auc_scorer,
    ...     cv=StratifiedKFold(3, shuffle=True, random_state=0),
    ... ).fit(X, y)
    >>> bool(search.best_score_ > 0.97)
    True
    """
    return anomaly_roc_auc(*_mask_and_scores(estimator, X, y_true))


def anomaly_average_precision_scorer(estimator, X, y_true):
    """Average precision of a fitted detector, for ``scoring=``; greater is better.

    Read more in the :ref:`User Guide <metrics_sign>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimator : estimator
        Fitted detector, or a pipeline that ends in one. Its scores are read in scikit-learn's
        sign, the higher the more normal.

    X : array-like of shape (n_samples, n_features)
        Rows to score.

    y_true : array-like of shape (n_samples,)
        True labels, 0/1 (1 = anomaly), -1/+1 (-1 = anomaly) or bool (True = anomaly); or the
        signs that detectors learn from, -1/0/+1, where unlabelled rows, 0, count as normal. Each
        fold then needs an anomaly, as stratified folds have: 0 and 1 alone are read as 0/1, with a
        warning for a detector that learns from signs.

    Returns
    -------
    score : float
        ``anomaly_average_precision(y_true, estimator.score_samples(X))``.

    See Also
    --------
    anomaly_average_precision : The metric.

    Examples
    --------
    >>> from sklearn.ensemble import IsolationForest
    >>> from skdeepad.datasets import load_breastw
    >>> from skdeepad.metrics import anomaly_average_precision_scorer
    >>> X, y = load_breastw(return_X_y=True)
    >>> detector = IsolationForest(n_estimators=20, random_state=0).fit(X)
    >>> anomaly_average_precision_scorer(detector, X, y) > 0.9
    True
    """
    return anomaly_average_precision(*_mask_and_scores(estimator, X, y_true))


def precision_at_n_scorer(estimator, X, y_true, *, n=None):
    """Precision at n of a fitted detector, for ``scoring=``; greater is better.

    Read more in the :ref:`User Guide <metrics_sign>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimator : estimator
        Fitted detector, or a pipeline that ends in one. Its scores are read in scikit-learn's
        sign, the higher the more normal.

    X : array-like of shape (n_samples, n_features)
        Rows to score.

    y_true : array-like of shape (n_samples,)
        True labels, 0/1 (1 = anomaly), -1/+1 (-1 = anomaly) or bool (True = anomaly); or the
        signs that detectors learn from, -1/0/+1, where unlabelled rows, 0, count as normal. Each
        fold then needs an anomaly, as stratified folds have: 0 and 1 alone are read as 0/1, with a
        warning for a detector that learns from signs.

    n : int, default=None
        How many rows to inspect, the number of anomalies in ``y_true`` by default;
        ``scoring=functools.partial(precision_at_n_scorer, n=10)`` sets it in a search.

    Returns
    -------
    score : float
        ``precision_at_n(y_true, estimator.score_samples(X), n)``.

    See Also
    --------
    precision_at_n : The metric.

    Examples
    --------
    >>> from sklearn.ensemble import IsolationForest
    >>> from skdeepad.datasets import load_breastw
    >>> from skdeepad.metrics import precision_at_n_scorer
    >>> X, y = load_breastw(return_X_y=True)
    >>> detector = IsolationForest(n_estimators=20, random_state=0).fit(X)
    >>> precision_at_n_scorer(detector, X, y, n=10)
    1.0
    """
    return precision_at_n(*_mask_and_scores(estimator, X, y_true), n)


def mass_volume_scorer(estimator, X, y=None, *, n_uniform=10_000, random_state=0):
    """Minus the area under the mass-volume curve, for ``scoring=`` without labels.

    Read more in the :ref:`User Guide <metrics_label_free>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimator : estimator
        Fitted detector, or a pipeline that ends in one. Its scores are read in scikit-learn's
        sign, the higher the more normal.

    X : array-like of shape (n_samples, n_features)
        Rows to score. Use rows that the detector was not trained on, because otherwise
        overfitting is rewarded.

    y : ignored
        Present for scikit-learn's signature.

    n_uniform : int, default=10_000
        Points drawn uniformly from the bounding box of ``X`` to measure volumes; nothing below
        ``1 / n_uniform`` of the box is seen.

    random_state : int or numpy.random.Generator, default=0
        Seed of these points. An integer gives every candidate of a search the same points.

    Returns
    -------
    score : float
        ``-mass_volume_area``, in [-0.099, 0]; greater is better.

    See Also
    --------
    mass_volume_area : The criterion.
    em_mv_scores : For more than about eight features.

    Examples
    --------
    >>> from sklearn.ensemble import IsolationForest
    >>> from skdeepad.datasets import load_thyroid
    >>> from skdeepad.metrics import mass_volume_scorer
    >>> X = load_thyroid().data[:500]
    >>> detector = IsolationForest(n_estimators=20, random_state=0).fit(X)
    >>> -0.02 < mass_volume_scorer(detector, X) < 0
    True
    """
    scores = box_scores(estimator, X, n_uniform=n_uniform, random_state=random_state)
    return -mass_volume_area(*scores)


def excess_mass_scorer(estimator, X, y=None, *, n_uniform=10_000, random_state=0):
    """Area under the excess-mass curve, for ``scoring=`` without labels.

    Read more in the :ref:`User Guide <metrics_label_free>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimator : estimator
        Fitted detector, or a pipeline that ends in one. Its scores are read in scikit-learn's
        sign, the higher the more normal.

    X : array-like of shape (n_samples, n_features)
        Rows to score. Use rows that the detector was not trained on, because otherwise
        overfitting is rewarded.

    y : ignored
        Present for scikit-learn's signature.

    n_uniform : int, default=10_000
        Points drawn uniformly from the bounding box of ``X`` to measure volumes; nothing below
        ``1 / n_uniform`` of the box is seen.

    random_state : int or numpy.random.Generator, default=0
        Seed of these points. An integer gives every candidate of a search the same points.

    Returns
    -------
    score : float
        ``excess_mass_area``; greater is better.

    See Also
    --------
    excess_mass_area : The criterion.
    em_mv_scores : For more than about eight features.

    Examples
    --------
    >>> from sklearn.ensemble import IsolationForest
    >>> from skdeepad.datasets import load_thyroid
    >>> from skdeepad.metrics import excess_mass_scorer
    >>> X = load_thyroid().data[:500]
    >>> detector = IsolationForest(n_estimators=20, random_state=0).fit(X)
    >>> excess_mass_scorer(detector, X) > 0.5
    True
    """
    scores = box_scores(estimator, X, n_uniform=n_uniform, random_state=random_state)
    return excess_mass_area(*scores)


def _mask_and_scores(estimator, X, y_true):
    return known_anomaly_mask(y_true, estimator), detector_scores(estimator, X)
