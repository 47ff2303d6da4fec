"""Deep SAD: Deep SVDD without labels, and what labels change."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skdeepad import DeepSAD, DeepSVDD
from skdeepad.metrics import anomaly_roc_auc_scorer
from skdeepad.one_class._deep_sad import DeepSADModule
from skdeepad.training import Batch

from .protocol import labelled_split

SMALL = {"max_epochs": 5, "pretrain_epochs": 3, "random_state": 0}
# The network and the schedule of the paper's experiments on tables.
OF_THE_PAPER = {"hidden_layer_sizes": (32, 16), "n_latent": 4, "max_epochs": 50, "max_steps": None}
OF_THE_PAPER |= {"trim": 0.0}


@pytest.mark.parametrize("y", [None, "zeros"])
def test_without_labels_it_is_deep_svdd_to_the_bit(y, X):
    labels = None if y is None else np.zeros(len(X))
    with pytest.warns(UserWarning, match="none is pushed away from the centre"):
        sad = DeepSAD(**SMALL).fit(X, labels)
    svdd = DeepSVDD(**SMALL, contamination=0.1).fit(X)
    assert_array_equal(sad.score_samples(X), svdd.score_samples(X))
    assert_array_equal(sad.center_, svdd.center_)
    assert_array_equal(sad.history_["train_loss"], svdd.history_["train_loss"])
    assert sad.offset_ == svdd.offset_


def test_the_loss_by_hand():
    module = DeepSADModule(nn.Identity(), n_latent=2, labelled_weight=3.0)
    module.center.copy_(torch.tensor([1.0, 1.0]))
    x = torch.tensor([[1.0, 3.0], [2.0, 1.0], [4.0, 5.0]])  # distances 4, 1, 25
    assert_allclose(module.loss(x, torch.tensor([0, 1, -1])), [4, 3, 3 / 25], rtol=1e-6)
    assert_allclose(module.loss(x), [4, 1, 25])
    at_the_centre = module.loss(module.center[None], torch.tensor([-1]))
    assert_allclose(at_the_centre, [3e6], rtol=1e-6)


@pytest.mark.parametrize(("sign", "grows"), [(-1, True), (1, False)])
def test_a_step_pushes_known_anomalies_away_and_pulls_known_normal_rows_in(sign, grows, X):
    det = DeepSAD(**SMALL, batch_norm=False).fit(X, np.r_[-1, 1, np.zeros(len(X) - 2)])
    x = torch.tensor(det.scaler_.transform(X[50:60]), dtype=torch.float32)
    before = det.net_.apply(det.net_.module_.anomaly_score, x)
    det.net_.module_.train()
    det.net_.optimize(Batch(x, torch.full((10,), sign)))
    after = det.net_.apply(det.net_.module_.anomaly_score, x)
    assert ((after > before) == grows).all()


def test_eta_weighs_labels(X):
    y = np.r_[-np.ones(10), np.zeros(len(X) - 10)]

    def share_of_known(eta):
        scores = (
            -DeepSAD(**SMALL | {"max_epochs": 20}, labelled_weight=eta).fit(X, y).score_samples(X)
        )
        return roc_auc_score(y < 0, scores)

    assert share_of_known(10.0) > share_of_known(0.0) + 0.1


def test_known_anomalies_are_never_trimmed(X):
    y = np.r_[-np.ones(30), np.zeros(len(X) - 30)]
    det = DeepSAD(**SMALL, trim=0.5).fit(X, y)
    net = det.net_
    net.step_, net.trim_from_ = 1, 0
    x = torch.tensor(det.scaler_.transform(X), dtype=torch.float32)
    labels = torch.tensor(y)
    losses = net.module_.loss(x, labels).detach()
    kept = torch.cat([losses[:30], losses[30:].sort().values[:135]])
    assert_allclose(net._loss(Batch(x, labels)).item(), kept.mean().item(), rtol=1e-5)


def test_the_weight_of_labels_is_searched_with_labels_of_both_signs(X, far_anomalies):
    rows, y = far_anomalies
    search = GridSearchCV(
        make_pipeline(StandardScaler(), DeepSAD(**SMALL)),
        {"deepsad__labelled_weight": [0.1, 10.0]},
        scoring=anomaly_roc_auc_scorer,
        cv=StratifiedKFold(2, shuffle=True, random_state=0),
    ).fit(rows, 1 - 2 * y)
    assert search.best_score_ > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_one_percent_of_labels_beats_none_on_thyroid(seed):
    X, y, X_test, y_test = labelled_split("thyroid", seed)
    sad = DeepSAD(random_state=seed, **OF_THE_PAPER).fit(X, y)
    svdd = DeepSVDD(random_state=seed, **OF_THE_PAPER).fit(X[y == 0])
    auc, without = (roc_auc_score(y_test, -det.score_samples(X_test)) for det in (sad, svdd))
    assert auc >= 0.97
    assert auc >= without + 0.02


def test_one_percent_of_labels_on_satellite(shared_data):
    X, y, X_test, y_test = labelled_split("satellite")
    for params in ({}, OF_THE_PAPER):
        det = DeepSAD(random_state=0, **params).fit(X, y)
        assert roc_auc_score(y_test, -det.score_samples(X_test)) >= 0.90
