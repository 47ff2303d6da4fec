"""A report of a bug has the versions and settings that matter."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import torch

import skdeepad
from skdeepad import _show_versions, show_versions

REPOSITORY = Path(__file__).parents[1]


def name_of(requirement):
    return re.match(r"[\w.-]+", requirement)[0]


def test_it_prints_every_dependency_and_the_threads(capsys):
    show_versions()
    text = capsys.readouterr().out
    assert f"skdeepad: {skdeepad.__version__}" in text
    assert f"numpy: {np.__version__}" in text
    assert re.search(rf" threads: {torch.get_num_threads()}\n", text)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for requirement in project["dependencies"]:
        assert re.search(rf"^ +{name_of(requirement)}: \d", text, re.MULTILINE)
    for extra in extras.keys() - {"dev", "docs", "site", "tests"}:
        for requirement in extras[extra]:
            name = name_of(requirement)
            line = re.search(rf"^ +{name} \[.*\b{extra}\b.*\]: (\d|not)", text, re.MULTILINE)
            assert line or name == "skdeepad", requirement


def test_what_is_missing_is_said_and_no_error(capsys, monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(_show_versions, "version", missing)
    show_versions()
    assert "pyod [benchmark]: not installed" in capsys.readouterr().out
    monkeypatch.setattr(_show_versions, "requires", missing)
    show_versions()
    assert "Optional dependencies:\n    none known" in capsys.readouterr().out
