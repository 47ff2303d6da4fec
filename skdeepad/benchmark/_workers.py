"""Processes of this machine that do one run after the other, and whose end is told apart.

A pool of the standard library, joblib's or pebble's does not say for certain which run a process
died of, nor how. Here each process has a pipe of its own and one run at a time.
"""

import ctypes
import math
import os
import signal
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from multiprocessing.connection import wait

import cloudpickle
import psutil
from joblib.externals.loky.backend import get_context
from joblib.externals.loky.backend.utils import kill_process_tree

from ._execute import execute, new_row, one_line, timed_out

# Its processes don't import the caller's script, which so needs no ``if __name__ == "__main__"``.
CONTEXT = get_context("loky")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
BOOTED, STARTED, DONE = range(3)  # what a worker says, beside what it knows of the row


def run_in_processes(tasks, n_jobs, time_limit, options):
    """Yield a row for each task as it is done, in any order.

    A worker that died, or was killed because its run took too long, is replaced by a new one.
    """
    left = deque(tasks)
    n_threads = options["n_threads"]
    workers = [_Worker(n_threads) for _ in range(min(n_jobs, len(left)))]
    try:
        while workers:
            for worker in _first_with_news(workers):
                row = worker.news(time_limit)
                if row is not None:
                    yield row
                while worker.idle and left:
                    if row := worker.give(left.popleft(), options):
                        yield row
                if worker.idle or worker.ended:
                    worker.end()
                    workers.remove(worker)
                    if left:
                        workers.append(_Worker(n_threads))
    finally:
        for worker in workers:
            worker.kill()


def _first_with_news(workers):
    until = min(worker.stop_at for worker in workers)
    timeout = None if until == math.inf else max(0.0, until - time.monotonic())
    ready = set(wait([source for worker in workers for source in worker.sources], timeout))
    now = time.monotonic()
    return [w for w in workers if w.stop_at <= now or not ready.isdisjoint(w.sources)]


class _Worker:
    """A process, the pipe to it, and what is known of its run.

    Attributes
    ----------
    idle : bool
        Whether it waits for a task.
    ended : bool
        Whether the process is dead.
    stop_at : float
        When its run will have taken too long, by the monotonic clock.
    """

    def __init__(self, n_threads):
        self._pipe, theirs = CONTEXT.Pipe()
        # For libraries that are loaded too late for `limited_threads`.
        env = {name: os.environ.get(name, str(n_threads)) for name in THREAD_VARIABLES}
        self._process = CONTEXT.Process(target=_work, args=(theirs, os.getpid()), env=env)
        self._process.start()
        theirs.close()
        self._row, self.stop_at, self.idle, self.ended = None, math.inf, False, False
        self.sources = (self._pipe, self._process.sentinel)

    def give(self, task, options):
        """Send a task; return its row if it cannot be sent."""
        row = new_row(task)
        try:
            message = cloudpickle.dumps((task, options))
        except Exception as error:
            return row | {"error": one_line(error)}
        self._row, self.idle = row, False
        try:
            self._pipe.send_bytes(message)
        except OSError:  # it has died, which `news` will find
            return None

    def news(self, time_limit):
        """Take in what the worker says, or that it says no more; return its row if that is done."""
        try:
            if self._pipe.poll():
                said, known = self._pipe.recv()
            elif self._process.exitcode is None:
                return self._stopped(time_limit) if time.monotonic() >= self.stop_at else None
            else:
                return self._died()
        except (EOFError, OSError):
            return self._died()
        if said == STARTED:
            self._row |= known
            self.stop_at = math.inf if time_limit is None else time.monotonic() + time_limit
            return None
        self.idle, self.stop_at = True, math.inf
        return None if said == BOOTED else self._row | known

    def _stopped(self, time_limit):
        self.kill()
        return self._row | timed_out(time_limit)

    def _died(self):
        self._process.join(5)  # the pipe may close a moment before the process is gone
        cause = cause_of_death(self._process.exitcode)
        self.kill()
        if self._row is None:
            raise RuntimeError(f"a worker process could not be started: {cause}")
        return self._row | {"error": cause}

    def end(self):
        """Let the process end by itself."""
        self._pipe.close()
        self._process.join(5)
        self.kill()

    def kill(self):
        """End the process, and those that it started."""
        if self._process.is_alive():
            kill_process_tree(self._process)
            self._process.join()
        self._pipe.close()
        self.ended, self.idle, self.stop_at = True, False, math.inf


def cause_of_death(exitcode):
    """Why a process ended, in words."""
    if exitcode is None or exitcode >= 0:
        return f"the worker process ended with exit status {exitcode}"
    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = f"signal {-exitcode}"
    hint = ", perhaps for want of memory" if name == "SIGKILL" else ""
    return f"the worker process was killed by {name}{hint}"


def _work(pipe, parent):
    """Run what comes through the pipe, until it is closed at the other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent has it, too, and decides
    _end_with(parent)
    pipe.send((BOOTED, None))
    while True:
        try:
            message = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            task, options = cloudpickle.loads(message)
        except Exception as error:
            pipe.send((DONE, {"error": one_line(error)}))
            continue
        row = execute(task, on_start=lambda row: pipe.send((STARTED, row)), **options)
        pipe.send((DONE, row))


def _end_with(parent):
    """End this process when its parent ends, even if that is killed."""
    if sys.platform == "linux":  # stops loops in C as well
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

    def watch():
        with suppress(psutil.NoSuchProcess):
            psutil.Process(parent).wait()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
