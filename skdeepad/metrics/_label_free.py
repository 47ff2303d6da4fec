"""Criteria without labels: how little volume a detector needs to hold the mass of the data."""

from numbers import Real

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import auc
from sklearn.utils import Bunch, check_array

from .._validation import check_integer
from ..training import warn
from ._box import box_scores, generator_of

# The levels at which the paper compares detectors: the tail is where anomalies are.
_MASS_MIN, _MASS_MAX = 0.9, 0.999


def mass_volume_curve(y_score, uniform_score, *, mass=None):
    r"""Volume of the smallest level set of a score that holds a given mass of the data.

    .. math::

        \mathrm{MV}_s(\alpha) = \inf_u \{\lambda(s \ge u) : P(s(X) \ge u) \ge \alpha\}

    with the score :math:`s` and the volume :math:`\lambda`. No score lies below the curve of
    the density of the data.

    Read more in the :ref:`User Guide <metrics_label_free>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    y_score : array-like of shape (n_samples,)
        Scores of the data, as ``score_samples`` returns them: **the higher the more normal**.

    uniform_score : array-like of shape (n_uniform,)
        Scores, by the same detector, of points drawn uniformly from a box around the data.

    mass : array-like of shape (n_levels,), default=None
        Masses :math:`\alpha` in (0, 1]; 100 from 0.9 to 0.999 by default, as in the paper.

    Returns
    -------
    mass : ndarray of shape (n_levels,)
        The masses.

    volume : ndarray of shape (n_levels,)
        Their volumes, in parts of the box, so that units of the features do not matter.

    See Also
    --------
    mass_volume_area : The area under this curve.

    References
    ----------
    N. Goix, "How to evaluate the quality of unsupervised anomaly detection algorithms?",
    ICML Anomaly Detection Workshop, 2016. arXiv:1607.01152

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad.metrics import mass_volume_curve
    >>> rng = np.random.default_rng(0)
    >>> data, uniform = rng.normal(size=2000), rng.uniform(-4, 4, size=2000)
    >>> mass, volume = mass_volume_curve(-abs(data), -abs(uniform), mass=[0.9, 0.99])
    >>> volume.round(2)
    array([0.42, 0.65])
    """
    if mass is None:
        mass = np.linspace(_MASS_MIN, _MASS_MAX, 100)
    mass = np.asarray(mass, dtype=float)
    if mass.ndim != 1 or not np.all((mass > 0) & (mass <= 1)):
        raise ValueError(f"mass={mass!r}: a vector of masses in (0, 1] is accepted")
    y_score, uniform_score = _sorted("y_score", y_score), _sorted("uniform_score", uniform_score)
    # Rounded first: 0.9 * 10 must not ask for a tenth row.
    held = np.ceil(np.round(mass * len(y_score), 9)).astype(int)
    return mass, _volume(uniform_score, y_score[len(y_score) - held])


def excess_mass_curve(y_score, uniform_score, *, t=None):
    r"""Most mass that a level set of a score holds in excess of ``t`` times its volume.

    .. math::

        \mathrm{EM}_s(t) = \sup_u \{P(s(X) \ge u) - t \, \lambda(s \ge u)\}

    with the score :math:`s` and the volume :math:`\lambda`. No score lies above the curve of
    the density of the data.

    Read more in the :ref:`User Guide <metrics_label_free>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    y_score : array-like of shape (n_samples,)
        Scores of the data, as ``score_samples`` returns them: **the higher the more normal**.

    uniform_score : array-like of shape (n_uniform,)
        Scores, by the same detector, of points drawn uniformly from a box around the data.

    t : array-like of shape (n_levels,), default=None
        Density levels, not negative, in units of one over the volume of the box; by default
        100 from 0 to where the curve falls to 0.9, as in the paper.

    Returns
    -------
    t : ndarray of shape (n_levels,)
        The density levels.

    excess_mass : ndarray of shape (n_levels,)
        The excess masses, in [0, 1].

    See Also
    --------
    excess_mass_area : The area under this curve.

    Notes
    -----
    A level set without a single uniform point counts as one uniform point, the least volume
    that can be seen: the curve stays finite where volumes are too small to measure.

    References
    ----------
    N. Goix, "How to evaluate the quality of unsupervised anomaly detection algorithms?",
    ICML Anomaly Detection Workshop, 2016. arXiv:1607.01152

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad.metrics import excess_mass_curve
    >>> rng = np.random.default_rng(0)
    >>> data, uniform = rng.normal(size=2000), rng.uniform(-4, 4, size=2000)
    >>> t, excess_mass = excess_mass_curve(-abs(data), -abs(uniform), t=[0, 0.5, 1])
    >>> excess_mass.round(2)
    array([1.  , 0.71, 0.49])
    """
    y_score, uniform_score = _sorted("y_score", y_score), _sorted("uniform_score", uniform_score)
    level, first = np.unique(y_score, return_index=True)
    mass = 1 - first / len(y_score)
    volume = np.maximum(_volume(uniform_score, level), 1 / len(uniform_score))
    if t is None:
        # EM(t) <= 0.9 if and only if mass - t * volume <= 0.9 for each level set.
        t = np.linspace(0, np.max((mass - _MASS_MIN) / volume), 100)
    t = np.asarray(t, dtype=float)
    if t.ndim != 1 or not np.all(t >= 0):
        raise ValueError(f"t={t!r}: a vector of density levels, not negative, is accepted")
    # Row by row: the matrix of all levels would take n_samples * n_levels numbers.
    return t, np.array([max(np.max(mass - density * volume), 0.0) for density in t])


