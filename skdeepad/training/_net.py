"""Skorch net that trains a detector's module."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from math import ceil

import numpy as np
import torch
from skorch.callbacks import Callback, EarlyStopping
from torch import Tensor, nn

from ..nn import link_generator
from ._callbacks import StopTraining
from ._data import Batch, TensorBatches, TensorData, as_tensor, count_batches
from ._guard import with_default_settings
from ._random import seeded_generator
from ._saved_net import SavedNet
from ._scoring import apply_in_chunks


class DetectorNet(SavedNet):
    """Net that minimises the mean of a module's ``loss(x)``, which has one value per row.

    :class:`AdversarialNet` is the net for players that take turns.

    Parameters
    ----------
    module : nn.Module
        An instance with ``loss(x)``, of shape (batch,), or () if the method has no loss per row. It
        also takes ``y`` if the data have labels, and ``target`` if they have targets.
    seed : int
        Seed of shuffles, noise and dropout.
    trim : float
        Share of the rows of a batch with the largest loss that an update leaves out. Rows with a
        label other than 0 are never left out.
    trim_start : float
        Share of the steps before trimming begins.
    max_steps : int or None
        Maximum number of optimizer steps of one fit.
    lr_milestones : sequence of float
        Shares of the steps after which the learning rate is divided by 10.
    steps_per_epoch : int or None
        Steps of an epoch, if batches are drawn. If None, an epoch is one pass over the rows.
    max_gradient_norm : float or None
        Norm to which larger gradients are shortened, those of each player by themselves.
    **kwargs
        As for :class:`skorch.NeuralNet`.
    """

    def __init__(
        self,
        module: nn.Module,
        criterion: type[nn.Module] = nn.Identity,
        *,
        seed: int = 0,
        trim: float = 0.0,
        trim_start: float = 0.2,
        max_steps: int | None = None,
        lr_milestones: Sequence[float] = (),
        steps_per_epoch: int | None = None,
        max_gradient_norm: float | None = None,
        dataset: type = TensorData,
        iterator_train: type = TensorBatches,
        iterator_valid: type = TensorBatches,
        train_split: Callable | None = None,
        verbose: int = 0,
        **kwargs,
    ) -> None:
        self.seed = seed
        self.trim = trim
        self.trim_start = trim_start
        self.max_steps = max_steps
        self.lr_milestones = lr_milestones
        self.steps_per_epoch = steps_per_epoch
        self.max_gradient_norm = max_gradient_norm
        super().__init__(
            module,
            criterion,
            dataset=dataset,
            iterator_train=iterator_train,
            iterator_valid=iterator_valid,
            train_split=train_split,
            verbose=verbose,
            **kwargs,
        )

    @property
    def _default_callbacks(self) -> list:
        return []

    # Set-up ----------------------------------------------------------------------------------

    def initialize(self) -> "DetectorNet":
        super().initialize()
        self.generator_ = seeded_generator(self.seed, self.device)
        link_generator(self.module_, self.generator_)
        return self

    def update_budget(
        self, *, max_epochs: int, max_steps: int | None, batch_size: int | None, lr: float, **_
    ) -> None:
        """Set other limits, another batch size or learning rate before training resumes."""
        self.max_epochs, self.max_steps, self.batch_size = max_epochs, max_steps, batch_size
        if lr != self.lr:
            self.lr = lr
            for prefix, optimizer in self._named_optimizers().items():
                if not self._rate_is_given(prefix):
                    _set_lr(optimizer, lambda group: lr * group.get("lr_factor", 1))

    def _rate_is_given(self, prefix: str) -> bool:
        """Return whether an optimizer has its own learning rate."""
        return "lr" in self.get_params_for(prefix)

    def _named_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimizers by the prefix of their parameters."""
        return {"optimizer": self.optimizer_}

    def forget_best(self) -> None:
        """Restart early stopping at the epoch that ends."""
        for _, callback in self.callbacks_:
            if isinstance(callback, EarlyStopping):
                callback.on_train_begin(self)

    # The loop --------------------------------------------------------------------------------

    def get_iterator(self, dataset, training=False):
        kwargs = {"device": self.device, "batch_size": self.batch_size or len(dataset)}
        if training:
            kwargs["generator"] = self.generator_
            if self.steps_per_epoch is not None:
                kwargs["n_batches"] = self.steps_per_epoch
            return self.iterator_train(dataset, **kwargs | self.get_params_for("iterator_train"))
        return self.iterator_valid(dataset, **kwargs | self.get_params_for("iterator_valid"))

    def n_steps(self, n_batches: int, epochs: int) -> int:
        """Return the number of steps of ``epochs`` epochs, at most ``max_steps``."""
        n_steps = epochs * n_batches
        return n_steps if self.max_steps is None else min(n_steps, self.max_steps)

    def planned_epochs(
        self, n_rows: int, max_epochs: int | None = None, *, hold_out: bool = True
    ) -> int:
        """Return the number of epochs of training on ``n_rows`` rows without early stopping."""
        max_epochs = self.max_epochs if max_epochs is None else max_epochs
        if hold_out and self.train_split and not (self.history and n_rows < self.train_split.least):
            n_rows -= self.train_split.n_valid(n_rows)
        n_batches = self.steps_per_epoch or count_batches(n_rows, self.batch_size or n_rows)
        return ceil(self.n_steps(n_batches, max_epochs) / n_batches)

    def fit_loop(self, X, y=None, epochs=None, **columns):
        """Train for ``epochs``; the last one is cut short if ``max_steps`` is reached.

        ``columns`` are further columns of the data set: ``target``, ``weight``.
        """
        self.check_training_readiness()
        train, valid = self._split(X, y, columns)
        data = {"dataset_train": train, "dataset_valid": valid}
        self.only_row_ = len(train) == 1
        batches = self.get_iterator(train, training=True)
        valid_batches = None if valid is None else self.get_iterator(valid)
        n_steps = self.n_steps(len(batches), self.max_epochs if epochs is None else epochs)
        self.step_, self.trim_from_, self.lr_drops_ = 0, 0, set()
        if not self.history:  # a fit that resumes has no schedules
            self.trim_from_ = int(self.trim_start * n_steps)
            self.lr_drops_ = {ceil(share * n_steps) for share in self.lr_milestones}
        n_complete = len(self.history)
        try:
            while self.step_ < n_steps:
                self.epochs_left_ = ceil((n_steps - self.step_) / len(batches))
                self.notify("on_epoch_begin", **data)
                self.run_single_epoch(
                    islice(batches, n_steps - self.step_), True, "train", self.train_step
                )
                self._validate(valid_batches)
                self.notify("on_epoch_end", **data)
                n_complete += 1
        except StopTraining:
            pass
        except BaseException as stop:
            del self.history[n_complete:]  # an interrupted epoch doesn't count
            if isinstance(stop, KeyboardInterrupt):
                self.interrupted_ = True
            raise
        return self

    def partial_fit(self, X, y=None, classes=None, **fit_params):
        self.interrupted_ = False
        with suppress(StopTraining):  # raised before the first epoch, or after the last
            super().partial_fit(X, y, classes, **fit_params)
        if self.interrupted_:  # skorch suppresses it; scikit-learn's users expect it
            raise KeyboardInterrupt
        return self

    def notify(self, method_name, **cb_kwargs):
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt as stop:  # skorch's callbacks raise it to stop early
            raise StopTraining from stop

    def _split(self, X, y, columns: dict[str, Tensor]):
        dataset = self.get_dataset(X, y)
        vars(dataset).update(columns)
        if not self.train_split:
            return dataset, None
        if self.history and len(dataset) < self.train_split.least:
            return dataset, dataset  # a chunk that is too small to hold out rows
        return self.train_split(dataset)

    def _validate(self, batches) -> None:
        if batches is None:
            return
        with self._noise_of_every_epoch():
            self.run_single_epoch(batches, False, "valid", self.validation_step)

    @contextmanager
    def _noise_of_every_epoch(self) -> Iterator[None]:
        """Evaluate with the same noise after each epoch, without a change of the training noise."""
        state = self.generator_.get_state()
        self.generator_.manual_seed(self.seed)
        self.module_.eval()
        try:
            yield
        finally:
            self.generator_.set_state(state)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run one epoch, with skorch's own loop only if a callback listens to batches."""
        if iterator is None:
            return
        self.module_.train(training)
        if training and self.only_row_:  # without a variance, norms use their running statistics
            for module in self.module_.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        if self._batch_listener():
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            loss = _mean_of_batches(self.history[-1]["batches"], prefix)
        else:
            total, n_rows = self._train_on(iterator) if training else self._evaluate_on(iterator)
            loss = float(total) / n_rows
            # skorch's Checkpoint and other callbacks read these entries.
            self.history.new_batch()
            self.history.record_batch(prefix + "_loss", loss)
            self.history.record_batch(prefix + "_batch_size", n_rows)
        key = prefix + "_loss"
        others = [epoch[key] for epoch in self.history[:-1] if key in epoch]
        self.history.record(key, loss)
        self.history.record(key + "_best", all(loss < other for other in others))

    def _train_on(self, batches: Iterable[Batch]) -> tuple[Tensor | float, int]:
        """Make a step with each batch; return the sum of the losses and the number of rows."""
        return _sum_of_batches(self._step, batches)

    def _evaluate_on(self, batches: Iterable[Batch]) -> tuple[Tensor | float, int]:
        """Return the sum of the losses and the number of rows, without a step."""
        return _sum_of_batches(self.mean_loss, batches)

    def _batch_listener(self) -> bool:
        hooks = ("on_batch_begin", "on_batch_end", "on_grad_computed")
        return any(
            getattr(type(callback), hook) is not getattr(Callback, hook)
            for _, callback in self.callbacks_
            for hook in hooks
        )

    # One step --------------------------------------------------------------------------------

    def optimize(self, batch: Batch) -> Tensor:
        """Update the weights once and return the batch's mean loss, detached."""
        self.optimizer_.zero_grad(set_to_none=True)
        loss = self._backward(batch)
        self.optimizer_.step()
        return loss.detach()

    def _step(self, batch: Batch) -> Tensor:
        loss = self.optimize(batch)
        self._count_step()
        return loss

    def mean_loss(self, batch: Batch) -> Tensor:
        """Return the mean loss of a batch, without trimming and without gradients."""
        with torch.no_grad():
            return self._row_losses(batch).mean()

    def train_step_single(self, batch, **fit_params):
        return {"loss": self._backward(batch), "y_pred": None}

    def train_step(self, batch, **fit_params):
        if type(self).optimize is not DetectorNet.optimize:  # it handles the turns of its players
            return {"loss": self._step(batch), "y_pred": None}
        step = super().train_step(batch, **fit_params)
        self._count_step()
        return step

    def validation_step(self, batch, **fit_params):
        return {"loss": self.mean_loss(batch), "y_pred": None}

    def _row_losses(self, batch: Batch) -> Tensor:
        return self.module_.loss(batch.x, **batch.loss_arguments())

    def _loss(self, batch: Batch) -> Tensor:
        return self._reduce(self._row_losses(batch), batch)

    def _backward(self, batch: Batch) -> Tensor:
        """Compute the gradients of the mean loss of a batch, and return the loss."""
        loss = self._loss(batch)
        loss.backward()
        self._shorten_gradients(self.module_.parameters())
        return loss

    def _shorten_gradients(self, weights: Iterable[nn.Parameter]) -> None:
        if self.max_gradient_norm is not None:
            nn.utils.clip_grad_norm_(weights, self.max_gradient_norm)

    def _reduce(self, losses: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss of a batch without its trimmed rows, which are unlabelled."""
        if not self.trim or not losses.ndim or self.step_ < self.trim_from_:
            return losses.mean()
        y = batch.y
        others = losses if y is None else losses[y == 0]
        n_left_out = min(round(self.trim * len(others)), len(losses) - 1)
        if n_left_out:
            others = others.topk(len(others) - n_left_out, largest=False).values
        return others.mean() if y is None else torch.cat([losses[y != 0], others]).mean()

    def _count_step(self) -> None:
        self.step_ += 1
        if self.step_ in self.lr_drops_:
            for optimizer in self._named_optimizers().values():
                _set_lr(optimizer, lambda group: group["lr"] / 10)

    # Scoring ---------------------------------------------------------------------------------

    @with_default_settings
    def apply(self, function: Callable[[Tensor], Tensor], X: np.ndarray | Tensor) -> np.ndarray:
        """Apply a function of the module to rows, chunk by chunk, in evaluation mode.

        Parameters
        ----------
        function : callable
            Function from (batch, n_features) to (batch, ...) that treats each row independently.
        X : ndarray, Tensor or LazyRows of shape (n_samples, n_features), float32

        Returns
        -------
        ndarray of shape (n_samples, ...), float64
            Values; those of a row are the same to the bit whatever the other rows.
        """
        self.module_.eval()
        n_draws = getattr(self.module_, "n_draws", 1)
        return apply_in_chunks(function, as_tensor(X), self.device, n_draws)


def _set_lr(optimizer: torch.optim.Optimizer, rate_of: Callable[[dict], float]) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate_of(group)


def _sum_of_batches(
    mean_loss: Callable[[Batch], Tensor], batches: Iterable[Batch]
) -> tuple[Tensor | float, int]:
    total: Tensor | float = 0.0
    n_rows = 0
    for batch in batches:
        n_rows += len(batch.x)
        total = total + mean_loss(batch) * len(batch.x)
    return total, n_rows


def _mean_of_batches(batches, prefix: str) -> float:
    rows = [b for b in batches if prefix + "_loss" in b]
    sizes = [b[prefix + "_batch_size"] for b in rows]
    return float(np.average([b[prefix + "_loss"] for b in rows], weights=sizes))
