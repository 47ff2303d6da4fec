"""Conversion of labels of any convention to those that detectors learn from."""

from collections.abc import Iterable

import numpy as np
from sklearn.utils import column_or_1d

from .._tables import is_missing


def semi_labels(y, *, anomaly=1, unlabelled=0):
    """Convert labels to the signs that detectors learn from.

    Read more in the :ref:`User Guide <few_labels>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of any type: numbers, text or booleans.
    anomaly : label or list of labels, default=1
        Label or labels of known anomalies.
    unlabelled : label, list of labels or None, default=0
        Label or labels of unlabelled rows, besides NaN, masked and other missing ones. If None,
        only missing ones.

    Returns
    -------
    signs : ndarray of shape (n_samples,), dtype int
        -1 for known anomalies, 0 for unlabelled rows, +1 for all others, which are known to be
        normal.

    Raises
    ------
    ValueError
        If a label is in both ``anomaly`` and ``unlabelled``, or no row has one of these labels, or
        one of ``anomaly`` is missing, or a label is in `y` with another type alone, or is a list.

    See Also
    --------
    skdeepad.metrics.anomaly_mask : Mask of the anomalies, from complete labels.

    Examples
    --------
    Labels of 1 for a known anomaly and 0 for any other row, as in ADBench, PyOD and DeepOD:

    >>> from skdeepad.preprocessing import semi_labels
    >>> semi_labels([0, 0, 1, 0])
    array([ 0,  0, -1,  0])

    Two kinds of anomalies, and some rows known to be normal:

    >>> semi_labels(["fraud", "ok", None, "theft"], anomaly=["fraud", "theft"], unlabelled=None)
    array([-1,  1,  0, -1])
    """
    values = column_or_1d(_as_objects(y)).tolist()
    anomalies, unknown = _labels(anomaly), [] if unlabelled is None else _labels(unlabelled)
    for name, labels in (("y", values), ("anomaly", anomalies), ("unlabelled", unknown)):
        _check_hashable(name, labels)
    if any(map(is_missing, anomalies)):
        raise ValueError(f"anomaly={anomaly!r} holds a missing label, which marks unlabelled rows.")
    unknown = [label for label in unknown if not is_missing(label)]
    both = [label for label in anomalies if label in unknown]
    if both:
        raise ValueError(
            f"anomaly={anomaly!r} and unlabelled={unlabelled!r} share {both!r}: a label has one "
            "meaning."
        )
    present = {value for value in values if not is_missing(value)}
    _check_types("anomaly", anomaly, anomalies, present)
    _check_types("unlabelled", unlabelled, unknown, present)
    signs = [
        0 if is_missing(value) or value in unknown else -1 if value in anomalies else 1
        for value in values
    ]
    if signs and min(signs) == 1:
        raise ValueError(
            f"y holds {sorted(set(values), key=str)[:5]!r}: no row is an anomaly={anomaly!r} or "
            f"unlabelled={unlabelled!r}, so that all rows would be normal."
        )
    return np.array(signs, dtype=int)


def _labels(given) -> list:
    """Return one label or several as a list."""
    if isinstance(given, np.ndarray):
        given = _as_objects(given).tolist()
    is_one = isinstance(given, str | bytes) or not isinstance(given, Iterable)
    return [given] if is_one else list(given)


def _as_objects(labels) -> np.ndarray:
    """Return labels as objects, which keep the type of each; numpy would make ints of its dates.

    Masked ones are missing.
    """
    if isinstance(labels, np.ma.MaskedArray):
        labels = np.where(np.ma.getmaskarray(labels), None, np.asarray(labels, dtype=object))
    if getattr(getattr(labels, "dtype", None), "kind", "O") not in "mM":
        return np.asarray(labels, dtype=object)
    objects = np.empty(np.shape(labels), dtype=object)
    objects[...] = list(labels) if objects.ndim else labels
    return objects


def _check_hashable(name: str, labels: list) -> None:
    """Raise if a label is a list or the like, which can't be looked up."""
    for label in labels:
        try:
            hash(label)
        except TypeError as error:
            raise ValueError(
                f"{name} must hold numbers, text or booleans as labels, got {label!r}."
            ) from error


def _check_types(name: str, given, labels: list, present: set) -> None:
    """Raise if a label is in no row, but one of another type that reads alike is."""
    by_text = {_text(value): value for value in present}
    for label in labels:
        twin = by_text.get(_text(label), label)
        if label not in present and twin is not label:
            raise ValueError(
                f"{name}={given!r} is in no row of y, which holds {twin!r} of type "
                f"{type(twin).__name__}: pass the label as it is there."
            )


def _text(label) -> str:
    """Return how a label reads, whatever its type."""
    text = label.decode(errors="replace") if isinstance(label, bytes) else str(label)
    try:
        return str(float(text))
    except ValueError:
        return text
