"""Skorch net of methods whose players take turns."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from inspect import signature
from itertools import chain

import torch
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor, nn
from torch.optim import Optimizer

from ..nn import reset_weights
from ._averages import WeightAverages
from ._data import Batch
from ._net import DetectorNet
from ._random import seeded_weights
from ._warnings import warn

# Two players oscillate with the momentum of Adam's defaults; these are DCGAN's values.
BETAS = (0.5, 0.999)
# Number of rows on which the loss terms and the contest of generator and discriminator are
# evaluated after each epoch, and number of steps after which a contest may cause a warning.
OBSERVED_ROWS, CONTEST_STEPS = 256, 100
# A generator has collapsed if its rows have less than this share of the training rows' standard
# deviation; a discriminator has saturated if it gives them less than this probability.
LEAST_SPREAD, LEAST_PROBABILITY = 0.1, 0.01


class AdversarialNet(DetectorNet):
    """Net of players that take turns on each batch, each with its own optimizer.

    The module's ``players`` names them in the order of their turns, with the parts of the module
    that each one updates: ``{"autoencoder": ("encoder", "decoder"), "discriminator": ...}``. A part
    may belong to several players, and no player updates parts of others. A player minimises the
    module's ``loss_<player>(x)``, of shape (batch,), on which ``trim`` acts, or (). The loss of the
    first player is ``train_loss`` and the loss of validation; its optimizer is ``optimizer_``. The
    losses of the others are ``<player>_loss`` in the history, their optimizers
    ``optimizer_<player>_``. Settings of a player's optimizer are given as
    ``optimizer_<player>__lr`` and the like, those of all as ``optimizer__lr``; Adam's betas are
    (0.5, 0.999) unless they are given.

    A module of a generator and a discriminator may have ``contest(x)``. It returns the values of
    rows, as many generated values, and the discriminator's log odds that the latter are real, or
    None if low odds do no harm. After each epoch the history then has ``spread``, the standard
    deviation of the generated values over that of the rows' values, and ``fooled``, the mean
    probability that generated values are real. If one of them is close to 0, the end of training
    warns.

    A module whose loss is a sum of terms may have ``loss_terms(x)``, which returns their names and
    values, of shape (batch,). After each epoch the history then has the mean of each as
    ``<name>_loss``.

    Parameters
    ----------
    module : nn.Module
        An instance, as above.
    turns : mapping of str to int or None, default=None
        Number of turns of a player in a cycle of as many batches as the largest of these numbers; 1
        for players not named. With ``{"discriminator": 5}``, the others have a turn in every fifth
        batch.
    average_decay : float, default=0.0
        β of the :class:`WeightAverages` of all players' parts, with which rows are scored. With 0,
        rows are scored with the weights themselves.
    reset_below : mapping of str to float or None, default=None
        Losses of a batch below which a player's weights are initialised again.
    **kwargs
        As for :class:`DetectorNet`.
    """

    def __init__(
        self,
        module: nn.Module,
        criterion: type[nn.Module] = nn.Identity,
        *,
        turns: Mapping[str, int] | None = None,
        average_decay: float = 0.0,
        reset_below: Mapping[str, float] | None = None,
        **kwargs,
    ) -> None:
        self.turns = turns
        self.average_decay = average_decay
        self.reset_below = reset_below
        super().__init__(module, criterion, **kwargs)

    # Set-up ----------------------------------------------------------------------------------

    def initialize_optimizer(self) -> "AdversarialNet":
        self._check_turns()
        for i, player in enumerate(self.module_.players):
            prefix = "optimizer" if i == 0 else f"optimizer_{player}"
            kwargs = {"betas": BETAS} if "betas" in signature(self.optimizer).parameters else {}
            kwargs |= self.get_params_for_optimizer("optimizer", [])[1]
            kwargs |= self.get_params_for(f"optimizer_{player}")
            weights = [weight for _, weight in self._weights_of(player)]
            setattr(self, f"{prefix}_", self.optimizer(weights, **kwargs))
        # Settings of the first player may also have its name, which its optimizer does not have.
        self.prefixes_ = list(dict.fromkeys([*self.prefixes_, f"optimizer_{self._main}"]))
        self.averages_ = WeightAverages(self.average_decay) if self.average_decay else None
        self.n_turns_ = 0
        return self

    @property
    def _main(self) -> str:
        return next(iter(self.module_.players))

    def _check_turns(self) -> None:
        unknown = set(self.turns or {}) - set(self.module_.players)
        if unknown:
            raise ValueError(
                f"turns={self.turns!r} must name players, {list(self.module_.players)}; got "
                f"{sorted(unknown)}."
            )

    def _rate_is_given(self, prefix: str) -> bool:
        player = self._main if prefix == "optimizer" else prefix.removeprefix("optimizer_")
        return any("lr" in self.get_params_for(p) for p in ("optimizer", f"optimizer_{player}"))

    def _learned(self) -> dict:
        averages = {} if self.averages_ is None else vars(self.averages_)
        return super()._learned() | {"n_turns": self.n_turns_, "averages": averages}

    def _take_over(self, state: dict) -> None:
        super()._take_over(state)
        self.n_turns_ = state["n_turns"]
        if self.averages_ is not None:
            vars(self.averages_).update(state["averages"])

    def _named_optimizers(self) -> dict[str, Optimizer]:
        _, *others = self.module_.players
        return {"optimizer": self.optimizer_} | {
            f"optimizer_{player}": getattr(self, f"optimizer_{player}_") for player in others
        }

    def _weights_of(self, player: str) -> list[tuple[str, nn.Parameter]]:
        return [
            (f"{part}.{name}", weight)
            for part in self.module_.players[player]
            for name, weight in getattr(self.module_, part).named_parameters()
            if weight.requires_grad
        ]

    # The loop --------------------------------------------------------------------------------

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        super().fit_loop(X, y, epochs, **fit_params)
        if self.history and self.n_turns_ >= CONTEST_STEPS:
            self._warn_of_the_end(self.history[-1])
        return self

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        if not training:
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            return
        iterator = iter(iterator)
        first = next(iterator)
        self.totals_: dict[str, Tensor | float] = {}
        self.n_rows_: dict[str, int] = {}
        with self._without_averages():
            iterator = chain([first], iterator)
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
        for player, total in self.totals_.items():
            self.history.record(f"{player}_loss", float(total) / self.n_rows_[player])
        self._observe(first.x[:OBSERVED_ROWS])

    @contextmanager
    def _without_averages(self) -> Iterator[None]:
        """Swap in the weights for training; everywhere else their averages are in place."""
        if self.averages_ is None:
            yield
            return
        weights = self._averaged()
        self.averages_.swap(weights)
        self._update_averages = partial(self.averages_.update, weights)
        try:
            yield
        finally:
            del self._update_averages
            self.averages_.swap(weights)

    def _averaged(self) -> list[Tensor]:
        """Return the weights of all players and the floating buffers of their layers."""
        parts = dict.fromkeys(part for parts in self.module_.players.values() for part in parts)
        modules = [getattr(self.module_, part) for part in parts]
        weights = [weight.data for module in modules for weight in module.parameters()]
        buffers = [buffer for module in modules for buffer in module.buffers()]
        return weights + [buffer for buffer in buffers if buffer.is_floating_point()]

    def optimize(self, batch: Batch) -> Tensor:
        main, *others = self.module_.players
        optimizers = list(self._named_optimizers().values())
        if self._moves(main):
            loss = self._turn(main, optimizers[0], batch)
        else:
            loss = self.mean_loss(batch)
        for player, optimizer in zip(others, optimizers[1:], strict=True):
            if self._moves(player):
                total = self._turn(player, optimizer, batch) * len(batch.x)
                self.totals_[player] = self.totals_.get(player, 0.0) + total
                self.n_rows_[player] = self.n_rows_.get(player, 0) + len(batch.x)
        self.n_turns_ += 1
        if self.averages_ is not None:
            self._update_averages()
        return loss

    def _moves(self, player: str) -> bool:
        """Return whether a player has a turn on this batch; turns are spread evenly."""
        turns = self.turns or {}
        cycle, own = max([1, *turns.values()]), turns.get(player, 1)
        return (self.n_turns_ + 1) * own // cycle > self.n_turns_ * own // cycle

    def _turn(self, player: str, optimizer: Optimizer, batch: Batch) -> Tensor:
        """Do one step of one player and return its loss, detached."""
        weights = chain.from_iterable(group["params"] for group in optimizer.param_groups)
        weights = [weight for weight in weights if weight.requires_grad]
        optimizer.zero_grad(set_to_none=True)
        loss = self._reduce(self._player_losses(player, batch), batch)
        loss.backward(inputs=weights)
        self._shorten_gradients(weights)
        if self._batch_listener():
            named = self._weights_of(player)
            self.notify("on_grad_computed", named_parameters=named, batch=batch)
        optimizer.step()
        if self.reset_below and loss < self.reset_below.get(player, float("-inf")):
            self._reset(player)
        return loss.detach()

    def _reset(self, player: str) -> None:
        drawn = torch.randint(2**31 - 1, (), generator=self.generator_, device=self.device)
        for part in self.module_.players[player]:
            module = getattr(self.module_, part)
            fresh = deepcopy(module).cpu()  # the same weights on every device
            with seeded_weights(int(drawn)):
                reset_weights(fresh)
            module.load_state_dict(fresh.state_dict())

    def _player_losses(self, player: str, batch: Batch) -> Tensor:
        function = getattr(self.module_, f"loss_{player}")
        return function(batch.x, **batch.loss_arguments())

    def _row_losses(self, batch: Batch) -> Tensor:
        return self._player_losses(self._main, batch)

    # How the game stands ---------------------------------------------------------------------

    def _observe(self, rows: Tensor) -> None:
        """Record loss terms and contest of the module on some rows, always with the same noise."""
        with self._noise_of_every_epoch(), torch.inference_mode():
            if hasattr(self.module_, "loss_terms"):
                for name, losses in self.module_.loss_terms(rows).items():
                    self.history.record(f"{name}_loss", float(losses.mean()))
            if hasattr(self.module_, "contest"):
                values, generated, logits = self.module_.contest(rows)
                variance = values.var(0, correction=0).sum()
                if variance > 0:
                    spread = generated.var(0, correction=0).sum() / variance
                    self.history.record("spread", float(spread.sqrt()))
                if logits is not None:
                    self.history.record("fooled", float(torch.sigmoid(logits).mean()))

    def _warn_of_the_end(self, epoch: Mapping[str, float]) -> None:
        found = []
        if epoch.get("spread", 1) < LEAST_SPREAD:
            found.append(
                f"The generator has collapsed: its rows have {epoch['spread']:.2g} of the standard "
                "deviation of the training rows"
            )
        if epoch.get("fooled", 1) < LEAST_PROBABILITY:
            found.append(
                "The discriminator has saturated: it gives generated rows a mean probability of "
                f"{epoch['fooled']:.2g} to be real"
            )
        for what in found:
            warn(
                f"{what}. Train for fewer steps, with a lower lr, label_smoothing or a "
                "gradient_penalty_weight.",
                ConvergenceWarning,
            )
