"""Tables that are not copied: the same bits, little memory, and what a fit promises still holds."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, RobustScaler, StandardScaler

from skdeepad import AutoEncoder, all_detectors
from skdeepad.base import _rows
from skdeepad.base._rows import evenly_spaced, rows_to_train_on
from skdeepad.base._scaling import fit_scaler
from skdeepad.benchmark._guards import PeakMemory
from skdeepad.training import LazyRows
from skdeepad.training import _lazy_rows as lazy_module

from .instances import INSTANCES, small, with_few_rows, without_labels

DETECTORS = dict(all_detectors())
pytestmark = [pytest.mark.usefixtures("quick_stages"), without_labels]
every_detector = pytest.mark.parametrize("name", DETECTORS)


@pytest.fixture
def lazily(monkeypatch):
    """Return a function after whose call every table is large, and blocks are small."""

    def begin():
        monkeypatch.setattr(_rows, "LAZY_VALUES", 0)
        monkeypatch.setattr(lazy_module, "BLOCK_VALUES", 37 * 8)
        # A mean of block after block has other last digits: here scalers see one block.
        monkeypatch.setattr("skdeepad.base._scaling.rows_of_a_block", lambda n_features: 10**6)

    return begin


LABELS = np.resize([-1, 1, 0, 0, 0], 300)
WEIGHTS = np.arange(300) % 3
FITS = {
    "fit": lambda det, X: det.fit(X),
    "labels and weights": lambda det, X: det.fit(X, LABELS, sample_weight=WEIGHTS),
    # The second part has no anomalies, and remembered ones follow its rows.
    "partial_fit": lambda det, X: det.partial_fit(X, LABELS).partial_fit(X[:90]),
}


@with_few_rows
@every_detector
@pytest.mark.parametrize("way", FITS)
def test_rows_that_are_scaled_when_they_are_taken_give_the_same_bits(name, way, X, lazily):
    whole = FITS[way](small(name), X)
    lazily()
    lazy = FITS[way](small(name), X)
    assert_array_equal(lazy.training_scores_, whole.training_scores_)
    assert_array_equal(lazy.score_samples(X), whole.score_samples(X))
    assert lazy.offset_ == whole.offset_
    for attribute in INSTANCES[name].of_rows:
        first, second = (getattr(det, attribute) for det in (lazy, whole))
        assert (first != second).sum() == 0
    assert len(pickle.dumps(lazy)) < 1.01 * len(pickle.dumps(whole))  # without the table


OTHER_PARAMETERS = {
    "AutoEncoder": [{"early_stopping": True}, {"n_snapshots": 2}, {"scaler": None}],
    "BDSGM": [{"density": "gaussian"}],
    "DeepSAD": [{"early_stopping": True}],
    "DeepSVDD": [{"objective": "soft-boundary", "warm_up_epochs": 0}],
    "EGBAD": [{"score_scaling": "train"}],
    "GANomaly": [{"scaler": None, "backbone": None}],
    "RobustAutoEncoder": [{"penalty": "row"}, {"penalty": "column", "sparse_weight": 0.5}],
    "VAE": [
        {"anomaly_score": "latent_density"},
        {"likelihood": "bernoulli", "scaler": "minmax", "kl_weight": 0.0},
    ],
}
CASES = [(name, params) for name, several in OTHER_PARAMETERS.items() for params in several]


@pytest.mark.parametrize(("name", "params"), CASES, ids=str)
def test_so_they_do_where_parameters_make_another_pass(name, params, X, lazily):
    rows = X.astype(np.float32)
    whole = small(name).set_params(**params).fit(rows, LABELS)
    lazily()
    lazy = small(name).set_params(**params).fit(rows, LABELS)
    # The penalty of columns has sums over all rows, whose order shows in the last digits.
    tolerance = 1e-5 if params.get("penalty") == "column" else 0
    assert_allclose(lazy.score_samples(X), whole.score_samples(X), rtol=tolerance)
    assert_allclose(lazy.training_scores_, whole.training_scores_, rtol=tolerance)
    if hasattr(whole, "objective_curve_"):
        assert_allclose(lazy.objective_curve_, whole.objective_curve_, rtol=1e-6)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_maps_of_any_order_and_precision_are_read_only_and_not_copied(
    dtype, order, X, tmp_path, lazily, monkeypatch
):
    table = np.memmap(tmp_path / "X", dtype=dtype, mode="w+", shape=X.shape, order=order)
    table[:] = X
    table.flush()
    mapped = np.memmap(tmp_path / "X", dtype=dtype, mode="r", shape=X.shape, order=order)
    whole = small("AutoEncoder").fit(np.array(X, dtype=dtype))
    lazily()
    checked = []
    monkeypatch.setattr(AutoEncoder, "_check_rows", lambda self, rows: checked.append(rows))
    lazy = small("AutoEncoder").fit(mapped)
    assert np.shares_memory(checked[0].table, mapped)
    assert_array_equal(lazy.training_scores_, whole.training_scores_)
    assert_array_equal(lazy.score_samples(mapped), whole.score_samples(mapped))


def test_more_rows_than_can_be_ordered_stay_in_the_order_given(X, lazily, monkeypatch):
    order = rows_to_train_on(X)
    whole = small("AutoEncoder").fit(X)
    repeated = small("AutoEncoder").fit(X, sample_weight=WEIGHTS)
    lazily()
    monkeypatch.setattr(_rows, "ORDERED_ROWS", 299)
    assert_array_equal(small("AutoEncoder").fit(X[order]).training_scores_, whole.training_scores_)
    in_order = small("AutoEncoder").fit(X[order], sample_weight=WEIGHTS[order])
    assert_array_equal(in_order.training_scores_, repeated.training_scores_)
    as_given = small("AutoEncoder").fit(X)
    assert not np.array_equal(as_given.training_scores_, whole.training_scores_)
    labels = small("DeepClustering").fit(X)
    assert_array_equal(labels.labels_, labels.predict_cluster(X))


# Scalers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [slice(None), np.arange(300).repeat(WEIGHTS)], ids=["all", "some"])
@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), RobustScaler(), PowerTransformer()], ids=str
)
def test_scalers_are_fitted_in_blocks_as_to_all_rows(scaler, rows, X, monkeypatch):
    monkeypatch.setattr(_rows, "LAZY_VALUES", 0)
    monkeypatch.setattr(lazy_module, "BLOCK_VALUES", 37 * 8)
    X = 1e3 + X
    expected, scaler = type(scaler)().fit(X[rows]), clone(scaler)
    fit_scaler(scaler, X, rows, lambda block: block)
    assert scaler.n_features_in_ == 8
    assert_allclose(scaler.transform(X), expected.transform(X), rtol=1e-9, atol=1e-9)


class Seen(StandardScaler):
    """A scaler that remembers how many rows it saw at most."""

    most = 0

    def partial_fit(self, X, y=None, sample_weight=None):
        type(self).most = max(type(self).most, len(X))
        return super().partial_fit(X, y, sample_weight)


def test_scalers_of_ones_own_see_blocks_with_names_if_they_have_partial_fit(X, monkeypatch):
    from pandas import DataFrame

    frame = DataFrame(X, columns=list("abcdefgh"))
    whole = small("AutoEncoder").set_params(scaler=Seen()).fit(frame)
    assert Seen.most == 300
    Seen.most = 0
    monkeypatch.setattr(_rows, "LAZY_VALUES", 0)
    monkeypatch.setattr(lazy_module, "BLOCK_VALUES", 37 * 8)
    lazy = small("AutoEncoder").set_params(scaler=Seen()).fit(frame)
    assert Seen.most == 37
    assert list(lazy.scaler_.feature_names_in_) == list("abcdefgh")
    # The mean of block after block differs in the last digits, and training amplifies them.
    assert_allclose(lazy.score_samples(frame), whole.score_samples(frame), rtol=1e-3)


# What a fit promises ------------------------------------------------------------------------


@every_detector
def test_a_refused_table_leaves_the_old_fit_whole(name, X, lazily):
    det = small(name).fit(X)
    before = det.score_samples(X)
    lazily()
    huge = X.copy()
    huge[123, 3] = 1e300
    with pytest.raises(ValueError, match=r"can't be computed with in float32.*in column 3"):
        det.set_params(scaler=None).fit(huge)
    assert_array_equal(det.score_samples(X), before)


def test_training_that_was_stopped_resumes(X, lazily):
    from skorch.callbacks import Callback

    class Stop(Callback):
        has_stopped = False

        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2 and not self.has_stopped:
                self.has_stopped = True
                raise SystemExit

    def stopped_and_resumed():
        det = small("AutoEncoder").set_params(callbacks=[Stop()], warm_start=True)
        with pytest.raises(SystemExit):
            det.fit(X)
        return det.fit(X)

    whole = stopped_and_resumed()
    lazily()
    assert_array_equal(stopped_and_resumed().training_scores_, whole.training_scores_)


def test_a_table_is_large_by_its_number_of_values(X):
    assert not _rows.is_large(np.empty((2**19, 16), dtype=np.int8))
    assert _rows.is_large(np.empty((2**19, 17), dtype=np.int8))
    assert not _rows.is_large([[1.0]])
    assert isinstance(evenly_spaced(LazyRows(X, np.float32), 10)[0, 0].item(), float)


def test_a_large_table_takes_little_memory():
    n_rows = 2 * _rows.LAZY_VALUES // 30 + 1
    X = np.random.default_rng(0).standard_normal((n_rows, 30), dtype=np.float32)
    small("AutoEncoder").fit(X[:500])
    with PeakMemory() as memory:
        det = AutoEncoder(max_steps=5, n_latent=2, hidden_layer_sizes=(8,), random_state=0).fit(X)
    assert len(det.training_scores_) == n_rows
    assert memory.mb < X.nbytes / 2**20  # scaled rows alone are as much


def test_a_scaler_that_works_in_place_leaves_the_users_rows_alone(monkeypatch):
    monkeypatch.setattr(_rows, "LAZY_VALUES", 100)
    X = np.random.RandomState(0).randn(60, 4).astype(np.float32) * 5 + 3
    for is_read in (X, X.astype(np.float64)):
        before = is_read.copy()
        det = AutoEncoder(scaler=StandardScaler(copy=False), max_steps=3, random_state=0)
        det.fit(is_read)
        first = det.score_samples(is_read)
        assert_array_equal(is_read, before)
        assert_array_equal(det.score_samples(is_read), first)
