"""Which input column each output column of a transformer comes from."""

import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
)

from .._validation import input_columns_of

#: Place of an output column that comes from several input columns, or from unknown ones.
MIXED = -1


def origins(step, n_columns: int) -> np.ndarray | None:
    """Return the index of the input column that each output column of a transformer comes from.

    Parameters
    ----------
    step : transformer, "passthrough", "drop" or None
        Fitted transformer, or a pipeline or union of such.
    n_columns : int
        Number of input columns.

    Returns
    -------
    ndarray of int of shape (n_output_columns,) or None
        Indices, −1 for a column that comes from several. None if nothing is known of the step.
    """
    if step is None or isinstance(step, str):
        return np.arange(0 if step == "drop" else n_columns)
    for kinds, rule in RULES:
        if isinstance(step, kinds):
            return rule(step, n_columns)
    return None


def add_up(values: np.ndarray, columns: np.ndarray, n_columns: int) -> np.ndarray:
    """Add up the values of output columns, (n_samples, n), that come from the same column."""
    total = np.zeros((len(values), n_columns), dtype=values.dtype)
    np.add.at(total.T, columns, values.T)
    return total


def _of_pipeline(pipeline: Pipeline, n_columns: int) -> np.ndarray | None:
    columns = np.arange(n_columns)
    for _, step in pipeline.steps:
        own = origins(step, len(columns))
        if own is None:
            return None
        columns = np.where(own == MIXED, MIXED, columns[own])
    return columns


def _of_union(union: FeatureUnion, n_columns: int) -> np.ndarray | None:
    parts = [origins(step, n_columns) for _, step in union.transformer_list]
    return None if any(part is None for part in parts) else np.concatenate(parts)


def _of_column_transformer(step: ColumnTransformer, n_columns: int) -> np.ndarray:
    taken = input_columns_of(step)
    columns = np.full(max(place.stop for place in step.output_indices_.values()), MIXED)
    for name, fitted, _ in step.transformers_:
        place = step.output_indices_[name]
        own = origins(fitted, len(taken[name]))
        if own is not None and len(own) == place.stop - place.start:
            columns[place] = np.where(own == MIXED, MIXED, np.asarray(taken[name], dtype=int)[own])
    return columns


def _of_function(step: FunctionTransformer, n_columns: int) -> np.ndarray | None:
    keeps = step.func is None or step.feature_names_out == "one-to-one"
    return np.arange(n_columns) if keeps else None


def _of_one_hot(step: OneHotEncoder, n_columns: int) -> np.ndarray:
    rare = getattr(step, "infrequent_categories_", [None] * n_columns)
    dropped = [None] * n_columns if step.drop_idx_ is None else step.drop_idx_
    levels = [
        len(known) - (0 if few is None else len(few) - 1) - (without is not None)
        for known, few, without in zip(step.categories_, rare, dropped, strict=True)
    ]
    return np.repeat(np.arange(n_columns), levels)


def _of_bins(step: KBinsDiscretizer, n_columns: int) -> np.ndarray:
    return np.repeat(np.arange(n_columns), 1 if step.encode == "ordinal" else step.n_bins_)


def _of_imputer(step: SimpleImputer, n_columns: int) -> np.ndarray:
    """A column without any value may be missing, and indicators of missing values come last."""
    has_value = [value == value for value in step.statistics_]
    kept = np.arange(n_columns) if step.keep_empty_features else np.flatnonzero(has_value)
    return np.concatenate([kept, step.indicator_.features_]) if step.add_indicator else kept


# Of several kinds that a step may be of, the first one counts. Normalizer divides by the norm of a
# row, although its columns keep their names.
RULES = [
    (FrozenEstimator, lambda step, n_columns: origins(step.estimator, n_columns)),
    (Pipeline, _of_pipeline),
    (FeatureUnion, _of_union),
    (ColumnTransformer, _of_column_transformer),
    (FunctionTransformer, _of_function),
    (OneHotEncoder, _of_one_hot),
    (KBinsDiscretizer, _of_bins),
    (SimpleImputer, _of_imputer),
    (MissingIndicator, lambda step, n_columns: step.features_),
    (SelectorMixin, lambda step, n_columns: step.get_support(indices=True)),
    (Normalizer, lambda step, n_columns: None),
    (OneToOneFeatureMixin, lambda step, n_columns: np.arange(n_columns)),
]
