"""The training loop: steps, schedules, trimming, validation and what is recorded of them."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from skorch.callbacks import Callback, EpochScoring
from torch import nn

from skdeepad import VAE, AutoEncoder
from skdeepad.nn import Stochastic
from skdeepad.training import Batch, HoldOut, TensorData, history_table

from .toys import Mean, Weighted, column, make_net


class Batches(Callback):
    """Listens to batches and so has skorch's own loop run; records what it sees."""

    def __init__(self):
        self.losses, self.rates, self.sizes = [], [], []

    def on_batch_end(self, net, batch, training, loss, **kwargs):
        if training:
            self.losses.append(loss.item())
            self.rates.append(net.optimizer_.param_groups[0]["lr"])
            self.sizes.append(len(batch.x))


def seen_by(detector, X):
    """Fit a detector; what its batches were."""
    detector.set_params(callbacks=[Batches()]).fit(X)
    return detector.net_.callbacks_[-1][1]


# The loop ------------------------------------------------------------------------------------


def test_gradient_descent_takes_the_steps_computed_by_hand():
    net = make_net(lr=0.1, max_epochs=3)
    net.partial_fit(column(1.0, 2.0, 6.0))
    mean, losses = 0.0, []
    for _ in range(3):
        losses.append(np.mean((np.array([1, 2, 6]) - mean) ** 2))
        mean -= 0.1 * -2 * (3 - mean)
    assert_allclose(net.module_.mean.item(), mean, rtol=1e-6)
    assert_allclose(net.history[:, "train_loss"], losses, rtol=1e-6)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("trim", [0.0, 0.2])
def test_skorchs_own_loop_gives_the_same_losses_and_weights(X, early_stopping, trim):
    params = {"max_epochs": 4, "dropout": 0.2, "noise": 0.1, "random_state": 0, "trim": trim}
    lean = AutoEncoder(**params, early_stopping=early_stopping).fit(X)
    own = AutoEncoder(**params, early_stopping=early_stopping, callbacks=[Batches()]).fit(X)
    assert own.net_.callbacks_[0][1].losses
    for name, values in lean.history_.items():
        assert_allclose(own.history_[name], values, rtol=1e-6)
    for pair in zip(lean.net_.module_.parameters(), own.net_.module_.parameters(), strict=True):
        assert torch.equal(*pair)


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows_not_its_batches():
    rows = column(1.0, 1.0, 1.0, 7.0, 7.0)
    net = make_net(batch_size=3, lr=1e-12, max_epochs=1)
    net.partial_fit(rows)
    assert_allclose(net.history[0, "train_loss"], np.mean([1, 1, 1, 49, 49]), rtol=1e-6)


def test_labels_reach_the_loss():
    net = make_net(Weighted(), lr=0.1, max_epochs=200)
    net.partial_fit(column(1.0, 5.0), torch.tensor([3.0, 1.0]))
    assert_allclose(net.module_.mean.item(), 2.0, rtol=1e-4)


def test_the_net_trains_the_module_it_is_given():
    module = Mean()
    assert make_net(module).module_ is module


# Budgets and schedules -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("max_epochs", "max_steps", "steps", "epochs"),
    [(3, None, 30, 3), (3, 30, 30, 3), (3, 31, 30, 3), (3, 24, 24, 3), (100, 11, 11, 2)]
    + [(1, 1, 1, 1)],
)
def test_max_steps_cut_the_last_epoch(X, max_epochs, max_steps, steps, epochs):
    det = AutoEncoder(max_epochs=max_epochs, max_steps=max_steps, batch_size=30, random_state=0)
    assert len(seen_by(det, X).losses) == steps
    assert det.n_iter_ == epochs
    lean = det.set_params(callbacks=None).fit(X)
    assert lean.net_.step_ == steps
    assert lean.n_iter_ == epochs


def test_the_learning_rate_falls_by_ten_at_the_milestones():
    watch = Batches()
    net = make_net(batch_size=2, max_epochs=5, lr=1.0, lr_milestones=(0.3, 0.75), callbacks=[watch])
    net.partial_fit(column(*range(8)))
    # 20 steps, and what is seen is the rate after the step.
    expected = np.repeat([1.0, 0.1, 0.01], [5, 9, 6])
    assert_allclose(net.callbacks_[0][1].rates, expected)


def test_milestones_refer_to_the_steps_within_the_budget():
    net = make_net(
        batch_size=2,
        max_epochs=5,
        max_steps=10,
        lr=1.0,
        lr_milestones=(0.5,),
        callbacks=[Batches()],
    )
    net.partial_fit(column(*range(8)))
    assert_allclose(net.callbacks_[0][1].rates, np.repeat([1.0, 0.1], [4, 6]))


