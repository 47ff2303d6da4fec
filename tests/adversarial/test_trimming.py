"""What trimming leaves out of each player's turn: rows, where its loss is one for each row."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from skdeepad import AnoGAN, GANomaly
from skdeepad.training import Batch, seeded_generator

from ..instances import small

TRIMMED = {"AnoGAN": ["discriminator"], "EGBAD": ["discriminator"]}
TRIMMED["GANomaly"] = ["generator", "discriminator"]


def game(name, X):
    """A net in mid-training that leaves out a fifth of ten rows, and these, one far from all."""
    net = small(name, trim=0.2, average_decay=0.0).fit(X).net_
    net.step_, net.trim_from_ = 1, 0
    x = torch.tensor(X[:10] / np.abs(X).max(), dtype=torch.float32)
    far = 100 * torch.tensor(X / np.abs(X).max(), dtype=torch.float32)
    losses = net._player_losses(TRIMMED[name][0], Batch(far)).detach()
    x[3] = far[losses.argmax()]
    return net, x


def losses_of(net, player, x):
    net.module_.rng = seeded_generator(3)
    return net._player_losses(player, Batch(x))


def gradients(net, player, loss):
    weights = [weight for _, weight in net._weights_of(player)]
    return torch.autograd.grad(loss, weights)


def turn(net, player, x):
    """The loss of a player's turn, and the gradients of its step."""
    net.module_.rng = seeded_generator(3)
    first, *_ = net.module_.players
    optimizer = net._named_optimizers()["optimizer" if player == first else f"optimizer_{player}"]
    loss = net._turn(player, optimizer, Batch(x))
    return loss, [weight.grad for _, weight in net._weights_of(player)]


@pytest.mark.parametrize(
    ("name", "player"), [(name, player) for name in TRIMMED for player in TRIMMED[name]]
)
def test_a_turn_is_of_the_rows_of_the_smaller_losses(name, player, X):
    net, x = game(name, X)
    losses = losses_of(net, player, x)
    kept = losses.detach().argsort()[:8]
    assert player != TRIMMED[name][0] or 3 not in kept
    expected = gradients(net, player, losses[kept].mean())
    of_all = gradients(net, player, losses_of(net, player, x).mean())
    loss, found = turn(net, player, x)
    assert_allclose(loss.item(), losses[kept].mean().item(), rtol=1e-5)
    for gradient, by_hand in zip(found, expected, strict=True):
        assert_allclose(gradient, by_hand, rtol=1e-4, atol=1e-6)
    assert any(not torch.allclose(*pair, rtol=0.1) for pair in zip(found, of_all, strict=True))


@pytest.mark.parametrize("name", ["AnoGAN", "EGBAD"])
def test_the_turn_of_a_player_without_losses_of_rows_is_of_all_of_them(name, X):
    (net, x), player = game(name, X), "generator"
    loss = losses_of(net, player, x)
    assert loss.shape == ()
    expected = gradients(net, player, loss)
    found, step = turn(net, player, x)
    assert_allclose(found.item(), loss.item(), rtol=1e-5)
    for gradient, by_hand in zip(step, expected, strict=True):
        assert_allclose(gradient, by_hand, rtol=1e-4, atol=1e-6)


def trimmed_means(losses, n_epochs):
    """The mean of losses in a fifth of the epochs, and in the others that of all but a fifth."""
    kept = np.sort(losses)[: len(losses) - round(0.2 * len(losses))]
    return np.repeat([losses.mean(), kept.mean()], [n_epochs // 5, n_epochs - n_epochs // 5])


#: Ten steps of no length, on all rows at once.
STILL = {"max_epochs": 10, "lr": 1e-12, "batch_size": None, "trim": 0.2, "random_state": 0}


def test_both_losses_of_ganomaly_are_trimmed_after_a_fifth_of_the_steps(X):
    det = GANomaly(**STILL, hidden_layer_sizes=(16,)).fit(X)
    x = torch.tensor(det.scaler_.transform(X), dtype=torch.float32)
    for player, key in (("generator", "train_loss"), ("discriminator", "discriminator_loss")):
        losses = det.net_._player_losses(player, Batch(x)).detach().numpy()
        assert_allclose(det.history_[key], trimmed_means(losses, 10), rtol=1e-4)


def test_the_encoder_of_anogan_leaves_out_the_rows_of_the_largest_error(X):
    det = AnoGAN(**STILL, hidden_layer_sizes=(16,), train_encoder=True, encoder_steps=10).fit(X)
    losses = det.encoder_history_["train_loss"]
    assert_allclose(losses, trimmed_means(-det.score_samples(X), 10), rtol=1e-4)
