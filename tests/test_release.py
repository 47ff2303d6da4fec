"""What a release says of itself agrees: version, citation, list of changes, addresses, contents."""

import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import skdeepad
from skdeepad._documentation import DOCUMENTATION

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def test_the_citation_has_the_version_the_licence_and_the_address():
    lines = (REPOSITORY / "CITATION.cff").read_text().splitlines()
    assert f"version: {skdeepad.__version__}" in lines
    assert f"license: {PROJECT['license']}" in lines
    assert f"url: {DOCUMENTATION}" in lines


def test_the_list_of_changes_begins_with_the_version():
    text = (REPOSITORY / "doc" / "whats_new.rst").read_text()
    first = re.search(r"^Version (\S+)\n=+$", text, re.MULTILINE)[1]
    assert skdeepad.__version__.startswith(f"{first}.")


def test_addresses_of_the_project_are_pages_of_the_documentation():
    urls = PROJECT["urls"]
    assert urls["Documentation"] == DOCUMENTATION
    for address in urls.values():
        page = address.removeprefix(DOCUMENTATION).lstrip("/") or "index.html"
        assert (REPOSITORY / "doc" / page).with_suffix(".rst").exists(), address


def test_classifiers_begin_with_the_oldest_python():
    of_python = r"Programming Language :: Python :: 3\.(\d+)"
    found = [re.fullmatch(of_python, text) for text in PROJECT["classifiers"]]
    minors = [int(match[1]) for match in found if match]
    assert PROJECT["requires-python"] == f">=3.{minors[0]}"
    assert minors == list(range(minors[0], minors[-1] + 1))


def test_pictures_of_the_readme_exist_and_it_names_what_makes_them():
    text = (REPOSITORY / "README.rst").read_text()
    first, second = re.findall(r"\.\. image:: (\S+)", text)
    assert (REPOSITORY / first).exists()
    name = Path(first).stem
    assert f"python doc/figures.py {name}" in text
    assert f'"{name}": {name}' in (REPOSITORY / "doc" / "figures.py").read_text()
    assert (REPOSITORY / second).exists()
    script = Path(second).stem.partition("-")[0]
    assert f"``python benchmarks/{script}.py --protocol clean``" in text
    assert (
        f"({Path(second).name})"
        in (REPOSITORY / second).with_name(f"{script}-clean.md").read_text()
    )


def test_the_package_index_gets_pictures_that_the_documentation_publishes():
    pattern = r"\.\. image:: (\S+)"
    own = re.findall(pattern, (REPOSITORY / "README.rst").read_text())
    there = re.findall(pattern, metadata("skdeepad")["Description"])
    assert there == [f"{DOCUMENTATION}/_images/{Path(picture).name}" for picture in own]
    pages = [path.read_text() for path in (REPOSITORY / "doc").rglob("*.rst")]
    for picture in own:
        assert any(re.search(rf"figure:: \S*/{Path(picture).name}\n", page) for page in pages)
