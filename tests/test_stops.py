"""A fit is all or nothing, whatever stops it, and one that was stopped can go on."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import LocalOutlierFactor
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

import skdeepad
from skdeepad import DetectorEnsemble, GroupAnomalyDetector, all_detectors
from skdeepad.training import DetectorNet

from .instances import small

pytestmark = pytest.mark.usefixtures("quick_stages")
every_detector = pytest.mark.parametrize("name", [name for name, _ in all_detectors()])
every_stop = pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, RuntimeError])


class StoppingScaler(StandardScaler):
    """Raises from its second fit on."""

    stop = None

    def fit(self, X, y=None, sample_weight=None):
        if StoppingScaler.stop is not None:
            raise StoppingScaler.stop
        return super().fit(X, y, sample_weight)


@pytest.fixture
def stopping():
    yield StoppingScaler
    StoppingScaler.stop = None


def some_labels(X):
    return np.resize([-1, 1, 0, 0, 0], len(X))


def stop_training(monkeypatch, stop, n_epochs=2):
    """Have a net raise in the epoch after so many."""
    step = DetectorNet._step

    def interrupted(self, batch):
        if len(self.history) > n_epochs:
            raise stop
        return step(self, batch)

    monkeypatch.setattr(DetectorNet, "_step", interrupted)


@every_detector
@every_stop
@pytest.mark.parametrize("warm_start", [False, True])
def test_stopped_before_training_the_old_model_is_whole(
    name, stop, warm_start, stopping, monkeypatch, X
):
    det = small(name, scaler=StoppingScaler()).fit(X, some_labels(X))
    before, offset = det.score_samples(X), det.offset_
    with monkeypatch.context() as patch:
        for place in ("scaler", "module", "rows", "budget"):
            if place == "scaler":
                stopping.stop = stop
            elif place == "module":
                stopping.stop = None
                patch.setattr(type(det), "_make_module", lambda *args: raise_(stop))
            elif place == "rows":
                det.set_params(warm_start=warm_start)
                patch.setattr(type(det), "_check_rows", lambda *args: raise_(stop))
            else:
                patch.undo()
                patch.setattr(type(det), "_planned_epochs", lambda *args: raise_(stop))
            with pytest.raises(stop):
                det.fit(X[:, ::-1] * 3 + 1, some_labels(X))
            assert_array_equal(det.score_samples(X), before)
            assert det.offset_ == offset


def raise_(stop):
    raise stop


@every_detector
@every_stop
def test_stopped_in_training_it_says_so_and_can_go_on(name, stop, monkeypatch, X):
    y = some_labels(X)
    det = small(name, max_epochs=6, warm_start=True)
    with monkeypatch.context() as patch:
        stop_training(patch, stop)
        with pytest.raises(stop):
            det.fit(X, y)
    for ask in (lambda: det.score_samples(X), lambda: det.offset_, lambda: det.predict(X)):
        with pytest.raises(NotFittedError, match="stopped before its end"):
            ask()
    net = det.net_
    assert len(net.history) == 2
    det.fit(X, y)
    assert det.net_ is net
    assert det.n_iter_ == 8 or "tol" in det.get_params()
    assert np.isfinite(det.score_samples(X)).all()
    with monkeypatch.context() as patch:
        stop_training(patch, stop, n_epochs=0)
        with pytest.raises(stop):
            det.partial_fit(X, y)
    n_iter = len(det.net_.history)
    assert det.partial_fit(X, y).n_iter_ == n_iter + 1


class StopInBatch(Callback):
    """skorch's way to stop early, in the midst of an epoch."""

    def on_batch_end(self, net, training, **kwargs):
        if training and len(net.history) == 3:
            raise KeyboardInterrupt


@every_detector
def test_a_training_that_a_callback_has_cut_short_within_an_epoch_goes_on(name, X):
    y = some_labels(X)
    det = small(name, max_epochs=6, warm_start=True, callbacks=[StopInBatch()]).fit(X, y)
    n_iter = det.n_iter_
    assert n_iter == 3
    assert det.fit(X, y).n_iter_ > n_iter
    assert det.partial_fit(X, y).predict(X).shape == (len(X),)


@every_detector
def test_stopped_in_training_a_fit_begins_anew_without_a_warm_start(name, monkeypatch, X):
    y = some_labels(X)
    expected = small(name, max_epochs=4).fit(X, y).score_samples(X)
    det = small(name, max_epochs=4)
    with monkeypatch.context() as patch:
        stop_training(patch, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            det.fit(X, y)
    assert_array_equal(det.fit(X, y).score_samples(X), expected)


@every_stop
@pytest.mark.parametrize("n_epochs", [-1, 1])
@pytest.mark.parametrize(
    "detector",
    [
        DetectorEnsemble(small("AutoEncoder", random_state=None), n_estimators=2, random_state=0),
        DetectorEnsemble([("lof", LocalOutlierFactor(novelty=True)), ("ae", small("AutoEncoder"))]),
        GroupAnomalyDetector(small("VAE", random_state=None), random_state=0),
    ],
    ids=lambda det: type(det).__name__,
)
def test_ensembles_and_groups_are_all_or_nothing(detector, stop, n_epochs, monkeypatch, X):
    detector.fit(X)
    scores, offset = detector.score_samples(X), detector.offset_
    stop_training(monkeypatch, stop, n_epochs)
    with pytest.raises(stop):
        detector.fit(2 * X[:100] + 1)
    assert_array_equal(detector.score_samples(X), scores)
    assert detector.offset_ == offset


@every_stop
def test_a_sampler_of_strong_anomalies_is_all_or_nothing(stop, monkeypatch, X):
    boundary = skdeepad.BDSGM(density="gaussian", generator_steps=20)
    sampler = skdeepad.model_selection.StrongAnomalySampler(boundary, random_state=0).fit(X)
    before = sampler.sample(5, random_state=0)
    stop_training(monkeypatch, stop, n_epochs=0)
    with pytest.raises(stop):
        sampler.fit(X[:100] + 5)
    assert_array_equal(sampler.sample(5, random_state=0), before)
