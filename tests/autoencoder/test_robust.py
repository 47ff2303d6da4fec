import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import subspace_angles
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score, roc_auc_score
from skorch.callbacks import Callback

from skdeepad import AutoEncoder, RobustAutoEncoder
from skdeepad.autoencoder._robust import RobustAutoEncoderModule
from skdeepad.autoencoder._snapshots import Snapshots
from skdeepad.base._rows import rows_to_train_on
from skdeepad.datasets import fetch_adbench
from skdeepad.nn import ResidualScore

LINEAR = {
    "hidden_layer_sizes": (3,),
    "activation": "identity",
    "scaler": None,
    "max_epochs": 200,
    "max_steps": None,
    "lr": 1e-2,
    "trim": 0.0,
    "random_state": 0,
}


def unit_rank_three(rng, n=1000, d=30):
    L = rng.randn(n, 3) @ rng.randn(3, d)
    return L / L.std(axis=0)


@pytest.fixture(scope="module")
def bad_cells():
    """Rows of rank 3, with noise and gross errors in 5 % of the cells; and these two parts."""
    rng = np.random.RandomState(0)
    L = unit_rank_three(rng)
    bad = rng.rand(*L.shape) < 0.05
    S = bad * rng.uniform(4, 8, L.shape) * rng.choice([-1, 1], L.shape)
    return L + S + 0.05 * rng.randn(*L.shape), L, S


@pytest.fixture(scope="module")
def bad_rows():
    """900 rows in a 3-dimensional subspace, 100 isotropic ones; the subspace, which are bad."""
    rng = np.random.RandomState(0)
    basis = np.linalg.qr(rng.randn(30, 3))[0]
    normal = 3 * rng.randn(900, 3) @ basis.T
    bad = rng.randn(100, 30)
    bad *= rng.uniform(15, 25, (100, 1)) / np.linalg.norm(bad, axis=1, keepdims=True)
    return np.r_[normal, bad], basis, np.repeat([False, True], [900, 100])


def low_rank_part(det, X):
    """D(E(L)) of the training rows."""
    L = (X - det.sparse_.toarray()).astype(np.float32)
    return det.net_.apply(det.net_.module_.reconstruct, L)


# Exactly generated data ----------------------------------------------------------------------


def test_gross_errors_in_cells_are_found_and_what_is_below_them(bad_cells):
    X, L, S = bad_cells
    errors = {}
    for weight in (np.inf, 0.5):
        det = RobustAutoEncoder(sparse_weight=weight, **LINEAR).fit(X)
        errors[weight] = np.linalg.norm(low_rank_part(det, X) - L) / np.linalg.norm(L)
    assert errors[0.5] <= 0.1 * errors[np.inf]
    found = det.sparse_.toarray()
    assert 0.045 <= (found != 0).mean() <= 0.065
    assert roc_auc_score((S != 0).ravel(), np.abs(found).ravel()) >= 0.999


@pytest.mark.parametrize("weight", [2, 8])
def test_anomalous_rows_are_found_and_the_subspace_of_the_others(bad_rows, weight):
    X, basis, bad = bad_rows

    def fit(weight):
        # λ √d ‖S_i‖ for a row of d features: the weight of ‖S_i‖ alone is λ √d.
        det = RobustAutoEncoder(penalty="row", sparse_weight=weight / 30**0.5, **LINEAR).fit(X)
        decoder = det.net_.module_.decoder[0].weight.detach().numpy()
        return det, np.degrees(subspace_angles(decoder, basis)).max()

    det, angle = fit(weight)
    assert angle < fit(np.inf)[1] / 4
    assert_array_equal(np.diff(det.sparse_.indptr) > 0, bad)


@pytest.mark.parametrize("name", ["thyroid", "cardio", "glass", "WDBC"])
def test_the_default_weight_of_rows_names_few_normal_ones(name):
    X, y = fetch_adbench(name, return_X_y=True)
    det = RobustAutoEncoder(penalty="row", max_steps=300, random_state=0).fit(X)
    named = np.diff(det.sparse_.indptr) > 0
    assert named[y == 0].mean() < 0.05
    assert named[y == 1].mean() > 2 * named[y == 0].mean()


def test_a_bad_feature_is_found():
    rng = np.random.RandomState(0)
    X = unit_rank_three(rng) + 0.05 * rng.randn(1000, 30)
    X[:, 7] = rng.randn(1000)
    for rows in (X, X[:250]):  # the same weight whatever the number of rows
        det = RobustAutoEncoder(penalty="column", sparse_weight=0.5, **LINEAR).fit(rows)
        assert set(det.sparse_.nonzero()[1]) == {7}


