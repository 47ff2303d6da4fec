"""Training that goes on, and where it runs."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from skorch.callbacks import LRScheduler
from torch.optim.lr_scheduler import StepLR

from skdeepad import AutoEncoder
from skdeepad.base._resuming import changed_parameters
from skdeepad.training import find_device, to_tensor

from ..instances import small

DETECTORS = ("AutoEncoder", "VAE", "DeepSVDD", "OCNN")
every_detector = pytest.mark.parametrize("name", DETECTORS)


@every_detector
def test_a_warm_start_goes_on_with_the_same_net_and_scaler(name, X):
    det = small(name, warm_start=True, max_epochs=10).fit(X)
    net, scaler, history = det.net_, det.scaler_, det.history_["train_loss"]
    det.fit(X + 1)
    assert det.net_ is net
    assert det.scaler_ is scaler
    assert det.n_iter_ == 20
    assert_array_equal(det.history_["train_loss"][:10], history)


@every_detector
def test_losses_go_on_falling_after_a_warm_start(name, X):
    det = small(name, warm_start=True, max_epochs=30).fit(X).fit(X)
    losses = det.history_["train_loss"]
    assert losses[-5:].mean() < losses[25:30].mean() < losses[:5].mean()


def test_two_trainings_of_ten_epochs_are_one_of_twenty(X):
    params = {"trim": 0.0, "random_state": 0}
    twice = AutoEncoder(warm_start=True, max_epochs=10, **params).fit(X).fit(X)
    once = AutoEncoder(max_epochs=20, **params).fit(X)
    assert_array_equal(twice.history_["train_loss"], once.history_["train_loss"])
    assert_array_equal(twice.score_samples(X), once.score_samples(X))


@every_detector
def test_without_a_warm_start_fit_starts_anew(name, X):
    det = small(name).fit(X)
    net, scores = det.net_, det.score_samples(X)
    det.fit(X)
    assert det.net_ is not net
    assert det.n_iter_ == len(det.history_["train_loss"]) == 3
    assert_array_equal(det.score_samples(X), scores)


@every_detector
def test_partial_fit_runs_one_epoch_and_refers_to_its_rows(name, X):
    det = small(name, contamination=0.2)
    for n_epochs in (1, 2, 3):
        assert det.partial_fit(X[:200]).n_iter_ == n_epochs
    mean = copy.deepcopy(det.scaler_.mean_)
    det.partial_fit(X[200:])
    assert_array_equal(det.scaler_.mean_, mean)
    assert len(det.training_scores_) == 100
    assert_allclose(det.offset_, np.quantile(det.score_samples(X[200:]), 0.2))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is another device than the CPU")
@every_detector
def test_the_automatic_device_is_the_cpu_where_there_is_no_other(name, X):
    assert find_device("auto") == "cpu"
    automatic, cpu = (small(name, device=device).fit(X) for device in ("auto", "cpu"))
    assert automatic.net_.device == "cpu"
    assert_array_equal(automatic.score_samples(X), cpu.score_samples(X))


def test_a_device_without_float64_is_refused(monkeypatch):
    def empty(*size, dtype=torch.float32, **_):
        if dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")

    monkeypatch.setattr(torch, "empty", empty)
    with pytest.raises(ValueError, match=r"device='mps' can't be used here: .* to float64"):
        find_device("mps")


def test_rows_become_a_tensor_on_the_device(X):
    tensor = to_tensor(X, "cpu")
    assert tensor.device.type == "cpu"
    assert tensor.data_ptr() == X.ctypes.data


def test_a_warm_start_takes_a_new_budget_and_learning_rate(X):
    det = AutoEncoder(max_epochs=2, warm_start=True, random_state=0).fit(X)
    det.set_params(max_epochs=5, batch_size=None, lr=1e-12).fit(X)
    assert det.n_iter_ == 7
    weights = [p.clone() for p in det.net_.module_.parameters()]
    det.fit(X)
    for before, after in zip(weights, det.net_.module_.parameters(), strict=True):
        assert_allclose(after.detach(), before.detach(), atol=1e-9)


def test_a_warm_start_warns_of_parameters_that_it_does_not_take_anew(X):
    det = small("OCNN", warm_start=True).fit(X)
    with pytest.warns(UserWarning, match="had when it began: nu, scaler"):
        det.set_params(nu=0.5, scaler="robust", lr=0.1).fit(X)


def test_a_warm_start_takes_a_new_budget_of_net_params_without_a_warning(X):
    before = {"max_epochs": 2, "optimizer__eps": 1e-7}
    det = AutoEncoder(max_epochs=3, warm_start=True, net_params=before).fit(X)
    after = {"max_epochs": 7, "lr": 0.05, "batch_size": 13, "optimizer__eps": 1e-7}
    assert det.set_params(net_params=after).fit(X).n_iter_ == 9
    assert (det.net_.lr, det.net_.batch_size) == (0.05, 13)
    assert not changed_parameters(det, det._made_with)


@pytest.mark.parametrize("after", [None, {"optimizer__eps": 1e-7, "contamination": 0.2}])
def test_a_warm_start_warns_of_other_entries_of_net_params(after, X):
    before = {"max_epochs": 2, "optimizer__eps": 1e-7}
    det = AutoEncoder(max_epochs=3, warm_start=True, net_params=before).fit(X)
    with pytest.warns(UserWarning, match="when it began: net_params"):
        assert det.set_params(net_params=after).fit(X).n_iter_ == 5


def test_a_file_of_an_earlier_version_goes_on(X):
    det = AutoEncoder(max_epochs=1, warm_start=True, random_state=0).fit(X)
    again = copy.deepcopy(det).fit(X)
    det._made_with = {name: text for name, (_, text) in det._made_with.items()}
    opened = pickle.loads(pickle.dumps(det)).fit(X)
    assert_array_equal(opened.score_samples(X), again.score_samples(X))


def test_a_loaded_detector_goes_on_without_a_warning(X):
    schedule = LRScheduler(StepLR, step_size=1)
    det = AutoEncoder(max_epochs=1, callbacks=[schedule], random_state=np.random.RandomState(0))
    twin = pickle.loads(pickle.dumps(det.fit(X)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        twin.partial_fit(X)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@every_detector
def test_cuda_gives_nearly_the_scores_of_the_cpu_and_to_each_row_its_own(name, X):
    on_gpu, on_cpu = (small(name, device=device).fit(X) for device in ("cuda", "cpu"))
    scores = on_gpu.score_samples(X)
    assert next(on_gpu.net_.module_.parameters()).is_cuda
    assert np.corrcoef(scores, on_cpu.score_samples(X))[0, 1] > 0.95
    assert_array_equal([on_gpu.score_samples(row[None])[0] for row in X[:50]], scores[:50])
    assert_allclose(pickle.loads(pickle.dumps(on_gpu)).score_samples(X), scores)
