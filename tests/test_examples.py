"""The gallery: each example runs and draws, and its page can be read."""

import ast
import re
import runpy
import socket
import time
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

REPOSITORY = Path(__file__).parents[1]
GALLERY = REPOSITORY / "doc" / "examples"
EXAMPLES = sorted(GALLERY.glob("**/plot_*.py"))
TEXTS = [*(REPOSITORY / "doc").glob("**/*.rst"), *EXAMPLES]
TEXTS += (REPOSITORY / "skdeepad").glob("**/*.py")
#: Functions that may end a cell, because they return nothing that a page could show.
RETURN_NOTHING = {"print", "show", "cleanup"}

each_example = pytest.mark.parametrize(
    "path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}"
)


def cells(path):
    """Text and code of each cell; the text of the first one is the docstring."""
    source = path.read_text(encoding="utf-8")
    first, *others = re.split(r"^# %%.*\n", source, flags=re.MULTILINE)
    pairs = [(ast.get_docstring(ast.parse(source)), first)]
    for cell in others:
        text = re.match(r"(?:#.*\n)*", cell).group()
        pairs.append((re.sub(r"^# ?", "", text, flags=re.MULTILINE), cell[len(text) :]))
    return pairs


@each_example
def test_an_example_has_a_title_and_tells_what_it_does_between_its_cells(path):
    (docstring, _), *others = cells(path)
    above, title, below, *introduction = docstring.splitlines()
    assert set(above) == {"="}
    assert below == above
    assert len(title) <= len(above)
    assert len(" ".join(introduction).split()) >= 25
    assert len(others) >= 2
    assert all(text.strip() for text, _ in others)
    assert sum(len(text.split()) for text, _ in others) >= 80


@each_example
def test_no_cell_ends_in_an_expression_that_a_page_or_a_notebook_would_show(path):
    for _, code in cells(path):
        last = ast.parse(code).body[-1:]
        if last and isinstance(last[0], ast.Expr) and not isinstance(last[0].value, ast.Constant):
            call = last[0].value
            name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id
            assert name in RETURN_NOTHING, code


@each_example
def test_an_example_links_to_the_guide_or_the_api(path):
    text = "\n".join(text for text, _ in cells(path))
    assert re.search(r":ref:`[a-z]\w*`", text)
    assert re.search(r":(class|func|meth):`", text)


def test_links_to_examples_name_those_that_exist():
    names = {"_".join(path.relative_to(GALLERY).parts) for path in EXAMPLES}
    named = {
        name
        for text in TEXTS
        for name in re.findall(
            r"`sphx_glr_auto_examples_(\w+\.py)`", text.read_text(encoding="utf-8")
        )
    }
    assert named
    assert named <= names


def test_each_section_of_the_gallery_has_a_header_and_a_place():
    placed = re.findall(r'"examples/(\w+)"', (REPOSITORY / "doc" / "conf.py").read_text())
    sections = {path.parent.name for path in EXAMPLES}
    assert sorted(placed) == sorted(sections)
    assert all((GALLERY / section / "GALLERY_HEADER.rst").exists() for section in sections)


@pytest.mark.slow
@each_example
def test_an_example_runs_on_what_is_shipped_without_a_warning_and_draws(path, monkeypatch):
    connect = socket.socket.connect

    def connect_here(self, address):
        assert address[0] in ("localhost", "127.0.0.1"), f"the network is used: {address}"
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)
    monkeypatch.delenv("SKDEEPAD_DATA", raising=False)
    plt.switch_backend("agg")
    start = time.process_time()
    try:
        runpy.run_path(str(path))
        assert plt.get_fignums()
    finally:
        plt.close("all")
    assert time.process_time() - start < 40
