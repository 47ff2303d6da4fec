"""Runs side by side, in processes here or on a cluster, that survive a worker's death."""

import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from contextlib import contextmanager
from pathlib import Path

from joblib import Parallel, cpu_count, delayed, effective_n_jobs

from ._execute import KEY, execute, new_row, one_line, timed_out

BACKENDS = ("loky", "dask", "ray")
PATIENCE = 60.0  # seconds that a cluster may be without workers


def run_tasks(tasks, n_jobs, backend, scheduler, options):
    """Yield a row for each task as it is done, in any order."""
    if backend not in BACKENDS:
        raise ValueError(f"backend={backend!r} is unknown: pass one of {BACKENDS}")
    if backend != "loky":
        try:
            connect = _dask if backend == "dask" else _ray
            with connect(scheduler) as (submit, n_workers):
                at_once = max(1, n_workers()) if n_jobs is None or n_jobs < 0 else n_jobs
                options = options | {"isolated": backend == "ray"}
                yield from _on_cluster(tasks, submit, n_workers, at_once, options)
        except ModuleNotFoundError as error:
            if error.name not in ("distributed", "ray"):
                raise
            hint = f"backend={backend!r} needs {error.name}: pip install {error.name}"
            raise ImportError(hint) from error
    elif effective_n_jobs(n_jobs) == 1:
        yield from (execute(task, n_threads=cpu_count(), **options) for task in tasks)
    else:
        yield from _in_processes(tasks, effective_n_jobs(n_jobs), options)


def _in_processes(tasks, n_jobs, options):
    """Run on this machine.

    When a worker dies, the pool dies with it: what was running is run again, alone, to find the
    culprit, and the rest goes on in a new pool.
    """
    options = options | {"n_threads": max(1, cpu_count() // n_jobs), "isolated": True}
    with tempfile.TemporaryDirectory() as logs:
        jobs = {task.key: (task, Path(logs, str(i))) for i, task in enumerate(tasks)}
        while jobs:
            try:
                for row in _parallel(list(jobs.values()), n_jobs, options):
                    del jobs[tuple(row[name] for name in KEY)]
                    yield row
            except Exception:  # execute raises none: a worker died, or a task cannot be sent
                yield from _find_culprits(jobs, n_jobs, options)


def _parallel(jobs, n_jobs, options):
    return Parallel(n_jobs=n_jobs, backend="loky", batch_size=1, return_as="generator_unordered")(
        delayed(execute)(task, log=log, **options) for task, log in jobs
    )


def _find_culprits(jobs, n_jobs, options):
    """Run one by one what was running when the pool died; anything, where no trace is left."""
    suspects = [key for key, (_, log) in jobs.items() if log.exists()]
    for key in suspects or list(jobs):
        task, log = jobs.pop(key)
        log.unlink(missing_ok=True)
        started = time.monotonic()
        try:
            [row] = _parallel([(task, log)], n_jobs, options)
        except Exception as error:
            yield _failed(task, error, time.monotonic() - started, options["time_limit"])
            if not suspects:
                return
        else:
            yield row


def _on_cluster(tasks, submit, n_workers, at_once, options):
    """Keep as many runs under way as there are workers, and one more each in the queue.

    joblib's own cluster backends are not used: they wait for ever for a worker that died.
    """
    running, left = {}, iter(tasks)
    while True:
        while len(running) < 2 * at_once and (task := next(left, None)) is not None:
            running[submit(execute, task, **options)] = task
        if not running:
            return
        for future in _wait(running, n_workers):
            task = running.pop(future)
            error = CancelledError() if future.cancelled() else future.exception()
            yield _failed(task, error) if error else future.result()


def _wait(futures, n_workers):
    """Wait for the first of `futures`, as long as somebody is left to work on them."""
    had_workers = True
    while had_workers or n_workers():
        had_workers = n_workers() > 0
        if done := wait(futures, timeout=PATIENCE, return_when=FIRST_COMPLETED).done:
            return done
    raise RuntimeError(
        f"the cluster has had no workers for {PATIENCE:g} s; with output given, the same call "
        "goes on from here when it has"
    )


def _failed(task, error, seconds=0.0, time_limit=None):
    late = time_limit is not None and seconds > time_limit
    return new_row(task) | (timed_out(time_limit) if late else {"error": one_line(error)})


@contextmanager
def _dask(scheduler):
    from distributed import Client

    # One thread each: two runs in one process would share its memory, seeds and death.
    with Client(scheduler) if scheduler else Client(threads_per_worker=1) as client:
        yield client.get_executor(pure=False).submit, lambda: sum(client.ncores().values())


@contextmanager
def _ray(scheduler):
    import ray

    def submit(function, *args, **options):
        remote = ray.remote(max_retries=0)(function)
        return remote.remote(*args, **options).future()

    with ray.init(address=scheduler, log_to_driver=False):
        yield submit, lambda: int(ray.cluster_resources().get("CPU", 0))
