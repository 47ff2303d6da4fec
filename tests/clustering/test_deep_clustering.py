"""Deep clustering: its distributions and losses, its stages, its clusters, and what it finds."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.utils import get_tags
from skorch.callbacks import Callback
from torch import nn

from skdeepad import DeepClustering
from skdeepad.clustering._deep_clustering_module import (
    HardeningModule,
    KMeansModule,
    target_distribution,
)
from skdeepad.clustering._k_means import START_ROWS, best_centers, moved_centers
from skdeepad.datasets import fetch_adbench
from skdeepad.nn import ConvBackbone

SMALL = {"n_clusters": 3, "pretrain_epochs": 10, "max_epochs": 20, "random_state": 0}


PLANE = np.array([[1.0, 0, 1, 0, 1], [0, 1, 0, 1, -1]])


def blobs(n=240, seed=0):
    """Rows of three clusters on a plane in five dimensions, and which."""
    rng = np.random.RandomState(seed)
    clusters = np.arange(n) % 3
    corners = np.array([[6.0, 0], [-3, 5], [-3, -5]])
    return (corners[clusters] + rng.randn(n, 2)) @ PLANE + 0.1 * rng.randn(n, 5), clusters


def make_module(cls, centers, **params):
    """A module whose codes are its rows, and whose reconstructions are 0."""
    zero = nn.Linear(len(centers[0]), len(centers[0]), bias=False)
    nn.init.zeros_(zero.weight)
    module = cls(nn.Identity(), zero, n_latent=len(centers[0]), n_clusters=len(centers), **params)
    with torch.no_grad():
        module.centers.copy_(torch.tensor(centers))
    return module


# Distributions -------------------------------------------------------------------------------

# 1 / (1 + d²) of three rows: (1, 1/2), (1/5, 1/10), (1/2, 1).
ROWS = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
CENTERS = [[0.0, 0.0], [0.0, 1.0]]
Q = np.array([[2 / 3, 1 / 3], [6 / 11, 5 / 11], [1 / 3, 2 / 3]])


def q_by_hand(dof=1.0):
    squares = ((ROWS.numpy()[:, None] - np.array(CENTERS)) ** 2).sum(2)
    kernel = (1 + squares / dof) ** (-(dof + 1) / 2)
    return kernel / kernel.sum(1, keepdims=True)


def test_assignments_are_students_t_by_hand():
    assert_allclose(make_module(HardeningModule, CENTERS).assign(ROWS).detach(), Q, atol=1e-6)
    for dof in (0.5, 1.0, 7.0):
        q = make_module(HardeningModule, CENTERS, degrees_of_freedom=dof).assign(ROWS).detach()
        assert_allclose(q, q_by_hand(dof), atol=1e-6)
        assert_allclose(q.sum(1), 1, atol=1e-12)


def test_targets_are_squares_by_frequency_by_hand():
    p = target_distribution(torch.tensor(Q)).numpy()
    f = Q.sum(0)
    first = (4 / 9 / f[0]) / (4 / 9 / f[0] + 1 / 9 / f[1])
    assert_allclose(p[0], [first, 1 - first], atol=1e-6)
    expected = Q**2 / f / (Q**2 / f).sum(1, keepdims=True)
    assert_allclose(p, expected, atol=1e-6)
    assert_allclose(p.sum(1), 1, atol=1e-12)


def test_targets_are_harder_than_assignments_and_large_clusters_are_held_back():
    q = torch.tensor(np.random.RandomState(0).dirichlet([1.0, 1.0, 1.0], size=200))
    assert target_distribution(q).max(1).values.mean() > q.max(1).values.mean() + 0.05
    skewed = torch.tensor([[0.9, 0.1]] * 9 + [[0.5, 0.5]], dtype=torch.float64)
    assert target_distribution(skewed)[-1, 1] > 0.8


def test_targets_have_no_gradient_and_empty_clusters_do_no_harm():
    q = torch.tensor([[1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    p = target_distribution(q)
    assert not p.requires_grad
    assert_array_equal(p.numpy(), [[1, 0], [1, 0]])


# Losses --------------------------------------------------------------------------------------


def test_hardening_is_the_divergence_of_each_row_by_hand():
    module = make_module(HardeningModule, CENTERS)
    p = target_distribution(torch.tensor(Q)).float()
    expected = (p.numpy() * np.log(p.numpy() / Q)).sum(1)
    assert_allclose(module.cluster_loss(ROWS, p).detach(), expected, atol=1e-6)
    assert (expected > 0).all()
    assert_allclose(module.cluster_loss(ROWS, torch.tensor(Q).float()).detach(), 0, atol=1e-6)


def test_hardening_is_finite_far_from_all_centres_and_for_certain_targets():
    module = make_module(HardeningModule, CENTERS, degrees_of_freedom=50.0)
    x = torch.tensor([[1e4, 0.0], [0.0, 0.0]], requires_grad=True)
    loss = module.cluster_loss(x, torch.tensor([[0.0, 1.0], [1.0, 0.0]])).sum()
    (gradient,) = torch.autograd.grad(loss, x)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()


def test_the_k_means_loss_is_the_squared_distance_to_the_nearest_centre():
    module = make_module(KMeansModule, CENTERS)
    target = module.targets(module.assign(ROWS))
    assert_array_equal(target, [[1, 0], [1, 0], [0, 1]])
    assert_allclose(module.cluster_loss(ROWS, target), [0, 4, 0], atol=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_loss_is_the_convex_combination_of_both_parts(alpha):
    module = make_module(KMeansModule, CENTERS)
    module.cluster_weight.fill_(alpha)
    target = module.targets(module.assign(ROWS))
    expected = alpha * np.array([0, 4, 0]) + (1 - alpha) * np.array([0, 2, 0.5])
    assert_allclose(module.loss(ROWS, target).detach(), expected, atol=1e-6)


def test_gradients_move_the_centres_under_hardening_and_not_under_k_means():
    p = torch.tensor([[1.0, 0.0]] * 3)
    hardening, k_means = (make_module(cls, CENTERS) for cls in (HardeningModule, KMeansModule))
    hardening.cluster_weight.fill_(1.0)
    hardening.loss(ROWS, p).sum().backward()
    assert hardening.centers.grad.abs().min(1).values.max() > 0
    assert "centers" not in dict(k_means.named_parameters())
    assert "centers" in k_means.state_dict()


# Training ------------------------------------------------------------------------------------


class Watch(Callback):
    """Keep the first clusters, and α and the centres at the beginning of each epoch."""

    def on_train_begin(self, net, X, **kwargs):
        self.alphas_, self.centers_ = [], []
        self.labels_ = net.apply(net.module_.nearest, X)

    def on_epoch_begin(self, net, **kwargs):
        self.alphas_.append(net.module_.cluster_weight.item())
        self.centers_.append(net.module_.centers.detach().clone().numpy())


def watched(detector, X):
    ((_, watch),) = detector.set_params(callbacks=[Watch()]).fit(X).net_.callbacks_
    return watch


def test_the_weight_of_the_clusters_rises_from_zero_and_stays():
    X, _ = blobs()
    det = DeepClustering(**SMALL, ramp_epochs=5, cluster_weight=0.4, tol=0)
    expected = [0, 0.08, 0.16, 0.24, 0.32, *[0.4] * 15]
    assert_allclose(watched(det, X).alphas_, expected, rtol=1e-6)
    det.set_params(ramp_epochs=0)
    assert_allclose(watched(det, X).alphas_, 0.4, rtol=1e-6)


def test_the_ramp_takes_half_of_the_epochs_at_most():
    X, _ = blobs()
    det = DeepClustering(**SMALL | {"max_steps": 8}, cluster_weight=0.4, tol=0)  # 4 epochs
    assert_allclose(watched(det, X).alphas_, [0, 0.2, 0.4, 0.4], rtol=1e-6)


def test_training_in_parts_raises_the_weight_as_training_at_once():
    X, _ = blobs()
    det = DeepClustering(**SMALL, ramp_epochs=4, cluster_weight=0.4, callbacks=[Watch()])
    alphas = []
    for _ in range(6):
        ((_, watch),) = det.partial_fit(X).net_.callbacks_
        alphas += watch.alphas_
    assert_allclose(alphas, [0, 0.1, 0.2, 0.3, 0.4, 0.4], rtol=1e-6)


@pytest.mark.parametrize("loss", ["kl", "k-means"])
def test_centres_begin_where_k_means_puts_them_and_move(loss):
    X, _ = blobs()
    det = DeepClustering(**SMALL, cluster_loss=loss, tol=0, cluster_weight=0.5, n_init=3)
    first, *_, last = watched(det, X).centers_
    pretrained = DeepClustering(**SMALL | {"max_epochs": 1, "lr": 1e-3}, n_init=3)
    ((_, watch),) = pretrained.set_params(callbacks=[Watch()]).fit(X).net_.callbacks_
    assert_allclose(first, watch.centers_[0], rtol=1e-5)
    assert np.abs(last - first).max() > 1e-2


def test_under_k_means_each_epoch_begins_with_the_centres_of_its_codes():
    X, _ = blobs()
    params = SMALL | {"cluster_loss": "k-means", "ramp_epochs": 2, "tol": 0, "trim": 0.0}
    centers = watched(DeepClustering(**params | {"max_epochs": 8}), X).centers_
    stopped = DeepClustering(**params | {"max_epochs": 7}).fit(X)
    assert_allclose(centers[7], stopped.cluster_centers_, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", ["kl", "k-means"])
def test_centres_are_those_of_k_means_of_the_final_codes(loss):
    X, _ = blobs()
    det = DeepClustering(**SMALL, cluster_loss=loss).fit(X)
    codes = det.transform(X)
    again = KMeans(3, init=det.cluster_centers_, n_init=1, tol=0).fit(codes)
    assert_allclose(det.cluster_centers_, again.cluster_centers_, rtol=1e-5, atol=1e-5)
    assert_array_equal(det.labels_, again.labels_)
    means = [codes[det.labels_ == k].mean(0) for k in range(3)]
    assert_allclose(det.cluster_centers_, means, rtol=1e-4, atol=1e-5)


class WatchTargets(Callback):
    """Keep the clusters before each epoch, and what every row is drawn to in it."""

    def on_train_begin(self, net, **kwargs):
        self.assignments_, self.targets_ = [], []

    def on_epoch_begin(self, net, dataset_train, **kwargs):
        self.X_ = dataset_train.X
        self.assignments_.append(net.apply(net.module_.assign, self.X_))
        self.targets_.append(np.full_like(self.assignments_[-1], np.nan))

    def on_batch_begin(self, net, batch, training, **kwargs):
        for x, target in zip(batch.x, batch.target, strict=True):
            self.targets_[-1][(x == self.X_).all(1)] = target


def sharpened(q):
    weights = q**2 / q.sum(0)
    return weights / weights.sum(1, keepdims=True)


def one_hot(q):
    return np.eye(q.shape[1])[q.argmax(1)]


@pytest.mark.parametrize(("loss", "targets_of"), [("kl", sharpened), ("k-means", one_hot)])
def test_each_epoch_draws_rows_to_targets_of_their_clusters_before_it(loss, targets_of):
    X = np.random.RandomState(0).randn(240, 5)  # without clusters, rows change theirs
    params = SMALL | {"cluster_loss": loss, "max_epochs": 6, "ramp_epochs": 1, "lr": 1e-2, "tol": 0}
    det = DeepClustering(**params, callbacks=[WatchTargets()], cluster_weight=0.5).fit(X)
    ((_, watch),) = det.net_.callbacks_
    assert len(watch.targets_) == 6
    for q, targets in zip(watch.assignments_, watch.targets_, strict=True):
        assert_allclose(targets, targets_of(q), atol=1e-5)
    for before, after in pairwise(watch.targets_):
        assert np.abs(after - before).max() > 0.01


def test_training_ends_when_hardly_a_row_changes_its_cluster_after_the_ramp():
    X, _ = blobs()
    params = SMALL | {"max_epochs": 60, "ramp_epochs": 5}
    det = DeepClustering(**params, tol=0.01).fit(X)
    change = det.history_["label_change"]
    assert len(change) == det.n_iter_
    assert 6 <= det.n_iter_ < 60
    assert change[-1] < 0.01
    assert (change[5:-1] >= 0.01).all()
    assert DeepClustering(**params, tol=0).fit(X).n_iter_ == 60


def test_pre_training_is_that_of_an_autoencoder_and_recorded():
    X, _ = blobs()
    det = DeepClustering(**SMALL | {"pretrain_epochs": 30}).fit(X)
    loss = det.pretrain_history_["train_loss"]
    assert loss.shape == (30,)
    assert loss[-1] < 0.5 * loss[0]
    assert not hasattr(DeepClustering(**SMALL | {"pretrain_epochs": 0}).fit(X), "pretrain_history_")


def test_training_on_begins_with_the_clusters_that_are_there():
    X, _ = blobs()
    det = DeepClustering(**SMALL, warm_start=True).fit(X)
    labels, n_pretrained = det.labels_, det.pretrain_history_["train_loss"]
    det.fit(X)
    assert (det.labels_ == labels).mean() > 0.98
    assert_array_equal(det.pretrain_history_["train_loss"], n_pretrained)
    with pytest.warns(UserWarning, match="n_clusters=3 is more than the number of rows, 2"):
        det.partial_fit(X[:2])
    assert det.labels_.shape == (2,)
    assert np.isfinite(det.score_samples(X)).all()


def test_training_on_takes_another_weight():
    X, _ = blobs()
    det = DeepClustering(**SMALL, warm_start=True, callbacks=[Watch()]).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        det.set_params(cluster_weight=0.7, max_epochs=2, tol=0).fit(X)
    ((_, watch),) = det.net_.callbacks_
    assert_allclose(watch.alphas_, 0.7, rtol=1e-6)


def test_codes_that_collapse_are_said_to():
    X, _ = blobs()
    params = SMALL | {"max_epochs": 100, "lr": 3e-2, "ramp_epochs": 0, "tol": 0, "trim": 0.0}
    with pytest.warns(ConvergenceWarning, match=r"codes have collapsed; lower cluster_weight=1\.0"):
        DeepClustering(**params, cluster_loss="k-means", cluster_weight=1.0).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DeepClustering(**params, cluster_loss="k-means").fit(X)
        DeepClustering(**params, cluster_loss="kl").fit(X)


# k-means -------------------------------------------------------------------------------------


def test_more_starts_are_at_least_as_good():
    codes = np.random.RandomState(0).randn(500, 2)

    def inertia(n_init):
        centers = best_centers(codes, 12, n_init, 0)
        return ((codes[:, None] - centers) ** 2).sum(2).min(1).sum()

    assert inertia(20) < inertia(1)


def test_many_rows_are_thinned_for_the_starts_and_all_of_them_used_for_the_centres():
    codes = np.random.RandomState(0).randn(2 * START_ROWS + 1, 2) + [[5, 0]]
    codes[1::2] *= -1
    centers = best_centers(codes, 2, 2, 0)
    labels = ((codes[:, None] - centers) ** 2).sum(2).argmin(1)
    assert_allclose(centers, [codes[labels == k].mean(0) for k in range(2)], rtol=1e-10)


def test_the_order_of_the_rows_hides_no_cluster_from_the_starts():
    clusters = np.arange(3 * START_ROWS) % 6
    codes = 10 * clusters[:, None] + np.random.RandomState(0).randn(len(clusters), 2)
    centers = best_centers(codes, 6, 5, 0)
    assert_allclose(np.sort(centers[:, 0]), 10 * np.arange(6), atol=0.5)


def test_the_number_of_threads_changes_nothing():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    codes = np.random.RandomState(0).randn(3000, 4)
    with threadpoolctl.threadpool_limits(4):
        several = best_centers(codes, 5, 3, 0)
    assert_array_equal(several, best_centers(codes, 5, 3, 0))


@pytest.mark.parametrize("codes", [np.ones((2, 3)), np.full((50, 3), np.nan)])
def test_what_k_means_can_not_take_leaves_centres_alone(codes):
    assert best_centers(codes, 4, 2, 0).shape == (4, 3)
    start = np.zeros((4, 3))
    assert moved_centers(codes, start) is start


# Clusters ------------------------------------------------------------------------------------


def test_clusters_are_found_and_given_to_new_rows():
    X, clusters = blobs()
    det = DeepClustering(**SMALL).fit(X)
    assert adjusted_rand_score(clusters, det.labels_) > 0.95
    assert_array_equal(det.predict_cluster(X), det.labels_)
    new, clusters = blobs(seed=1)
    assert adjusted_rand_score(clusters, det.predict_cluster(new)) > 0.95
    q = det.predict_proba_cluster(new)
    assert q.shape == (240, 3)
    assert_allclose(q.sum(1), 1, atol=1e-12)
    assert_array_equal(q.argmax(1), det.predict_cluster(new))


def test_it_is_a_detector_and_its_predictions_are_not_its_clusters():
    X, _ = blobs()
    det = DeepClustering(**SMALL)
    assert get_tags(det).estimator_type == "outlier_detector"
    assert set(det.fit_predict(X)) == {-1, 1}
    assert set(det.labels_) == {0, 1, 2}


def test_there_may_be_fewer_rows_than_clusters():
    X, _ = blobs(5)
    with pytest.warns(UserWarning, match="n_clusters=10 is more than the number of rows, 5"):
        det = DeepClustering(max_epochs=3, pretrain_epochs=3, random_state=0).fit(X)
    assert len(set(det.labels_)) >= 3
    assert det.cluster_centers_.shape == (10, 2)
    assert np.isfinite(det.score_samples(X)).all()


# The score -----------------------------------------------------------------------------------


def parts(det, X):
    """Squared distance to the nearest centre and mean squared residual, as users see them."""
    squares = ((det.transform(X)[:, None] - det.cluster_centers_) ** 2).sum(2)
    residuals = det.scaler_.transform(X) - det.scaler_.transform(det.reconstruct(X))
    return squares.argmin(1), squares.min(1), (residuals**2).mean(1)


def test_scores_are_what_they_are_said_to_be():
    X, _ = blobs()
    dets = {
        name: DeepClustering(**SMALL, anomaly_score=name).fit(X)
        for name in ("combined", "distance", "reconstruction", "entropy")
    }
    new = np.r_[blobs(60, seed=1)[0], np.random.RandomState(0).randn(20, 5)]
    det = dets["combined"]
    cluster, distance, error = parts(det, new)
    q = det.predict_proba_cluster(new)
    expected = {
        "combined": distance / det.cluster_scale_[cluster] + error / det.reconstruction_scale_,
        "distance": distance,
        "reconstruction": error / det.reconstruction_scale_,
        "entropy": -(q * np.log(q)).sum(1),
    }
    for name, values in expected.items():
        assert_allclose(-dets[name].score_samples(new), values, rtol=2e-3, atol=1e-5)


def test_each_part_of_the_score_is_one_for_the_median_training_row():
    X, _ = blobs(241)
    det = DeepClustering(**SMALL).fit(X)
    cluster, distance, error = parts(det, X)
    assert_allclose(np.median(distance / det.cluster_scale_[cluster]), 1, rtol=1e-3)
    assert_allclose(np.median(error) / det.reconstruction_scale_, 1, rtol=1e-3)


def test_scales_of_clusters_are_their_mean_distances_within_bounds():
    module = make_module(KMeansModule, [[0.0], [10.0], [20.0], [90.0]])
    cluster = torch.tensor([0, 0, 0, 1, 1, 2])
    distance = torch.tensor([1.0, 2.0, 3.0, 40.0, 8.0, 0.0], dtype=torch.float64)
    module.calibrate(cluster, distance, torch.ones(6, dtype=torch.float64))
    # Means 2, 24, 0 and none; of all rows 9.
    scale = np.array([2.0, 9.0, 0.09, 9.0])
    ratios = np.sort(distance.numpy() / scale[cluster.numpy()])
    assert_allclose(module.cluster_scale, scale * ratios[2], rtol=1e-6)


def test_rows_that_are_all_alike_have_finite_scores():
    module = make_module(KMeansModule, CENTERS)
    zeros = torch.zeros(9, dtype=torch.float64)
    module.calibrate(torch.zeros(9, dtype=torch.long), zeros, zeros)
    assert torch.isfinite(module.anomaly_score(ROWS)).all()


def test_contributions_sum_to_the_reconstructions_part():
    X, _ = blobs()
    det = DeepClustering(**SMALL, anomaly_score="reconstruction").fit(X)
    assert_allclose(det.feature_contributions(X).sum(1), -det.score_samples(X), rtol=1e-5)


def test_a_row_far_from_all_clusters_and_one_off_the_plane_are_anomalous():
    X, _ = blobs()
    det = DeepClustering(**SMALL | {"pretrain_epochs": 100}).fit(X)
    rows = np.array([[0.0, 20, 0, 20, -20], [6, 0, -6, 0, 6]])
    assert (det.predict(rows) == -1).all()


# Real data -----------------------------------------------------------------------------------

#: The net and the schedule that the published figures of this method on digits are with.
DIGITS = {
    "hidden_layer_sizes": (256, 128),
    "n_latent": 10,
    "activation": "relu",
    "scaler": "minmax",
    "pretrain_epochs": 200,
    "max_epochs": 100,
    "max_steps": None,
    "batch_size": 256,
    "trim": 0.0,
}


def clusters_of_digits(seed):
    """NMI of the autoencoder's codes and of both losses, and how much the residuals have grown."""
    X, y = load_digits(return_X_y=True)
    det, k_means = (
        DeepClustering(**DIGITS, cluster_loss=loss, random_state=seed) for loss in ("kl", "k-means")
    )
    before = watched(det, X).labels_
    labels = (before, det.labels_, k_means.fit(X).labels_)
    growth = 64 * parts(det, X)[2].mean() / det.pretrain_history_["train_loss"][-1]
    return *(normalized_mutual_info_score(y, clusters) for clusters in labels), growth


