"""Ways in which a training ends before its time."""

import pickle
import sys

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback

from skdeepad import OCNN, VAE, AutoEncoder, DeepSVDD
from skdeepad.autoencoder._autoencoder_module import AutoEncoderModule
from skdeepad.base._rows import rows_to_train_on
from skdeepad.nn import ConvBackbone, EncoderDecoder, MLPBackbone
from skdeepad.training import AfterEpoch, listening

from .toys import column, make_net


class StopAfter(Callback):
    """skorch's way to stop early."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) >= self.n_epochs:
            raise KeyboardInterrupt


# Early stopping ------------------------------------------------------------------------------


def held_out(net, rows):
    return net.train_split(net.get_dataset(torch.as_tensor(rows, dtype=torch.float32), None))[1]


def test_early_stopping_ends_and_keeps_the_weights_of_the_best_epoch(X):
    det = AutoEncoder(
        early_stopping=True,
        n_iter_no_change=3,
        max_epochs=400,
        lr=0.05,
        scaler=None,
        random_state=0,
    ).fit(X)
    losses = det.history_["valid_loss"]
    best = losses.argmin()
    assert det.n_iter_ < 400
    assert 0 < best < len(losses) - 1
    assert len(losses) - 1 - best <= 3
    loss = det.net_.mean_loss(held_out(det.net_, X[rows_to_train_on(X, None, None)])[:]).item()
    assert_allclose(loss, losses[best], rtol=1e-5)
    assert abs(loss - losses[-1]) > 1e-3 * loss


def test_the_rows_held_out_are_not_trained_on():
    net = make_net(early_stopping=True, validation_fraction=0.5, max_epochs=300, lr=0.05)
    rows = column(*range(10))
    net.partial_fit(rows)
    train, valid = net.train_split(net.get_dataset(rows, None))
    assert train.X.mean() != valid.X.mean()
    best = int(np.argmin(net.history[:, "valid_loss"]))
    path = train.X.mean().item() * (1 - 0.9 ** np.arange(len(net.history) + 1))
    assert_allclose(net.module_.mean.item(), path[best + 1], rtol=1e-4)


# Knee stopping -------------------------------------------------------------------------------


def epochs_until_the_knee(losses):
    """Number of epochs of a training with these losses, by the definition."""
    for n in range(3, len(losses) + 1):
        epochs = np.arange(1, n + 1)
        mean = np.cumsum(losses[:n]) / epochs
        # The distance of the falling curve from the diagonal, both scaled to [0, 1].
        x, y = (epochs - 1) / (n - 1), (mean - mean.min()) / np.ptp(mean)
        distance = 1 - y - x
        knee = distance.argmax()
        confirmed = (distance[knee:] < distance[knee] - 5 / (n - 1)).any()
        if confirmed and n > 1.2 * (knee + 1):
            return n
    return len(losses)


@pytest.mark.parametrize("rate", [0.8, 0.9, 0.97])
def test_the_knee_of_a_known_curve_ends_the_training_where_it_should(rate):
    pytest.importorskip("kneed")
    # Gradient descent on (mean − 3)² has the losses 9 · rate²ⁿ.
    net = make_net(early_stopping="knee", lr=(1 - rate) / 2, max_epochs=500)
    net.partial_fit(column(3.0))
    expected = epochs_until_the_knee(9 * rate ** (2 * np.arange(500)))
    assert 5 < expected < 200
    assert len(net.history) == expected
    assert "valid_loss" not in net.history[-1]


@pytest.mark.parametrize("losses", ["constant", "rising", "not finite"])
def test_a_curve_without_a_knee_takes_all_its_epochs(losses):
    pytest.importorskip("kneed")
    lr = {"constant": 1e-12, "rising": 1.1, "not finite": 1e30}[losses]
    net = make_net(early_stopping="knee", lr=lr, max_epochs=30)
    assert len(net.partial_fit(column(3.0)).history) == 30


def test_a_training_that_goes_on_has_a_knee_of_its_own(X):
    pytest.importorskip("kneed")
    det = AutoEncoder(early_stopping="knee", warm_start=True, random_state=0).fit(X)
    first = det.n_iter_
    assert first < det.net_.planned_epochs(len(X))
    assert det.fit(X).n_iter_ >= first + 5
    assert det.partial_fit(X).score_samples(X).shape == (len(X),)


def test_knee_stopping_without_its_package_names_what_to_install(X, monkeypatch):
    det = AutoEncoder(max_epochs=2, random_state=0).fit(X)
    scores = det.score_samples(X)
    monkeypatch.setitem(sys.modules, "kneed", None)
    with pytest.raises(
        ImportError, match=r"early_stopping='knee' .* pip install 'skdeepad\[knee\]'"
    ):
        det.set_params(early_stopping="knee").fit(X)
    assert_array_equal(det.score_samples(X), scores)


# Ctrl-C --------------------------------------------------------------------------------------


def interrupt(monkeypatch, cls, after):
    """Have the loss of a module raise as if Ctrl-C were pressed, after some batches."""
    loss, calls = cls.loss, []

    def interrupted(self, x):
        calls.append(1)
        if len(calls) > after:
            raise KeyboardInterrupt
        return loss(self, x)

    monkeypatch.setattr(cls, "loss", interrupted)


@pytest.mark.parametrize("fitted_before", [False, True])
def test_ctrl_c_leaves_fit_and_the_detector_unfitted(X, monkeypatch, fitted_before):
    det = AutoEncoder(max_epochs=5, random_state=0)
    if fitted_before:
        det.fit(X)
    interrupt(monkeypatch, AutoEncoderModule, after=7)
    with pytest.raises(KeyboardInterrupt):
        det.fit(X)
    with pytest.raises(NotFittedError):
        det.score_samples(X)
    monkeypatch.undo()
    expected = AutoEncoder(max_epochs=5, random_state=0).fit(X).score_samples(X)
    assert_array_equal(det.fit(X).score_samples(X), expected)


def test_ctrl_c_in_pre_training_ends_the_whole_fit(X, monkeypatch):
    interrupt(monkeypatch, EncoderDecoder, after=4)
    det = DeepSVDD(max_epochs=5, pretrain_epochs=5, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        det.fit(X)
    with pytest.raises(NotFittedError):
        det.score_samples(X)


# Stops by callbacks --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "detector",
    [AutoEncoder(), VAE(), DeepSVDD(pretrain_epochs=2), OCNN()],
    ids=lambda det: type(det).__name__,
)
def test_a_stop_by_a_callback_is_a_normal_end_of_training(detector, X):
    detector.set_params(max_epochs=20, random_state=0, callbacks=[StopAfter(4)]).fit(X)
    assert detector.n_iter_ == 4
    assert detector.predict(X).shape == (len(X),)
    assert len(detector.training_scores_) == len(X)


def test_what_ends_a_training_does_not_end_the_next(X):
    det = AutoEncoder(max_epochs=20, random_state=0, callbacks=[StopAfter(4)]).fit(X)
    assert det.partial_fit(X).n_iter_ == 5


def test_a_function_after_each_epoch_ends_the_training_by_returning_true():
    net = make_net(max_epochs=20)
    with listening(net, AfterEpoch(lambda net: len(net.history) == 3)):
        net.partial_fit(column(1.0, 2.0))
    assert len(net.history) == 3


# Listeners -----------------------------------------------------------------------------------


def test_listeners_are_heard_before_the_nets_own_callbacks_and_forgotten_after():
    heard = []

    class Own(Callback):
        def on_epoch_end(self, net, **kwargs):
            heard.append("own")

    net = make_net(max_epochs=2)
    own = net.callbacks_ = [("own", Own())]
    with listening(net, AfterEpoch(lambda net: heard.append("first"))):
        net.partial_fit(column(1.0, 2.0))
    assert heard == ["first", "own"] * 2
    assert net.callbacks_ is own
    net.partial_fit(column(1.0, 2.0))
    assert heard == ["first", "own"] * 2 + ["own"] * 2


def test_listeners_are_forgotten_after_an_error_too():
    def fail(net):
        raise RuntimeError("no disk left")

    net = make_net(max_epochs=2)
    with pytest.raises(RuntimeError, match="no disk left"), listening(net, AfterEpoch(fail)):
        net.partial_fit(column(1.0, 2.0))
    assert net.callbacks_ == []
    pickle.dumps(net)


def test_an_interrupt_between_epochs_ends_the_fit(monkeypatch):
    def interrupt(self, history):
        raise KeyboardInterrupt

    monkeypatch.setattr(OCNN, "_has_converged", interrupt)
    X = np.random.RandomState(0).randn(50, 3)
    with pytest.raises(KeyboardInterrupt):
        OCNN().fit(X)


@pytest.mark.parametrize("hook", ["on_train_begin", "on_train_end"])
def test_a_callback_may_stop_before_the_first_epoch_and_after_the_last(hook):
    def stop(self, net, **kwargs):
        raise KeyboardInterrupt

    X = np.random.RandomState(0).randn(50, 3)
    det = AutoEncoder(max_epochs=2, callbacks=[type("Stop", (Callback,), {hook: stop})()]).fit(X)
    assert det.n_iter_ == (0 if hook == "on_train_begin" else 2)


def test_an_interrupted_warm_start_has_no_threshold_and_goes_on(monkeypatch):
    X = np.random.RandomState(0).randn(50, 3)
    det = AutoEncoder(max_epochs=2, warm_start=True, random_state=0).fit(X)

    class Interrupt(Callback):
        def on_batch_end(self, net, **kwargs):
            net.interrupted_ = True
            raise KeyboardInterrupt

    net = det.net_
    net.callbacks_.append(("interrupt", Interrupt()))
    with pytest.raises(KeyboardInterrupt):
        det.fit(X)
    with pytest.raises(NotFittedError):
        det.predict(X)
    net.callbacks_.pop()
    assert det.fit(X).net_ is net
    assert np.isfinite(det.score_samples(X)).all()


def test_early_stopping_needs_rows_to_hold_out():
    with pytest.raises(ValueError, match="early_stopping=True needs at least 3 rows, got 2"):
        AutoEncoder(early_stopping=True).fit(np.eye(2))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"optimizer": int}, r"optimizer=<class 'int'> must be one of"),
        ({"optimizer": torch.optim.LBFGS}, "whose step needs no closure"),
        ({"optimizer": torch.optim.Rprop, "weight_decay": 0.1}, "Rprop has no weight decay"),
        ({"callbacks": ["x"]}, r"callbacks=\['x'\] must be instances"),
        ({"batch_size": 1}, "batch_size=1 needs batch_norm=False"),
        ({"hidden_layer_sizes": (0,)}, r"hidden_layer_sizes=\(0,\) must be positive"),
        ({"device": "cuda:99"}, r"device='cuda:99' can't be used here"),
        ({"lr_milestones": (2,)}, r"lr_milestones=\(2,\) must be shares"),
        ({"hidden_layer_sizes": (8.5,)}, r"hidden_layer_sizes=\(8.5,\) must be positive"),
        ({"backbone": MLPBackbone(activation="foo")}, "activation='foo' must be one of"),
        (
            {"backbone": ConvBackbone((1, 2, 2), (4,), 4)},
            "kernel_size=4 must be an odd positive integer",
        ),
        ({"backbone": ConvBackbone((1, 2, 2), ())}, r"channels=\(\) must have at least one"),
    ],
)
def test_what_the_net_can_not_take_is_named_with_its_value(params, message):
    with pytest.raises(ValueError, match=message):
        DeepSVDD(**params).fit(np.random.RandomState(0).randn(20, 4))
