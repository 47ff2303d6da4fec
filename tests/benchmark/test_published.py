"""The runner agrees with what ADBench published."""

import os

import pytest

from skdeepad.benchmark import self_test


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