def test_the_objective_falls_from_round_to_round(bad_cells):
    X, _, _ = bad_cells
    det = RobustAutoEncoder(sparse_weight=0.5, **LINEAR).fit(X)
    objective = det.objective_curve_
    assert det.n_outer_ == len(objective) == 20
    assert (np.diff(objective) <= 1e-3 * objective[0]).all()
    assert objective[-1] <= 0.65 * objective[0]
    # The last value by hand: the target of the last round was X − S of the round before.
    S = det.sparse_.toarray()
    assert objective[-1] == pytest.approx(
        (((X - S - low_rank_part(det, X)) ** 2).sum() + 0.5 * np.abs(S).sum()) / len(X), rel=1e-2
    )


def test_rows_that_share_a_direction_and_outweigh_the_others_are_learned():
    rng = np.random.RandomState(0)
    normal = 0.3 * rng.randn(500, 3) @ np.linalg.qr(rng.randn(20, 3))[0].T
    X = np.r_[normal, 20 * rng.randn(300, 3) @ np.linalg.qr(rng.randn(20, 3))[0].T]
    det = RobustAutoEncoder(penalty="row", residual_scaling="plain", **LINEAR).fit(X)
    assert roc_auc_score(np.repeat([0, 1], [500, 300]), -det.score_samples(X)) < 0.5


# The update of S -----------------------------------------------------------------------------


def module_of(penalty, weight):
    residual = ResidualScore(3, "plain")
    return RobustAutoEncoderModule(
        torch.nn.Identity(),
        torch.nn.Identity(),
        residual,
        n_latent=3,
        penalty=penalty,
        sparse_weight=weight,
    )


R = np.array([[3.0, -4.0, 0.0], [0.3, 0.0, -0.4]])


def test_the_sparse_part_by_hand():
    def sparse_part(penalty):
        return module_of(penalty, 2).sparse_part(torch.from_numpy(R))

    assert_allclose(sparse_part("cell"), [[2, -3, 0], [0, 0, 0]])
    # The first row and the first two columns have a root mean square above λ/2 = 1.
    assert_allclose(sparse_part("row"), R * [[1 - (25 / 3) ** -0.5], [0]])
    assert_allclose(sparse_part("column"), R * [1 - (9.09 / 2) ** -0.5, 1 - 8**-0.5, 0])


@pytest.mark.parametrize("penalty", ["cell", "row", "column"])
def test_the_sparse_part_is_the_minimum_of_the_objective(penalty):
    module = module_of(penalty, 0.7)
    rng = np.random.RandomState(0)
    residual = torch.from_numpy(rng.randn(6, 3))
    S = module.sparse_part(residual)
    least = module.objective(residual, S)
    for size in (1e-3, 0.1, 1):
        for _ in range(50):
            other = S + size * torch.from_numpy(rng.randn(6, 3) * (rng.rand(6, 3) < 0.5))
            assert module.objective(residual, other) >= least


def test_the_objective_by_hand():
    S = np.array([[2.0, -3.0, 0.0], [0.0, 0.0, 0.0]])

    def objective(penalty, weight, S=S):
        return module_of(penalty, weight).objective(*map(torch.from_numpy, (R, S)))

    error = (1 + 1 + 0.09 + 0.16) / 2
    assert objective("cell", 2) == pytest.approx(error + 2 * (2 + 3) / 2)
    assert objective("row", 2) == pytest.approx(error + 2 * 3**0.5 * 13**0.5 / 2)
    assert objective("column", 2) == pytest.approx(error + 2 * 2**0.5 * (2 + 3) / 2)
    assert objective("cell", np.inf, 0 * S) == pytest.approx(25.25 / 2)


@pytest.mark.parametrize("penalty", ["cell", "row", "column"])
@pytest.mark.parametrize("weight", [0, 0.4, np.inf])
def test_s_is_the_residual_of_the_scaled_rows_shrunk_by_half_the_weight(penalty, weight, X):
    det = RobustAutoEncoder(
        penalty=penalty, sparse_weight=weight, max_epochs=1, lr=1e-2, random_state=0
    ).fit(X)
    assert det.n_outer_ == 1
    scaled = det.scaler_.transform(X)
    residual = scaled - det.scaler_.transform(det.reconstruct(X))
    size = np.abs(residual)
    if penalty != "cell":
        axis = {"row": 1, "column": 0}[penalty]
        size = np.sqrt((residual**2).mean(axis=axis, keepdims=True))
    expected = residual * np.clip(1 - weight / 2 / size, 0, None)
    assert isinstance(det.sparse_, csr_array)
    assert_allclose(det.sparse_.toarray(), expected, atol=1e-6)


# Training ------------------------------------------------------------------------------------


