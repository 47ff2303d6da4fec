"""The skorch net of methods whose players take turns."""

from torch import Tensor, nn
from torch.optim import Optimizer

from ._net import DetectorNet


class AdversarialNet(DetectorNet):
    """Players that take turns on each batch, each with an optimizer of its own.

    The module's ``players`` names them in the order of their turns, with the parts of the module
    that each one moves: ``{"autoencoder": ("encoder", "decoder"), "discriminator": ...}``. A part
    may belong to several players, and no player moves another's. What a player minimises is the
    module's ``loss_<player>(x)``, of shape (batch,) or (). The first player's is the loss of the
    training: ``train_loss``, validation and ``trim`` refer to it, and ``optimizer_`` is its own.
    The others' losses are ``<player>_loss`` in the history, their optimizers
    ``optimizer_<player>_``. These take the settings of the first one, unless they are given as
    ``optimizer_<player>__lr`` and the like.
    """

    def initialize_optimizer(self) -> "AdversarialNet":
        for i, player in enumerate(self.module_.players):
            prefix = "optimizer" if i == 0 else f"optimizer_{player}"
            _, kwargs = self.get_params_for_optimizer("optimizer", [])
            kwargs |= self.get_params_for(prefix)
            weights = [weight for _, weight in self._weights_of(player)]
            setattr(self, f"{prefix}_", self.optimizer(weights, **kwargs))
        return self

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
        ]

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        self.totals_: dict[str, Tensor | float] = {}
        self.n_rows_ = 0
        super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
        for player, total in self.totals_.items():
            self.history.record(f"{player}_loss", float(total) / self.n_rows_)

    def optimize(self, batch) -> Tensor:
        (main, *others), n_rows = self.module_.players, len(batch[0])
        optimizers = list(self._named_optimizers().values())
        loss = self._turn(main, optimizers[0], batch)
        for player, optimizer in zip(others, optimizers[1:], strict=True):
            total = self._turn(player, optimizer, batch) * n_rows
            self.totals_[player] = self.totals_.get(player, 0.0) + total
        self.n_rows_ += n_rows
        return loss

    def _turn(self, player: str, optimizer: Optimizer, batch) -> Tensor:
        """One step of one player; returns its loss, detached."""
        named = self._weights_of(player)
        optimizer.zero_grad(set_to_none=True)
        loss = self._reduce(self._player_losses(player, batch), batch)
        loss.backward(inputs=[weight for _, weight in named])
        if self._batch_listener():
            self.notify("on_grad_computed", named_parameters=named, batch=batch)
        optimizer.step()
        return loss.detach()

    def _player_losses(self, player: str, batch) -> Tensor:
        x, y = batch
        function = getattr(self.module_, f"loss_{player}")
        return function(x) if y is None else function(x, y)

    def _row_losses(self, batch) -> Tensor:
        return self._player_losses(next(iter(self.module_.players)), batch)
