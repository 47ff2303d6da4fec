"""Views of estimators and messages link to pages that the documentation has."""

import inspect
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

import skdeepad
from skdeepad import AutoEncoder, DevNet, default_detector
from skdeepad._documentation import DOCUMENTATION, DocumentedEstimator, read_more
from skdeepad.base import _saved_state
from skdeepad.benchmark import Norm
from skdeepad.calibration import ConformalDetector, TunedThreshold
from skdeepad.feedback import FeedbackDetector
from skdeepad.interop import DetectorClassifier, PyODDetector
from skdeepad.metrics import anomaly_mask
from skdeepad.model_selection import StrongAnomalySampler
from skdeepad.nn import ConvBackbone, DCGANBackbone, MLPBackbone
from skdeepad.preprocessing import SpectrogramTransformer

from .instances import INSTANCES, small

REPOSITORY = Path(__file__).parents[1]
GUIDE = REPOSITORY / "doc" / "user_guide"


def pages_of_the_api():
    """Addresses of the pages that autosummary makes, below that of the documentation."""
    for source in (REPOSITORY / "doc").rglob("*.rst"):
        module = folder = ""
        for line in source.read_text().splitlines():
            if found := re.match(r"\.\. currentmodule:: (\S+)", line):
                module = found[1]
            elif found := re.match(r"   :toctree: (\S+?)/?$", line):
                folder = os.path.relpath(source.parent / found[1], REPOSITORY / "doc")
            elif folder and (found := re.match(r"   (\w+)$", line)):
                yield f"{DOCUMENTATION}/{Path(folder).as_posix()}/{module}.{found[1]}.html"
            elif line and not line.startswith("   "):
                folder = ""


def estimators():
    yield from (small(name) for name in INSTANCES)
    yield default_detector()
    yield skdeepad.LeSiNN()
    yield skdeepad.GroupAnomalyDetector(small("VAE"))
    inner = small("AutoEncoder")
    yield from (ConformalDetector(inner), TunedThreshold(inner), DetectorClassifier(inner))
    yield FeedbackDetector(inner)
    yield PyODDetector()
    yield from (Norm(), SpectrogramTransformer(), StrongAnomalySampler())
    yield from (MLPBackbone(), ConvBackbone(), DCGANBackbone())


def subclasses(cls=DocumentedEstimator):
    for sub in cls.__subclasses__():
        yield from [sub, *subclasses(sub)]


@pytest.mark.parametrize("estimator", list(estimators()), ids=lambda est: type(est).__name__)
def test_the_view_of_an_estimator_links_to_its_page(estimator):
    link = estimator._get_doc_link()
    assert link in set(pages_of_the_api())
    assert f'href="{link}"' in estimator_html_repr(estimator)
    if hasattr(estimator, "fit"):
        assert f'href="{link}"' in estimator_html_repr(make_pipeline(StandardScaler(), estimator))


def test_no_public_estimator_is_left_out():
    seen = {type(estimator) for estimator in estimators()}
    public = {cls for cls in subclasses() if not inspect.isabstract(cls)}
    public = {cls for cls in public if cls.__module__.startswith("skdeepad.")}
    assert {cls for cls in public - seen if not cls.__name__.startswith("_")} == set()


def test_a_detector_of_a_user_has_no_page():
    class Mine(AutoEncoder):
        pass

    assert Mine()._get_doc_link() == ""


NAMED = [
    (path, *match)
    for path in sorted(Path(skdeepad.__file__).parent.rglob("*.py"))
    for match in re.findall(r"read_more\(.(.+?)., .(\w+?).\)", path.read_text())
]


@pytest.mark.parametrize(("source", "section", "page"), NAMED, ids=str)
def test_a_section_that_a_message_names_is_in_the_guide(source, section, page):
    lines = (GUIDE / f"{page}.rst").read_text().splitlines()
    place = lines.index(section)
    assert re.fullmatch(r"([=~-])\1+", lines[place + 1])
    assert lines.count(section) == 1  # otherwise its anchor has a number


def test_messages_link_to_the_guide(X, monkeypatch):
    def link(section, page):
        return re.escape(read_more(section, page).split(": ")[1])

    y = np.arange(len(X)) < 5
    with pytest.warns(UserWarning, match=link("Labels", "few_labels")):
        small("DevNet").fit(X, y.astype(int))
    with pytest.raises(ValueError, match=link("Labels", "few_labels")):
        DevNet().fit(X, y)
    with pytest.raises(ValueError, match=link("Missing values", "missing")):
        AutoEncoder().fit(np.where(X > 1, np.nan, X))
    with pytest.raises(ValueError, match=link("Text, dates and categories", "missing")):
        AutoEncoder().fit(pd.DataFrame({"city": ["Bonn", "Rome"], "age": [1, 2]}))
    with pytest.raises(ValueError, match=link("Two conventions to know", "metrics")):
        anomaly_mask([1, 1, 1])
    file = pickle.dumps(small("AutoEncoder").fit(X))
    monkeypatch.setattr(_saved_state, "__version__", "9.9")
    with pytest.warns(UserWarning, match=link("Files", "serving")):
        pickle.loads(file)


@pytest.mark.parametrize(
    ("address", "link", "message"),
    [
        ("", "", ' See "Labels" in the user guide.'),
        (
            "https://docs.example/",
            "https://docs.example/generated/skdeepad.VAE.html",
            ' See "Labels" in the user guide: '
            "https://docs.example/user_guide/few_labels.html#labels",
        ),
    ],
)
def test_a_variable_names_another_copy_of_the_documentation(address, link, message):
    code = "if True:\n from skdeepad import VAE\n from skdeepad._documentation import read_more\n"
    code += " print(VAE()._get_doc_link(), read_more('Labels', 'few_labels'), sep='|')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"SKDEEPAD_DOCS": address, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.rstrip("\n") == f"{link}|{message}"
