"""Players take turns."""

import pickle
from typing import ClassVar

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback
from torch import nn

from skdeepad.nn import Stochastic
from skdeepad.training import AdversarialNet, history_table

from .toys import make_net


class Shift(Stochastic):
    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        return self.shift + self.randn_like(x)


class Duel(nn.Module):
    """A generator that shifts noise, and a discriminator that tells its rows from others."""

    players: ClassVar = {"generator": ("generator",), "discriminator": ("discriminator",)}

    def __init__(self):
        super().__init__()
        self.generator = Shift()
        self.discriminator = nn.Linear(2, 1)

    def logits(self, x):
        return self.discriminator(x).squeeze(1)

    def loss_generator(self, x):
        return nn.functional.softplus(-self.logits(self.generator(x)))

    def loss_discriminator(self, x):
        fake = self.generator(x)  # not detached: the net lets no player move another's part
        return (
            nn.functional.softplus(-self.logits(x)) + nn.functional.softplus(self.logits(fake))
        ).mean()

    def anomaly_score(self, x):
        return -self.logits(x).double()


def duel(**params):
    torch.manual_seed(0)
    params = {"optimizer": "adam", "lr": 0.02, "batch_size": 50, "max_epochs": 100} | params
    params = {"optimizer_discriminator__lr": 0.1, "optimizer__betas": (0.5, 0.9)} | params
    return make_net(Duel(), net_class=AdversarialNet, **params)


def test_both_players_are_trained_by_their_own_optimizers(rows):
    net = duel()
    before = {name: p.detach().clone() for name, p in net.module_.named_parameters()}
    net.partial_fit(rows)
    for name, parameter in net.module_.named_parameters():
        assert not torch.equal(parameter, before[name])
    assert_allclose(net.module_.generator.shift.detach().numpy(), rows.mean(0).numpy(), atol=0.2)
    assert net.optimizer_discriminator_.param_groups[0]["lr"] == 0.1
    assert net.optimizer_.param_groups[0]["lr"] == 0.02


@pytest.mark.parametrize(
    ("still", "moving"),
    [("generator.shift", "discriminator.weight"), ("discriminator.weight", "generator.shift")],
)
def test_no_player_moves_the_others_weights(rows, still, moving):
    lr = "lr" if still == "generator.shift" else "optimizer_discriminator__lr"
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
    class Follow(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("shift", net.module_.generator.shift[0].item())

    net = duel(max_epochs=5, callbacks=[Follow()])
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


def test_every_players_loss_is_in_the_history(rows):
    net = duel(max_epochs=4).partial_fit(rows)
    table = history_table(net)
    assert set(table) >= {"train_loss", "discriminator_loss"}
    assert len(table["discriminator_loss"]) == 4
    assert "generator_loss" not in table  # the first player's is train_loss
    net = duel(max_epochs=1, lr=0.0, optimizer_discriminator__lr=0.0).partial_fit(rows)
    logits = net.module_.logits(rows)
    real = nn.functional.softplus(-logits).mean().item()
    assert 0 < net.history[-1, "discriminator_loss"] - real < 2


def test_a_turn_computes_gradients_for_its_own_player_alone(rows):
    seen = []

    class Listener(Callback):
        def on_grad_computed(self, net, named_parameters, **kwargs):
            seen.append([name for name, weight in named_parameters if weight.grad is not None])

    duel(max_epochs=1, batch_size=500, callbacks=[Listener()]).partial_fit(rows)
    assert seen == [["generator.shift"], ["discriminator.weight", "discriminator.bias"]]


def test_settings_of_the_first_optimizer_hold_for_all_that_have_none_of_their_own():
    net = duel(optimizer_discriminator__lr=0.3)
    groups = [net.optimizer_.param_groups[0], net.optimizer_discriminator_.param_groups[0]]
    assert [group["betas"] for group in groups] == [(0.5, 0.9)] * 2
    assert [group["lr"] for group in groups] == [0.02, 0.3]
    net.update_budget(max_epochs=1, max_steps=None, batch_size=50, lr=0.01)
    assert [group["lr"] for group in groups] == [0.01, 0.3]


def test_only_the_first_players_rows_are_trimmed(rows):
    far = torch.cat([rows, torch.full((50, 2), 100.0)])
    trimmed = duel(trim=0.2, max_steps=30, max_epochs=30).partial_fit(far)
    assert np.isfinite(history_table(trimmed)["train_loss"]).all()
    plain = duel(max_steps=30, max_epochs=30).partial_fit(far)
    assert trimmed.history[:, "train_loss"] != plain.history[:, "train_loss"]


# Turns, resets, and how the contest stands ---------------------------------------------------


class Turns(Callback):
    """Remembers who moved on each batch."""

    def __init__(self):
        self.seen = []

    def on_batch_begin(self, net, **kwargs):
        self.seen.append("")

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.seen[-1] += named_parameters[0][0][0]


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (None, ["gd"] * 6),
        ({"discriminator": 3}, ["d", "d", "gd"] * 2),
        ({"generator": 2}, ["g", "gd"] * 3),
        ({"discriminator": 3, "generator": 2}, ["d", "gd", "gd"] * 2),
    ],
)
def test_players_take_as_many_turns_as_they_are_given(rows, turns, expected):
    net = duel(turns=turns, max_steps=6, callbacks=[Turns()]).partial_fit(rows[:300])
    assert net.callbacks_[-1][1].seen == expected
    assert np.isfinite(history_table(net)["train_loss"]).all()


