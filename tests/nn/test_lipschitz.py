"""Maps with a bounded Lipschitz constant."""

import pytest
import torch
from numpy.testing import assert_allclose

from skdeepad.nn import LIPSCHITZ_ACTIVATIONS, LipschitzMLP, bounded_weights
from skdeepad.nn._lipschitz import bounded, spectral_norm


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
    value, core = g.linearize(x)
    expected, products = torch.func.jvp(g, (x,), (v,))
    assert_allclose(value.detach(), expected.detach())
    assert_allclose(core.multiply(v[:, None])[:, 0].detach(), products.detach())


def test_the_core_of_a_narrow_map_has_the_jacobians_eigenvalues():
    g = random_map([5, 4, 2, 5], scale=0.5)
    assert g.n_core == 2
    x = torch.randn(1, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    jacobian = torch.autograd.functional.jacobian(lambda x: g(x[None])[0], x[0])
    _, core = g.linearize(x)
    matrix = core.multiply(torch.eye(2, dtype=torch.float64)[None])[0].T.detach()
    largest = torch.linalg.eigvals(jacobian).abs().sort(descending=True).values
    assert_allclose(torch.linalg.eigvals(matrix).abs().sort(descending=True).values, largest[:2])
    assert_allclose(largest[2:], 0, atol=1e-12)


def test_norms_and_their_gradients_are_those_of_singular_values():
    generator = torch.Generator().manual_seed(0)
    for shape in ((3, 5, 4), (4, 5), (2, 6, 6)):
        weight = torch.randn(shape, dtype=torch.float64, generator=generator, requires_grad=True)
        norms, expected = spectral_norm(weight), torch.linalg.matrix_norm(weight, 2)
        assert_allclose(norms.detach(), expected.detach(), rtol=1e-10)
        (gradient,) = torch.autograd.grad(norms.sum(), weight)
        (expected,) = torch.autograd.grad(expected.sum(), weight)
        assert_allclose(gradient, expected, rtol=1e-6, atol=1e-8)


def test_the_norm_of_one_of_several_matrices_is_nan_if_it_is_not_finite():
    weight = torch.eye(3).repeat(2, 1, 1)
    weight[1, 0, 0] = torch.inf
    assert_allclose(spectral_norm(weight), [1, torch.nan])


def test_norms_are_right_however_large_or_small_the_matrix():
    weight = torch.tensor([[3.0, 0.0], [4.0, 0.0], [0.0, 1.0]])
    scales = torch.tensor([1e-30, 1e-10, 1.0, 1e10, 1e30])
    assert_allclose(spectral_norm(weight * scales[:, None, None]), 5 * scales, rtol=1e-6)


def test_weights_of_zero_have_a_gradient():
    weight = torch.zeros(3, 2, requires_grad=True)
    bounded(weight, 0.9).sum().backward()
    assert torch.equal(weight.grad, torch.ones(3, 2))


def test_maps_are_bounded_at_once_as_each_is_alone():
    maps = [random_map([3, 8, 3], scale=scale) for scale in (0.01, 1.0, 5.0)]
    for g, weights in zip(maps, bounded_weights(maps), strict=True):
        for own, alone in zip(weights, g.bounded_weights(), strict=True):
            assert_allclose(own.detach(), alone.detach(), rtol=1e-10)
