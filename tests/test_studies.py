"""The scripts of ``benchmarks``: their command line, their data and where they write."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
STUDIES = sorted(path for path in BENCHMARKS.rglob("*.py") if not path.name.startswith("_"))
WITHOUT_FILES = {
    *("agent", "contributions", "export", "large", "log_det", "missing", "row_bytes"),
    *("speed", "stacked", "thresholds", "untrained"),
}


def by_name(path):
    return path.stem


@pytest.fixture
def exit_code_of(monkeypatch):
    """Run a script in this process, where no net can be trained; return what it exits with."""
    monkeypatch.setattr(torch.Tensor, "backward", None)

    def run(script, *arguments):
        monkeypatch.syspath_prepend(script.parent)
        monkeypatch.setattr(sys, "argv", [str(script), *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(script), run_name="__main__")
        return end.value.code

    return run


@pytest.mark.parametrize("script", STUDIES, ids=by_name)
def test_a_study_answers_help(script, exit_code_of, capsys):
    assert exit_code_of(script, "--help") == 0
    assert "--output FOLDER" in capsys.readouterr().out


@pytest.mark.parametrize(
    "script", [path for path in STUDIES if path.stem not in WITHOUT_FILES], ids=by_name
)
def test_a_study_says_in_one_line_what_data_it_lacks(script, exit_code_of, monkeypatch, tmp_path):
    monkeypatch.delenv("SKDEEPAD_DATA", raising=False)
    message = exit_code_of(script)
    assert message.startswith(f"{script.name} needs ")
    assert message.endswith("SKDEEPAD_DATA names (it is not set)")
    assert "\n" not in message

    monkeypatch.setenv("SKDEEPAD_DATA", str(tmp_path))
    assert exit_code_of(script) == message.replace("it is not set", str(tmp_path))


def test_a_study_without_data_exits_with_status_1(tmp_path):
    result = run_apart("papers/kdd99.py", cwd=tmp_path)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_study_writes_to_its_output_and_nowhere_else(tmp_path):
    kept = contents(BENCHMARKS / "results")
    arguments = ["--output", "trial", "--n-jobs", "1", "--seeds", "1"]
    arguments += ["--sets", "wine", "--detectors", "Norm"]
    result = run_apart("labels.py", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr

    written = contents(tmp_path)
    page = written.pop(Path("trial/labels.md")).decode()
    assert page in result.stdout
    assert f"`python benchmarks/labels.py {' '.join(arguments)}`: " in page
    assert {path.parent for path in written} == {Path("trial/rows")}
    assert contents(BENCHMARKS / "results") == kept


def run_apart(script, *arguments, cwd):
    """Run a script in a process and a folder of its own, without a folder of data."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("SKDEEPAD_DATA", None)
    command = [sys.executable, BENCHMARKS / script, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def contents(folder):
    """Bytes of all files in a folder, by their paths inside."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder): path.read_bytes() for path in files}