def test_turns_go_on_where_a_training_goes_on(rows):
    net = duel(turns={"discriminator": 4}, max_epochs=1, callbacks=[Turns()])
    net.partial_fit(rows[:150]).partial_fit(rows[:150])
    assert net.callbacks_[-1][1].seen == ["d", "d", "d", "gd", "d", "d"]


def test_a_player_whose_loss_falls_too_far_is_drawn_anew(rows):
    def weight(tolerance):
        still = {"max_epochs": 2, "optimizer_discriminator__lr": 0.0}
        net = duel(reset_below={"discriminator": tolerance}, **still).partial_fit(rows)
        return net.module_.discriminator.weight

    first = duel().module_.discriminator.weight
    assert torch.equal(weight(0.0), first)
    assert not torch.equal(weight(1000.0), first)
    assert torch.equal(weight(1000.0), weight(1000.0))


class Contest(Duel):
    def contest(self, x):
        generated = self.generator(x)
        return x, generated, self.logits(generated)


class Collapsed(Contest):
    def __init__(self):
        super().__init__()
        self.generator = Point()


class Point(Shift):
    def forward(self, x):
        return self.shift.expand_as(x)


def contest(module, **params):
    torch.manual_seed(0)
    params = {"optimizer": "adam", "lr": 0.02, "batch_size": 50, "max_epochs": 20} | params
    return make_net(module(), net_class=AdversarialNet, **params)


def test_the_history_says_how_the_contest_stands(rows, recwarn):
    net = contest(Contest).partial_fit(rows)
    table = history_table(net)
    assert_allclose(table["spread"], 1, atol=0.2)
    assert 0.2 < table["fooled"][-1] < 0.8
    assert not recwarn.list
    assert "spread" not in history_table(duel(max_epochs=1).partial_fit(rows))


def test_the_look_at_the_contest_changes_nothing(rows):
    looked, plain = (contest(m, max_epochs=3).partial_fit(rows) for m in (Contest, Duel))
    assert looked.history[:, "train_loss"] == plain.history[:, "train_loss"]


def test_a_collapsed_generator_gives_a_warning(rows):
    with pytest.warns(ConvergenceWarning, match="generator has collapsed: its rows have 0 of"):
        contest(Collapsed).partial_fit(rows)


def test_a_saturated_discriminator_gives_a_warning(rows):
    with pytest.warns(ConvergenceWarning, match="discriminator has saturated"):
        contest(Contest, lr=1e-6, optimizer_discriminator__lr=0.5).partial_fit(10 + 0.1 * rows)


def test_a_short_game_gives_no_warning(rows, recwarn):
    contest(Collapsed, max_epochs=2).partial_fit(rows)
    assert not recwarn.list


