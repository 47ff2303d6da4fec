"""Seeds make weights and noise, and leave the global state alone."""

import threading

import torch
from torch import nn

from skdeepad.training import seeded_generator, seeded_weights


def weights(seed):
    with seeded_weights(seed):
        return nn.Linear(20, 20).weight.detach()


def test_weights_follow_from_the_seed():
    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_the_global_state_is_neither_read_nor_written():
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = weights(0)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(4)
    assert torch.equal(weights(0), first)


def test_seeds_within_seeds_change_nothing_outside():
    with seeded_weights(0):
        expected = nn.Linear(2, 2), nn.Linear(20, 20)
    with seeded_weights(0):
        first = nn.Linear(2, 2)
        assert torch.equal(weights(1), weights(1))
        second = nn.Linear(20, 20)
    for one, other in zip(expected, (first, second), strict=True):
        assert torch.equal(one.weight, other.weight)


def test_the_global_state_is_put_back_after_an_error():
    state = torch.get_rng_state()
    try:
        with seeded_weights(0):
            nn.Linear(2, 2)
            raise RuntimeError
    except RuntimeError:
        pass
    assert torch.equal(torch.get_rng_state(), state)
    weights(0)  # the lock is free


def test_threads_get_the_weights_of_their_seeds():
    expected = {seed: weights(seed) for seed in range(8)}
    found = {}

    def work(seed):
        found[seed] = [weights(seed) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(seed,)) for seed in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, tensors in found.items():
        assert all(torch.equal(tensor, expected[seed]) for tensor in tensors)


def test_generators_are_their_own():
    state = torch.get_rng_state()
    draws = [torch.rand(5, generator=seeded_generator(seed)) for seed in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.get_rng_state(), state)