def test_training_that_goes_on_keeps_the_rate_and_does_not_lower_it_again():
    net = make_net(batch_size=2, max_epochs=5, lr=1.0, lr_milestones=(0.5,))
    rows = column(*range(8))
    for _ in range(3):
        net.partial_fit(rows)
        assert_allclose(net.optimizer_.param_groups[0]["lr"], 0.1)


# Trimming ------------------------------------------------------------------------------------


def test_trimming_leaves_out_the_largest_losses_after_a_fifth_of_the_steps():
    rows = np.array([0.0, 1.0, 2.0, 3.0, 100.0])
    net = make_net(trim=0.2, max_epochs=20, lr=0.1)
    net.partial_fit(column(*rows))
    mean, losses = 0.0, []
    for step in range(20):
        kept = rows if step < 4 else rows[np.argsort((rows - mean) ** 2)[:4]]
        losses.append(np.mean((kept - mean) ** 2))
        mean -= 0.1 * 2 * np.mean(mean - kept)
    assert_allclose(net.module_.mean.item(), mean, rtol=1e-5)
    assert_allclose(net.history[:, "train_loss"], losses, rtol=1e-5)


class Shifts(nn.Module):
    """A number of its own for each row, which shows the rows that get a gradient."""

    def __init__(self, n):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(n, 1))

    def loss(self, x):
        index, value = x.long()[:, 0], x[:, 1:]
        return ((value - self.shift[index]) ** 2).sum(1)


def test_trimming_from_the_first_step_is_the_percentile_loss():
    values = np.random.RandomState(0).randn(200)
    rows = torch.tensor(np.c_[np.arange(200), values], dtype=torch.float32)
    net = make_net(Shifts(200), trim=0.05, trim_start=0, lr=0.1, max_epochs=1).partial_fit(rows)
    kept = values**2 <= np.quantile(values**2, 0.95)
    moved = net.module_.shift.detach().numpy()[:, 0]
    assert kept.sum() == 190
    assert (moved[~kept] == 0).all()
    assert_allclose(moved[kept], 0.1 * 2 * values[kept] / 190, rtol=1e-5)


class Near(Mean):
    """The loss of a row is its squared distance to a target of its own, less the mean's."""

    def loss(self, x, target):
        return ((x - self.mean - target) ** 2).sum(1)