def mass_volume_area(y_score, uniform_score):
    """Area under the mass-volume curve over the masses 0.9 to 0.999; smaller is better.

    Read more in the :ref:`User Guide <metrics_label_free>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    y_score : array-like of shape (n_samples,)
        Scores of the data, as ``score_samples`` returns them: **the higher the more normal**.

    uniform_score : array-like of shape (n_uniform,)
        Scores, by the same detector, of points drawn uniformly from a box around the data.

    Returns
    -------
    area : float
        In [0, 0.099]; 0.099 is a detector that can't tell the data from uniform points.

    See Also
    --------
    mass_volume_curve : The curve.
    mass_volume_scorer : Minus this area as ``scoring=`` in a search.

    References
    ----------
    N. Goix, "How to evaluate the quality of unsupervised anomaly detection algorithms?",
    ICML Anomaly Detection Workshop, 2016. arXiv:1607.01152

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad.metrics import mass_volume_area
    >>> rng = np.random.default_rng(0)
    >>> data, uniform = rng.normal(size=2000), rng.uniform(-4, 4, size=2000)
    >>> sensible = mass_volume_area(-abs(data), -abs(uniform))
    >>> inverted = mass_volume_area(abs(data), abs(uniform))
    >>> sensible < inverted
    True
    """
    mass, volume = mass_volume_curve(y_score, uniform_score)
    if volume[-1] == 0:
        _warn_unseen(len(uniform_score))
    return float(auc(mass, volume))


def excess_mass_area(y_score, uniform_score):
    """Area under the excess-mass curve down to an excess mass of 0.9; greater is better.

    Read more in the :ref:`User Guide <metrics_label_free>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    y_score : array-like of shape (n_samples,)
        Scores of the data, as ``score_samples`` returns them: **the higher the more normal**.

    uniform_score : array-like of shape (n_uniform,)
        Scores, by the same detector, of points drawn uniformly from a box around the data.

    Returns
    -------
    area : float
        0.095 for a detector that can't tell the data from uniform points; about
        ``0.095 / volume`` for one that holds the data in that part of the box. With one feature
        the data fill their box, and no detector gets far from 0.095.

    See Also
    --------
    excess_mass_curve : The curve.
    excess_mass_scorer : The same as ``scoring=`` in a search.

    References
    ----------
    N. Goix, "How to evaluate the quality of unsupervised anomaly detection algorithms?",
    ICML Anomaly Detection Workshop, 2016. arXiv:1607.01152

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad.metrics import excess_mass_area
    >>> rng = np.random.default_rng(0)
    >>> data, uniform = rng.normal(size=2000), rng.uniform(-4, 4, size=2000)
    >>> sensible = excess_mass_area(-abs(data), -abs(uniform))
    >>> inverted = excess_mass_area(abs(data), abs(uniform))
    >>> sensible > inverted
    True
    """
    if mass_volume_curve(y_score, uniform_score, mass=[_MASS_MAX])[1] == 0:
        _warn_unseen(len(uniform_score))
    return float(auc(*excess_mass_curve(y_score, uniform_score)))


