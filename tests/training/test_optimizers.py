"""Steps of the optimizers are those of torch's."""

import pickle
from copy import deepcopy

import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

from skdeepad import AutoEncoder
from skdeepad.training._optimizers import Adam, AdamW, find_optimizer

TORCHS = {Adam: torch.optim.Adam, AdamW: torch.optim.AdamW}


def make_weights():
    generator = torch.Generator().manual_seed(0)
    shapes = ((5, 3), (5,), (2, 5), (2,))
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def take_steps(optimizer, weights, numbers, still=()):
    for number in numbers:
        generator = torch.Generator().manual_seed(number)
        optimizer.zero_grad()
        for i, weight in enumerate(weights):
            gradient = torch.randn(weight.shape, generator=generator)
            weight.grad = None if i in still else gradient
        optimizer.step()


def both(cls, **params):
    own, torchs = make_weights(), make_weights()
    optimizers = [
        kind([{"params": weights[:2], "lr": 0.1}, {"params": weights[2:]}], **params)
        for kind, weights in ((cls, own), (TORCHS[cls], torchs))
    ]
    return list(zip(optimizers, (own, torchs), strict=True))


@pytest.mark.parametrize("cls", TORCHS)
@pytest.mark.parametrize("params", [{}, {"weight_decay": 0.1}, {"amsgrad": True}])
def test_steps_are_those_of_torch_to_the_bit_whatever_happens_between_them(cls, params):
    ends = []
    for optimizer, weights in both(cls, lr=0.01, fused=True, **params):
        take_steps(optimizer, weights, range(5))
        take_steps(optimizer, weights, range(5, 7), still=(1, 3))
        take_steps(optimizer, weights, range(7, 9))
        take_steps(optimizer, weights, range(9, 10), still=(0, 1))
        optimizer.load_state_dict(deepcopy(optimizer.state_dict()))
        for group in optimizer.param_groups:
            group["lr"] /= 10
        take_steps(optimizer, weights, range(10, 13))
        optimizer, weights = pickle.loads(pickle.dumps((optimizer, weights)))
        take_steps(optimizer, weights, range(13, 15))
        for weight in weights:  # as a stack of nets does
            state = optimizer.state[weight]
            optimizer.state[weight] = {key: value.clone() for key, value in state.items()}
        take_steps(optimizer, weights, range(15, 18))
        ends.append((weights, optimizer.state_dict()["state"]))
    (own, own_state), (torchs, torchs_state) = ends
    for weight, expected in zip(own, torchs, strict=True):
        assert torch.equal(weight, expected)
    for i, expected in torchs_state.items():
        assert {k: v.tolist() for k, v in own_state[i].items()} == {
            k: v.tolist() for k, v in expected.items()
        }


def test_only_the_first_step_is_made_by_torchs_code(monkeypatch):
    calls = []
    torchs = Adam._step_of_torch
    monkeypatch.setattr(Adam, "_step_of_torch", lambda *args: calls.append(1) or torchs(*args))
    weights = make_weights()
    optimizer = Adam(weights, lr=0.1, fused=True)
    take_steps(optimizer, weights, range(3))
    assert len(calls) == 1
    take_steps(optimizer, weights, range(2), still=(0, 2))
    assert len(calls) == 1


def test_groups_of_weights_that_move_change_from_step_to_step():
    ends = []
    for kind in TORCHS.items():
        for cls in kind:
            weights = make_weights()[:3]
            optimizer = cls([{"params": weights[:2]}, {"params": weights[2:]}], lr=0.1, fused=True)
            for number, still in enumerate([(2,), (2,), (1,), (), ()]):
                take_steps(optimizer, weights, [number], still)
            optimizer.state[weights[1]] = {}
            take_steps(optimizer, weights, [9])
            ends.append((weights, [float(optimizer.state[w]["step"]) for w in weights]))
    for (own, steps), (torchs, torchs_steps) in (ends[:2], ends[2:]):
        assert steps == torchs_steps
        assert all(torch.equal(*pair) for pair in zip(own, torchs, strict=True))


def test_a_gradient_scaler_may_skip_a_step():
    weights = make_weights()
    optimizer = Adam(weights, lr=0.1, fused=True)
    take_steps(optimizer, weights, range(2))
    before = [weight.detach().clone() for weight in weights]
    scaler = torch.amp.GradScaler("cpu")
    for weight in weights:
        weight.grad = torch.full_like(weight, torch.inf)
    scaler.scale(torch.ones(()))
    scaler.step(optimizer)
    scaler.update()
    assert all(torch.equal(*pair) for pair in zip(before, weights, strict=True))


def test_hooks_and_closures_are_called():
    weights, seen = make_weights(), []
    optimizer = Adam(weights, lr=0.1, fused=True)
    take_steps(optimizer, weights, range(2))
    handle = optimizer.register_step_post_hook(lambda *_: seen.append("hook"))
    take_steps(optimizer, weights, range(1))
    handle.remove()
    take_steps(optimizer, weights, range(1))
    assert optimizer.step(lambda: seen.append("closure") or 3.0) == 3.0
    assert seen == ["hook", "closure"]
    assert all(state["step"] == 5 for state in optimizer.state.values())


def test_gradients_are_set_to_none_or_to_zero():
    weights = make_weights()
    optimizer = Adam(weights)
    take_steps(optimizer, weights, range(1))
    optimizer.zero_grad(set_to_none=False)
    assert all(not weight.grad.any() for weight in weights)
    optimizer.zero_grad()
    assert all(weight.grad is None for weight in weights)


def test_torchs_classes_are_replaced_by_ours():
    assert find_optimizer(torch.optim.Adam) is Adam
    assert find_optimizer("adamw") is AdamW


@pytest.mark.parametrize("optimizer", [torch.optim.RMSprop, torch.optim.SGD, "rmsprop"])
def test_the_optimizer_of_net_params_has_the_settings_that_it_knows(optimizer, X):
    params = {"max_epochs": 2, "random_state": 0}
    by_net = AutoEncoder(net_params={"optimizer": optimizer}, **params).fit(X)
    expected = AutoEncoder(optimizer=optimizer, **params).fit(X)
    assert_array_equal(by_net.score_samples(X), expected.score_samples(X))


@pytest.mark.parametrize("wrong", [torch.optim.LBFGS, nn.Linear])
def test_what_is_no_optimizer_is_refused(wrong, X):
    with pytest.raises(ValueError, match="optimizer="):
        AutoEncoder(net_params={"optimizer": wrong}).fit(X)


@pytest.mark.parametrize("wrong", ["RMSprop", 3])
def test_the_name_of_no_optimizer_is_refused(wrong, X):
    message = f"'optimizer' parameter of AutoEncoder's net_params .* Got {wrong!r} instead"
    with pytest.raises(ValueError, match=message):
        AutoEncoder(net_params={"optimizer": wrong}).fit(X)
