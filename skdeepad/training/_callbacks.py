"""Callbacks of a net in training."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping
from tqdm.auto import tqdm

from .._documentation import missing_dependency


class StopTraining(Exception):
    """Signal to end the training of a net as if its last epoch had been reached."""


class AfterEpoch(Callback):
    """Call a function with the net after each epoch; end the training when it returns True."""

    def __init__(self, function: Callable[[NeuralNet], bool | None]) -> None:
        self.function = function

    def on_epoch_end(self, net, **kwargs) -> None:
        try:
            stop = self.function(net)
        except KeyboardInterrupt:  # from the user, not from a callback that stops training
            net.interrupted_ = True
            raise
        if stop:
            raise StopTraining


class AfterTraining(Callback):
    """Call a function when training ends, before the callbacks of the net itself."""

    def __init__(self, function: Callable[[], None]) -> None:
        self.function = function

    def on_train_end(self, net, **kwargs) -> None:
        self.function()


class StoppingAtBest(EarlyStopping):
    """End training after epochs without improvement, and restore the weights of the best epoch."""

    def __init__(self, patience: int) -> None:
        super().__init__(patience=patience)

    def on_epoch_end(self, net, **kwargs) -> None:
        super().on_epoch_end(net, **kwargs)
        if self.best_epoch_ == net.history[-1, "epoch"]:
            # Copies of the net's own values: its weights may be views of those of many nets.
            weights = net.module_.state_dict()
            self.best_model_weights_ = {name: value.clone() for name, value in weights.items()}

    def on_train_end(self, net, **kwargs) -> None:
        if self.best_model_weights_ and self.best_epoch_ != net.history[-1, "epoch"]:
            net.module_.load_state_dict(self.best_model_weights_)


class KneeStopping(Callback):
    """End training after the knee of its losses.

    Kneedle, with sensitivity 5, finds the knee of the mean of the losses so far, which falls
    steeply and then flattens. Training ends after more than ``factor`` times the epochs up to the
    knee.
    """

    def __init__(self, factor: float = 1.2) -> None:
        self.factor = factor

    def initialize(self) -> "KneeStopping":
        _import_kneed()  # a missing package raises before the first epoch
        return self

    def on_train_begin(self, net, **kwargs) -> None:
        self.begin_ = len(net.history)

    def on_epoch_end(self, net, **kwargs) -> None:
        losses = np.array(net.history[self.begin_ :, "train_loss"])
        epochs = np.arange(1, len(losses) + 1)
        knee = _knee(epochs, np.cumsum(losses) / epochs)
        if knee is not None and len(losses) > self.factor * knee:
            raise StopTraining


def _knee(x: np.ndarray, y: np.ndarray) -> float | None:
    """Return the knee of a falling, convex curve, or None if there is none yet."""
    if not (np.isfinite(y).all() and y[-1] < y[0]):  # it does not fall
        return None
    return _import_kneed().KneeLocator(x, y, S=5, curve="convex", direction="decreasing").knee


def _import_kneed():
    try:
        import kneed
    except ImportError as error:
        raise missing_dependency("early_stopping='knee'", "kneed", extra="knee") from error
    return kneed


class ProgressBar(Callback):
    """Progress bar over the epochs, with the latest losses."""

    def __init__(self, description: str) -> None:
        self.description = description

    def on_train_begin(self, net, **kwargs) -> None:
        self.bar_ = tqdm(desc=self.description, unit="epoch")

    def on_epoch_begin(self, net, **kwargs) -> None:
        self.bar_.total = self.bar_.n + net.epochs_left_

    def on_epoch_end(self, net, **kwargs) -> None:
        epoch = net.history[-1]
        losses = {k: f"{epoch[k]:.4g}" for k in ("train_loss", "valid_loss") if k in epoch}
        self.bar_.set_postfix(losses, refresh=False)
        self.bar_.update()

    def on_train_end(self, net, **kwargs) -> None:
        self.bar_.total = self.bar_.n
        self.bar_.close()
        del self.bar_


@contextmanager
def listening(net: NeuralNet, *callbacks: Callback) -> Iterator[None]:
    """Add ``callbacks`` to ``net``, before its own, and remove them afterwards.

    The objects that they refer to (training data, an estimator) are therefore never pickled with
    the net.
    """
    own = net.callbacks_
    named = [(f"listener{i}", callback.initialize()) for i, callback in enumerate(callbacks)]
    net.callbacks_ = [*named, *own]
    try:
        yield
    finally:
        net.callbacks_ = own
