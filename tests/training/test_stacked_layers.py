"""Layers of many nets at once, against the layers of each."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap
from torch.testing import assert_close

from skdeepad.training import _stacked_layers
from skdeepad.training._stacked_layers import StackedLayers, stack_layers

N_NETS, N_IN, N_OUT = 5, 4, 3
LAYERS = {
    "tanh": lambda: [nn.Tanh()],
    "sigmoid": lambda: [nn.Sigmoid()],
    "relu": lambda: [nn.ReLU()],
    "leaky_relu": lambda: [nn.LeakyReLU(0.1)],
    "elu": lambda: [nn.ELU(0.7)],
    "identity": lambda: [nn.Identity()],
    "batch norm": lambda: [nn.BatchNorm1d(6, affine=False), nn.ReLU()],
    "affine batch norm": lambda: [nn.BatchNorm1d(6), nn.Tanh()],
}


def make(between, *, last=(), bias=True):
    inner = nn.Sequential(nn.Linear(N_IN, 6, bias=bias), *LAYERS[between]())
    return nn.Sequential(inner, nn.Linear(6, N_OUT, bias=bias), *last)


def stacked(nets):
    weights, buffers = torch.func.stack_module_state(nets)
    # As in a stack, weights are slices of one tensor.
    flat = torch.cat([weight.detach().flatten(1) for weight in weights.values()], 1)
    sizes = [weight[0].numel() for weight in weights.values()]
    weights = {
        name: part.view(weight.shape).requires_grad_()
        for (name, weight), part in zip(weights.items(), flat.split(sizes, 1), strict=True)
    }
    base = deepcopy(nets[0])
    stack_layers(base)
    assert type(base) is StackedLayers
    return base, weights, buffers


def values_and_gradients(nets, x, training=True):
    """Outputs, gradients and buffers of each net by itself, and of all at once."""
    base, weights, buffers = stacked(nets)
    base.train(training)
    together = vmap(lambda w, b, rows: functional_call(base, w | b, (rows,)))(weights, buffers, x)
    torch.cos(together).sum().backward()
    alone = []
    for net, rows in zip(nets, x, strict=True):
        net.train(training)
        net.zero_grad()
        alone.append(net(rows))
        torch.cos(alone[-1]).sum().backward()
    for name, weight in weights.items():
        own = torch.stack([net.get_parameter(name).grad for net in nets])
        assert_close(weight.grad, own, rtol=1e-4, atol=1e-5)
    for name, buffer in buffers.items():
        assert_close(buffer, torch.stack([net.get_buffer(name) for net in nets]))
    assert_close(together, torch.stack(alone), rtol=1e-4, atol=1e-5)


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("between", LAYERS)
def test_values_gradients_and_statistics_are_those_of_each_net(between, bias):
    nets = [make(between, bias=bias) for _ in range(N_NETS)]
    values_and_gradients(nets, torch.randn(N_NETS, 7, N_IN))
    values_and_gradients(nets, torch.randn(N_NETS, 7, N_IN), training=False)


def test_an_activation_at_the_end_leaves_the_gradient_of_the_loss_alone():
    nets = [make("tanh", last=[nn.ReLU()]) for _ in range(N_NETS)]
    base, weights, _ = stacked(nets)
    x = torch.randn(N_NETS, 7, N_IN)
    output = vmap(lambda w, rows: functional_call(base, w, (rows,)))(weights, x)
    given = torch.ones_like(output)
    output.backward(given)
    assert_close(given, torch.ones_like(output))
    values_and_gradients(nets, x)


def test_groups_of_nets_are_those_nets(monkeypatch):
    monkeypatch.setattr(_stacked_layers, "GROUP_VALUES", 2 * 7 * 6)
    nets = [make("affine batch norm") for _ in range(N_NETS)]
    values_and_gradients(nets, torch.randn(N_NETS, 7, N_IN))


def test_rows_of_several_draws_and_rows_that_all_nets_share():
    nets = [make("tanh") for _ in range(N_NETS)]
    base, weights, _ = stacked(nets)
    draws, shared = torch.randn(N_NETS, 2, 7, N_IN), torch.randn(7, N_IN)
    by_net = vmap(lambda w, rows: functional_call(base, w, (rows,)))(weights, draws)
    assert_close(by_net, torch.stack([net(x) for net, x in zip(nets, draws, strict=True)]))
    by_all = vmap(lambda w: functional_call(base, w, (shared,)))(weights)
    assert_close(by_all, torch.stack([net(shared) for net in nets]))


def test_gradients_reach_the_rows():
    nets = [make("elu") for _ in range(N_NETS)]
    base, weights, _ = stacked(nets)
    x = torch.randn(N_NETS, 7, N_IN, requires_grad=True)
    vmap(lambda w, rows: functional_call(base, w, (rows,)))(weights, x).sum().backward()
    own = x.detach().clone().requires_grad_()
    sum(net(rows).sum() for net, rows in zip(nets, own, strict=True)).backward()
    assert_close(x.grad, own.grad)


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Tanh(), nn.Linear(4, 3)],
        [nn.Linear(4, 3), nn.Tanh(), nn.ReLU()],
        [nn.Linear(4, 3), nn.GELU()],
        [nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False)],
        [nn.Conv1d(1, 1, 1)],
        [],
    ],
    ids=["activation first", "two activations", "gelu", "no statistics", "convolution", "empty"],
)
def test_other_layers_are_left_alone(layers):
    module = nn.ModuleList([nn.Sequential(*layers), make("tanh")])
    stack_layers(module)
    assert type(module[0]) is nn.Sequential
    assert type(module[1]) is StackedLayers


def test_a_batch_of_one_row_has_no_variance():
    nets = [make("batch norm") for _ in range(N_NETS)]
    base, weights, buffers = stacked(nets)
    with pytest.raises(ValueError, match="one row has no variance"):
        vmap(lambda w, b, rows: functional_call(base, w | b, (rows,)))(
            weights, buffers, torch.randn(N_NETS, 1, N_IN)
        )
