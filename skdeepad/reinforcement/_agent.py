"""Agent of DPLAN, with its replay memory and training net."""

from collections.abc import Iterator
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..training import Batch, DetectorNet, TensorData
from ._dplan_module import DPLANModule
from ._environment import AnomalyBiasedEnvironment

# Deep Q-learning's decay of the squared gradient, and its constant 0.01, which is added to the root
# here instead of under it.
RMSPROP = {"alpha": 0.95, "eps": 0.01}


class Transition(NamedTuple):
    """Action on a state, its reward and the next state."""

    action: Tensor  #: (batch,)
    reward: Tensor  #: (batch,)
    next_state: Tensor  #: (batch, n_features)


class ReplayMemory:
    """Last transitions (s, a, r, s'), at most ``size``, with states given by their indices."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.n_seen = 0
        self.states = np.zeros((size, 2), dtype=np.int64)
        self.actions = np.zeros(size, dtype=np.int64)
        self.rewards = np.zeros(size, dtype=np.float32)

    def __len__(self) -> int:
        return min(self.n_seen, self.size)

    def store(self, state: int, action: int, reward: float, next_state: int) -> None:
        i = self.n_seen % self.size
        self.states[i] = state, next_state
        self.actions[i] = action
        self.rewards[i] = reward
        self.n_seen += 1

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw states (n, 2), actions and rewards of ``n`` transitions uniformly."""
        rows = rng.integers(len(self), size=n)
        return self.states[rows], self.actions[rows], self.rewards[rows]


