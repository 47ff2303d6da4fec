"""The joblib backend ``"stacked"``, which trains many nets as one.

Each task runs in a thread of its own until it trains a net. There the tasks wait for one another.
Nets that differ in numbers only are trained as one stack, whose weights have one more dimension.
Each net keeps its batches, its noise, its history and its callbacks. Then each task goes on alone.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from joblib import cpu_count
from joblib.parallel import ThreadingBackend, register_parallel_backend

from ._callbacks import AfterTraining, listening
from ._net import DetectorNet
from ._stackable import can_be_stacked, key_of
from ._stacked import Member, Stack

# Threads of n_jobs=-1.
MOST_JOBS = 128
# Seconds without a new task after which all are taken to be there.
SETTLING = 0.02
# Maximum time without a change to wait for a task, in seconds.
PATIENCE = 5.0
# Maximum time that a task waits until others pause, in seconds.
TURN = 1.0

_task = threading.local()


class StackedBackend(ThreadingBackend):
    """Threads of joblib whose nets are trained as one where they can be."""

    # As joblib's pool of threads, a meeting begins with the first task and ends with the pool: one
    # backend serves all pools of a context, also one within another.
    _meeting: "Meeting | None" = None

    def effective_n_jobs(self, n_jobs):
        return MOST_JOBS if n_jobs == -1 else super().effective_n_jobs(n_jobs)

    def submit(self, func, callback=None):
        if self._meeting is None:
            self._meeting = Meeting(self._n_jobs)
        meeting = self._meeting
        number = meeting.expect()

        def task():
            with meeting.attended(number):
                return func()

        try:
            return super().submit(task, callback)
        except BaseException:
            meeting.forget()
            raise

    def terminate(self):
        if self._meeting is not None:
            self._meeting.cancel()
            self._meeting = None
        super().terminate()


class Cancelled(RuntimeError):
    """The search or the ensemble that a training was part of has ended before it."""


class Meeting:
    """Where the tasks of a pool wait for one another before they train.

    Parameters
    ----------
    n_jobs : int
        Number of tasks that run at a time.
    """

    def __init__(self, n_jobs: int) -> None:
        self.n_jobs = n_jobs
        self.changed = threading.Condition()
        # Threads that all run would spend their time on waiting for Python's lock.
        self.turns = threading.Semaphore(cpu_count())
        self.training = threading.Lock()
        self.n_expected = self.n_tasks = 0
        self.last_arrival = self.last_change = time.monotonic()
        self.n_running = 0
        self.waiting: list[Member] = []
        self.is_cancelled = False

    def expect(self) -> int:
        """Count a task that will come; return its number."""
        with self.changed:
            self.n_expected += 1
            self.n_tasks += 1
            self.last_arrival = self.last_change = time.monotonic()
            return self.n_tasks

    def forget(self) -> None:
        """Count a task as one that will not come."""
        with self.changed:
            self.n_expected -= 1

    @contextmanager
    def attended(self, number: int) -> Iterator[None]:
        """Count a task from its beginning to its end, however it ends."""
        _task.meeting, _task.number = self, number
        with self.changed:
            self.n_running += 1
            self.last_change = time.monotonic()
        self.take_turn()
        try:
            yield
        finally:
            self.give_turn()
            _task.meeting = None
            with self.changed:
                self.n_running -= 1
                self.n_expected -= 1
                self.last_change = time.monotonic()
                self.changed.notify_all()

    def take_turn(self) -> None:
        """Wait until few enough tasks run, or for a while: those that run may wait for this one."""
        _task.has_turn = self.turns.acquire(timeout=TURN)

    def give_turn(self) -> None:
        """Let another task run."""
        if _task.has_turn:
            self.turns.release()
        _task.has_turn = False

    def cancel(self) -> None:
        """Let no task wait any more."""
        with self.changed:
            self.is_cancelled = True
            self.changed.notify_all()

    def join(self, member: "Member") -> None:
        """Wait until each running task waits or has ended; then stacks are made."""
        with self.changed:
            self.waiting.append(member)
            self.last_change = time.monotonic()
            self.changed.notify_all()
            while not (member.is_placed or self.is_cancelled):
                if self._is_complete():
                    self._make_stacks()
                else:
                    self.changed.wait(SETTLING)
        self.check()

    def check(self) -> None:
        """Raise if the pool has ended."""
        if self.is_cancelled:
            raise Cancelled("The training was cancelled, since the others of its pool have ended.")

    def _is_complete(self) -> bool:
        now = time.monotonic()
        if now - self.last_change > PATIENCE:
            return True
        if len(self.waiting) < self.n_running:
            return False
        all_run = self.n_running >= min(self.n_jobs, self.n_expected)
        return self.n_running >= self.n_jobs or (all_run and now - self.last_arrival > SETTLING)

    def _make_stacks(self) -> None:
        groups = defaultdict(list)
        # The place in a stack changes the last digits, so that it must not depend on the threads.
        for member in sorted(self.waiting, key=lambda member: member.number):
            groups[member.key].append(member)
        self.waiting = []
        for members in groups.values():
            stack = Stack(members) if len(members) > 1 else None
            for member in members:
                member.stack, member.is_placed = stack, True
        self.changed.notify_all()


@contextmanager
def trained_with_others(net: DetectorNet, n_rows: int, epochs: int | None, known: tuple):
    """Train ``net`` within a stack if the task is one of a pool, and others are like it."""
    meeting = getattr(_task, "meeting", None)
    if meeting is None:
        yield
        return
    stackable = can_be_stacked(net)
    key = (key_of(net), n_rows, epochs, known) if stackable else None
    member = Member(net, key, _task.number, meeting.check, meeting.training)
    meeting.give_turn()
    try:
        if stackable:
            meeting.join(member)
        net._train_on, net._count_step = member.train_on, member.count_step
        # Early stopping restores weights, which must be the net's own by then.
        with listening(net, AfterTraining(member.leave)):
            yield
    finally:
        for name in ("_train_on", "_count_step"):
            vars(net).pop(name, None)
        member.leave()
        meeting.take_turn()


register_parallel_backend("stacked", StackedBackend)
