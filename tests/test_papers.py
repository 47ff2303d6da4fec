"""The page of what papers say: every cell of its tables is filled, and every command exists."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "doc" / "papers.rst").read_text()
COMMANDS = sorted(set(re.findall(r"``((?:python|pytest) [^`]+)``", PAGE.replace("\n       ", " "))))


def rows():
    """Cells of each row of each table."""
    cells = []
    for line in PAGE.splitlines():
        if line.startswith("   * -"):
            cells.append([line[7:].strip()])
        elif line.startswith("     -"):
            cells[-1].append(line[7:].strip())
        elif line.startswith("       ") and cells:
            cells[-1][-1] += " " + line.strip()
    return cells


def test_no_cell_is_empty_and_every_row_has_a_command():
    found = [row for row in rows() if row[1] != "Here"]
    assert len(found) > 50
    for row in found:
        assert len(row) == 4, row
        assert all(row), row
        assert re.search(r"``(python|pytest) ", row[2]), row


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists(command):
    program, *arguments = shlex.split(command)
    paths = [argument for argument in arguments if argument.endswith(".py")]
    assert paths
    for path in paths:
        assert (ROOT / path).is_file()
    source = (ROOT / paths[0]).read_text()
    if program == "pytest":
        assert arguments[:-1] in ([], ["-m", "slow"])
        assert "-m" not in arguments or "mark.slow" in source
        return
    for argument in arguments[1:]:  # options of a script, or names that it knows
        assert argument.lstrip("-") in source
