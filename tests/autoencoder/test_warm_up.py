"""The weight of the KL terms over the epochs."""

import torch

from skdeepad.autoencoder._warm_up import WarmUp


class Net:
    def __init__(self, n_epochs):
        self.history = [None] * n_epochs


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
