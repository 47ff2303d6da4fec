"""All detectors on another device than the CPU, whether there is one or not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from skdeepad import all_detectors


def test_detectors_compute_on_their_device_alone_and_give_what_the_cpu_gives():
    command = [sys.executable, "-m", "tests.elsewhere"]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=600)
    if done.returncode == 1 and "knows no device in Python" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 2 * len(all_detectors())
    assert {name: differing for name, differing in found.items() if differing} == {}
