"""Batches cover each row once; what is held out is a share of them."""

import numpy as np
import pytest
import torch

from skdeepad.training import (
    BalancedBatches,
    HoldOut,
    LabelledBatches,
    TensorBatches,
    TensorData,
    TupleBatches,
    WholeBatches,
    as_tensor,
    seeded_generator,
)
from skdeepad.training import _data as data_module


def table(n, n_features=2, labels=False):
    X = torch.arange(n * n_features, dtype=torch.float32).reshape(n, n_features)
    return TensorData(X, torch.arange(n) if labels else None)


def rows_of(batches):
    return torch.cat([x for x, *_ in batches])[:, 0] / 2


@pytest.mark.parametrize("size", [1, 2, 7, 32, 99, 100, 101, 500])
@pytest.mark.parametrize("shuffled", [True, False])
@pytest.mark.parametrize("block", [1, 30, 2**22])
def test_each_pass_covers_every_row_once(size, shuffled, block, monkeypatch):
    monkeypatch.setattr(data_module, "BLOCK_VALUES", block)
    generator = seeded_generator(0) if shuffled else None
    batches = TensorBatches(table(100), size, generator)
    for _ in range(2):
        assert torch.equal(rows_of(batches).sort().values, torch.arange(100.0))
        assert len(list(batches)) == len(batches)


@pytest.mark.parametrize("n", [64, 65, 66, 95])
def test_rows_are_spread_evenly_over_as_many_batches_as_it_takes(n):
    sizes = [len(x) for x, *_ in TensorBatches(table(n), 32)]
    assert sizes == {64: [32, 32], 65: [32, 33], 66: [22, 22, 22], 95: [31, 32, 32]}[n]


@pytest.mark.parametrize("size", [2, 3, 32, 128])
@pytest.mark.parametrize("kind", [TensorBatches, LabelledBatches])
def test_no_batch_is_a_crumb_whatever_the_number_of_rows(kind, size):
    for n in range(2, 3 * size + 3):
        data = table(n)
        data.y = torch.zeros(n, dtype=torch.int64)
        sizes = [len(x) for x, *_ in kind(data, size, seeded_generator(0))]
        assert sum(sizes) == n
        assert max(sizes) - min(sizes) <= 1
        assert min(sizes) >= 2


def test_a_single_row_is_a_batch():
    assert [len(x) for x, *_ in TensorBatches(table(1), 32)] == [1]


@pytest.mark.parametrize(("n", "sizes"), [(7, [7]), (32, [32]), (63, [32]), (97, [32] * 3)])
@pytest.mark.parametrize("block", [1, 2**22])
def test_whole_batches_have_one_size_and_leave_other_rows_out_in_each_pass(
    n, sizes, block, monkeypatch
):
    monkeypatch.setattr(data_module, "BLOCK_VALUES", block)
    batches = WholeBatches(table(n), 32, seeded_generator(0))
    passes = [rows_of(batches) for _ in range(2)]
    assert [len(x) for x, *_ in batches] == sizes
    assert len(batches) == len(sizes)
    assert all(len(rows.unique()) == sum(sizes) for rows in passes)
    assert not torch.equal(*passes)


def test_without_a_generator_the_rows_keep_their_order():
    assert torch.equal(rows_of(TensorBatches(table(100), 7)), torch.arange(100.0))


def test_each_pass_is_shuffled_anew_and_from_the_seed():
    batches = TensorBatches(table(100), 7, seeded_generator(3))
    first, second = rows_of(batches), rows_of(batches)
    assert not torch.equal(first, second)
    assert not torch.equal(first, torch.arange(100.0))
    assert torch.equal(rows_of(TensorBatches(table(100), 7, seeded_generator(3))), first)


