"""Callbacks: skorch's, progress bars, and those of scikit-learn where it has them."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Checkpoint, EpochScoring, GradientNormClipping, LRScheduler

import skdeepad
from skdeepad import OCNN, VAE, AutoEncoder, DeepSVDD

from ..instances import small, without_labels

pytestmark = [pytest.mark.usefixtures("quick_stages"), without_labels]
every_detector = pytest.mark.parametrize("name", dict(skdeepad.all_detectors()))


def weights(detector):
    return torch.cat([p.detach().flatten() for p in detector.net_.module_.parameters()])


# skorch's ------------------------------------------------------------------------------------


def test_a_learning_rate_schedule_of_skorch_is_followed(X):
    schedule = LRScheduler("StepLR", step_size=2, gamma=0.1)
    det = AutoEncoder(max_epochs=4, lr=1e-2, callbacks=[schedule], random_state=0).fit(X)
    assert_allclose(det.history_["event_lr"], [1e-2, 1e-2, 1e-3, 1e-3])
    assert_allclose(det.net_.optimizer_.param_groups[0]["lr"], 1e-4)
    plain = AutoEncoder(max_epochs=4, lr=1e-2, random_state=0).fit(X)
    same = np.isclose(det.history_["train_loss"], plain.history_["train_loss"])
    assert_array_equal(same, [True, True, False, False])


def test_a_schedule_by_batches_is_followed(X):
    policy = torch.optim.lr_scheduler.OneCycleLR
    schedule = LRScheduler(policy, max_lr=0.1, total_steps=12, step_every="batch")
    det = AutoEncoder(max_epochs=4, batch_size=100, callbacks=[schedule], random_state=0).fit(X)
    rates = [batch["event_lr"] for epoch in det.net_.history for batch in epoch["batches"]]
    assert len(rates) == 12
    assert_allclose(max(rates), 0.1, rtol=0.1)
    assert rates[-1] < 0.01


def test_a_checkpoint_is_written_and_loaded(X, tmp_path):
    checkpoint = Checkpoint(monitor="valid_loss_best", dirname=str(tmp_path), load_best=True)
    params = {"early_stopping": True, "n_iter_no_change": 100, "max_epochs": 6, "random_state": 0}
    det = AutoEncoder(callbacks=[checkpoint], **params).fit(X)
    assert (tmp_path / "params.pt").exists()
    saved = torch.load(tmp_path / "params.pt", weights_only=True)
    for name, value in det.net_.module_.state_dict().items():
        if name.startswith(("encoder", "decoder")):
            assert torch.equal(value, saved[name])


def test_epoch_scoring_sees_the_net_and_the_rows(X):
    seen = []

    def score(net, X, y=None):
        seen.append(len(X))
        return -float(net.apply(net.module_.anomaly_score, X.X).mean())

    train = EpochScoring(score, name="train", on_train=True, use_caching=False)
    valid = EpochScoring(score, name="valid", use_caching=False)
    det = AutoEncoder(
        max_epochs=3, early_stopping=True, callbacks=[train, valid], random_state=0
    ).fit(X)
    assert seen == [270, 30] * 3
    assert (det.history_["train"] < 0).all()
    assert (det.history_["valid"] < 0).all()


def test_gradients_are_clipped(X):
    params = {"max_epochs": 1, "max_steps": 1, "lr": 1.0, "optimizer": "sgd", "random_state": 0}
    start = weights(AutoEncoder(**params | {"lr": 1e-12}).fit(X))
    free = weights(AutoEncoder(**params).fit(X)) - start
    clipping = [GradientNormClipping(0.01)]
    clipped = weights(AutoEncoder(**params, callbacks=clipping).fit(X)) - start
    assert_allclose(clipped.norm().item(), 0.01, rtol=1e-3)
    assert free.norm() > 0.1
    assert torch.cosine_similarity(free, clipped, dim=0) > 0.999


def test_the_users_callbacks_stay_as_they_are(X):
    schedule = LRScheduler("StepLR", step_size=2)
    before = dict(vars(schedule))
    det = AutoEncoder(max_epochs=2, callbacks=[schedule], random_state=0).fit(X)
    assert vars(schedule) == before
    assert det.net_.callbacks_[0][1] is not schedule


# The progress bar ----------------------------------------------------------------------------


def test_a_bar_with_the_losses_is_shown_when_asked_for(X, capfd):
    AutoEncoder(max_epochs=3, verbose=1, early_stopping=True, random_state=0).fit(X)
    out, err = capfd.readouterr()
    assert out == ""
    assert "AutoEncoder: 100%" in err
    assert "3/3" in err
    assert "train_loss=" in err
    assert "valid_loss=" in err


def test_the_bar_ends_full_when_training_ends_early(X, capfd):
    det = AutoEncoder(
        max_epochs=300, verbose=1, early_stopping=True, n_iter_no_change=1, lr=0.3, random_state=0
    ).fit(X)
    assert det.n_iter_ < 300
    last = capfd.readouterr().err.rstrip().splitlines()[-1]
    assert f"{det.n_iter_}/{det.n_iter_}" in last.rpartition("\r")[2]


def test_stages_have_bars_of_their_own(X, capfd):
    DeepSVDD(max_epochs=3, pretrain_epochs=2, verbose=1, random_state=0).fit(X)
    err = capfd.readouterr().err
    assert "DeepSVDD pre-training: 100%" in err
    assert "DeepSVDD: 100%" in err


@every_detector
def test_nothing_is_shown_unless_asked_for(name, X, capfd):
    small(name).fit(X).score_samples(X)
    assert capfd.readouterr() == ("", "")


@every_detector
def test_what_is_shown_changes_no_score(name, X):
    expected = small(name).fit(X).score_samples(X)
    assert_array_equal(small(name, verbose=1).fit(X).score_samples(X), expected)


# scikit-learn's, from 1.9 --------------------------------------------------------------------


@pytest.fixture
def sklearn_callback():
    return pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9")


class StopAfterEpochs:
    """Stops after some epochs, and counts them."""

    def __init__(self, n_epochs):
        self.n_epochs, self.planned, self.begun, self.ended = n_epochs, [], 0, 0

    def setup(self, estimator, context):
        self.planned.append(context.max_subtasks)

    def teardown(self, estimator, context):
        self.torn_down = True

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.begun += context.task_name == "epoch"

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        if context.task_name != "epoch":
            return False
        self.ended += 1
        self.scores = fitted_estimator.score_samples(X)
        return self.ended == self.n_epochs


@pytest.mark.parametrize(
    "detector",
    [AutoEncoder(), VAE(), DeepSVDD(pretrain_epochs=0), OCNN()],
    ids=lambda det: type(det).__name__,
)
def test_a_users_callback_stops_the_training(detector, X, sklearn_callback):
    stop = StopAfterEpochs(4)
    detector.set_params(max_epochs=12, trim=0.0, random_state=0).set_callbacks(stop).fit(X)
    assert stop.planned == [12]
    assert stop.begun == stop.ended == detector.n_iter_ == 4
    assert stop.torn_down
    assert_array_equal(detector.score_samples(X), stop.scores)
    if "lr_milestones" not in detector.get_params():  # these are shares of all epochs
        four = type(detector)(**detector.get_params() | {"max_epochs": 4}).fit(X)
        assert_array_equal(four.score_samples(X), stop.scores)


@every_detector
def test_a_fit_that_resumes_plans_its_own_epochs(name, X, sklearn_callback):
    det = small(name, warm_start=True).set_callbacks(StopAfterEpochs(1000)).fit(X)
    watch, before = StopAfterEpochs(1000), det.n_iter_
    det.set_params(max_epochs=6, max_steps=None).set_callbacks(watch).fit(X)
    assert watch.planned == [watch.ended]
    assert det.n_iter_ > before


def test_planned_epochs_are_those_of_the_budget_and_of_both_stages(X, sklearn_callback):
    for detector, planned in (
        (AutoEncoder(max_epochs=100, max_steps=25, batch_size=30), 3),
        (DeepSVDD(max_epochs=4, pretrain_epochs=3), 7),
        (DeepSVDD(max_epochs=9, pretrain_epochs=9, max_steps=5, batch_size=100), 4),
    ):
        watch = StopAfterEpochs(100)
        detector.set_callbacks(watch).fit(X)
        assert watch.planned == [planned]
        assert watch.ended == planned


@pytest.mark.parametrize(
    ("detector", "n_epochs"),
    [
        (AutoEncoder(max_epochs=5, random_state=0), 5),
        (DeepSVDD(max_epochs=5, pretrain_epochs=3, random_state=0), 8),
    ],
    ids=["AutoEncoder", "DeepSVDD"],
)
def test_scores_are_monitored_in_each_epoch(detector, n_epochs, far_anomalies, sklearn_callback):
    rows, y = far_anomalies
    monitor = sklearn_callback.ScoringMonitor(scoring="roc_auc")
    detector.set_callbacks(monitor).fit(rows, 1 - 2 * y)
    log = monitor.get_logs().data
    epochs = [row["roc_auc"] for row in log if row["task_name"] == "epoch"]
    (whole,) = [row["roc_auc"] for row in log if row["task_name"] == "fit"]
    assert len(epochs) == n_epochs
    assert epochs[-1] == whole == roc_auc_score(1 - 2 * y, detector.decision_function(rows))
    assert len(set(epochs)) > 1


@every_detector
def test_callbacks_that_listen_change_no_score(name, X, sklearn_callback):
    expected = small(name).fit(X, np.ones(len(X)))
    monitor = sklearn_callback.ScoringMonitor(scoring=_mean_score)
    listened = small(name).set_callbacks(StopAfterEpochs(100), monitor).fit(X, np.ones(len(X)))
    assert monitor.get_logs().data
    assert_array_equal(listened.score_samples(X), expected.score_samples(X))
    assert listened.offset_ == expected.offset_
    assert_array_equal(listened.history_["train_loss"], expected.history_["train_loss"])


def _mean_score(estimator, X, y=None):
    return {"mean_score": estimator.score_samples(X).mean()}


def test_callbacks_work_through_a_grid_search_with_workers(far_anomalies, sklearn_callback):
    pytest.importorskip("rich")
    rows, y = far_anomalies
    order = np.random.RandomState(0).permutation(len(rows))
    monitor = sklearn_callback.ScoringMonitor(scoring="roc_auc")
    detector = AutoEncoder(max_epochs=3, random_state=0).set_callbacks(monitor)
    pipeline = make_pipeline(StandardScaler(), detector)
    grid = {"autoencoder__lr": [1e-4, 1e-2]}

    def search(estimator):
        return GridSearchCV(estimator, grid, scoring="roc_auc", cv=2, n_jobs=2)

    bar = sklearn_callback.ProgressBar(max_propagation_depth=None)
    found = search(pipeline).set_callbacks(bar).fit(rows[order], 1 - 2 * y[order])
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    log = monitor.get_logs().data
    assert len([row for row in log if row["task_name"] == "epoch"]) == 3 * (2 * 2 + 1)
    plain = make_pipeline(StandardScaler(), AutoEncoder(max_epochs=3, random_state=0))
    expected = search(plain).fit(rows[order], 1 - 2 * y[order])
    assert_array_equal(
        found.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )


@pytest.mark.parametrize(
    "params",
    [
        {"max_epochs": 50, "max_steps": 40},
        {"early_stopping": True, "max_steps": 40, "n_iter_no_change": 1000},
        {"net_params": {"max_epochs": 7}},
    ],
    ids=["a merged last batch", "rows held out", "epochs of net_params"],
)
@pytest.mark.parametrize("n", [129, 260])
def test_the_epochs_planned_are_the_epochs_run(params, n, sklearn_callback):
    watch = StopAfterEpochs(100)
    X = np.random.RandomState(0).randn(n, 3)
    det = AutoEncoder(random_state=0, **params).set_callbacks(watch).fit(X)
    assert watch.planned == [det.n_iter_]


@pytest.mark.parametrize("name", ["AutoEncoder", "VAE", "DeepSVDD", "OCNN"])
def test_the_epochs_of_a_partial_fit_are_planned_too(name, X, sklearn_callback):
    watch = StopAfterEpochs(100)
    det = small(name).set_callbacks(watch)
    for n_stages in (2 if name == "DeepSVDD" else 1, 1):
        det.partial_fit(X)
        assert watch.planned[-1] == n_stages
