"""What surrounds a run: seeds, threads, a time limit, and the memory it took."""

import ctypes
import faulthandler
import gc
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path

GRACE = 30.0  # seconds after the time limit before a worker that ignores it is killed


class TimeLimitError(BaseException):
    """A run took longer than its time limit."""


@contextmanager
def limited_threads(n_threads):
    """Keep BLAS, OpenMP and torch to `n_threads`, or to ``OMP_NUM_THREADS`` where it is less."""
    from threadpoolctl import threadpool_limits

    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit():
        n_threads = min(n_threads, int(asked))
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else None
    try:
        with threadpool_limits(limits=n_threads):
            if torch:
                torch.set_num_threads(n_threads)
            yield
    finally:
        if torch:
            torch.set_num_threads(before)


@contextmanager
def deadline(seconds, kill=False):
    """Raise :class:`TimeLimitError` in the block after `seconds`; no limit where None.

    Python looks for interruptions between two bytecodes: a loop in C is stopped when it returns.
    With `kill`, a process that has not come back some time after the limit is ended, whatever it
    is doing.
    """
    if seconds is None:
        yield
        return
    main = threading.current_thread() is threading.main_thread()
    alarm = _signal if main and hasattr(signal, "setitimer") else _exception_from_outside
    with _watchdog(1.5 * seconds + GRACE) if kill else nullcontext(), alarm(seconds):
        yield


@contextmanager
def _signal(seconds):
    """Interrupt the main thread; system calls end early, too."""

    def stop(signum, frame):
        raise TimeLimitError

    handler = signal.signal(signal.SIGALRM, stop)
    started, others = time.monotonic(), signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if others[0]:  # a test runner's alarm, say
            left = others[0] - (time.monotonic() - started)
            signal.setitimer(signal.ITIMER_REAL, max(left, 1e-3), others[1])


@contextmanager
def _exception_from_outside(seconds):
    """Interrupt any other thread, where no signal arrives: dask's workers, Windows."""
    thread, lock, done = threading.get_ident(), threading.Lock(), False

    def stop():
        with lock:
            if not done:
                error = ctypes.py_object(TimeLimitError)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), error)

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            done = True
        timer.cancel()


@contextmanager
def _watchdog(seconds):
    """End the process after `seconds`; the timer is a C thread and needs no interpreter."""
    with open(os.devnull, "w") as sink:
        faulthandler.dump_traceback_later(seconds, exit=True, file=sink)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


class PeakMemory:
    """Most memory the process gained while the block ran, in `mb`.

    Linux keeps the mark itself, exactly and for free; elsewhere a thread samples.
    """

    def __enter__(self):
        self._sampler = None
        _return_free_memory()
        try:
            Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM to VmRSS
            self._before = _proc_status("VmRSS")
        except OSError:
            self._sampler = _Sampler()
            self._before = self._sampler.peak
        return self

    def __exit__(self, *exc_info):
        peak = self._sampler.stop() if self._sampler else _proc_status("VmHWM")
        self.mb = max(0.0, (peak - self._before) / 2**20)


class _Sampler(threading.Thread):
    def __init__(self, interval=0.01):
        import psutil

        super().__init__(daemon=True)
        self._process, self._interval = psutil.Process(), interval
        self._done = threading.Event()
        self.peak = self._process.memory_info().rss
        self.start()

    def run(self):
        while not self._done.wait(self._interval):
            self.peak = max(self.peak, self._process.memory_info().rss)

    def stop(self):
        self._done.set()
        self.join()
        return max(self.peak, self._process.memory_info().rss)


def _return_free_memory():
    """Give back what earlier runs left in the heap, which would hide what this one takes."""
    gc.collect(1)  # a full collection takes longer than many a run
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # not glibc
        return


def _proc_status(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return 1024 * int(line.split()[1])
    raise OSError(f"/proc/self/status has no {field}")
