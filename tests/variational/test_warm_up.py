"""The weight of the KL terms over the epochs."""

import numpy as np
import pytest
import torch

from skdeepad import AuxiliaryVAE, LadderVAE
from skdeepad.variational._warm_up import WarmUp


class Net:
    def __init__(self, n_epochs):
        self.history = [None] * n_epochs

    def forget_best(self):
        pass


def test_the_weight_rises_linearly_and_stays():
    warm_up, kl = WarmUp().train(), torch.tensor([2.0])
    update = warm_up.follow(Net(0), 4)
    weights = [warm_up(kl).item() / 2]
    for epoch in range(1, 7):
        update(Net(epoch))
        weights.append(warm_up(kl).item() / 2)
    assert weights == [0, 0.25, 0.5, 0.75, 1, 1, 1]


def test_a_training_that_goes_on_does_not_warm_up_again():
    warm_up = WarmUp().train()
    warm_up.follow(Net(10), 4)
    assert warm_up(torch.tensor(3.0)) == 3


def test_without_epochs_and_in_evaluation_the_weight_is_one():
    warm_up = WarmUp().train()
    warm_up.follow(Net(0), 0)
    assert warm_up(torch.tensor(3.0)) == 3
    warm_up.follow(Net(0), 4)
    assert warm_up(torch.tensor(3.0)) == 0
    assert warm_up.eval()(torch.tensor(3.0)) == 3


def weight(det):
    return det.net_.module_.warm_up.weight.item()


def test_neither_a_longer_training_nor_other_rows_warm_up_again(X):
    det = LadderVAE(max_epochs=5, warm_start=True, random_state=0).fit(X)
    watched = []
    det.net_.module_.warm_up.register_forward_pre_hook(
        lambda module, _: watched.append(module.weight.item())
    )
    det.set_params(max_epochs=50, max_steps=3).fit(X)
    det.partial_fit(X[:10])
    assert watched
    assert set(watched) == {1.0}


@pytest.mark.parametrize("cls", [LadderVAE, AuxiliaryVAE])
def test_early_stopping_begins_behind_the_warm_up(cls):
    X = np.random.RandomState(0).randn(100, 3)
    params = {"early_stopping": True, "n_iter_no_change": 1, "max_epochs": 60, "lr": 0.02}
    det = cls(kl_warm_up_epochs=20, random_state=0, **params).fit(X)
    assert 20 < det.n_iter_ < 60
    assert weight(det) == 1
    short = cls(kl_warm_up_epochs=0, random_state=0, **params).fit(X)
    assert short.n_iter_ < 20
