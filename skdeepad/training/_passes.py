"""Statistics of functions of rows, in one pass over them."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from ._lazy_rows import LazyRows, blocks_of
from ._net import DetectorNet


def mean_over_rows(
    net: DetectorNet, function: Callable[[Tensor], Tensor], X: Tensor | LazyRows
) -> np.ndarray:
    """Return the mean over the rows of a function of the module, as ``net.apply`` computes it."""
    return sum(net.apply(function, x).sum(0) for x in blocks_of(X)) / len(X)
