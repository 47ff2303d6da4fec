"""Contributions of the columns that an estimator takes to its anomaly scores."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from .._validation import check_is_fitted, output_container
from ..base._columns import MIXED, add_up, origins
from ..calibration import ConformalDetector
from ..ensemble import DetectorEnsemble


class Explained(NamedTuple):
    """Contributions of columns to the scores of rows."""

    contributions: np.ndarray  #: (n_samples, n_columns)
    names: np.ndarray  #: of the columns
    are_inputs: bool  #: whether the columns are all columns that the estimator takes


class Member(NamedTuple):
    """One of the detectors that an estimator is made of."""

    detector: Any
    scores: np.ndarray | None = None  #: of rows, which give the unit of the contributions
    weight: float = 1.0


def feature_contributions(estimator, X, *, as_frame=None):
    """Return the contribution of each column to the anomaly score of rows.

    The estimator may be a pipeline. The contributions of its detector are then traced back through
    its other steps to the columns of ``X``: those of all levels of a one-hot encoded column are
    added up to one, and a column that the pipeline drops contributes 0.

    Read more in the :ref:`User Guide <contributions>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimator : detector or Pipeline
        Fitted detector with ``feature_contributions``, or a pipeline, ensemble, search, classifier
        or other estimator that is made of such detectors.
    X : {array-like, dataframe} of shape (n_samples, n_columns)
        Rows to explain, as ``estimator`` takes them.
    as_frame : bool or None, default=None
        Whether to return a pandas DataFrame, whose columns have names. If None, the type is that of
        ``transform``: an array, unless ``set_output`` of a step of the estimator, or
        ``transform_output`` of :func:`sklearn.set_config`, asks for data frames.

    Returns
    -------
    contributions : ndarray or dataframe of shape (n_samples, n_columns)
        Contributions, in the order of the columns of ``fit``. A positive one makes the row more
        abnormal. A data frame of pandas has the index of ``X``.

    Raises
    ------
    ValueError
        If ``estimator`` is not made of detectors with ``feature_contributions``, or has not as many
        columns in each of them.

    See Also
    --------
    ContributionDisplay : Picture of the contributions to the score of one row.

    Notes
    -----
    Columns are traced through pipelines, ColumnTransformer, FeatureUnion, all transformers that
    keep columns apart (scalers, OrdinalEncoder and others that derive from
    :class:`~sklearn.base.OneToOneFeatureMixin`), SimpleImputer, OneHotEncoder, KBinsDiscretizer,
    selections of features and FunctionTransformer with ``feature_names_out="one-to-one"``. Any
    other step ends the trace, such as PCA, which mixes columns, or SplineTransformer. The
    contributions are then those of its outputs, with the names that its ``get_feature_names_out``
    gives them.

    What contributions sum to is said by ``feature_contributions`` of the detector. Those of
    :class:`~skdeepad.DetectorEnsemble`, and of a
    :class:`~skdeepad.calibration.ConformalDetector` with several folds, are the mean over the
    detectors, each in units of the standard deviation of its training or calibration scores, and
    with its weight in the ensemble. All detectors of it need ``feature_contributions``.

    Examples
    --------
    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> from skdeepad import AutoEncoder
    >>> from skdeepad.datasets import load_wine
    >>> from skdeepad.inspection import feature_contributions
    >>> X, _ = load_wine(return_X_y=True, as_frame=True)
    >>> X = X.iloc[:, :3].assign(colour=["red", "white", "red"] * 43)
    >>> encode = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
    >>> pipeline = make_pipeline(encode, AutoEncoder(max_epochs=5, random_state=0)).fit(X)
    >>> feature_contributions(pipeline, X, as_frame=True).columns.tolist()
    ['alcohol', 'malic_acid', 'ash', 'colour']
    """
    explained = explain(estimator, X)
    container = "pandas" if as_frame else "default"
    if as_frame is None:
        kinds = (output_container(part) for part in _parts(estimator))
        container = next((kind for kind in kinds if kind != "default"), "default")
    if container == "pandas":
        from pandas import DataFrame

        index = getattr(X, "index", None) if isinstance(X, DataFrame) else None
        return DataFrame(explained.contributions, columns=explained.names, index=index)
    if container == "polars":
        from polars import DataFrame

        return DataFrame(explained.contributions, schema=list(explained.names), orient="row")
    return explained.contributions


def explain(estimator, X) -> Explained:
    """Return the contributions of columns, with the names of the columns."""
    check_is_fitted(estimator)
    X = in_order_of_fit(estimator, X)
    if len(X.shape) != 2:
        raise ValueError(f"X of shape {X.shape} must be a table: X[[0]] is one row.")
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        columns = list(getattr(X, "columns", []))
        are_strings = columns and all(isinstance(name, str) for name in columns)
        names = columns if are_strings else [f"x{i}" for i in range(X.shape[1])]
    return _explain(estimator, X, np.asarray(names, dtype=object))


def in_order_of_fit(estimator, X):
    """Return rows with the columns of ``fit``; a ColumnTransformer takes more, in any order."""
    names = list(getattr(estimator, "feature_names_in_", []))
    if names and set(names) <= set(getattr(X, "columns", [])):
        return X[names]
    return X if hasattr(X, "shape") else np.asarray(X)


def _explain(estimator, X, names: np.ndarray) -> Explained:
    if isinstance(estimator, Pipeline):
        return _through([step for _, step in estimator.steps], X, names)
    members = _members(estimator)
    if members:
        return _mean([_explain(each.detector, X, names) for each in members], members)
    if not hasattr(estimator, "feature_contributions"):
        raise ValueError(
            f"estimator={estimator!r} must be a detector with feature_contributions, or made of "
            "such detectors."
        )
    return Explained(estimator.feature_contributions(X), names, True)


def _members(estimator) -> list[Member]:
    """Return the detectors that an estimator is made of."""
    if isinstance(estimator, DetectorEnsemble):
        parts = (estimator.estimators_, estimator.member_scores_, estimator._weights)
        return [Member(*each) for each in zip(*parts, strict=True)]
    if isinstance(estimator, ConformalDetector):
        parts = (estimator.detectors_, estimator.calibration_scores_)
        return [Member(*each) for each in zip(*parts, strict=True)]
    if isinstance(estimator, FrozenEstimator):
        return [Member(estimator.estimator)]
    inner = getattr(estimator, "detector_", getattr(estimator, "best_estimator_", None))
    return [] if inner is None else [Member(inner)]


def _parts(estimator) -> Iterator:
    """Yield an estimator and all that it is made of, the last step of a pipeline first."""
    yield estimator
    inner = [member.detector for member in _members(estimator)]
    if isinstance(estimator, Pipeline):
        inner = [step for _, step in reversed(estimator.steps) if not _is_empty(step)]
    for part in inner:
        yield from _parts(part)


def _mean(explained: list[Explained], members: list[Member]) -> Explained:
    """Return the mean of contributions; several are in units of the deviation of scores."""
    first = explained[0]
    if len(members) == 1:
        return first
    if any(list(other.names) != list(first.names) for other in explained):
        raise ValueError("The contributions are those of other columns in each of the detectors.")
    pairs = zip(explained, members, strict=True)
    in_units = [each.contributions / (np.std(member.scores) or 1.0) for each, member in pairs]
    weights = [member.weight for member in members]
    return first._replace(contributions=np.average(in_units, axis=0, weights=weights))


def _through(steps: list, X, names: np.ndarray) -> Explained:
    """Explain the last of some steps, and trace the contributions back through those before."""
    step, *others = steps
    if not others:
        return _explain(step, X, names)
    if _is_empty(step):
        return _through(others, X, names)
    outputs = step.transform(X)
    columns = origins(step, X.shape[1])
    if columns is None or len(columns) != outputs.shape[1]:
        columns = np.full(outputs.shape[1], MIXED)
    inner = _through(others, outputs, _names_out(step, names, columns))
    if not inner.are_inputs:
        return inner
    is_mixed = columns == MIXED
    traced = add_up(inner.contributions[:, ~is_mixed], columns[~is_mixed], X.shape[1])
    if not is_mixed.any():
        return Explained(traced, names, True)
    kept = np.unique(columns[~is_mixed])
    contributions = np.hstack([traced[:, kept], inner.contributions[:, is_mixed]])
    return Explained(contributions, np.r_[names[kept], inner.names[is_mixed]], False)


def _is_empty(step) -> bool:
    return step is None or isinstance(step, str)


def _names_out(step, names: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the names of a step's outputs, those of their columns if it gives none."""
    try:
        return np.asarray(step.get_feature_names_out(names), dtype=object)
    except (AttributeError, ValueError):
        own = [f"{type(step).__name__.lower()}{i}" for i in range(len(columns))]
        given = [names[i] if i != MIXED else own[place] for place, i in enumerate(columns)]
        return np.asarray(given, dtype=object)