def test_the_size_of_the_blocks_does_not_change_the_batches(monkeypatch):
    whole = [x for x, *_ in TensorBatches(table(101), 10, seeded_generator(0))]
    monkeypatch.setattr(data_module, "BLOCK_VALUES", 2 * 10 * 3)
    blocks = [x for x, *_ in TensorBatches(table(101), 10, seeded_generator(0))]
    assert len(blocks) == len(whole)
    assert all(torch.equal(*pair) for pair in zip(blocks, whole, strict=True))


def test_a_block_is_all_that_is_copied(monkeypatch):
    gathered = []

    class Watched(TensorData):
        def __getitem__(self, index):
            gathered.append(len(self.X[index]))
            return super().__getitem__(index)

    monkeypatch.setattr(data_module, "BLOCK_VALUES", 2 * 10 * 3)
    list(TensorBatches(Watched(table(100).X), 10, seeded_generator(0)))
    assert gathered == [30, 30, 30, 10]


def test_labels_go_with_their_rows():
    for x, y, _ in TensorBatches(table(100, labels=True), 7, seeded_generator(0)):
        assert torch.equal(x[:, 0] / 2, y.float())


def few_labels(n=100):
    """Three rows of label 1, twelve of label 2; the others have none."""
    data = table(n)
    data.y = torch.zeros(n, dtype=torch.int64)
    data.y[:3], data.y[3:15] = 1, 2
    return data


@pytest.mark.parametrize("block", [40, 2**22])
def test_labelled_batches_cover_all_rows_and_every_label_equally(block, monkeypatch):
    monkeypatch.setattr(data_module, "BLOCK_VALUES", block)
    data = few_labels()
    batches = LabelledBatches(data, 20, seeded_generator(0), n_labelled=6)
    for _ in range(2):
        passed = list(batches)
        assert len(passed) == len(batches) == 5
        hidden = torch.cat([x[:-6] for x, *_ in passed])[:, 0] / 2
        assert torch.equal(hidden.sort().values, torch.arange(100.0))
        assert all((y[:-6] == 0).all() for _, y, _ in passed)
        assert all(y[-6:].tolist() == [1, 1, 1, 2, 2, 2] for _, y, _ in passed)
        beside, labels = (
            torch.cat([part[-6:] for part in parts])
            for parts in zip(*(batch[:2] for batch in passed), strict=True)
        )
        rows = (beside[:, 0] / 2).long()
        assert torch.equal(data.y[rows], labels)
        # 15 rows of each label are drawn, out of 3 and of 12.
        assert torch.equal(rows.bincount()[:3], torch.full((3,), 5))
        assert set(rows.bincount()[3:15].tolist()) == {1, 2}


def test_labelled_batches_follow_from_the_seed_and_differ_between_passes():
    first, second, other = (
        LabelledBatches(few_labels(), 20, seeded_generator(seed)) for seed in (3, 3, 4)
    )
    passes = [torch.cat([x for x, *_ in batches]) for batches in (first, second, other, first)]
    assert torch.equal(passes[0], passes[1])
    assert not torch.equal(passes[0], passes[2])
    assert not torch.equal(passes[0], passes[3])


@pytest.mark.parametrize(("size", "n_beside"), [(10, 10), (50, 16)])
def test_as_many_labelled_rows_as_there_are_fit_beside_a_batch(size, n_beside):
    x, y, _ = next(iter(LabelledBatches(few_labels(), size, seeded_generator(0))))
    assert len(x) == len(y) == size + n_beside


def test_unlabelled_rows_stand_in_for_a_label_without_rows():
    data = few_labels()
    batches = LabelledBatches(data, 50, seeded_generator(0), n_labelled=9, stand_in=3)
    drawn = torch.cat([x[-9:][y[-9:] == 3] for x, y, _ in batches])[:, 0] / 2
    assert len(drawn) == 6
    assert (data.y[drawn.long()] == 0).all()
    batches = LabelledBatches(data, 50, seeded_generator(0), stand_in=2)
    assert set(batches.rows_of) == {1, 2}


