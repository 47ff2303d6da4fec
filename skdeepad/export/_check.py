"""Whether a runtime computes an estimator's scores from its ONNX model."""

import numpy as np
from sklearn.utils import check_array

from .._validation import n_rows_of, take_rows
from ..base._rows import evenly_spaced
from ._steps import need

# Scores are compared of up to this many rows, and of as many with missing values.
N_ROWS = 64
# Accepted differences: shares of the standard deviation of the scores, and of a score itself.
OF_SPREAD, OF_SCORE = 1e-3, 1e-5
# Also accepted is what rounding the rows to this many bits changes; float32 has 24.
COARSE_BITS = 20


def check_model(model, estimator, steps: list, X) -> None:
    """Raise if a model is invalid, or if its scores of rows X are not those of the estimator."""
    inputs, expected = {}, None
    if X is not None and n_rows_of(X):
        inputs = _as_inputs(model, X)
        rows = _some_rows(inputs)
        inputs = {name: values[rows] for name, values in inputs.items()}
        expected = estimator.score_samples(take_rows(X, rows))
    fault = _fault_of(model, inputs, expected)
    if fault and steps:
        fault += (
            f" skl2onnx probably converts one of these steps wrongly: {steps!r}. Replace it, or "
            "transform rows by the steps first and export the detector after them alone."
        )
    if fault:
        raise ValueError(f"The ONNX model is wrong: {fault}")


def _as_inputs(model, X) -> dict[str, np.ndarray]:
    """Return rows by the names of a model's inputs: one of all columns, or one of each."""
    from onnx.helper import tensor_dtype_to_np_dtype as dtype_of

    inputs = model.graph.input
    parts = [X] if len(inputs) == 1 else [X[[name]] for name in X.columns]
    return {
        each.name: check_array(
            part, dtype=dtype_of(each.type.tensor_type.elem_type), ensure_all_finite=False
        )
        for each, part in zip(inputs, parts, strict=True)
    }


def _some_rows(inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Return the numbers of rows at equal distances, and of the first hole of each column."""
    first_holes = np.concatenate([_is_missing(part).argmax(axis=0) for part in inputs.values()])
    n_samples = len(next(iter(inputs.values())))
    numbers = np.arange(n_samples), np.unique(first_holes)
    return np.unique(np.concatenate([evenly_spaced(each, N_ROWS) for each in numbers]))


def _is_missing(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        return np.array([[not isinstance(value, str) for value in row] for row in values])
    return np.isnan(values)


def _fault_of(model, inputs: dict[str, np.ndarray], expected: np.ndarray | None) -> str:
    """Return what is wrong with a model, or nothing."""
    try:
        need("onnx").checker.check_model(model, full_check=True)
        if expected is None:
            return ""
        session = need("onnxruntime").InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        coarse = {name: _coarse(values) for name, values in inputs.items()}
        found, of_coarse = (session.run(["score"], rows)[0] for rows in (inputs, coarse))
    except Exception as error:
        return f"it can't be run ({str(error).strip()})."
    spread = expected.std()
    accepted = OF_SPREAD * spread + np.abs(of_coarse - found).max()
    is_wrong = ~np.isclose(found, expected, rtol=OF_SCORE, atol=accepted)
    if not is_wrong.any():
        return ""
    return (
        f"{is_wrong.sum()} of {len(expected)} scores differ from those of score_samples, by up to "
        f"{np.abs(found - expected).max():.3g}; their standard deviation is {spread:.3g}."
    )


def _coarse(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        return values
    fractions, exponents = np.frexp(values)
    return np.ldexp(np.round(fractions * 2**COARSE_BITS), exponents - COARSE_BITS)
