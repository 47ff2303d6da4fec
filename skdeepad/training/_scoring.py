"""Values of rows that do not depend on the other rows."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from ..nn import EvenProducts
from ._lazy_rows import LazyRows

# Rows are scored in chunks of at most this many rows and values, and rows times draws.
CHUNK_ROWS, CHUNK_VALUES, CHUNK_DRAWS = 4096, 2**21, 2**14
# A chunk is padded to a multiple of this many rows: for few rows BLAS takes another kernel with
# other rounding, and a score must not depend on the other rows.
PAD = 32


def apply_in_chunks(
    function: Callable[[Tensor], Tensor], X: Tensor | LazyRows, device: str, n_draws: int = 1
) -> np.ndarray:
    """Return the values of a function for rows, (n_samples, ...) in float64.

    The function maps (batch, n_features) to (batch, ...) and treats each row independently. It may
    draw ``n_draws`` times for each row, all in one pass.
    """
    size = min(CHUNK_ROWS, CHUNK_VALUES // max(1, X.shape[1]), CHUNK_DRAWS // n_draws)
    size = max(PAD, size // PAD * PAD)
    out: np.ndarray | None = None
    with torch.inference_mode(), EvenProducts():
        for start in range(0, len(X), size):
            chunk = X[start : start + size]
            n_rows = len(chunk)
            if n_rows % PAD:
                chunk = nn.functional.pad(chunk, (0, 0, 0, -n_rows % PAD))
            values = function(chunk.to(device))[:n_rows].cpu().numpy()
            if out is None:
                out = np.empty((len(X), *values.shape[1:]), dtype=np.float64)
            out[start : start + n_rows] = values
    assert out is not None
    return out
