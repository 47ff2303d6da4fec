"""The shape of the package: floors, one home for each concern, one list of detectors."""

import ast
import inspect
import re
from pathlib import Path

import pytest
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

import skdeepad
import skdeepad.base
import skdeepad.datasets
import skdeepad.inspection
import skdeepad.metrics
import skdeepad.model_selection
import skdeepad.nn
import skdeepad.preprocessing
from skdeepad.base import AcceptsMissing, BaseDetector, CommonParameters, StopsEarly

from .instances import INSTANCES, small, without_labels

ROOT = Path(skdeepad.__file__).parent
REPOSITORY = Path(__file__).parents[1]
SOURCES = sorted(ROOT.rglob("*.py"))
API_PAGES = sorted((REPOSITORY / "doc" / "api").glob("*.rst"))
LISTS = {
    "README.rst": (REPOSITORY / "README.rst").read_text(),
    "doc/api": "".join(page.read_text() for page in API_PAGES),
}
DETECTORS = dict(skdeepad.all_detectors())
META = sorted(name for name in set(skdeepad.__all__) - set(DETECTORS) if name[0].isupper())

FLOORS = [
    {"_version", "_documentation", "_show_versions", "_validation", "_tables", "nn"},
    {"training"},
    {"base"},
    {"adversarial", "autoencoder", "clustering", "flow", "neighbors", "one_class"}
    | {"reinforcement", "variational", "weakly_supervised"},
    {"calibration", "ensemble", "group"},
    {"feedback"},
    {"metrics", "datasets", "preprocessing", "inspection", "interop", "model_selection"}
    | {"export"},
    {"benchmark"},
    {"_commands"},
]
FAMILIES = FLOORS[3]
PUBLIC_MODULES = [
    skdeepad,
    skdeepad.metrics,
    skdeepad.datasets,
    skdeepad.preprocessing,
    skdeepad.inspection,
    skdeepad.interop,
    skdeepad.calibration,
    skdeepad.export,
    skdeepad.feedback,
    skdeepad.model_selection,
    skdeepad.nn,
]


def part_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_parts(path):
    """Sub-packages that a module of the package imports."""
    here = ("skdeepad", *path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            root, *rest = name.split(".")
            if root == "skdeepad" and rest:
                yield rest[0]


def test_imports_go_down_only_and_families_never_import_one_another():
    floor = {part: i for i, parts in enumerate(FLOORS) for part in parts}
    wrong = []
    for path in SOURCES:
        part = part_of(path)
        if part == "__init__":
            continue
        for other in imported_parts(path):
            upward = floor.get(other, -1) > floor[part]
            sideways = other != part and {part, other} <= FAMILIES
            if upward or sideways:
                wrong.append((str(path), other))
    assert wrong == []
    assert {part_of(p) for p in SOURCES} - {"__init__"} == set(floor)


HOMES = {
    r"\.backward\(": {"training"},
    r"\bskorch\b.*import|import skorch": {"training"},
    r"manual_seed\(": {"training"},
    r"validate_data\(": {"_tables", "base", "feedback", "group", "interop", "model_selection"}
    | {"preprocessing"},
    r"fit_transform\(": {"base", "inspection"},
    r"sklearn\.(base import _|utils import _|utils\._)": {"_validation"},
    # A detector shows a progress bar, if it is asked to, and warns; it writes nothing else.
    r"(?<![\w.])print\(": {"_show_versions"},
    r"stdout|stderr\.write": {"_commands", "benchmark"},
    # All other addresses are those of papers and data sets.
    r"https://skdeepad|readthedocs": {"_documentation"},
    r"raise ImportError\(": {"interop"},
    r"\bBaseEstimator\b": {"_documentation"},
}


@pytest.mark.parametrize("pattern", HOMES)
def test_each_concern_has_one_home(pattern):
    found = {
        part_of(path)
        for path in SOURCES
        # The runner seeds and scales other libraries' detectors, and restores the global state.
        if part_of(path) != "benchmark" or "print" in pattern
        if re.search(pattern, path.read_text())
    }
    assert found <= HOMES[pattern]


def test_optional_dependencies_are_imported_where_they_are_used():
    optional = {"pyod", "pandas", "matplotlib", "pooch", "PIL", "rich", "polars", "kneed"}
    optional |= {"captum", "onnx", "onnxruntime", "skl2onnx"}
    at_the_top = {
        (str(path), name)
        for path in SOURCES
        # The latter is a subclass of pyod's, and is imported where one is made.
        if part_of(path) != "benchmark" and path.name != "_as_pyod.py"
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
        if name and name.split(".")[0] in optional
    }
    assert at_the_top == set()


# Detectors ----------------------------------------------------------------------------------


def subclasses(cls=BaseDetector):
    for sub in cls.__subclasses__():
        if sub.__module__.startswith("skdeepad."):
            yield from [sub, *subclasses(sub)]


def test_every_detector_is_listed_everywhere():
    names = {cls.__name__ for cls in subclasses() if not inspect.isabstract(cls)}
    assert names == set(DETECTORS) == set(INSTANCES)
    for page, text in LISTS.items():
        assert {name for name in names if not re.search(rf"\b{name}\b", text)} == set(), page


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_inherit_from_abstract_classes_only_and_keep_what_is_final(name):
    cls = DETECTORS[name]
    assert all(
        inspect.isabstract(base) or base.__module__ != cls.__module__ for base in cls.__bases__
    )
    assert not any(base in DETECTORS.values() for base in cls.__mro__[1:])
    final = {key for key, value in inspect.getmembers(BaseDetector) if hasattr(value, "__final__")}
    assert {"fit", "partial_fit", "fit_predict", "score_samples", "predict"} <= final
    assert final.isdisjoint(vars(cls))


@pytest.mark.parametrize("name", DETECTORS)
def test_signatures_and_docstrings_agree(name):
    cls = DETECTORS[name]
    parameters = inspect.signature(cls).parameters
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters.values())
    documented = [field.name for field in ClassDoc(cls)["Parameters"]]
    assert documented == list(parameters)
    assert set(cls._parameter_constraints) == set(parameters)
    for field in ClassDoc(cls)["Parameters"]:
        default = re.search(r"default=(.*)", field.type).group(1)
        value = parameters[field.name].default
        assert default == (f'"{value}"' if isinstance(value, str) else repr(value)) or (
            float(default) == value
        ), field.name


