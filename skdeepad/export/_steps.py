"""Steps of a pipeline before its detector, as ONNX models."""

import importlib
import re

import numpy as np
from sklearn.pipeline import Pipeline

from .._documentation import missing_dependency

# Operators of this version are known to all runtimes since onnxruntime 1.14.
OPSET = 18
OUTPUTS = ["score", "decision", "label"]


def need(*names: str):
    """Return the first of some modules; raise if one of them is not installed."""
    try:
        first, *_ = [importlib.import_module(name) for name in names]
        return first
    except ImportError as error:
        raise missing_dependency("to_onnx", *names, extra="onnx") from error


def in_order(first_step, X):
    """Return X with its columns in the order of ``fit``; raise if there are others."""
    names = list(getattr(first_step, "feature_names_in_", []))
    if names and hasattr(X, "columns"):
        missing = [name for name in names if name not in X.columns]
        if missing:
            raise ValueError(f"X must have the columns of fit, but {missing!r} is not there.")
        return X[names]
    if X is None:
        return X
    if np.ndim(X) != 2:
        raise ValueError(f"X must be of shape (n_samples, n_features), got {np.shape(X)}.")
    if np.shape(X)[1] != first_step.n_features_in_:
        raise ValueError(
            f"X has {np.shape(X)[1]} columns, but the estimator was fitted to "
            f"{first_step.n_features_in_}."
        )
    return X


def check_names(X) -> None:
    """Raise if columns, which are the inputs of a pipeline's model, have names of its outputs."""
    taken = [name for name in getattr(X, "columns", []) if name in OUTPUTS]
    if taken:
        raise ValueError(f"Columns have names of the model's outputs, {taken!r}: rename them.")


def convert_steps(steps: Pipeline, X):
    """Return the ONNX model of the steps before a detector."""
    need("skl2onnx")
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    if hasattr(X, "columns"):
        types = [
            (name, (FloatTensorType if _is_number(X[name].dtype) else StringTensorType)([None, 1]))
            for name in X.columns
        ]
    else:
        types = [("X", FloatTensorType([None, steps.n_features_in_]))]
    try:
        model = convert_sklearn(
            steps, initial_types=types, target_opset={"": OPSET, "ai.onnx.ml": 3}
        )
    except Exception as error:
        if X is None and hasattr(steps, "feature_names_in_"):
            raise ValueError("X must be given, a data frame with the columns of fit.") from error
        transformers = [step for _, step in steps.steps]
        raise ValueError(
            f"skl2onnx can't convert one of these steps, {transformers!r}: {error}"
        ) from error
    inputs = {given.name for given in model.graph.input}
    names = [_input_name(str(name)) for name, _ in types]
    if len(set(names)) < len(names) or not inputs <= set(names):
        changed = [
            str(name)
            for (name, _), new in zip(types, names, strict=True)
            if names.count(new) > 1 or new not in inputs
        ]
        raise ValueError(
            f"Columns have names that are alike in ONNX, or taken by skl2onnx, {changed!r}: rename "
            "them."
        )
    return model


def _input_name(column: str) -> str:
    """Return the name that skl2onnx gives to the input of a column."""
    name = re.sub(r"[^\w+]", "_", column)
    return f"_{name}" if name[:1].isdigit() else name


def _is_number(dtype) -> bool:
    """Whether the values of a column are numbers or booleans."""
    return getattr(dtype, "kind", "O") in "biuf" or getattr(dtype, "is_numeric", bool)()


def joined(before, model):
    """Return one model of the steps before a detector, and of the detector."""
    from onnx import compose

    before.ir_version = model.ir_version
    for opset in before.opset_import:  # skl2onnx writes the oldest one that has its operators
        if opset.domain == "":
            opset.version = OPSET
    before = compose.add_prefix(before, "before_", rename_inputs=False)
    return compose.merge_models(before, model, io_map=[(before.graph.output[0].name, "X")])
