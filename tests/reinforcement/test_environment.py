"""Where the environment leads, and what it pays."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import IsolationForest

from skdeepad.reinforcement._environment import ANOMALOUS, NORMAL, AnomalyBiasedEnvironment

N, N_KNOWN = 400, 30


def identity(x):
    return x


def environment(n=N, n_known=N_KNOWN, **params):
    rng = np.random.default_rng(0)
    X = torch.tensor(rng.normal(size=(n, 3)), dtype=torch.float32)
    defaults = {"anomaly_probability": 0.5, "subset_size": 50, "intrinsic_weight": 1.0}
    labels = -(np.arange(n) < n_known).astype(int)
    return AnomalyBiasedEnvironment(X, labels, rng, **defaults | params)


@pytest.mark.parametrize("state", [0, 200])
def test_the_next_unlabelled_state_is_the_nearest_or_farthest_of_the_subset_drawn(state):
    env = environment()
    for _ in range(20):
        subset = env.draw_subset()
        assert subset.shape == (50,)
        assert (subset >= N_KNOWN).all()
        distance = ((env.X[subset] - env.X[state]) ** 2).sum(1).numpy()
        distance_of_others = np.where(subset == state, np.inf, distance)
        nearest = env.neighbour(state, ANOMALOUS, subset, identity)
        farthest = env.neighbour(state, NORMAL, subset, identity)
        assert nearest == subset[distance_of_others.argmin()]
        assert farthest == subset[distance.argmax()]


def test_distances_are_those_of_the_features_given():
    env = environment()
    subset = env.draw_subset()
    one_column = env.neighbour(0, ANOMALOUS, subset, lambda x: x[:, :1])
    assert one_column == subset[(env.X[subset, 0] - env.X[0, 0]).abs().argmin()]
    assert one_column != env.neighbour(0, ANOMALOUS, subset, identity)


def test_a_row_is_not_its_own_nearest_one_unless_there_is_no_other():
    env = environment(n=3, n_known=1)
    assert env.neighbour(1, ANOMALOUS, np.array([1, 2]), identity) == 2
    assert env.neighbour(1, ANOMALOUS, np.array([1]), identity) == 1


def test_the_subset_is_all_unlabelled_rows_where_there_are_few():
    assert_array_equal(environment(n=60, n_known=20).draw_subset(), np.arange(20, 60))


@pytest.mark.parametrize("probability", [0.05, 0.5, 1.0])
def test_the_share_of_known_anomalies_is_p_and_all_of_them_come(probability):
    env = environment(anomaly_probability=probability)
    states = np.array([env.next_state(200, NORMAL, identity) for _ in range(10_000)])
    assert abs(np.mean(states < N_KNOWN) - probability) < 0.02
    counts = np.bincount(states[states < N_KNOWN], minlength=N_KNOWN)
    expected = 10_000 * probability / N_KNOWN
    assert (np.abs(counts - expected) < 5 * expected**0.5).all()


def test_episodes_begin_with_any_row_that_is_no_known_anomaly():
    env = environment(n=40, n_known=10)
    assert {env.reset() for _ in range(2000)} == set(range(10, 40))


@pytest.mark.parametrize(
    ("state", "action", "external"),
    [(0, ANOMALOUS, 1), (0, NORMAL, -1), (200, ANOMALOUS, -1), (200, NORMAL, 0)],
)
def test_rewards_are_the_external_one_and_the_intrinsic_one_of_the_state_itself(
    state, action, external
):
    env = environment(intrinsic_weight=0.5)
    assert env.external_reward(state, action) == external
    env.intrinsic_reward = np.linspace(0, 1, N)
    assert env.reward(state, action) == external + 0.5 * state / (N - 1)


def test_the_intrinsic_reward_is_a_forests_score_from_0_to_1():
    env = environment()
    env.rng = np.random.default_rng(5)
    env.update_intrinsic_reward(env.X.numpy())
    reward = env.intrinsic_reward
    assert (reward.min(), reward.max()) == (0, 1)
    seed = int(np.random.default_rng(5).integers(2**31 - 1))
    scores = -IsolationForest(random_state=seed).fit(env.X).score_samples(env.X)
    assert_allclose(reward, (scores - scores.min()) / np.ptp(scores))


def test_equal_features_have_no_intrinsic_reward():
    env = environment()
    env.update_intrinsic_reward(np.ones((N, 2)))
    assert_array_equal(env.intrinsic_reward, np.zeros(N))


def test_each_kind_of_anomaly_is_drawn_as_often_however_few_rows_have_it():
    labels = np.zeros(200, dtype=int)
    labels[:2], labels[2:32] = -1, -2
    world = AnomalyBiasedEnvironment(
        torch.zeros(200, 2),
        labels,
        np.random.default_rng(0),
        anomaly_probability=1.0,
        subset_size=10,
        intrinsic_weight=0.0,
    )
    drawn = np.array([world.next_state(50, 0, None) for _ in range(2000)])
    assert abs((drawn < 2).mean() - 0.5) < 0.04
    assert set(drawn) == set(range(32))
    assert [world.external_reward(row, 1) for row in (0, 20, 100)] == [1, 1, -1]
