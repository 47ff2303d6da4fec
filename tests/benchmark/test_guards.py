"""What surrounds a run stops it in time and leaves no trace."""

import mmap
import signal
import threading
import time

import numpy as np
import pytest
import torch

from skdeepad.benchmark._guards import PeakMemory, TimeLimitError, _Sampler, deadline
from skdeepad.interop._foreign import seeded


def spin(seconds=5.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_a_slow_block_is_stopped_in_the_main_thread():
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TimeLimitError), deadline(0.05):
        time.sleep(5)
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_slow_block_is_stopped_in_another_thread():
    stopped = []

    def work():
        try:
            with deadline(0.05):
                spin()
        except TimeLimitError:
            stopped.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert stopped


def test_a_quick_block_is_not_stopped_later():
    with deadline(0.3):
        pass
    time.sleep(0.4)
    with deadline(None):
        pass


def test_an_alarm_that_was_set_before_still_rings():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(True))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with deadline(10):
            pass
        time.sleep(0.2)
        assert rung
    finally:
        signal.signal(signal.SIGALRM, before)


def test_global_states_are_seeded_and_put_back():
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    draws = []
    for _ in range(2):
        with seeded(3):
            draws.append((np.random.rand(), torch.rand(1).item()))
    assert draws[0] == draws[1]
    assert draws[0][0] == np.random.RandomState(3).rand()
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_peak_memory_sees_what_was_given_back():
    with PeakMemory() as memory:
        np.ones(2**24 // 8).sum()
    assert 14 < memory.mb < 40


def test_the_sampler_sees_a_peak_that_lasts():
    sampler = _Sampler(interval=0.001)
    before = sampler.peak
    block = mmap.mmap(-1, 2**24)  # new pages, where an array may take what others have left
    block.write(bytes(2**24))
    deadline = time.monotonic() + 10  # the thread may have to wait for a busy machine
    while sampler.peak - before < 14e6 and time.monotonic() < deadline:
        time.sleep(0.01)
    block.close()
    assert sampler.stop() - before > 14e6
