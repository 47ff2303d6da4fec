"""A cluster's failures become rows, and a cluster that is gone is not waited for."""

import sys
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from skdeepad.benchmark import _pool
from skdeepad.benchmark._runner import make_tasks

OPTIONS = {"metrics": {}, "time_limit": None}


@pytest.fixture
def tasks():
    X, y = np.arange(40.0).reshape(20, 2), np.arange(20) < 5
    return make_tasks("Norm", {"toy": (X, y)}, "clean", seeds=range(5))


def test_every_task_comes_back_once(tasks):
    with ThreadPoolExecutor(2) as pool:
        rows = list(_pool._on_cluster(tasks, pool.submit, lambda: 2, 2, OPTIONS))
    assert sorted(row["seed"] for row in rows) == list(range(5))
    assert {row["status"] for row in rows} == {"ok"}


def test_a_lost_task_is_a_row(tasks):
    def submit(function, task, **options):
        future = Future()
        if task.seed == 1:
            future.set_exception(RuntimeError("worker lost"))
        elif task.seed == 2:
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            future.set_result(function(task, **options))
        return future

    rows = list(_pool._on_cluster(tasks, submit, lambda: 1, 1, OPTIONS))
    assert {row["seed"]: row["error"] for row in rows if row["status"] == "error"} == {
        1: "RuntimeError: worker lost",
        2: "CancelledError:",
    }
    assert len(rows) == 5


def test_a_cluster_without_workers_is_given_up(tasks, monkeypatch):
    monkeypatch.setattr(_pool, "PATIENCE", 0.01)
    with pytest.raises(RuntimeError, match="no workers"):
        list(_pool._on_cluster(tasks, lambda *args, **options: Future(), lambda: 0, 1, OPTIONS))


def test_an_uninstalled_backend_is_named(tasks, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match="backend='dask' needs distributed"):
        list(_pool.run_tasks(tasks, 1, "dask", None, OPTIONS))
