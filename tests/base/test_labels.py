"""How labels of the training rows are read."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.ensemble import IsolationForest

from skdeepad import AutoEncoder, DevNet
from skdeepad.base._labels import LABELS_OR_PSEUDO_ANOMALIES, with_pseudo_anomalies

from ..instances import small


def read(y, n=4):
    return LABELS_OR_PSEUDO_ANOMALIES.read(None, y, n, fresh=True)


def test_labels_are_signs():
    assert_array_equal(read([-3, 0.5, 0, 7]), [-1, 1, 0, 1])


def test_without_any_label_there_are_none_and_the_warning_names_the_converter():
    for y in (None, [0, 0, 0, 0]):
        with pytest.warns(UserWarning, match=r"semi_labels\(y, anomaly=1, unlabelled=0\)"):
            assert read(y) is None
    with pytest.warns(UserWarning, match="no labelled anomaly"):
        assert_array_equal(read([0, 1, 0, 2]), [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([-1, -1, -1, -1], "every row as a known anomaly"),
        (["a", "b", "a", "b"], "semi_labels"),
        ([True, False, True, False], "got values of type bool"),
        ([0, 1], "inconsistent numbers of samples"),
        ([0, 1, 0, -(10**400)], "y holds an integer that is too large for float64"),
        ([0, 0, np.nan, -1], "NaN.*semi_labels"),
        ([0, 0, pd.NA, -1], "NaN.*semi_labels"),
        (pd.array([0, 0, pd.NA, -1], dtype="Int8"), "NaN.*semi_labels"),
    ],
)
def test_labels_that_say_nothing_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        read(y)


@pytest.mark.parametrize("name", ["DPLAN", "DeepSAD", "DevNet", "REPEN"])
def test_a_training_that_began_with_known_anomalies_goes_on_with_them(name, X, monkeypatch):
    y = np.repeat([-1, 0], [10, len(X) - 10])
    det = small(name).partial_fit(X, y)
    seen = []
    train = type(det)._train

    def watched(self, run, net, X, y):
        seen.append((X, y))
        return train(self, run, net, X, y)

    monkeypatch.setattr(type(det), "_train", watched)
    det.partial_fit(X[10:], y[10:])
    rows, labels = seen[0]
    assert (labels < 0).sum() == 10
    known = det._scale(X[:10])
    assert_array_equal(np.sort(rows[labels < 0].numpy(), axis=0), np.sort(known, axis=0))
    assert len(det.training_scores_) == len(X) - 10


def test_known_anomalies_stay_as_they_are(X):
    y = torch.zeros(len(X), dtype=torch.int8)
    y[7] = -1
    assert torch.equal(with_pseudo_anomalies(torch.tensor(X), y, 0), y)


@pytest.mark.parametrize("known_normal", [0, 200, 300])
def test_pseudo_anomalies_are_the_unlabelled_rows_that_a_forest_finds_most_anomalous(
    known_normal, X
):
    y = torch.zeros(len(X), dtype=torch.int8)
    y[:known_normal] = 1
    found = with_pseudo_anomalies(torch.tensor(X), y, 3).numpy()
    rows = X[known_normal:] if known_normal < len(X) else X
    scores = IsolationForest(random_state=3).fit(rows).score_samples(rows)
    assert (found == -1).sum() == len(rows) // 20
    first = len(X) - len(rows)
    assert scores[found[first:] == -1].max() < scores[found[first:] != -1].min()
    assert (y >= 0).all()  # the labels given are not changed


def test_of_two_rows_one_is_a_pseudo_anomaly(X):
    assert sorted(with_pseudo_anomalies(torch.tensor(X[:2]), None, 0).tolist()) == [-1, 0]


def test_pseudo_anomalies_stand_beside_known_ones_until_there_are_as_many():
    X = torch.from_numpy(np.random.RandomState(0).randn(200, 3).astype(np.float32))
    X[:12] += 8
    y = torch.zeros(200, dtype=torch.int8)
    y[0], y[1], y[100:110] = -1, -1, 1
    labels = with_pseudo_anomalies(X, y, 0, least_anomalies=10)
    assert (labels[:2] == -1).all()
    assert (labels == -2).sum() == 8
    assert set((labels == -2).nonzero().flatten().tolist()) <= set(range(2, 12))
    assert (labels[100:110] == 1).all()
    assert torch.equal(with_pseudo_anomalies(X, y, 0), y)
    assert torch.equal(with_pseudo_anomalies(X, y, 0, least_anomalies=2), y)
    alone = with_pseudo_anomalies(X, None, 0, least_anomalies=100)
    assert (alone == -1).sum() == 10


def test_masked_labels_and_weights_are_refused(X):
    values = np.ma.array(np.r_[-np.ones(5), np.ones(len(X) - 5)], mask=np.arange(len(X)) == 1)
    with pytest.raises(ValueError, match=r"y has masked cells: use y.filled\(0\)"):
        DevNet(max_epochs=1).fit(X, values)
    with pytest.raises(ValueError, match="sample_weight has masked cells"):
        DevNet(max_epochs=1).fit(X, values.filled(0), sample_weight=np.abs(values))


def test_a_column_called_mask_is_no_mask(X):
    frame = pd.DataFrame(X).rename(columns=str).rename(columns={"0": "_mask"})
    frame["_mask"] = 1.0 * (frame["_mask"] > 0)
    assert AutoEncoder(max_epochs=1, random_state=0).fit(frame).feature_names_in_[0] == "_mask"
    with pytest.raises(ValueError, match="y contains NaN; an unlabelled row is 0"):
        DevNet().fit(X, pd.array([None, 1] * (len(X) // 2), dtype="Int64"))


def test_sparse_labels_are_refused(X):
    with pytest.raises(ValueError, match=r"y is sparse: use y\.toarray"):
        DevNet().fit(X, csr_array(np.ones((len(X), 1))))


@pytest.mark.parametrize("kind", [Decimal, Fraction, float, np.float32, np.int8])
def test_labels_may_be_numbers_of_any_type(kind):
    given = pd.Series([kind(-1), kind(0), kind(1), kind(0)], dtype=object)
    assert_array_equal(read(given), [-1, 0, 1, 0])