def test_targets_of_rows_are_no_labels_and_the_rows_are_trimmed():
    rows, targets = column(1.0, 2.0, 3.0, 4.0, 50.0), column(1.0, 2.0, 0.0, 0.0, 1.0)
    net = make_net(Near(), trim=0.2, trim_start=0, lr=1e-12, max_epochs=1)
    net.partial_fit(rows, target=targets)
    assert_allclose(net.history[0, "train_loss"], (0 + 0 + 9 + 16) / 4, rtol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_trimming_begins_after_the_share_of_steps_it_is_told(share):
    net = make_net(Mean(1.5), trim=0.2, trim_start=share, lr=1e-12, max_epochs=4)
    net.partial_fit(column(0.0, 1.0, 2.0, 3.0, 101.5))
    n_full = int(4 * share)
    expected = [(5 + 100**2) / 5] * n_full + [1.25] * (4 - n_full)
    assert_allclose(net.history[:, "train_loss"], expected, rtol=1e-5)


def test_trimming_starts_at_once_in_a_training_that_goes_on():
    net = make_net(Mean(1.5), trim=0.2, lr=1e-12, max_epochs=5)
    rows = column(0.0, 1.0, 2.0, 3.0, 101.5)
    net.partial_fit(rows).partial_fit(rows)
    trimmed, full = 1.25, (5 + 100**2) / 5
    assert_allclose(net.history[:, "train_loss"], [full, *[trimmed] * 4, *[trimmed] * 5], rtol=1e-5)


def test_the_validation_loss_is_not_trimmed():
    rows = column(*range(19), 1000.0)
    net = make_net(trim=0.5, lr=1e-12, early_stopping=True, validation_fraction=0.5, max_epochs=3)
    net.partial_fit(rows)
    _, valid = net.train_split(net.get_dataset(rows, None))
    assert_allclose(net.history[:, "valid_loss"], (valid.X**2).mean().item(), rtol=1e-5)


@pytest.mark.parametrize("seed", [1, 5])
def test_trimming_keeps_planted_outliers_from_being_learned(seed):
    rng = np.random.RandomState(seed)
    X = rng.randn(400, 1) @ rng.randn(1, 6) + 0.05 * rng.randn(400, 6)
    outliers = 2 * np.array([1.0, -1, 1, -1, 1, -1]) + 0.05 * rng.randn(30, 6)
    errors = {}
    for trim in (0.0, 0.15):
        det = AutoEncoder(
            hidden_layer_sizes=(16, 8, 1),
            max_epochs=300,
            lr=2e-3,
            trim=trim,
            scaler=None,
            random_state=0,
        )
        reconstruction = det.fit(np.r_[X, outliers]).reconstruct(outliers)
        errors[trim] = ((reconstruction - outliers) ** 2).mean()
    assert errors[0.0] < 0.1
    assert errors[0.15] > 1


# Validation ----------------------------------------------------------------------------------


def test_the_noise_of_the_validation_is_the_same_in_each_epoch(X):
    det = VAE(early_stopping=True, lr=1e-12, max_epochs=4, random_state=0).fit(X)
    valid, train = det.history_["valid_loss"], det.history_["train_loss"]
    assert_allclose(valid, valid[0], rtol=1e-6)
    assert len(np.unique(train)) == 4


class Shaken(Mean, Stochastic):
    """Rows to which noise is added."""

    def loss(self, x):
        return super().loss(x + self.randn_like(x))


def test_validation_does_not_change_the_noise_of_the_training():
    rows = torch.arange(40.0)[:, None]
    split = HoldOut(0.1, seed=0)
    params = {"max_epochs": 4, "lr": 1e-3, "batch_size": 10}
    with_validation, without = make_net(Shaken(), **params), make_net(Shaken(), **params)
    with_validation.train_split = split
    with_validation.partial_fit(rows)
    without.partial_fit(split(TensorData(rows))[0].X)
    assert with_validation.history[:, "valid_loss"]
    assert_array_equal(with_validation.history[:, "train_loss"], without.history[:, "train_loss"])


# History -------------------------------------------------------------------------------------


def test_the_history_is_a_table_of_what_each_epoch_has():
    net = make_net(max_epochs=2)
    net.partial_fit(column(1.0, 2.0))
    net.history.record("extra", 5.0)
    net.partial_fit(column(1.0, 2.0))
    table = history_table(net)
    assert set(table) == {"epoch", "train_loss", "extra"}
    assert_array_equal(table["extra"], [np.nan, 5.0, np.nan, np.nan])
    assert_array_equal(table["train_loss"], net.history[:, "train_loss"])


def test_columns_of_callbacks_are_in_the_history(X):
    def spread(net, X, y=None):
        return float(net.apply(net.module_.anomaly_score, X.X).std())

    scoring = EpochScoring(spread, name="spread", on_train=True, use_caching=False)
    det = AutoEncoder(max_epochs=3, callbacks=[scoring], random_state=0).fit(X)
    assert set(det.history_) == {"epoch", "train_loss", "spread"}
    assert np.isfinite(det.history_["spread"]).all()


# Scoring -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 31, 32, 33, 4096, 4097, 9000])
def test_a_function_is_applied_to_every_row_in_evaluation_mode(n):
    net = make_net(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Dropout(0.5)))
    net.module_.train()
    x = torch.randn(n, 3)
    expected = net.module_[0](x).detach().numpy()
    values = net.apply(net.module_, x)
    assert values.dtype == np.float64
    assert_allclose(values, expected, rtol=1e-4, atol=1e-6)


def test_chunks_of_wide_rows_are_small():
    sizes = []
    net = make_net()
    net.apply(lambda x: sizes.append(len(x)) or x.sum(1), torch.zeros(300, 30_000))
    assert sizes == [64, 64, 64, 64, 64]


def test_best_epochs_are_those_below_all_before():
    # The mean is overshot by more in each epoch.
    net = make_net(lr=1.05, max_epochs=4).partial_fit(column(1, 2, 6))
    assert net.history[:, "train_loss_best"] == [True, False, False, False]
    net = make_net(lr=0.1, max_epochs=3).partial_fit(column(1, 2, 6))
    assert net.history[:, "train_loss_best"] == [True, True, True]


@pytest.mark.parametrize("trim", [0.6, 0.9, 0.99])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_at_least_one_row_of_a_batch_is_learned_from(trim, n):
    net = make_net(trim=trim, max_epochs=10).partial_fit(column(*range(n)))
    assert np.isfinite(net.history[:, "train_loss"]).all()


def test_labelled_rows_are_never_trimmed():
    torch.manual_seed(0)
    losses = torch.tensor([1.0, 5.0, 2.0, 9.0, 3.0])
    y = torch.tensor([0, 0, 0, -1, 1])
    net = make_net(trim=0.34)
    net.step_, net.trim_from_ = 0, 0
    assert net._reduce(losses, Batch(losses, y)) == (1 + 2 + 9 + 3) / 4
    assert net._reduce(losses, Batch(losses)) == (1 + 2 + 3) / 3


@pytest.mark.parametrize("listens", [False, True])
def test_long_gradients_are_shortened(listens):
    class Listener(Callback):
        def on_batch_end(self, net, **kwargs):
            pass

    callbacks = [Listener()] if listens else None
    params = {"max_gradient_norm": 0.5}
    net = make_net(Mean(), max_steps=1, max_epochs=1, net_params=params, callbacks=callbacks)
    net.partial_fit(column(3.0, 5.0))  # the gradient is -8
    assert net.module_.mean.item() == pytest.approx(0.1 * 0.5)
