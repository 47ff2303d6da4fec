"""Layers that draw noise do so from the generator they are handed, and in training only."""

import copy
import pickle

import pytest
import torch
from torch import nn

from skdeepad.nn import AdditiveNoise, Dropout, Stochastic, link_generator

LAYERS = {"dropout": Dropout(0.3), "noise": AdditiveNoise(0.5)}
every_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=list(LAYERS))


def linked(layer, seed=0):
    layer = copy.deepcopy(layer)
    link_generator(layer, torch.Generator().manual_seed(seed))
    return layer


@every_layer
def test_noise_comes_from_the_handed_generator_alone(layer):
    x = torch.ones(40, 3)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = linked(layer)(x)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(linked(layer)(x), first)
    assert not torch.equal(linked(layer, seed=1)(x), first)


@every_layer
def test_each_call_draws_anew(layer):
    layer, x = linked(layer), torch.ones(40, 3)
    assert not torch.equal(layer(x), layer(x))


@every_layer
def test_there_is_no_noise_in_evaluation(layer):
    x = torch.randn(10, 3)
    assert torch.equal(linked(layer).eval()(x), x)


@every_layer
@pytest.mark.parametrize("copied", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
def test_copies_are_without_the_generator(layer, copied):
    original = linked(layer)
    twin = copied(original)
    assert original.rng is not None
    assert twin.rng is None
    assert vars(twin).keys() == vars(original).keys() - {"rng"}


def test_dropout_leaves_out_a_share_and_keeps_the_mean():
    values = linked(Dropout(0.3))(torch.ones(100_000))
    assert (values == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert values.mean().item() == pytest.approx(1, abs=0.02)
    torch.testing.assert_close(values.unique(), torch.tensor([0, 1 / 0.7]))


def test_additive_noise_is_normal_with_its_deviation():
    noise = linked(AdditiveNoise(0.5))(torch.full((100_000,), 3.0)) - 3
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert noise.std().item() == pytest.approx(0.5, rel=0.02)
    x = torch.randn(5)
    assert linked(AdditiveNoise(0.0))(x) is x


def test_every_stochastic_part_is_linked_however_deep():
    class Inner(Stochastic):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleList([Dropout(0.1), nn.Sequential(nn.ReLU(), AdditiveNoise(1))])

    module, generator = nn.Sequential(nn.Linear(2, 2), Inner()), torch.Generator()
    link_generator(module, generator)
    stochastic = [part for part in module.modules() if isinstance(part, Stochastic)]
    assert len(stochastic) == 3
    assert all(part.rng is generator for part in stochastic)
    assert not hasattr(module[0], "rng")
