"""Why a worker died is told apart, and no worker outlives its parent."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from skdeepad.benchmark import Norm, run_benchmark
from skdeepad.benchmark._workers import cause_of_death

Y = np.arange(60) < 6
DATA = {"toy": (np.random.default_rng(0).normal(size=(60, 2)) + 2 * Y[:, None], Y)}


def detector(how):
    """A detector that does something in fit; a local class, which travels to workers whole."""

    class Scripted(Norm):
        def fit(self, X, y=None):
            how()
            return super().fit(X)

    return Scripted()


def test_why_a_run_ended_is_told_apart():
    def want_too_much():
        raise MemoryError("no room")

    def loop_in_c():
        sum(range(10**12))

    detectors = {
        "segfault": detector(lambda: os.kill(os.getpid(), signal.SIGSEGV)),
        "exit 0": detector(lambda: os._exit(0)),
        "killed": detector(lambda: os.kill(os.getpid(), signal.SIGKILL)),
        "memory": detector(want_too_much),
        "loop": detector(loop_in_c),
        "good": Norm(),
    }
    results = run_benchmark(detectors, DATA, seeds=1, n_jobs=2, time_limit=2, verbose=False)
    ends = zip(results["status"], results["error"], strict=True)
    assert dict(zip(results["detector"], ends, strict=True)) == {
        "segfault": ("error", "the worker process was killed by SIGSEGV"),
        "exit 0": ("error", "the worker process ended with exit status 0"),
        "killed": (
            "error",
            "the worker process was killed by SIGKILL, perhaps for want of memory",
        ),
        "memory": ("error", "MemoryError: no room"),
        "loop": ("timeout", "stopped after time_limit=2 s"),
        "good": ("ok", ""),
    }
    assert results["n_train"].eq(700).all()  # what was known before the end is kept


def test_a_signal_without_a_name_has_its_number():
    assert cause_of_death(-40) == "the worker process was killed by signal 40"


def test_a_stopped_worker_is_not_used_again(tmp_path):
    pids = tmp_path / "pids"

    def note():
        with pids.open("a") as file:
            file.write(f"{os.getpid()}\n")

    def note_and_sleep():
        note()
        time.sleep(60)

    detectors = {"a": detector(note), "slow": detector(note_and_sleep), "b": detector(note)}
    results = run_benchmark(detectors, DATA, seeds=1, time_limit=2, verbose=False)
    assert results["status"].tolist() == ["ok", "timeout", "ok"]
    first, second, third = pids.read_text().split()
    assert first == second != third
    assert str(os.getpid()) not in (first, third)


def test_what_cannot_be_sent_is_a_row():
    given = detector(lambda: None)
    given.contamination = (i for i in range(3))
    detectors = {"bad": given, "good": Norm()}
    results = run_benchmark(detectors, DATA, seeds=1, time_limit=60, verbose=False)  # in a worker
    assert results["status"].tolist() == ["error", "ok"]
    assert "generator" in results["error"][0]


SCRIPT = """
import os, sys, time
import numpy as np
from skdeepad.benchmark import Norm, run_benchmark

class Slow(Norm):  # of a script without a main guard
    def fit(self, X, y=None):
        with open(sys.argv[1], "a") as file:
            file.write(f"{os.getpid()}\\n")
        sum(range(10**12))

y = np.arange(60) < 6
data = {"toy": (np.random.default_rng(0).normal(size=(60, 2)), y)}
slow = {"a": Slow(), "b": Slow(), "c": Slow()}
run_benchmark(slow, data, seeds=1, n_jobs=2, verbose=False, output=sys.argv[2])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a loop in C is stopped by Linux alone")
def test_workers_and_the_lock_end_with_a_parent_that_is_killed(tmp_path):
    pids, output = tmp_path / "pids", tmp_path / "results.csv"
    pids.touch()
    script = SCRIPT.replace("sys.argv[1]", repr(str(pids)))
    script = script.replace("sys.argv[2]", repr(str(output)))
    parent = subprocess.Popen([sys.executable, "-c", script])
    try:
        wait_for(lambda: len(pids.read_text().split()) == 2, seconds=60)
        workers = [psutil.Process(int(pid)) for pid in pids.read_text().split()]
        with pytest.raises(OSError, match="is being written by another run"):
            run_benchmark("Norm", DATA, seeds=1, verbose=False, output=output)
    finally:
        parent.kill()
        parent.wait()
    wait_for(lambda: all(map(has_ended, workers)), seconds=30)
    results = run_benchmark("Norm", DATA, seeds=1, verbose=False, output=output)
    assert results["status"].tolist() == ["ok"]


def test_ctrl_c_ends_all_and_the_command_goes_on_later(tmp_path):
    pids = tmp_path / "pids"
    pids.touch()
    (tmp_path / "slow.py").write_text(
        "import os, time\n"
        "from skdeepad.benchmark import Norm\n"
        "class Slow(Norm):\n"
        "    def fit(self, X, y=None):\n"
        f"        open({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
        "        time.sleep(60)\n"
    )
    arguments = ["--detectors", "Norm", "slow.Slow", "--datasets", "wine", "--seeds", "1"]
    arguments += ["--n-jobs", "2", "--quiet", "--output", "out"]
    command = subprocess.Popen(
        [sys.executable, "-m", "skdeepad.benchmark", *arguments],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    try:
        wait_for(lambda: pids.read_text(), seconds=60)
        wait_for(lambda: "Norm" in (tmp_path / "out" / "results.csv").read_text(), seconds=60)
        worker = psutil.Process(int(pids.read_text()))
        os.killpg(command.pid, signal.SIGINT)  # as a terminal does
        _, error = command.communicate(timeout=30)
    finally:
        command.kill()
    assert command.returncode == 130
    assert error.strip() == "Interrupted; the same command goes on from here."
    wait_for(lambda: has_ended(worker), seconds=30)


def has_ended(process):
    """Whether a process is no more, or a zombie whose end its new parent has not asked for yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
