"""Products that round each row alike, wherever it stands."""

import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose, assert_array_equal

from skdeepad.nn import EvenProducts

RNG = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("n_in", [1, 3, 5, 9, 10])
@pytest.mark.parametrize("n_out", [1, 2, 6, 9])
def test_products_of_rows_are_the_same_in_any_order(n_in, n_out):
    x, weight = torch.randn(160, n_in, generator=RNG), torch.randn(n_out, n_in, generator=RNG)
    bias, order = torch.randn(n_out, generator=RNG), torch.randperm(160, generator=RNG)
    with EvenProducts():
        for product in (lambda x: F.linear(x, weight, bias), lambda x: x @ weight.T):
            assert_array_equal(product(x)[order], product(x[order]))
        assert_allclose(F.linear(x, weight, bias=bias), x @ weight.T + bias, rtol=1e-5, atol=1e-5)


def test_other_products_are_those_of_torch():
    matrix, batch = torch.randn(3, 5, generator=RNG), torch.randn(2, 4, 3, generator=RNG)
    cases = [
        lambda: torch.arange(6).reshape(2, 3) @ torch.arange(15).reshape(3, 5),
        lambda: matrix[0] @ matrix.T,
        lambda: matrix @ matrix[0],
        lambda: torch.matmul(input=matrix.T, other=matrix),
        lambda: torch.matmul(matrix.T, matrix, out=torch.empty(5, 5)),
        lambda: batch @ matrix,
        lambda: batch @ batch.mT,
        lambda: torch.matmul(matrix.T, other=matrix),
        lambda: F.linear(matrix.T, matrix[:, 0]),
        lambda: F.linear(matrix, matrix, torch.ones(1)),
        lambda: matrix.T.to_sparse() @ matrix,
    ]
    expected = [case() for case in cases]
    with EvenProducts():
        for case, value in zip(cases, expected, strict=True):
            assert_allclose(case(), value, rtol=1e-5)