def em_mv_scores(
    estimator,
    X,
    *,
    n_subsets=50,
    n_features=5,
    test_size=0.5,
    n_uniform=10_000,
    random_state=0,
):
    """Both criteria without labels, averaged over random subsets of the features.

    Volumes cannot be measured in many dimensions. Algorithm 1 of the paper therefore draws
    subsets of few features, fits the detector on each and averages the areas.

    Read more in the :ref:`User Guide <metrics_label_free>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimator : estimator
        Detector, or a pipeline that ends in one; it is cloned and not changed.

    X : array-like of shape (n_samples, n_features)
        Data, without labels.

    n_subsets : int, default=50
        How many subsets are drawn, the paper's m.

    n_features : int, default=5
        Features in a subset, the paper's d'; all features if there are no more than these.

    test_size : float, default=0.5
        Share of the rows, drawn anew for each subset, on which the areas are measured; the
        detector is fitted on the others, so that one that learns rows by heart does not win.

    n_uniform : int, default=10_000
        Points drawn uniformly from the bounding box to measure volumes.

    random_state : int or numpy.random.Generator, default=0
        Seed of subsets, splits and uniform points. With an integer, detectors are compared on
        the same ones. The detector's own ``random_state`` is not changed.

    Returns
    -------
    scores : :class:`~sklearn.utils.Bunch`
        excess_mass : ndarray of shape (n_subsets,)
            ``excess_mass_area`` on each subset; the greater its mean, the better.
        mass_volume : ndarray of shape (n_subsets,)
            ``mass_volume_area`` on each subset; the smaller its mean, the better.
        features : ndarray of shape (n_subsets, n_features)
            Columns of each subset.

    Notes
    -----
    The detector is judged as it behaves on few features. One that needs all of them at once, to
    see an image say, is not judged by this.

    References
    ----------
    N. Goix, "How to evaluate the quality of unsupervised anomaly detection algorithms?",
    ICML Anomaly Detection Workshop, 2016. arXiv:1607.01152

    Examples
    --------
    >>> from sklearn.ensemble import IsolationForest
    >>> from skdeepad.datasets import load_wdbc
    >>> from skdeepad.metrics import em_mv_scores
    >>> detector = IsolationForest(n_estimators=10, random_state=0)
    >>> scores = em_mv_scores(detector, load_wdbc().data, n_subsets=5, n_uniform=2000)
    >>> scores.excess_mass.shape, scores.features.shape
    ((5,), (5, 5))
    """
    check_integer("n_subsets", n_subsets)
    check_integer("n_features", n_features)
    if not isinstance(test_size, Real) or not 0 < test_size < 1:
        raise ValueError(f"test_size={test_size!r}: a share in (0, 1) is accepted")
    n_samples, n_columns = check_array(X, ensure_min_samples=2).shape
    n_test = min(max(round(test_size * n_samples), 1), n_samples - 1)
    rng = generator_of(random_state)
    result = Bunch(excess_mass=[], mass_volume=[], features=[])
    for _ in range(n_subsets):
        columns = np.sort(rng.permutation(n_columns)[:n_features])
        rows = rng.permutation(n_samples)
        detector = clone(estimator).fit(_take(X, rows[n_test:], columns))
        held_out = _take(X, rows[:n_test], columns)
        scores = box_scores(detector, held_out, n_uniform=n_uniform, random_state=rng)
        result.excess_mass.append(excess_mass_area(*scores))
        result.mass_volume.append(mass_volume_area(*scores))
        result.features.append(columns)
    return Bunch(**{name: np.array(values) for name, values in result.items()})


def _sorted(name, scores):
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 1 or scores.size == 0:
        raise ValueError(f"{name} of shape {scores.shape!r}: a non-empty vector is accepted")
    if np.isnan(scores).any():
        raise ValueError(f"{name} holds NaN: finite or infinite scores are accepted")
    return np.sort(scores)


def _volume(uniform_score, level):
    """Part of the box that scores at or above each level; ``uniform_score`` is sorted."""
    n_uniform = len(uniform_score)
    return (n_uniform - np.searchsorted(uniform_score, level, side="left")) / n_uniform


def _take(X, rows, columns):
    if hasattr(X, "iloc"):
        return X.iloc[rows, columns]
    if hasattr(X, "columns"):  # polars
        return X[rows, columns]
    return np.asarray(X)[np.ix_(rows, columns)]


def _warn_unseen(n_uniform):
    warn(
        f"none of the {n_uniform} uniform points scores as high as {_MASS_MAX:.1%} of the data: "
        "the volumes are too small to compare detectors by; raise n_uniform, or use em_mv_scores "
        "where there are many features",
        UndefinedMetricWarning,
    )