@pytest.mark.slow
def test_digits_are_clustered_better_than_by_codes_alone_or_the_k_means_loss():
    figures = np.array([clusters_of_digits(seed) for seed in range(3)])
    autoencoder, hardening, k_means, growth = figures.mean(0)
    assert hardening >= 0.79
    assert hardening >= autoencoder + 0.04
    assert hardening >= k_means
    assert growth <= 3


def test_digits_are_told_apart_quickly():
    X, y = load_digits(return_X_y=True)
    params = DIGITS | {"pretrain_epochs": 60, "max_epochs": 40, "batch_size": 128}
    det = DeepClustering(**params, n_init=5, random_state=0).fit(X)
    assert normalized_mutual_info_score(y, det.labels_) >= 0.76


def aucs_of_scores(seed):
    """Of the combined score, distance, residual and certainty, for two kinds of anomalies."""
    X, _ = blobs(300, seed)
    rng = np.random.RandomState(50 + seed)
    between = rng.randn(30, 2) @ PLANE + 0.1 * rng.randn(30, 5)  # no cluster is there
    off = blobs(30, 20 + seed)[0] + 0.8 * rng.randn(30, 5)  # off the plane
    rows, y = np.r_[blobs(150, 10 + seed)[0], between, off], np.repeat([0, 1], [150, 60])
    params = {"n_clusters": 3, "pretrain_epochs": 60, "max_epochs": 40, "random_state": seed}
    det = DeepClustering(**params).fit(X)
    _, distance, error = parts(det, rows)
    certainty = det.predict_proba_cluster(rows).max(1)
    scores = -det.score_samples(rows), distance, error, -certainty
    return [roc_auc_score(y, score) for score in scores]