@pytest.mark.parametrize("y", [None, torch.zeros(100, dtype=torch.int64)])
def test_without_labels_labelled_batches_are_the_usual_ones(y):
    data = TensorData(table(100).X, y)
    usual, labelled = (
        list(kind(data, 7, seeded_generator(0))) for kind in (TensorBatches, LabelledBatches)
    )
    assert all(torch.equal(a[0], b[0]) for a, b in zip(usual, labelled, strict=True))


@pytest.mark.parametrize(("fraction", "n_held_out"), [(0.1, 5), (0.5, 25), (0.001, 1), (0.999, 48)])
def test_a_share_of_the_rows_is_held_out(fraction, n_held_out):
    train, valid = HoldOut(fraction, seed=0)(table(50, labels=True))
    assert len(valid) == n_held_out
    together = torch.cat([train.X, valid.X])[:, 0] / 2
    assert torch.equal(together.sort().values, torch.arange(50.0))
    assert torch.equal(valid.X[:, 0] / 2, valid.y.float())


@pytest.mark.parametrize("seed", range(10))
def test_an_only_row_of_a_label_is_not_held_out(seed):
    data = table(20)
    data.y = torch.zeros(20, dtype=torch.int64)
    data.y[3], data.y[7] = 1, 2
    train, valid = HoldOut(0.5, seed)(data)
    assert len(valid) == 10
    assert (valid.y == 0).all()
    assert train.y.unique().tolist() == [0, 1, 2]


def test_what_is_held_out_follows_from_the_seed():
    held_out = [HoldOut(0.2, seed)(table(50))[1].X for seed in (0, 0, 1)]
    assert torch.equal(held_out[0], held_out[1])
    assert not torch.equal(held_out[0], held_out[2])


def test_arrays_become_tensors_without_a_copy_unless_they_are_read_only():
    array = np.ones((3, 2), dtype=np.float32)
    assert as_tensor(array).data_ptr() == array.ctypes.data
    array.flags.writeable = False
    assert as_tensor(array).data_ptr() != array.ctypes.data
    tensor = torch.ones(3)
    assert as_tensor(tensor) is tensor


def test_half_of_a_balanced_batch_are_known_anomalies():
    data = table(100)
    data.y = torch.zeros(100, dtype=torch.int8)
    data.y[[3, 8]], data.y[50:] = -1, 1
    batches = list(BalancedBatches(data, 10, seeded_generator(0), n_batches=200))
    assert len(batches) == 200
    X, y = (torch.cat(parts) for parts in zip(*(batch[:2] for batch in batches), strict=True))
    rows = (X[:, 0] / 2).long()
    assert torch.equal(data.y[rows], y)
    assert all((y < 0).sum() == 5 for _, y, _ in batches)
    counts = rows.bincount(minlength=100)
    assert (counts[[3, 8]] > 400).all()  # of 500 expected each
    assert counts.min() >= 1  # of ten expected
    for size, expected in ((7, 7), (1, 2)):
        batches = BalancedBatches(data, size, seeded_generator(0), n_batches=2)
        assert [len(x) for x, *_ in batches] == [expected] * 2


def test_rows_of_a_tuple_are_drawn_by_the_weights_of_their_role():
    data = table(4)
    data.weight = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 0.0], [0.0, 5.0]])
    batches = list(TupleBatches(data, 100, seeded_generator(0), n_batches=40))
    assert all(x.shape == (100, 2, 2) and y is None for x, y, _ in batches)
    rows = (torch.cat([x for x, *_ in batches])[..., 0] / 2).long()
    assert (rows[:, 1] == 3).all()
    assert abs(rows[:, 0].double().mean() - 0.75) < 0.03
    assert set(rows[:, 0].tolist()) == {0, 1}


def test_drawn_batches_are_others_in_each_pass_and_from_the_seed():
    data = table(50)
    data.weight = torch.ones(50, 1)
    first, second = (TupleBatches(data, 5, seeded_generator(4), n_batches=3) for _ in range(2))
    drawn = [torch.cat([x for x, *_ in batches]) for batches in (first, second, first)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
