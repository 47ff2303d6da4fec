"""A net whose players take turns needs two overrides."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from skorch.callbacks import Callback
from torch import nn

from skdeepad.nn import Stochastic
from skdeepad.training import DetectorNet, history_table

from .toys import make_net


class Duel(Stochastic):
    """A generator that shifts noise, and a discriminator that tells its rows from others."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(2))
        self.discriminator = nn.Linear(2, 1)

    def generate(self, x):
        return self.shift + self.randn_like(x)

    def logits(self, x):
        return self.discriminator(x).squeeze(1)

    def loss_discriminator(self, x):
        fake = self.generate(x).detach()
        return (
            nn.functional.softplus(-self.logits(x)) + nn.functional.softplus(self.logits(fake))
        ).mean()

    def loss_generator(self, x):
        return nn.functional.softplus(-self.logits(self.generate(x))).mean()

    def anomaly_score(self, x):
        return -self.logits(x).double()


class DuelNet(DetectorNet):
    """Discriminator and generator take a step each on every batch."""

    def initialize_optimizer(self):
        generator, discriminator = [], []
        for name, parameter in self.module_.named_parameters():
            part = discriminator if name.startswith("discriminator") else generator
            part.append((name, parameter))
        args, kwargs = self.get_params_for_optimizer("optimizer", generator)
        self.optimizer_ = self.optimizer(*args, **kwargs)
        args, kwargs = self.get_params_for_optimizer("optimizer_discriminator", discriminator)
        self.optimizer_discriminator_ = torch.optim.SGD(*args, **kwargs)
        return self

    def optimize(self, batch):
        x, _ = batch
        self._minimise(self.module_.loss_discriminator(x), self.optimizer_discriminator_)
        return self._minimise(self.module_.loss_generator(x), self.optimizer_)

    def mean_loss(self, batch):
        with torch.no_grad():
            return self.module_.loss_generator(batch[0])

    def _minimise(self, loss, optimizer):
        self.module_.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()


def duel(**params):
    torch.manual_seed(0)
    params = {"optimizer": "adam", "lr": 0.05, "batch_size": 50, "max_epochs": 60} | params
    params = {"optimizer_discriminator__lr": 0.1} | params
    return make_net(Duel(), net_class=DuelNet, **params)


@pytest.fixture
def rows():
    torch.manual_seed(1)
    return torch.tensor([2.0, -1.0]) + torch.randn(500, 2)


def test_both_players_are_trained_by_their_own_optimizers(rows):
    net = duel()
    before = {name: p.detach().clone() for name, p in net.module_.named_parameters()}
    net.partial_fit(rows)
    for name, parameter in net.module_.named_parameters():
        assert not torch.equal(parameter, before[name])
    assert_allclose(net.module_.shift.detach().numpy(), rows.mean(0).numpy(), atol=0.35)
    assert net.optimizer_discriminator_.param_groups[0]["lr"] == 0.1
    assert net.optimizer_.param_groups[0]["lr"] == 0.05


@pytest.mark.parametrize(
    ("still", "moving"),
    [("shift", "discriminator.weight"), ("discriminator.weight", "shift")],
)
def test_no_player_moves_the_others_weights(rows, still, moving):
    lr = "lr" if still == "shift" else "optimizer_discriminator__lr"
    net = duel(**{lr: 0.0, "max_epochs": 2})
    before = {name: p.detach().clone() for name, p in net.module_.named_parameters()}
    net.partial_fit(rows)
    after = dict(net.module_.named_parameters())
    assert torch.equal(after[still], before[still])
    assert not torch.equal(after[moving], before[moving])


def test_history_budget_and_validation_work_for_players(rows):
    net = duel(max_steps=25, early_stopping=True, validation_fraction=0.2, n_iter_no_change=100)
    net.partial_fit(rows)
    table = history_table(net)
    assert net.step_ == 25
    assert len(table["train_loss"]) == 4  # 8 steps an epoch, and one more
    assert np.isfinite(table["valid_loss"]).all()


def test_callbacks_of_epochs_work_for_players(rows):
    class Shift(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("shift", net.module_.shift[0].item())

    net = duel(max_epochs=5, callbacks=[Shift()])
    net.partial_fit(rows)
    assert (np.diff(history_table(net)["shift"]) > 0).all()


def test_a_callback_that_listens_to_batches_changes_nothing_for_players(rows):
    class Listener(Callback):
        def on_batch_end(self, net, **kwargs):
            pass

    plain, heard = (duel(max_epochs=3, callbacks=c).partial_fit(rows) for c in (None, [Listener()]))
    for pair in zip(plain.module_.parameters(), heard.module_.parameters(), strict=True):
        assert torch.equal(*pair)
    assert_allclose(history_table(plain)["train_loss"], history_table(heard)["train_loss"])


def test_a_pickled_duel_goes_on_alike(rows):
    net = duel(max_epochs=3).partial_fit(rows)
    twin = pickle.loads(pickle.dumps(net))
    for each in (net, twin):
        each.partial_fit(rows)
    for pair in zip(net.module_.parameters(), twin.module_.parameters(), strict=True):
        assert torch.equal(*pair)
    assert twin.history[:, "train_loss"] == net.history[:, "train_loss"]
    assert len(twin.history) == 6
