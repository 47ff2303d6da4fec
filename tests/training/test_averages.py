"""Averages of weights stand in for them outside of training."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from skorch.callbacks import Callback

from skdeepad.training import WeightAverages

from .test_adversarial import duel


def test_averages_follow_the_formula_with_its_warm_up():
    averages, weight = WeightAverages(0.9), torch.zeros(1)
    averages.swap([weight])  # training begins: the first average is the weight
    expected = 0.0
    for t in range(1, 200):
        weight.fill_(float(t))
        averages.update([weight])
        decay = min(0.9, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * t
    averages.swap([weight])
    assert_allclose(weight.item(), expected, rtol=1e-5)
    averages.swap([weight])
    assert weight.item() == 199


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.module_.parameters()])


def test_a_trained_net_has_the_averages_and_goes_on_with_the_weights(rows):
    plain, averaged = (duel(average_decay=d, max_epochs=3).partial_fit(rows) for d in (0, 0.99))
    assert not torch.allclose(weights(plain), weights(averaged))
    assert plain.history[:, "train_loss"] == averaged.history[:, "train_loss"]
    for net in (plain, averaged):
        net.partial_fit(rows)
    assert plain.history[:, "train_loss"] == averaged.history[:, "train_loss"]
    assert plain.history[:, "discriminator_loss"] == averaged.history[:, "discriminator_loss"]


def test_averages_are_steadier_than_the_weights(rows):
    def shifts(decay):
        net = duel(average_decay=decay, max_epochs=1, optimizer_discriminator__lr=0.5, lr=0.2)
        found = []
        for _ in range(30):
            net.partial_fit(rows)
            found.append(net.module_.generator.shift.detach().clone().numpy())
        return np.std(found[10:], axis=0).mean()

    assert shifts(0.99) < 0.5 * shifts(0.0)


def test_pickles_hold_weights_and_averages(rows):
    net = duel(average_decay=0.99, max_epochs=2).partial_fit(rows)
    twin = pickle.loads(pickle.dumps(net))
    assert torch.equal(weights(net), weights(twin))
    for each in (net, twin):
        each.partial_fit(rows)
    assert torch.equal(weights(net), weights(twin))


def test_what_layers_have_seen_of_batches_is_averaged_too(rows):
    net = duel(average_decay=0.9, max_epochs=1)
    norm = torch.nn.BatchNorm1d(2, affine=False)
    net.module_.discriminator = torch.nn.Sequential(norm, net.module_.discriminator)
    net.initialize_optimizer().partial_fit(rows)
    resting = net.averages_.others[-2:]
    assert not torch.allclose(norm.running_mean, resting[0])
    assert_allclose(norm.running_mean, resting[0], atol=1.5)
    assert norm.num_batches_tracked > 0


def test_an_interrupted_training_leaves_the_averages_in_place(rows):
    class Interrupt(Callback):
        def on_batch_end(self, net, **kwargs):
            if net.step_ == 15:
                raise RuntimeError("interrupted")

    net = duel(average_decay=0.99, callbacks=[Interrupt()])
    with pytest.raises(RuntimeError, match="interrupted"):
        net.partial_fit(rows)
    averages = weights(net)
    whole = duel(average_decay=0.99, max_epochs=2, max_steps=15).partial_fit(rows)
    assert torch.equal(averages, weights(whole))
    raw = torch.cat([tensor.flatten() for tensor in net.averages_.others])
    assert not torch.allclose(raw, averages)