#: Common parameters that mean something else in each method.
OF_THE_METHOD = {"hidden_layer_sizes", "activation", "backbone", "trim"}


@pytest.mark.parametrize("name", DETECTORS)
def test_a_common_parameter_has_one_text_which_a_detector_may_add_to(name):
    cls = DETECTORS[name]
    common = [
        base for base in (CommonParameters, StopsEarly, AcceptsMissing) if issubclass(cls, base)
    ]
    texts = {field.name: field for base in common for field in ClassDoc(base)["Parameters"]}
    assert texts.keys() | OF_THE_METHOD == {
        key for base in common for key in inspect.signature(base).parameters
    }
    for field in ClassDoc(cls)["Parameters"]:
        if field.name in texts:
            text, whole = " ".join(texts[field.name].desc), " ".join(field.desc)
            assert whole.startswith(text), field.name


@without_labels
@pytest.mark.parametrize("name", DETECTORS)
def test_documented_attributes_exist_after_fit(name, X):
    det = small(name).fit(X)
    missing = [
        field.name
        for field in ClassDoc(DETECTORS[name])["Attributes"]
        if field.name != "feature_names_in_" and not hasattr(det, field.name)
    ]
    assert missing == []


@pytest.mark.parametrize("name", META)
def test_meta_estimators_are_listed_and_document_their_parameters(name):
    cls = getattr(skdeepad, name)
    assert not issubclass(cls, BaseDetector)
    documented = [field.name for field in ClassDoc(cls)["Parameters"]]
    assert documented == list(inspect.signature(cls).parameters)
    assert set(documented) == set(cls._parameter_constraints)
    for page, text in LISTS.items():
        assert re.search(rf"\b{name}\b", text), page


# Texts --------------------------------------------------------------------------------------

TEXTS = [REPOSITORY / "README.rst", REPOSITORY / "CONTRIBUTING.rst"]
TEXTS += sorted((REPOSITORY / "doc").glob("*.rst"))
TEXTS += [*API_PAGES, *sorted((REPOSITORY / "doc" / "user_guide").glob("*.rst"))]


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_files_that_a_text_names_exist(text):
    named = re.findall(r"\b(?:tests|benchmarks|skdeepad)/[\w/.]+\.\w+", text.read_text())
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_the_table_of_symbols_has_every_estimator():
    table = (REPOSITORY / "doc" / "user_guide" / "symbols.rst").read_text()
    assert [name for name in (*DETECTORS, *META) if f":class:`{name}`" not in table] == []


#: Data sets and networks are described by pages of their own.
LINKED = [m for m in PUBLIC_MODULES if m not in (skdeepad.datasets, skdeepad.nn)]
LINKED = {name: getattr(m, name) for m in LINKED for name in m.__all__}


@pytest.mark.parametrize("name", [name for name, value in LINKED.items() if callable(value)])
def test_a_docstring_links_to_the_guide_and_names_the_first_version(name):
    doc = inspect.getdoc(LINKED[name])
    assert "Read more in the :ref:`User Guide <" in doc
    assert ".. versionadded:: " in doc


# Docstrings ---------------------------------------------------------------------------------

#: numpydoc's checks that hold throughout; the others are about taste or repeat the linter's.
CHECKS = {"GL08", "SS02", "SS03", "PR01", "PR02", "PR03", "PR04", "PR07", "PR08", "PR09"}
CHECKS |= {"RT01", "RT03", "RT05", "YD01", "GL07"}


def public_objects():
    for module in PUBLIC_MODULES:
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) and module is not skdeepad.nn:
                methods = [
                    k
                    for k, v in inspect.getmembers(value, inspect.isfunction)
                    if not k.startswith("_") and v.__module__.startswith("skdeepad")
                ]
                yield from (f"{module.__name__}.{name}.{method}" for method in methods)
            if callable(value) and module is not skdeepad.nn:
                yield f"{module.__name__}.{name}"


@pytest.mark.parametrize("name", list(public_objects()))
def test_public_docstrings_are_numpydoc(name):
    errors = [(code, text) for code, text in validate(name)["errors"] if code in CHECKS]
    assert errors == []
