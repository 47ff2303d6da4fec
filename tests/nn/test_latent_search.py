"""The search for a row's code finds a minimum, for each row by itself."""

from itertools import pairwise

import torch
from torch.testing import assert_close

from skdeepad.nn import latent_search

TARGET = torch.tensor([[1.0, -2.0], [0.0, 3.0], [-4.0, 0.5]])
CURVATURE = torch.tensor([1.0, 20.0])


def quadratic(target):
    return lambda z: (CURVATURE * (z - target) ** 2).sum(1)


def test_a_quadratics_minimum_is_found():
    found = latent_search(quadratic(TARGET), torch.zeros(3, 2), n_steps=800, lr=0.05)
    assert_close(found, TARGET, atol=1e-3, rtol=0)


def test_the_steps_are_adams():
    z = torch.zeros(3, 2, requires_grad=True)
    adam = torch.optim.Adam([z], lr=0.05, betas=(0.5, 0.9))
    for _ in range(20):
        adam.zero_grad()
        quadratic(TARGET)(z).sum().backward()
        adam.step()
    found = latent_search(quadratic(TARGET), torch.zeros(3, 2), 20, 0.05, betas=(0.5, 0.9))
    assert_close(found, z.detach())


def test_what_is_found_for_a_row_does_not_depend_on_the_others():
    start = torch.ones(3, 2)
    together = latent_search(quadratic(TARGET), start, n_steps=30, lr=0.05)
    for i in range(3):
        alone = latent_search(quadratic(TARGET[[i]]), start[[i]], n_steps=30, lr=0.05)
        assert torch.equal(alone, together[[i]])


def test_the_start_is_left_alone_and_nothing_carries_a_gradient():
    start = torch.zeros(3, 2)
    found = latent_search(quadratic(TARGET), start, n_steps=5, lr=0.05)
    assert not start.any()
    assert not start.requires_grad
    assert not found.requires_grad
    assert torch.equal(latent_search(quadratic(TARGET), start, n_steps=0, lr=0.05), start)


def test_the_best_of_all_steps_is_found_the_start_included():
    def objective(z):
        return quadratic(TARGET)(z)

    leaping = latent_search(objective, TARGET.clone(), n_steps=5, lr=10.0)
    assert torch.equal(leaping, TARGET)
    start = torch.zeros(3, 2)
    values = [objective(latent_search(objective, start, n, lr=3.0)) for n in range(12)]
    for fewer, more in pairwise(values):
        assert (more <= fewer).all()


def test_a_search_works_where_gradients_are_off():
    with torch.no_grad():
        found = latent_search(quadratic(TARGET), torch.zeros(3, 2), n_steps=50, lr=0.05)
    assert (quadratic(TARGET)(found) < quadratic(TARGET)(torch.zeros(3, 2))).all()
