"""What displays share: axes, colours, and rows by their label."""

from collections.abc import Iterator

import numpy as np

from ..metrics import anomaly_mask

BLUE, ORANGE, BLACK, GREY = "#3b76af", "#d9822b", "#1a1a1a", "#888888"


def take_axes(display, ax):
    """Set the axes and the figure of a display; new ones if there are none. Return the axes."""
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    display.ax_, display.figure_ = ax, ax.figure
    return ax


def as_written(*texts) -> None:
    """Show texts of the user's as they are: a ``$`` begins no formula."""
    for text in texts:
        text.set_parse_math(False)


def named(name: str | None, what: str) -> str:
    """Return an entry of the legend, with the name of the detector if there is one."""
    return what if name is None else entry(f"{name}, {what}")


def entry(name: str) -> str:
    """Return a name as an entry of the legend; matplotlib leaves out those with an underscore."""
    return f" {name}" if name.startswith("_") else name


def read_mask(y, n_values: int, what: str) -> np.ndarray | None:
    """Return which rows are anomalies, or None without labels; raise if their number is wrong."""
    if y is None:
        return None
    mask = anomaly_mask(y)
    if len(mask) != n_values:
        raise ValueError(f"y has {len(mask)} labels, but there are {n_values} {what}.")
    return mask


def by_label(is_anomaly: np.ndarray | None, n_rows: int) -> Iterator[tuple[str, np.ndarray, str]]:
    """Yield name, mask and colour of the kinds of rows that there are."""
    if is_anomaly is None:
        kinds = [("rows", np.full(n_rows, True), BLUE)]
    else:
        kinds = [("normal", ~is_anomaly, BLUE), ("anomalies", is_anomaly, ORANGE)]
    return (kind for kind in kinds if kind[1].any())