class Interaction:
    """Interaction of an agent and its environment, as an iterator over training batches.

    A pass is an episode, and each step yields a batch.

    Parameters
    ----------
    dataset : TensorData
        Table in which labels below 0 mark known anomalies.
    batch_size : int
        Number of transitions in a batch.
    generator : torch.Generator
        Source of all draws.
    device : str
        Device of the batches.
    n_batches : int
        Number of steps in an episode.
    warm_up_steps, exploration, exploration_steps, replay_size, target_update, reward_update
        As in :class:`DPLAN`.
    **environment
        Further parameters of :class:`AnomalyBiasedEnvironment`.
    """

    def __init__(
        self,
        dataset: TensorData,
        batch_size: int,
        generator: torch.Generator,
        device: str,
        *,
        n_batches: int,
        warm_up_steps: int,
        exploration: tuple[float, float],
        exploration_steps: int,
        replay_size: int,
        target_update: int,
        reward_update: int,
        **environment,
    ) -> None:
        self.X, self.y = dataset.X, dataset.y.clamp(max=0)  # keeps only labels of known anomalies
        self.batch_size = batch_size
        self.device = device
        self.n_batches = n_batches
        self.warm_up_steps = warm_up_steps
        self.exploration = exploration
        self.exploration_steps = exploration_steps
        self.memory = ReplayMemory(replay_size)
        self.target_update = target_update
        self.reward_update = reward_update
        seed = torch.randint(2**31 - 1, (), generator=generator, device=generator.device)
        self.rng = np.random.default_rng(int(seed))
        labels = dataset.y.cpu().numpy()
        self.environment = AnomalyBiasedEnvironment(self.X, labels, self.rng, **environment)

    def begin(self, module: DPLANModule, n_learned: int) -> None:
        """Set the module that acts, and the number of steps from which it has learned."""
        self.module = module
        self.actor = evaluating_twin(module.network)
        self.n_learned = n_learned

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[Batch]:
        if not len(self.memory):
            self._warm_up()
        self.n_steps, self.total_reward, self.n_anomalous = 0, 0.0, 0
        state = self.environment.reset()
        for _ in range(self.n_batches):
            if self.n_learned and self.n_learned % self.target_update == 0:
                self.module.update_target()
            if self.n_learned != self.rewarded_at and self.n_learned % self.reward_update == 0:
                self._update_rewards()
            state = self._step(state, self.epsilon)
            self.n_learned += 1
            yield self._batch()

    @property
    def epsilon(self) -> float:
        """Share of random actions, linear from the first to the second value of ``exploration``."""
        first, last = self.exploration
        return first + (last - first) * min(1.0, self.n_learned / self.exploration_steps)

    def summary(self) -> dict[str, float]:
        """Return the statistics of the episode."""
        return {
            "reward": self.total_reward / self.n_steps,
            "anomalous_share": self.n_anomalous / self.n_steps,
            "exploration": self.epsilon,
            "steps": self.n_steps,
        }

    def _warm_up(self) -> None:
        """Fill the memory with random actions, without updates."""
        self._update_rewards()
        self.n_steps, self.total_reward, self.n_anomalous = 0, 0.0, 0
        state = self.environment.reset()
        for _ in range(self.warm_up_steps):
            state = self._step(state, epsilon=1.0)

    def _step(self, state: int, epsilon: float) -> int:
        """Act, store the transition and return the next state."""
        with torch.inference_mode():
            action = self._choose(state, epsilon)
            next_state = self.environment.next_state(state, action, self._features)
        reward = self.environment.reward(state, action)
        self.memory.store(state, action, reward, next_state)
        self.n_steps += 1
        self.total_reward += reward
        self.n_anomalous += action
        return next_state

    def _choose(self, state: int, epsilon: float) -> int:
        if self.rng.random() < epsilon:
            return int(self.rng.integers(2))
        return int(self.actor(self.X[state : state + 1].to(self.device)).argmax())

    def _batch(self) -> Batch:
        """Return a batch of stored states with their labels and, as targets, their transitions."""
        states, actions, rewards = self.memory.draw(self.batch_size, self.rng)
        states = torch.from_numpy(states).to(self.X.device)
        x, label = self.X[states].to(self.device), self.y[states[:, 0]].to(self.device)
        action, reward = (torch.from_numpy(v).to(self.device) for v in (actions, rewards))
        return Batch(x[:, 0], label, Transition(action, reward, x[:, 1]))

    def _features(self, x: Tensor) -> Tensor:
        return self.actor.features(x.to(self.device))  # the table may be too large for the device

    def _update_rewards(self) -> None:
        self.rewarded_at = self.n_learned
        if not self.environment.intrinsic_weight:
            return
        with torch.inference_mode():
            features = [self._features(x).cpu() for x in self.X.split(8192)]
        self.environment.update_intrinsic_reward(torch.cat(features).numpy())


def evaluating_twin(module: nn.Module) -> nn.Module:
    """Return a copy that shares the weights of a module and stays in evaluation mode."""
    shared = [*module.parameters(), *module.buffers()]
    return deepcopy(module, {id(tensor): tensor for tensor in shared}).eval()


class AgentNet(DetectorNet):
    """Net that minimises a DPLAN module's mean loss of transitions while the agent acts.

    An epoch is an episode. The memory is empty at the start of each fit; the weights and the
    schedule of exploration are kept.
    """

    def get_params_for_optimizer(self, prefix, named_parameters):
        args, kwargs = super().get_params_for_optimizer(prefix, named_parameters)
        return args, (RMSPROP if issubclass(self.optimizer, torch.optim.RMSprop) else {}) | kwargs

    def get_iterator(self, dataset, training=False):
        self.interaction_ = super().get_iterator(dataset, training)
        self.interaction_.begin(self.module_, sum(epoch.get("steps", 0) for epoch in self.history))
        return self.interaction_

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        try:
            return super().fit_loop(X, y, epochs, **fit_params)
        finally:
            vars(self).pop("interaction_", None)  # it holds the data

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
        for name, value in self.interaction_.summary().items():
            self.history.record(name, value)

    def _row_losses(self, batch: Batch) -> Tensor:
        return self.module_.loss(batch.x, *batch.target)
