"""Pre-training of an encoder as part of an autoencoder."""

from torch import nn

from ..training import history_table
from ._parameters import COUNT_OR_ZERO, detector, param


@detector
class PretrainingMixin:
    """Mixin that pre-trains an autoencoder for ``pretrain_epochs`` before the training."""

    pretrain_epochs: int = param(COUNT_OR_ZERO, default=50)

    def _make_autoencoder(self, module: nn.Module, n_features: int) -> nn.Module:
        """Return the autoencoder to pre-train; it shares layers with ``module``."""
        raise NotImplementedError

    def _planned_epochs(self, net, n_samples: int, epochs: int | None) -> int:
        planned = super()._planned_epochs(net, n_samples, epochs)
        if net.history or not self.pretrain_epochs:
            return planned
        return planned + net.planned_epochs(
            n_samples, epochs or self.pretrain_epochs, hold_out=False
        )

    def _pretrain(self, run, net, X) -> None:
        if not self.pretrain_epochs:
            return
        pretrainer = self._make_net(
            self._make_autoencoder,
            net.module_,
            X.shape[1],
            seed=net.seed + 1,  # with the same seed, equal layers would start with equal weights
            max_epochs=self.pretrain_epochs,
            early_stopping=False,
            callbacks=None,
        )
        run(pretrainer, X, stage="pre-training")
        self.pretrain_history_ = history_table(pretrainer)
