"""Products of rows and matrices whose last bits do not depend on a row's position."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

# MKL and other libraries round each row alike if the widths are multiples of this.
UNIT = 4
MATMULS = (torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__)


class EvenProducts(TorchFunctionMode):
    """Pad both widths of the matrices that multiply rows with zeros.

    With other widths, the rounding of a matrix product depends on a row's position in the batch.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is F.linear and is_affine(*args, **kwargs):
            return padded_linear(*args, **kwargs)
        if func in MATMULS and not kwargs and multiplies_rows(*args):
            return padded_linear(args[0], args[1].T)
        return func(*args, **kwargs)


def multiplies_rows(x: Tensor, matrix: Tensor) -> bool:
    """Whether a product is one of rows with a dense matrix, as ``F.linear`` computes it."""
    return x.ndim > 1 and matrix.ndim == 2 and is_affine(x, matrix)


def is_affine(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    """Whether a map of rows is one by a dense matrix, with one value of the bias per output."""
    tensors = (input, weight) if bias is None else (input, weight, bias)
    alike = all(t.layout == torch.strided and t.dtype == input.dtype for t in tensors)
    return alike and weight.ndim == 2 and (bias is None or bias.shape == weight.shape[:1])


def padded_linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute ``F.linear`` with widths that are padded to multiples of 4."""
    n_out, n_in = weight.shape
    more_out, more_in = -n_out % UNIT, -n_in % UNIT
    if more_in:
        input = F.pad(input, (0, more_in))
    if more_in or more_out:
        weight = F.pad(weight, (0, more_in, 0, more_out))
    if more_out and bias is not None:
        bias = F.pad(bias, (0, more_out))
    output = F.linear(input, weight, bias)
    return output[..., :n_out] if more_out else output