def test_the_combined_score_finds_two_kinds_of_anomalies_better_than_its_parts():
    combined, *others = np.mean([aucs_of_scores(seed) for seed in range(3)], 0)
    assert combined >= 0.85
    assert combined >= max(others) + 0.05


TWELVE = ["pendigits", "optdigits", "satimage-2", "satellite", "landsat", "thyroid", "cardio"]
TWELVE += ["mnist", "vowels", "shuttle", "musk", "annthyroid"]


@pytest.mark.slow
def test_the_combined_score_finds_anomalies_better_than_its_parts_and_a_forest(shared_data):
    figures = []
    for name in TWELVE:
        X, y = fetch_adbench(name, return_X_y=True, download_if_missing=False)
        X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
        X = X[y == 0]
        X = X[np.random.RandomState(0).permutation(len(X))[:3000]]
        det = DeepClustering(random_state=0).fit(X)
        scores = [
            det.score_samples(X_test),
            -parts(det, X_test)[1],
            det.predict_proba_cluster(X_test).max(1),
            IsolationForest(random_state=0).fit(X).score_samples(X_test),
        ]
        figures.append([roc_auc_score(y_test, -s) for s in scores])
    combined, distance, certainty, forest = np.mean(figures, 0)
    assert combined >= 0.90
    assert combined > forest
    assert combined >= distance + 0.02
    assert combined >= certainty + 0.02


def test_images_are_clustered_by_convolutions():
    X, y = load_digits(return_X_y=True)
    X, y = X[y < 3], y[y < 3]
    backbone = ConvBackbone((1, 8, 8), channels=(8, 8), kernel_size=3)
    det = DeepClustering(n_clusters=3, backbone=backbone, scaler="minmax", random_state=0)
    det.set_params(pretrain_epochs=20, max_epochs=20).fit(X)
    assert adjusted_rand_score(y, det.labels_) > 0.7
    assert det.transform(X).shape == (len(X), 10)