def test_an_infinite_weight_is_the_plain_autoencoder(X):
    params = {"max_epochs": 30, "random_state": 0, "weight_decay": 1e-3}
    robust = RobustAutoEncoder(sparse_weight=np.inf, **params).fit(X)
    plain = AutoEncoder(**params).fit(X)
    assert robust.sparse_.nnz == 0
    assert_array_equal(robust.score_samples(X), plain.score_samples(X))
    for pair in zip(*(d.net_.module_.parameters() for d in (robust, plain)), strict=True):
        assert torch.equal(*pair)
    assert robust.set_params(sparse_weight=1.0).fit(X).sparse_.nnz > 0
    assert not np.array_equal(robust.score_samples(X), plain.score_samples(X))


class Begins(Callback):
    """Records the rows that each epoch trains on, and the steps that Adam has taken."""

    def __init__(self):
        self.rows, self.steps = [], []

    def on_epoch_begin(self, net, dataset_train, **kwargs):
        self.rows.append(dataset_train.X.numpy().copy())
        state = next(iter(net.optimizer_.state.values()), {"step": 0})
        self.steps.append(int(state["step"]))


def in_training_order(det, X):
    return det.scaler_.transform(X[rows_to_train_on(X, None, None)]).astype(np.float32)


def test_the_net_trains_on_the_rows_without_their_sparse_part_and_adam_goes_on(X):
    det = RobustAutoEncoder(
        n_inner_epochs=4, max_epochs=50, batch_size=None, callbacks=[Begins()], random_state=0
    ).fit(X)
    seen = det.net_.callbacks_[0][1]
    assert seen.steps == list(range(50))
    changed = [i for i in range(1, 50) if not np.array_equal(seen.rows[i], seen.rows[i - 1])]
    assert changed == list(range(4, 50, 4))
    scaled = in_training_order(det, X)
    assert_array_equal(seen.rows[0], scaled)
    assert det.n_outer_ == 13  # the last one after the two epochs that are left
    assert np.abs(seen.rows[-1] - scaled).max() > 1


@pytest.mark.parametrize(
    ("n_epochs", "n_inner", "n_outer"), [(3, 10, 3), (40, 10, 10), (45, 2, 23)]
)
def test_a_short_training_has_its_rounds_too(n_epochs, n_inner, n_outer, X):
    det = RobustAutoEncoder(max_epochs=n_epochs, n_inner_epochs=n_inner).fit(X)
    assert det.n_outer_ == n_outer == len(det.objective_curve_)


def test_training_that_goes_on_begins_with_no_sparse_part_for_its_rows(X):
    callbacks = [Begins()]
    det = RobustAutoEncoder(max_epochs=20, callbacks=callbacks, random_state=0).fit(X)
    det.partial_fit(X[:50])
    assert det.sparse_.shape == (50, X.shape[1])
    assert det.n_outer_ == 1
    seen = det.net_.callbacks_[0][1].rows
    assert_array_equal(seen[-1], in_training_order(det, X[:50]))


# Snapshots -----------------------------------------------------------------------------------


class Errors(Callback):
    """Mean squared residuals of rows after each epoch, as the paper cumulates them."""

    def __init__(self, X):
        self.X = X.astype(np.float32)
        self.errors = []

    def on_epoch_end(self, net, **kwargs):
        residual = net.apply(lambda x: x - net.module_.reconstruct(x), self.X)
        self.errors.append((residual**2).mean(axis=1))


@pytest.mark.parametrize("cls", [AutoEncoder, RobustAutoEncoder])
@pytest.mark.parametrize(
    ("n_snapshots", "kept"), [(12, range(12)), (3, [3, 7, 11]), (99, range(12))]
)
def test_the_score_is_the_mean_of_the_errors_after_evenly_spaced_epochs(cls, n_snapshots, kept, X):
    params = {"max_epochs": 12, "scaler": None, "residual_scaling": "plain", "random_state": 0}
    det = cls(n_snapshots=n_snapshots, callbacks=[Errors(X)], **params).fit(X)
    errors = np.array(det.net_.callbacks_[0][1].errors)
    assert_allclose(-det.score_samples(X), errors[list(kept)].mean(axis=0), rtol=1e-5)
    assert_allclose(det.feature_contributions(X).sum(axis=1), -det.score_samples(X), rtol=1e-5)
    assert_array_equal(det.reconstruct(X), cls(**params).fit(X).reconstruct(X))


def test_every_snapshot_has_residual_scales_of_its_own(X):
    det = AutoEncoder(n_snapshots=3, max_epochs=24, random_state=0).fit(X)
    early, _, late = sorted(det.net_.module_.scored(), key=lambda m: -m.residual.scale.mean())
    assert early.residual.scale.mean() > 1.2 * late.residual.scale.mean()


