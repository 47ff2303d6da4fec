"""Labels as the detectors that learn from them read them."""

import warnings

import numpy as np
from sklearn.utils import check_array, check_consistent_length, column_or_1d


def check_labels(y, n_samples: int) -> np.ndarray:
    """Return labels as numbers: below 0 an anomaly, above 0 a normal row, 0 unlabelled."""
    if y is None:
        return np.zeros(n_samples)
    given = np.asarray(y)  # a column of pandas' nullable type is one of objects
    kinds = {type(label) for label in given.flat} if given.dtype == object else {given.dtype.type}
    if any(issubclass(kind, bool | np.bool_ | str) for kind in kinds):
        raise ValueError(
            "y must hold numbers, below 0 for a known anomaly, above 0 for a known normal row and "
            "0 for an unlabelled one, got booleans or text."
        )
    y = check_array(column_or_1d(y), ensure_2d=False, dtype=np.float64, input_name="y")
    check_consistent_length(y, range(n_samples))
    return y


def warn_without_anomalies(y: np.ndarray, stacklevel: int) -> None:
    """Warn where no row is labelled as an anomaly, perhaps since 1 stands for one."""
    if not (y < 0).any():
        warnings.warn(
            "There is no labelled anomaly in y, so that only what is normal is learned. Below 0 "
            "is a known anomaly here; if 1 marks anomalies in your data, pass -y.",
            UserWarning,
            stacklevel=stacklevel,
        )
