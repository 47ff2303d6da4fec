"""REPEN: random nearest-neighbour distances, who makes a triplet, and what is learned."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.metrics import roc_auc_score
from torch import nn

from skdeepad import REPEN
from skdeepad.base._rows import rows_to_train_on
from skdeepad.training import Batch
from skdeepad.weakly_supervised._repen import (
    REPENModule,
    candidate_outliers,
    draw_subsamples,
    draw_weights,
    lesinn,
)

from ..instances import without_labels
from .protocol import few_labels, published_and_ours

pytestmark = without_labels  # the unsupervised method, too

CANTELLI = 3**0.5


@pytest.fixture(scope="module")
def cluster(X):
    """Rows with a cluster of 30 anomalies behind them, and which they are."""
    anomalies = 4 + np.random.RandomState(5).randn(30, X.shape[1])
    return np.r_[X, anomalies], np.repeat([False, True], [len(X), 30])


# Distances to subsamples ---------------------------------------------------------------------


def test_the_score_is_the_mean_over_subsamples_of_the_distance_to_the_nearest():
    references = torch.tensor([[[0.0, 0.0], [3.0, 0.0]], [[0.0, 4.0], [0.0, -5.0]]])
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0], [1e4, 0.0]])
    expected = [(0 + 4) / 2, (4 + 3) / 2, (9997 + np.hypot(1e4, 4)) / 2]
    assert_allclose(lesinn(x, references), expected, rtol=1e-6)


def test_small_distances_far_from_the_origin_are_exact():
    x = 100 + torch.arange(40)[:, None] / 64
    assert_array_equal(lesinn(x, x[None]), np.zeros(40))
    assert_allclose(lesinn(x[1:], x[None, :1]), np.arange(1, 40) / 64)


def test_subsamples_hold_different_rows_none_of_them_a_known_anomaly():
    y = np.resize([-1, 0, 1], 90)
    rows = draw_subsamples(y, 50, 8, seed=0)
    assert rows.shape == (50, 8)
    assert all(len(set(subsample)) == 8 for subsample in rows)
    assert (y[rows] >= 0).all()
    assert len(np.unique(rows)) > 55
    assert_array_equal(rows, draw_subsamples(y, 50, 8, seed=0))
    assert draw_subsamples(np.zeros(10), 50, 8, seed=0).shape == (50, 5)
    assert draw_subsamples(np.array([-1, 0]), 50, 8, seed=0).tolist() == [[1]] * 50


def test_the_anomaly_score_is_measured_from_the_codes_of_the_subsamples(X):
    det = REPEN(max_epochs=3, n_subsamples=7, subsample_size=5, random_state=0).fit(X)
    codes, rows = det.transform(X), det.net_.module_.subsamples.numpy()
    trained_on = codes[rows_to_train_on(X, None, None)]
    expected = np.mean([cdist(codes, trained_on[subsample]).min(1) for subsample in rows], 0)
    assert_allclose(-det.score_samples(X), expected, rtol=1e-4, atol=1e-3)


def test_codes_are_a_rectified_linear_map_of_the_scaled_rows(X):
    det = REPEN(max_epochs=2, random_state=0).fit(X)
    layer = det.net_.module_.encoder[0][0]
    linear = det.scaler_.transform(X) @ layer.weight.detach().numpy().T
    expected = np.maximum(0, linear + layer.bias.detach().numpy())
    assert_allclose(det.transform(X), expected, rtol=1e-4, atol=1e-4)
    assert list(det.get_feature_names_out())[:2] == ["repen0", "repen1"]


# Triplets ------------------------------------------------------------------------------------


def test_the_loss_is_the_papers_by_hand():
    module = REPENModule(nn.Identity(), n_latent=2, margin=10.0)
    query, positive = [0.0, 0.0], [1.0, 1.0]
    x = torch.tensor([[query, positive, [0.0, 2.0]], [query, positive, [4.0, 0.0]]])
    assert_allclose(module.loss(x), [10 - 4 + 2, 0])


def test_outliers_are_the_rows_above_the_threshold_or_else_the_ten_highest():
    scores = np.r_[np.ones(95), [2, 9, 10, 8, 1.5]]
    above = scores > scores.mean() + CANTELLI * scores.std()
    assert above.sum() == 3
    assert_array_equal(candidate_outliers(scores, np.zeros(100), CANTELLI), above)
    even = np.arange(100.0)
    assert_array_equal(candidate_outliers(even, np.zeros(100), CANTELLI), even >= 90)
    assert candidate_outliers(even[:6], np.zeros(6), CANTELLI).tolist() == [0, 0, 0, 1, 1, 1]
    assert candidate_outliers(even[:2], np.zeros(2), CANTELLI).tolist() == [0, 1]


def test_at_most_a_quarter_of_the_rows_are_above_the_threshold_whatever_their_scores():
    rng = np.random.RandomState(0)
    for draw in (rng.exponential, rng.standard_cauchy, rng.uniform):
        scores = draw(size=1000)
        assert candidate_outliers(scores, np.zeros(1000), CANTELLI).mean() <= 0.25
    two_values = np.repeat([0.0, 1.0], [760, 240])
    assert candidate_outliers(two_values, np.zeros(1000), CANTELLI).sum() == 240


def test_known_rows_are_not_guessed_at():
    scores = np.arange(40.0)
    y = np.r_[np.zeros(30), np.ones(5), -np.ones(5)]
    assert_array_equal(np.flatnonzero(candidate_outliers(scores, y, CANTELLI)), np.arange(20, 30))
    assert not candidate_outliers(scores, np.where(y < 0, -1, 1), CANTELLI).any()
    assert candidate_outliers(scores, np.ones(40), CANTELLI).sum() == 10


@pytest.mark.parametrize("known_share", [0.0, 0.5, 1.0])
def test_the_weights_of_the_three_roles_by_hand(known_share):
    scores = np.array([1.0, 2.0, 3.0, 30.0, 10.0, 40.0, 2.0])
    y = np.array([0, 0, 1, 0, -1, 0, -1])  # rows 3 and 5 are above 15.5
    weights = draw_weights(scores, y, threshold=0.2, known_share=known_share)
    assert_allclose(weights[:, 0], np.array([5, 4, 3, 0, 0, 0, 0]) / 12)
    assert_allclose(weights[:, 1], np.array([1, 1, 1, 0, 0, 0, 0]) / 3)
    guessed, known = np.array([0, 0, 0, 3, 0, 4, 0]) / 7, np.array([0, 0, 0, 0, 1, 0, 1]) / 2
    assert_allclose(weights[:, 2], (1 - known_share) * guessed + known_share * known)


@pytest.mark.parametrize("y", [[0, 0], [1, 1], [-1, 0], [-1, 1], [1, 0], [-1, -1, 0], [0] * 50])
@pytest.mark.parametrize("scores", [np.zeros, np.arange])
def test_every_role_has_rows_however_few_there_are(y, scores):
    weights = draw_weights(scores(len(y)), np.array(y), CANTELLI, known_share=0.5)
    assert_allclose(weights.sum(0), 1)
    assert ((weights[:, 0] > 0) <= (weights[:, 1] > 0)).all()
    assert ((weights[:, 1] == 0) | (weights[:, 2] == 0)).all()
    assert (weights[np.array(y) < 0, :2] == 0).all()


def test_triplets_are_drawn_by_their_weights(X, monkeypatch):
    seen, loss = [], REPENModule.loss

    def watched(self, x):
        seen.append(x)
        return loss(self, x)

    monkeypatch.setattr(REPENModule, "loss", watched)
    y = np.zeros(len(X), dtype=int)
    y[[7, 9]] = -1
    det = REPEN(
        max_epochs=3, steps_per_epoch=5, batch_size=64, known_share=0.5, scaler=None, random_state=0
    ).fit(X, y)
    assert len(seen) == 15
    assert all(x.shape == (64, 3, X.shape[1]) for x in seen)
    known = (torch.cat(seen)[:, :, None] == torch.as_tensor(X[[7, 9]]).float()).all(-1).any(-1)
    assert not known[:, :2].any()
    assert abs(known[:, 2].double().mean() - 0.5) < 0.06
    assert det.n_iter_ == 3


def test_trimming_leaves_out_the_triplets_of_the_largest_loss(X):
    net = REPEN(max_epochs=1, margin=1e4, trim=0.2, random_state=0).fit(X).net_
    net.step_, net.trim_from_ = 1, 0
    x = torch.tensor(X[:30].reshape(10, 3, -1), dtype=torch.float32)
    x[4, 1] = x[4, 0] + 1000  # a query and a positive that are far apart
    batch = Batch(x.requires_grad_())
    losses = net._row_losses(batch).detach()
    left_out = losses.argsort()[-2:]
    assert left_out[-1] == 4
    kept = [i for i in range(10) if i not in left_out]
    loss = net._loss(batch)
    assert_allclose(loss.item(), losses[kept].mean().item(), rtol=1e-5)
    pull = torch.autograd.grad(loss, x)[0].abs().sum((1, 2))
    assert_array_equal(pull == 0, [i not in kept for i in range(10)])


# Labels --------------------------------------------------------------------------------------


def test_without_labels_the_unsupervised_method_finds_outliers_and_a_warning_says_so(cluster):
    X, y = cluster
    with pytest.warns(UserWarning, match="as the unsupervised method does"):
        det = REPEN(random_state=0).fit(X)
    assert roc_auc_score(y, -det.score_samples(X)) > 0.9


def test_one_known_anomaly_finds_the_others_of_its_kind(cluster):
    X, y = cluster
    labels = np.zeros(len(X), dtype=int)
    labels[-1] = -1
    det = REPEN(random_state=0).fit(X, labels)
    assert roc_auc_score(y[:-1], -det.score_samples(X[:-1])) > 0.99


def test_rows_that_are_all_known_to_be_normal_are_learned_from(cluster):
    X, y = cluster
    with pytest.warns(UserWarning, match="no labelled anomaly"):
        det = REPEN(random_state=0).fit(X[~y], np.ones((~y).sum()))
    assert roc_auc_score(y, -det.score_samples(X)) > 0.9


@pytest.mark.parametrize("name", ["thyroid", "vowels", "breastw"])
def test_a_tenth_of_the_anomalies_known_is_better_than_none(name):
    X, labels, X_test, y_test = few_labels(name, 0.1)
    informed, blind = (
        roc_auc_score(y_test, -REPEN(random_state=0).fit(X, y).score_samples(X_test))
        for y in (labels, None)
    )
    assert informed > blind + 0.005


# Published figures ---------------------------------------------------------------------------

#: ADBench's average precision with 1 % and with 10 % of the training anomalies known.
PUBLISHED = {
    "annthyroid": (27.38, 40.81),
    "satellite": (71.23, 78.79),
    "cardio": (54.24, 86.47),
    "thyroid": (79.14, 91.72),
    "mammography": (40.2, 57.08),
    "Waveform": (4.5, 12.78),
    "landsat": (28.74, 33.37),
    "Pima": (50.96, 51.98),
}


@pytest.mark.slow
def test_the_mean_over_sets_is_that_of_adbench_or_better(shared_data):
    published, ours = published_and_ours(REPEN, PUBLISHED)
    assert ours >= published - 2