def test_the_last_weights_are_among_the_snapshots_of_a_training_that_stopped(X):
    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 7:
                raise KeyboardInterrupt

    params = {"max_epochs": 20, "scaler": None, "residual_scaling": "plain", "random_state": 0}
    det = AutoEncoder(n_snapshots=4, callbacks=[Errors(X), Stop()], **params).fit(X)
    errors = np.array(det.net_.callbacks_[0][1].errors)
    assert_allclose(-det.score_samples(X), errors[[1, 3, 5, 6]].mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("n_epochs", range(1, 40))
def test_so_many_snapshots_or_half_of_them_are_kept_wherever_a_training_ends(n_epochs):
    module, kept = torch.nn.Linear(1, 1), Snapshots(torch.nn.Linear(1, 1), 6)
    for epoch in range(1, n_epochs + 1):
        module.weight.data.fill_(epoch)
        kept.offer(module, epoch)
    kept.keep(module, n_epochs)
    epochs = sorted(int(copy.weight) for copy in kept)
    assert epochs == sorted(kept.epochs[kept.epochs > 0].tolist())
    assert min(n_epochs, 3) <= len(epochs) <= 6
    assert epochs[-1] == n_epochs
    assert len(set(np.diff(epochs[:-1]))) <= 1


def test_early_stopping_goes_back_with_its_snapshots(X):
    params = {"early_stopping": True, "n_iter_no_change": 2, "lr": 0.05, "max_epochs": 100}
    det = AutoEncoder(n_snapshots=20, scaler=None, random_state=0, **params).fit(X)
    assert det.n_iter_ < 100
    assert min(det.n_iter_ - 2, 20) / 2 <= len(det.net_.module_.scored()) <= 20
    assert np.isfinite(det.score_samples(X)).all()


def test_partial_fit_goes_on_with_the_spacing(X):
    params = {"scaler": None, "residual_scaling": "plain", "random_state": 0}
    det = AutoEncoder(n_snapshots=3, callbacks=[Errors(X)], **params)
    for _ in range(5):
        det.partial_fit(X)
    errors = np.array(det.net_.callbacks_[0][1].errors)
    assert_allclose(-det.score_samples(X), errors[[1, 3, 4]].mean(axis=0), rtol=1e-5)


# Published figures ---------------------------------------------------------------------------


def test_cumulative_errors_and_the_percentile_loss_find_a_few_other_digits():
    X, digits = load_digits(return_X_y=True)
    four, others = np.flatnonzero(digits == 4), np.flatnonzero(digits != 4)
    others = np.random.RandomState(0).permutation(others)[:18]
    X, y = X[np.r_[four, others]] / 16, np.repeat([0, 1], [len(four), 18])

    def auc(**params):
        params |= {"hidden_layer_sizes": (100,), "activation": "relu", "scaler": None, "lr": 3e-3}
        params |= {"residual_scaling": "plain", "max_epochs": 150, "max_steps": None}
        det = AutoEncoder(**params, batch_size=64, random_state=0).fit(X)
        return roc_auc_score(y, -det.score_samples(X))

    final = auc(trim=0)  # by then it restores what it was trained on
    assert auc(trim=0, n_snapshots=20) >= final + 0.1
    assert auc(trim=0.1, trim_start=0) >= final + 0.1


@pytest.mark.slow
def test_cumulative_errors_and_the_percentile_loss_find_digits_among_others(shared_data):
    mnist = np.load(shared_data / "mnist.npz")
    rng = np.random.RandomState(0)
    four = mnist["y_train"] == 4
    rows = np.r_[
        rng.permutation(np.flatnonzero(four))[:2000], rng.permutation(np.flatnonzero(~four))[:200]
    ]
    X = (mnist["X_train"][rows].reshape(2200, -1) / 255).astype(np.float32)
    y = np.repeat([0, 1], [2000, 200])

    def metrics(**params):
        det = AutoEncoder(
            hidden_layer_sizes=(1000,),  # wider than the 784 pixels
            activation="relu",
            scaler=None,
            residual_scaling="plain",
            max_epochs=60,
            max_steps=None,
            random_state=0,
            **params,
        )
        scores = -det.fit(X).score_samples(X)
        return roc_auc_score(y, scores), average_precision_score(y, scores)

    final = metrics(trim=0)
    cumulative = metrics(trim=0, n_snapshots=20)
    percentile = metrics(trim=0.05, trim_start=0)
    both = metrics(trim=0.05, trim_start=0, n_snapshots=20)
    figures = {"final": final, "CES": cumulative, "PL": percentile, "both": both}
    assert cumulative[0] - final[0] >= 0.05, figures
    assert both[0] - final[0] >= 0.05, figures
    assert percentile[0] > final[0], figures
