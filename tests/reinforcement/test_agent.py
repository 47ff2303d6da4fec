"""What the agent remembers, when it learns, and from what."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from skorch.callbacks import Callback
from torch import nn

from skdeepad import DPLAN
from skdeepad.reinforcement._agent import Interaction, ReplayMemory, Transition, evaluating_twin
from skdeepad.reinforcement._dplan_module import DPLANModule, QNetwork
from skdeepad.training import Batch, TensorData, seeded_generator

from ..instances import without_labels

pytestmark = without_labels
TINY = {"max_epochs": 3, "steps_per_epoch": 20, "warm_up_steps": 30, "random_state": 0}


def network(weights, bias):
    """Q(s) = weights relu(s) + bias."""
    q = QNetwork(nn.ReLU(), 2)
    with torch.no_grad():
        q.head.weight.copy_(torch.tensor(weights))
        q.head.bias.copy_(torch.tensor(bias))
    return q


# The loss -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "expected"), [("squared_error", 7.84), ("huber", 2.3)])
def test_the_loss_of_a_transition_by_hand(loss, expected):
    module = DPLANModule(network([[1.0, 0.0], [0.0, 2.0]], [0.0, 1.0]), discount=0.5, loss=loss)
    with torch.no_grad():
        module.target.head.bias.copy_(torch.tensor([-1.0, 0.0]))
    state, next_state = torch.tensor([[1.0, 3.0]]), torch.tensor([[4.0, 1.9]])
    # Q(s, a⁰) = 1; what is wanted is 1.9 + 0.5 max(4 - 1, 2 · 1.9) = 3.8.
    found = module.loss(state, torch.tensor([0]), torch.tensor([1.9]), next_state)
    assert_allclose(found.item(), expected, rtol=1e-6)


def test_the_target_gets_no_gradient_and_changes_only_when_told():
    module = DPLANModule(network([[1.0, 0.0], [0.0, 2.0]], [0.0, 1.0]), discount=0.9, loss="huber")
    transition = torch.ones(1, 2), torch.tensor([1]), torch.zeros(1), torch.ones(1, 2)
    module.loss(*transition).sum().backward()
    assert all(p.grad is None for p in module.target.parameters())
    assert module.network.head.weight.grad[0].abs().sum() == 0  # of the action not taken
    assert module.network.head.weight.grad[1].abs().sum() > 0
    with torch.no_grad():
        module.network.head.bias.add_(1.0)
    assert_array_equal(module.target.head.bias, [0.0, 1.0])
    module.update_target()
    assert_array_equal(module.target.head.bias, [1.0, 2.0])


def test_the_score_is_the_value_of_calling_a_row_anomalous(X):
    det = DPLAN(**TINY).fit(X, np.r_[-1, -1, np.zeros(len(X) - 2)])
    values = det.q_values(X)
    assert_array_equal(det.score_samples(X), -values[:, 1])
    x = torch.tensor(det.scaler_.transform(X), dtype=torch.float32)
    assert_allclose(values, det.net_.module_.network(x).detach().numpy(), atol=1e-5)


# The memory ---------------------------------------------------------------------------------


def test_the_memory_never_holds_more_than_its_size_and_forgets_the_oldest():
    memory = ReplayMemory(5)
    for i in range(12):
        memory.store(i, i % 2, i / 10, i + 1)
        assert len(memory) == min(i + 1, 5)
    states, actions, rewards = memory.draw(1000, np.random.default_rng(0))
    assert set(states[:, 0]) == {7, 8, 9, 10, 11}
    assert_array_equal(states[:, 1], states[:, 0] + 1)
    assert_array_equal(actions, states[:, 0] % 2)
    assert_allclose(rewards, states[:, 0] / 10)


# The interaction ----------------------------------------------------------------------------


def interaction(X, n_batches=40, **params):
    defaults = {"warm_up_steps": 25, "exploration": (1.0, 0.1), "exploration_steps": 50}
    defaults |= {"replay_size": 60, "target_update": 10, "reward_update": 15}
    defaults |= {"anomaly_probability": 0.5, "subset_size": 20, "intrinsic_weight": 1.0}
    X = torch.tensor(X, dtype=torch.float32)
    y = torch.zeros(len(X), dtype=torch.int8)
    y[:5] = -1
    found = Interaction(
        TensorData(X, y), 8, seeded_generator(0), "cpu", n_batches=n_batches, **defaults | params
    )
    torch.manual_seed(0)
    features = nn.Sequential(nn.Linear(X.shape[1], 4), nn.ReLU())
    found.begin(DPLANModule(QNetwork(features, 4), discount=0.9, loss="huber"), 0)
    return found


def test_the_memory_is_filled_by_random_actions_before_anything_is_learned(X):
    acting = interaction(X)
    next(iter(acting))
    assert len(acting.memory) == 25 + 1
    assert 5 <= acting.memory.actions[:25].sum() <= 20
    without = interaction(X, warm_up_steps=0, replay_size=7)
    next(iter(without))
    assert len(without.memory) == 1


def test_states_follow_one_another_and_rewards_belong_to_the_state_acted_on(X):
    acting = interaction(X, reward_update=10_000)
    for _ in acting:
        pass
    memory, env = acting.memory, acting.environment
    assert len(memory) == 60  # of 65 steps
    states = np.roll(memory.states, -memory.n_seen, axis=0)
    breaks = np.flatnonzero(states[1:, 0] != states[:-1, 1])
    assert len(breaks) == 1  # where the first episode began
    for (state, _), action, reward in zip(
        memory.states, memory.actions, memory.rewards, strict=True
    ):
        assert_allclose(reward, env.external_reward(state, action) + env.intrinsic_reward[state])


def test_the_label_of_a_transition_is_that_of_the_state_not_of_the_one_that_follows(X):
    acting = interaction(X)
    batches = list(acting)
    x = torch.cat([batch.x for batch in batches])
    following = torch.cat([batch.target.next_state for batch in batches])
    known, next_known = ((rows[:, None] == acting.X[:5]).all(2).any(1) for rows in (x, following))
    assert (known != next_known).float().mean() > 0.2
    assert_array_equal(torch.cat([batch.y for batch in batches]), -known.int())


def test_target_and_rewards_are_updated_at_multiples_of_their_steps_alone(X):
    acting = interaction(X)
    target, rewards = [], []
    acting.module.update_target = lambda: target.append(acting.n_learned)
    update = acting.environment.update_intrinsic_reward
    acting.environment.update_intrinsic_reward = lambda z: rewards.append(
        (acting.n_learned, update(z))
    )
    for _ in range(2):
        list(acting)
    assert target == [10, 20, 30, 40, 50, 60, 70]
    assert [step for step, _ in rewards] == [0, 15, 30, 45, 60, 75]


def test_the_intrinsic_reward_follows_the_network_as_it_learns(X):
    acting = interaction(X, reward_update=5)
    episode = iter(acting)
    next(episode)
    before = acting.environment.intrinsic_reward
    with torch.no_grad():
        acting.module.network.features[0].weight.neg_()
    for _ in range(5):
        next(episode)
    assert np.abs(acting.environment.intrinsic_reward - before).max() > 0.1


def test_actions_are_greedy_but_for_the_share_that_explores(X):
    def anomalous_share(epsilon):
        params = {"warm_up_steps": 0, "reward_update": 10_000}
        acting = interaction(X, n_batches=2000, exploration=(epsilon, epsilon), **params)
        acting.module.update_target = lambda: None
        with torch.no_grad():
            acting.module.network.head.weight.zero_()
            acting.module.network.head.bias.copy_(torch.tensor([0.0, 1.0]))
        list(acting)
        return acting.summary()["anomalous_share"]

    assert anomalous_share(0.0) == 1.0
    assert abs(anomalous_share(0.5) - 0.75) < 0.04


def test_exploration_goes_down_linearly_and_stays(X):
    acting = interaction(X)
    shares = []
    for done in (0, 25, 50, 500):
        acting.n_learned = done
        shares.append(acting.epsilon)
    assert_allclose(shares, [1.0, 0.55, 0.1, 0.1])


def test_the_twin_shares_weights_and_statistics_and_stays_in_evaluation_mode():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    twin = evaluating_twin(module)
    module.train()
    module(torch.randn(20, 3) + 5)
    with torch.no_grad():
        module[0].weight.add_(1.0)
    assert not twin.training
    assert not twin[2].training
    assert torch.equal(twin[0].weight, module[0].weight)
    x = torch.randn(6, 3)
    assert torch.equal(twin(x), module.eval()(x))


# The net ------------------------------------------------------------------------------------


class Weights(Callback):
    """Keep the weights of both networks after each step."""

    def on_train_begin(self, net, **kwargs):
        self.network_, self.target_ = [], []
        self.on_batch_end(net, training=True)

    def on_batch_end(self, net, training, **kwargs):
        for network, kept in (("network", self.network_), ("target", self.target_)):
            weights = getattr(net.module_, network).parameters()
            kept.append(torch.cat([w.detach().flatten().clone() for w in weights]))


def test_the_target_is_the_network_of_the_last_multiple_of_its_steps(X):
    det = DPLAN(**TINY | {"target_update": 25, "callbacks": [Weights()]}).fit(X)
    ((_, watch),) = det.net_.callbacks_
    assert len(watch.target_) == 61
    for step, target in enumerate(watch.target_):
        # The update is made before the step that follows it.
        assert torch.equal(target, watch.network_[max(0, step - 1) // 25 * 25])
    assert not torch.equal(watch.network_[25], watch.network_[0])


def test_an_episode_is_an_epoch_of_so_many_updates_and_the_history_tells_of_it(X):
    det = DPLAN(**TINY).fit(X)
    history = det.history_
    assert det.n_iter_ == len(history["reward"]) == 3
    assert {"train_loss", "reward", "anomalous_share", "exploration"} <= set(history)
    assert (np.abs(history["reward"]) <= 2).all()
    assert_allclose(history["exploration"], 1 - 0.9 * np.array([20, 40, 60]) / 10_000)
    steps = [state["step"].item() for state in det.net_.optimizer_.state.values()]
    assert set(steps) == {60}
    assert not hasattr(det.net_, "interaction_")


def test_steps_of_an_episode_that_was_cut_short_are_those_taken(X):
    det = DPLAN(**TINY | {"max_steps": 5, "warm_start": True}).fit(X).fit(X)
    assert_array_equal(det.history_["steps"], [5, 5])
    assert_allclose(det.history_["exploration"][-1], 1 - 0.9 * 10 / 10_000)


def test_a_training_that_goes_on_updates_the_rewards_once_at_its_start(X, monkeypatch):
    steps = []
    update = Interaction._update_rewards
    monkeypatch.setattr(
        Interaction, "_update_rewards", lambda self: (steps.append(self.n_learned), update(self))
    )
    det = DPLAN(**TINY | {"reward_update": 20})
    det.partial_fit(X).partial_fit(X).partial_fit(X)
    assert steps == [0, 20, 40]


def test_without_a_weight_there_is_no_forest(X, monkeypatch):
    monkeypatch.delattr("skdeepad.reinforcement._environment.IsolationForest")
    y = np.r_[-1, np.zeros(len(X) - 1)]
    assert DPLAN(**TINY, intrinsic_weight=0.0).fit(X, y).history_["reward"].max() <= 1


def test_an_error_of_the_net_is_not_hidden(X):
    with pytest.raises(TypeError, match="foo"):
        DPLAN(**TINY, net_params={"iterator_train__foo": 1}).fit(X)


def test_exploration_goes_on_where_the_last_training_stopped(X):
    det = DPLAN(**TINY)
    parts = [det.partial_fit(X).history_["exploration"][-1] for _ in range(3)]
    assert_allclose(parts, DPLAN(**TINY).fit(X).history_["exploration"])


# The update ---------------------------------------------------------------------------------


def test_rmsprop_has_the_constants_of_deep_q_learning_unless_others_are_given(X):
    def groups(**params):
        groups = DPLAN(**TINY, **params).fit(X).net_.optimizer_.param_groups
        assert len(groups) == 2  # the head, and what comes before it
        return groups

    for group in groups():
        assert (group["alpha"], group["eps"]) == (0.95, 0.01)
    for group in groups(net_params={"optimizer__alpha": 0.5}):
        assert (group["alpha"], group["eps"]) == (0.5, 0.01)
    for group in groups(net_params={"optimizer__eps": 1e-4}):
        assert (group["alpha"], group["eps"]) == (0.95, 1e-4)
    for group in groups(optimizer="adam"):
        assert "alpha" not in group
        assert group["eps"] == 1e-8


def test_trimming_leaves_out_the_largest_losses_but_not_those_of_known_anomalies(X):
    net = DPLAN(**TINY, trim=0.25).fit(X, np.r_[-1, -1, np.zeros(len(X) - 2)]).net_
    net.step_, net.trim_from_ = 1, 0
    states = torch.tensor(X[:10], dtype=torch.float32, requires_grad=True)
    rewards = torch.zeros(10)
    rewards[[1, 4]] = torch.tensor([500.0, -100.0])  # of a known anomaly and of an unlabelled row
    transition = Transition(torch.arange(10) % 2, rewards, states.detach().flip(0))
    batch = Batch(states, torch.tensor([-1, -1] + [0] * 8), transition)
    losses = net._row_losses(batch).detach()
    left_out = 2 + losses[2:].argsort()[-2:]  # of eight that are not known
    assert 4 in left_out
    kept = [i for i in range(10) if i not in left_out]
    loss = net._loss(batch)
    assert_allclose(loss.item(), losses[kept].mean().item(), rtol=1e-5)
    pull = torch.autograd.grad(loss, states)[0].abs().sum(1)
    assert_array_equal(pull == 0, [i not in kept for i in range(10)])
