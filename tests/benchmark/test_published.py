"""The runner agrees with what ADBench published."""

import os

import pytest

from skdeepad.benchmark import published_table, self_test


def test_copod_agrees_on_a_shipped_set():
    """Splits, scaling, sign and metric at once; the forest checks the seeds as well."""
    gaps = self_test(["wine"], verbose=False)
    assert gaps["agrees"].all(), gaps


@pytest.mark.slow
@pytest.mark.skipif("SKDEEPAD_DATA" not in os.environ, reason="SKDEEPAD_DATA is not set")
def test_iforest_and_copod_agree_on_the_small_sets():
    gaps = self_test(verbose=False, n_jobs=2)
    assert len(gaps) == 26
    assert gaps["agrees"].all(), gaps[~gaps["agrees"]]


# Means over the 47 sets: DevNet's and XGBOD's, AUCROC and AUCPR.
@pytest.mark.parametrize(
    ("labelled", "roc_auc", "average_precision"),
    [(1, (79.1, 80.0), (53.6, 46.2)), (10, (88.1, 90.0), (66.6, 68.5))],
)
def test_tables_with_labels_are_those_of_the_paper(labelled, roc_auc, average_precision):
    for metric, means in (("roc_auc", roc_auc), ("average_precision", average_precision)):
        table = published_table(metric, labelled)
        assert table.index.equals(published_table(metric).index)
        assert table[["DevNet", "XGBOD"]].mean().round(1).tolist() == list(means)
        assert table.notna().all(axis=None)


@pytest.mark.parametrize(
    ("given", "message"),
    [({"labelled": 5}, "labelled=5 percent"), ({"metric": "f1"}, "metric='f1' was not published")],
)
def test_what_was_not_published_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        published_table(**given)


def test_a_set_of_which_nothing_was_published_is_named():
    with pytest.raises(ValueError, match=r"datasets=\['own.npz'\]: nothing was published"):
        self_test(["wine", "own.npz"])
    with pytest.raises(ValueError, match=r"datasets=\['mine'\]: nothing was published"):
        self_test("mine")
