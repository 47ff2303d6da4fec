"""What may listen to a net while it trains."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from skorch import NeuralNet
from skorch.callbacks import Callback
from tqdm.auto import tqdm


class StopTraining(Exception):
    """Raised to end the training of a net as if its last epoch had been reached."""


class AfterEpoch(Callback):
    """Call a function with the net after each epoch; end the training when it returns True."""

    def __init__(self, function: Callable[[NeuralNet], bool | None]) -> None:
        self.function = function

    def on_epoch_end(self, net, **kwargs) -> None:
        try:
            stop = self.function(net)
        except KeyboardInterrupt:  # the user's, not a callback's way to stop
            net.interrupted_ = True
            raise
        if stop:
            raise StopTraining


class KneeStopping(Callback):
    """End a training once the knee of its losses lies behind.

    The knee is Kneedle's, with sensitivity 5, on the mean of the losses so far, which falls
    steeply and then flattens; the training ends when it has gone on for ``factor`` times as many
    epochs as the knee took.
    """

    def __init__(self, factor: float = 1.2) -> None:
        self.factor = factor

    def initialize(self) -> "KneeStopping":
        _import_kneed()  # an error before the first epoch is better than one after it
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
    """The knee of a falling, convex curve, or None where there is none yet."""
    if not (np.isfinite(y).all() and y[-1] < y[0]):  # it does not fall
        return None
    return _import_kneed().KneeLocator(x, y, S=5, curve="convex", direction="decreasing").knee


def _import_kneed():
    try:
        import kneed
    except ImportError as error:
        raise ImportError(
            "early_stopping='knee' needs the package kneed: pip install 'skdeepad[knee]'."
        ) from error
    return kneed


class ProgressBar(Callback):
    """One progress bar over the epochs, with the latest losses behind it."""

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
    """Let ``callbacks`` listen to ``net``, before its own, and forget them afterwards.

    What they refer to (training data, an estimator) so never ends up in a pickle of the net.
    """
    own = net.callbacks_
    named = [(f"listener{i}", callback.initialize()) for i, callback in enumerate(callbacks)]
    net.callbacks_ = [*named, *own]
    try:
        yield
    finally:
        net.callbacks_ = own
