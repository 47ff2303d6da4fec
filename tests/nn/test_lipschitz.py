"""Maps with a bounded Lipschitz constant."""

import pytest
import torch
from numpy.testing import assert_allclose

from skdeepad.nn import LIPSCHITZ_ACTIVATIONS, LipschitzMLP


def random_map(widths, activation="lipswish", bound=0.9, scale=5.0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        g = LipschitzMLP(widths, activation, bound).double()
        for layer in g.layers:
            layer.weight.data.normal_(std=scale)
    return g


@pytest.mark.parametrize("name", LIPSCHITZ_ACTIVATIONS)
def test_slopes_are_derivatives_and_at_most_1(name):
    activation = LIPSCHITZ_ACTIVATIONS[name]().double()
    x = torch.linspace(-30, 30, 2001, dtype=torch.float64, requires_grad=True)
    value, slope = activation.value_and_slope(x)
    (expected,) = torch.autograd.grad(value.sum(), x)
    assert_allclose(slope.detach(), expected, atol=1e-12)
    assert slope.abs().max() <= 1
    assert slope.max() > 0.95


def test_a_layer_of_a_small_norm_is_left_as_it_is():
    g = random_map([3, 3], scale=1e-3)
    assert torch.equal(g.layers[0].bounded_weight(), g.layers[0].weight)


@pytest.mark.parametrize("widths", [[4, 4], [4, 8, 4], [3, 16, 16, 3]])
def test_points_do_not_part_by_more_than_the_bound(widths):
    g = random_map(widths)
    assert_allclose(g.lipschitz_bound(), 0.9 ** (len(widths) - 1), rtol=1e-10)
    generator = torch.Generator().manual_seed(1)
    a, b = torch.randn(2, 500, widths[0], dtype=torch.float64, generator=generator)
    b = torch.where(torch.arange(500)[:, None] < 250, a + 1e-3 * b, b)
    with torch.no_grad():
        assert ((g(a) - g(b)).norm(dim=1) <= g.lipschitz_bound() * (a - b).norm(dim=1)).all()


# torch.func scripts functions of its own where it is first used.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_products_with_the_jacobian_are_those_of_automatic_differentiation():
    g = random_map([3, 16, 16, 3], scale=0.3)
    generator = torch.Generator().manual_seed(1)
    x, v = torch.randn(2, 6, 3, dtype=torch.float64, generator=generator)
    value, multiply = g.linearize(x)
    expected, products = torch.func.jvp(g, (x,), (v,))
    assert_allclose(value.detach(), expected.detach())
    assert_allclose(multiply(v[:, None])[:, 0].detach(), products.detach())


def test_the_core_of_a_narrow_map_has_the_jacobians_eigenvalues():
    g = random_map([5, 4, 2, 5], scale=0.5)
    assert g.n_core == 2
    x = torch.randn(1, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    jacobian = torch.autograd.functional.jacobian(lambda x: g(x[None])[0], x[0])
    _, multiply = g.linearize(x)
    core = multiply(torch.eye(2, dtype=torch.float64)[None])[0].T.detach()
    largest = torch.linalg.eigvals(jacobian).abs().sort(descending=True).values
    assert_allclose(torch.linalg.eigvals(core).abs().sort(descending=True).values, largest[:2])
    assert_allclose(largest[2:], 0, atol=1e-12)
