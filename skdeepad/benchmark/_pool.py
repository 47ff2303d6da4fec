"""Runs side by side, in processes here or on a cluster, that survive a worker's death."""

import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from joblib import Parallel, cpu_count, delayed, effective_n_jobs, parallel_config

from ._execute import KEY, execute, new_row, one_line, timed_out

BACKENDS = ("loky", "dask", "ray")


@contextmanager
def on_backend(backend, scheduler=None):
    """Send joblib's work to `backend`, connected to `scheduler`, inside the block."""
    if backend not in BACKENDS:
        raise ValueError(f"backend={backend!r} is unknown: pass one of {BACKENDS}")
    try:
        if backend == "loky":
            yield
        elif backend == "dask":
            from distributed import Client

            with Client(scheduler), parallel_config("dask"):
                yield
        else:
            import ray
            from ray.util.joblib import register_ray

            ray.init(address=scheduler, ignore_reinit_error=True)
            register_ray()
            with parallel_config("ray"):
                yield
    except ModuleNotFoundError as error:
        if error.name not in ("distributed", "ray"):
            raise
        raise ImportError(
            f"backend={backend!r} needs {error.name}: pip install {error.name}"
        ) from error


def run_tasks(tasks, n_jobs, backend, options):
    """Yield a row for each task as it is done, in any order.

    When a worker dies, the pool dies with it: what was running is run again, alone, to find the
    culprit, and the rest goes on in a new pool.
    """
    n_jobs = effective_n_jobs(n_jobs)
    here = backend == "loky" and n_jobs == 1
    options = options | {
        "n_threads": max(1, cpu_count() // n_jobs) if backend == "loky" else 1,
        "isolated": backend == "loky" and not here,
    }
    with tempfile.TemporaryDirectory() as logs:
        jobs = {task.key: (task, Path(logs, str(i))) for i, task in enumerate(tasks)}
        while jobs:
            try:
                for row in _rows(list(jobs.values()), n_jobs, backend, options):
                    del jobs[tuple(row[name] for name in KEY)]
                    yield row
            except Exception:
                if here:
                    raise
                yield from _find_culprits(jobs, n_jobs, backend, options)


def _rows(jobs, n_jobs, backend, options):
    calls = [delayed(execute)(task, log=log, **options) for task, log in jobs]
    if backend == "ray":  # hands results back all at once, so that it gets few at a time
        for start in range(0, len(calls), n_jobs):
            yield from Parallel(n_jobs=n_jobs, batch_size=1)(calls[start : start + n_jobs])
        return
    where = {"backend": "loky"} if backend == "loky" else {}
    yield from Parallel(n_jobs=n_jobs, batch_size=1, return_as="generator_unordered", **where)(
        calls
    )


def _find_culprits(jobs, n_jobs, backend, options):
    """Run one by one what was running when the pool died; anything, where no trace is left."""
    suspects = [key for key, (_, log) in jobs.items() if log.exists()]
    for key in suspects or list(jobs):
        task, log = jobs.pop(key)
        log.unlink(missing_ok=True)
        started = time.monotonic()
        try:
            [row] = _rows([(task, log)], n_jobs, backend, options)
        except Exception as error:
            limit = options["time_limit"]
            late = limit is not None and time.monotonic() - started > limit
            failure = timed_out(limit) if late else {"error": one_line(error)}
            yield new_row(task) | failure
            if not suspects:
                return
        else:
            yield row
