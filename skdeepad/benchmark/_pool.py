"""Runs side by side, in processes here or on a cluster, that survive a worker's death."""

from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from contextlib import contextmanager

from joblib import cpu_count, effective_n_jobs

from ._execute import execute, new_row, one_line
from ._workers import run_in_processes

BACKENDS = ("loky", "dask", "ray")
PATIENCE = 60.0  # seconds that a cluster may be without workers


def run_tasks(tasks, n_jobs, backend, scheduler, options):
    """Yield a row for each task as it is done, in any order."""
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
    else:
        yield from _on_this_machine(tasks, effective_n_jobs(n_jobs), **options)


def _on_this_machine(tasks, n_jobs, metrics, time_limit):
    """Run in this process where nothing has to be stopped, else in others."""
    options = {"metrics": metrics, "n_threads": max(1, cpu_count() // n_jobs)}
    if n_jobs == 1 and time_limit is None:
        yield from (execute(task, **options) for task in tasks)
    else:
        yield from run_in_processes(tasks, n_jobs, time_limit, options)


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


def _failed(task, error):
    return new_row(task) | {"error": one_line(error)}


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
