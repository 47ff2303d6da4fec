"""Rows that are taken and scaled when they are asked for are those of a tensor."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from skdeepad.training import (
    HoldOut,
    LazyRows,
    TensorBatches,
    TensorData,
    mean_over_rows,
    seeded_generator,
    to_tensor,
)
from skdeepad.training import _lazy_rows as lazy_module

from .toys import make_net

TABLE = np.random.RandomState(0).randn(50, 3)
EXTRA = np.random.RandomState(1).randn(4, 3).astype(np.float32)


def doubled(block):
    assert block.flags.c_contiguous
    return (2 * block).astype(np.float32)


ROWS = np.random.RandomState(2).permutation(50)[:30]
LAZY = {
    "all": (LazyRows(TABLE, doubled), doubled(TABLE)),
    "some": (LazyRows(TABLE, doubled, ROWS), doubled(TABLE[ROWS])),
    "followed": (LazyRows(TABLE, doubled).followed_by(EXTRA), np.r_[doubled(TABLE), EXTRA]),
    "some, followed": (
        LazyRows(TABLE, doubled, ROWS).followed_by(EXTRA),
        np.r_[doubled(TABLE[ROWS]), EXTRA],
    ),
    "Fortran": (LazyRows(np.asfortranarray(TABLE), doubled), doubled(TABLE)),
}
lazy_and_whole = pytest.mark.parametrize(("lazy", "whole"), LAZY.values(), ids=LAZY)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(lazy_module, "BLOCK_VALUES", 7 * 3)


@lazy_and_whole
def test_they_are_indexed_as_a_tensor_is(lazy, whole):
    tensor = torch.from_numpy(whole)
    assert lazy.shape == tensor.shape
    assert len(lazy) == len(tensor)
    assert lazy.nbytes == tensor.nbytes
    order = torch.randperm(len(tensor), generator=seeded_generator(0))
    for index in (
        *(3, -1, slice(None), slice(5, 9), slice(None, None, 7), slice(40, 100), order),
        *(order.int(), order[:6].reshape(2, 3), order.numpy()[:9], order[:0], slice(0, 0)),
    ):
        assert torch.equal(lazy[index], tensor[index]), index
    assert torch.equal(torch.cat(list(lazy.blocks())), tensor)
    assert torch.equal(torch.cat(list(lazy.split(8))), tensor)
    assert (lazy.min(), lazy.max()) == (whole.min(), whole.max())


@lazy_and_whole
def test_a_part_and_a_part_of_a_part_are_lazy(lazy, whole):
    order = np.random.RandomState(3).permutation(len(whole))
    part = lazy.part(order[:20])
    assert isinstance(part, LazyRows)
    assert_array_equal(part[:], whole[order[:20]])
    assert_array_equal(part.part(torch.arange(19, 3, -2))[:], whole[order[19:3:-2]])


def test_rows_of_the_table_are_in_its_order_without_those_behind_it():
    lazy, _ = LAZY["some, followed"]
    assert_array_equal(lazy.of_the_table()[:], doubled(TABLE[np.sort(ROWS)]))
    assert_array_equal(LAZY["followed"][0].of_the_table()[:], doubled(TABLE))


def test_a_value_that_is_no_number_shows_in_the_extremes():
    table = TABLE.copy()
    table[40, 1] = np.nan
    rows = LazyRows(table, doubled)
    assert rows.has_nan()
    scaled = doubled(table)
    assert (rows.min(), rows.max()) == (np.nanmin(scaled), np.nanmax(scaled))


@lazy_and_whole
def test_batches_held_out_rows_and_passes_are_the_same_to_the_bit(lazy, whole):
    y = torch.arange(len(whole)) % 3 - 1
    sets = [TensorData(rows, y) for rows in (lazy, torch.from_numpy(whole))]
    passes = [TensorBatches(data, 8, seeded_generator(1)) for data in sets]
    held_out = [TensorBatches(part, 8) for data in sets for part in HoldOut(0.3, 5)(data)]
    for first, second in (passes, held_out[::2], held_out[1::2]):
        for a, b in zip(first, second, strict=True):
            assert torch.equal(a.x, b.x)
            assert torch.equal(a.y, b.y)
    net = make_net()
    assert_array_equal(
        net.apply(net.module_.anomaly_score, lazy), net.apply(net.module_.anomaly_score, whole)
    )
    means = [mean_over_rows(net, lambda x: x, x) for x in (lazy, torch.from_numpy(whole))]
    np.testing.assert_allclose(*means, rtol=1e-12)


@pytest.mark.parametrize("free", [0, 50 * 3 * 4 * 2 - 1, 50 * 3 * 4 * 2])
def test_they_are_whole_on_a_device_where_they_fill_half_of_its_memory_or_less(free, monkeypatch):
    monkeypatch.setattr("skdeepad.training._build.free_bytes", lambda device: free)
    lazy, whole = LAZY["all"]
    tensor = to_tensor(lazy, "cpu")
    assert isinstance(tensor, torch.Tensor) == (free == 50 * 3 * 4 * 2)
    assert torch.equal(tensor[:], torch.from_numpy(whole))


def test_batches_are_where_the_net_is_if_the_table_is_elsewhere():
    batches = TensorBatches(TensorData(LAZY["all"][0], torch.zeros(50)), 8, device="meta")
    assert {value.device.type for batch in batches for value in batch[:2]} == {"meta"}
