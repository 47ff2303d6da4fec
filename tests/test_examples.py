"""The gallery's examples run, and draw."""

import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "doc" / "examples").glob("plot_*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_draws(path, shared_data):
    plt.switch_backend("agg")
    runpy.run_path(str(path))
    assert len(plt.get_fignums()) >= 3
    plt.close("all")