def test_adams_betas_are_those_of_games_unless_they_are_given(rows):
    net = contest(Contest)
    assert net.optimizer_.param_groups[0]["betas"] == (0.5, 0.999)
    assert net.optimizer_discriminator_.param_groups[0]["betas"] == (0.5, 0.999)
    contest(Contest, optimizer="sgd").partial_fit(rows)  # has none


class Terms(Duel):
    def loss_terms(self, x):
        return {"size": (self.generator.shift - x).abs().sum(1), "noise": self.generator(x)[:, 0]}


def test_the_history_has_the_mean_of_each_term_of_a_loss_at_the_end_of_the_epoch(rows):
    net = contest(Terms, batch_size=200, max_epochs=3).partial_fit(rows[:200])
    table = history_table(net)
    expected = (net.module_.generator.shift - rows[:200]).abs().sum(1).mean().item()
    assert_allclose(table["size_loss"][-1], expected, rtol=1e-5)
    assert len(table["noise_loss"]) == 3
    assert "spread" not in table
    plain = contest(Duel, batch_size=200, max_epochs=3).partial_fit(rows[:200])
    assert plain.history[:, "train_loss"] == net.history[:, "train_loss"]


@pytest.mark.parametrize("prefix", ["optimizer_generator__lr", "optimizer__lr"])
def test_the_first_players_rate_is_given_by_its_name_or_as_that_of_all(rows, prefix):
    net = duel(**{prefix: 0.003})
    assert net.optimizer_.param_groups[0]["lr"] == 0.003
    assert net.optimizer_discriminator_.param_groups[0]["lr"] == 0.1
    net.update_budget(max_epochs=1, max_steps=None, batch_size=50, lr=0.5)
    assert net.optimizer_.param_groups[0]["lr"] == 0.003


def test_a_rate_given_for_all_is_kept_by_all_where_a_training_goes_on():
    net = contest(Contest, optimizer__lr=0.003)
    net.update_budget(max_epochs=1, max_steps=None, batch_size=50, lr=0.5)
    for optimizer in net._named_optimizers().values():
        assert optimizer.param_groups[0]["lr"] == 0.003


def test_turns_of_unknown_players_are_refused():
    with pytest.raises(ValueError, match=r"turns=.* must name players, .* got \['critic'\]"):
        duel(turns={"critic": 5})


def test_frozen_weights_stay_and_the_others_move(rows):
    net = duel(max_epochs=1)
    net.module_.discriminator.bias.requires_grad_(False)
    net.initialize_optimizer()
    bias, weight = (
        p.detach().clone()
        for p in (net.module_.discriminator.bias, net.module_.discriminator.weight)
    )
    net.partial_fit(rows)
    assert torch.equal(net.module_.discriminator.bias, bias)
    assert not torch.equal(net.module_.discriminator.weight, weight)


@pytest.mark.parametrize("rows", [torch.ones(300, 2), torch.zeros(1, 2)], ids=["equal", "one"])
def test_rows_without_a_spread_have_none_to_compare(rows, recwarn):
    net = contest(Contest, batch_size=None if len(rows) > 1 else 1, max_epochs=3).partial_fit(rows)
    assert "spread" not in history_table(net)
    assert "fooled" in history_table(net)
    assert not recwarn.list


def test_the_gradients_of_each_player_are_shortened(rows):
    def moves(**params):
        net = make_net(
            Duel(), net_class=AdversarialNet, max_steps=1, max_epochs=1, net_params=params
        )
        before = {name: weight.clone() for name, weight in net.module_.state_dict().items()}
        net.partial_fit(rows)
        return {
            part: sum(
                (weight - before[name]).square().sum().item()
                for name, weight in net.module_.state_dict().items()
                if name.startswith(part)
            )
            ** 0.5
            / net.lr
            for part in ("generator", "discriminator")
        }

    free, short = moves(), moves(max_gradient_norm=1e-3)
    assert all(norm > 2e-3 for norm in free.values())
    assert all(norm <= 1.001e-3 for norm in short.values())
