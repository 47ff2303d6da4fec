import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.stats import norm

from skdeepad.nn import KERNELS, squared_mmd

both_kernels = pytest.mark.parametrize("kernel", KERNELS)
LENGTHS = (0.5, 2.0)


def draws(n, d=2, seed=0, shift=0.0):
    return shift + torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def similarity(kernel, squares):
    values = (c / (c + squares) if kernel == "imq" else np.exp(-squares / c) for c in LENGTHS)
    return sum(values)


@both_kernels
def test_it_is_the_u_statistic_written_out(kernel):
    x, y = draws(5), draws(4, seed=1, shift=1.0)
    n, m = len(x), len(y)

    def k(a, b):
        return similarity(kernel, float(((a - b) ** 2).sum()))

    by_hand = (
        sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
        + sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
        - 2 * sum(k(a, b) for a in x for b in y) / (n * m)
    )
    assert_allclose(squared_mmd(x, y, kernel, LENGTHS).item(), by_hand, rtol=1e-5)


@both_kernels
def test_two_samples_of_one_law_have_mean_zero(kernel):
    values = [
        squared_mmd(draws(40, seed=2 * i), draws(40, seed=2 * i + 1), kernel, LENGTHS).item()
        for i in range(200)
    ]
    assert abs(np.mean(values)) <= 2 * np.std(values) / len(values) ** 0.5
    assert min(values) < 0  # not clamped


@both_kernels
def test_shifted_normals_are_as_far_apart_as_the_integral_says(kernel):
    # Differences of two draws are N(0, 2) within a law and N(±1, 2) between the two.
    def expected(mean):
        def integrand(t):
            return similarity(kernel, t**2) * norm.pdf(t, mean, 2**0.5)

        return quad(integrand, -15, 15)[0]

    exact = 2 * expected(0) - 2 * expected(1)
    x, y = draws(3000, 1), draws(3000, 1, seed=1, shift=1.0)
    assert_allclose(squared_mmd(x, y, kernel, LENGTHS).item(), exact, rtol=0.1)


@both_kernels
def test_the_order_of_rows_does_not_matter(kernel):
    x, y = draws(30), draws(20, seed=1, shift=1.0)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(2))
    values = [squared_mmd(rows, y, kernel, LENGTHS).item() for rows in (x, x[order])]
    assert_allclose(*values, rtol=1e-5)


@both_kernels
def test_samples_without_pairs_give_zero(kernel):
    assert squared_mmd(draws(1), draws(9), kernel, LENGTHS).item() == 0


@both_kernels
def test_equal_rows_have_finite_gradients(kernel):
    x = torch.zeros(6, 2, requires_grad=True)
    squared_mmd(x, draws(6), kernel, LENGTHS).backward()
    assert torch.isfinite(x.grad).all()
    assert x.grad.abs().sum() > 0


def test_the_inverse_multiquadratic_kernel_pulls_at_far_codes():
    pulls = {}
    for kernel in KERNELS:
        x = (draws(8) + 30).requires_grad_()
        squared_mmd(x, draws(8, seed=1), kernel, LENGTHS).backward()
        pulls[kernel] = x.grad[:, 0].mean().item()
    assert pulls["imq"] > 1e-6
    assert pulls["imq"] > 1e3 * abs(pulls["rbf"])
