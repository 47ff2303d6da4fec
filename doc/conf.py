"""Sphinx's configuration: ``sphinx-build -W -b html doc doc/_build/html``.

The build needs no network. Examples that load larger data sets look for them in the folder that
``SKDEEPAD_DATA`` names.
"""

import importlib
import inspect
import logging
import sys
from importlib.resources import files
from pathlib import Path

import skdeepad

sys.path.insert(0, str(Path(__file__).parent))

#: Address of the public repository, as ``https://host/owner/skdeepad``. While it is empty, links to
#: the source lead to copies of it among the pages.
REPOSITORY = ""

project = "skdeepad"
author = "The skdeepad developers"
project_copyright = author
version = release = skdeepad.__version__

extensions = [
    "api_pages",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.intersphinx",
    "sphinx.ext.linkcode" if REPOSITORY else "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples", "templates"]
templates_path = ["templates"]
nitpicky = False

autosummary_generate = True
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
# The templates of autosummary list methods, and autodoc describes them.
numpydoc_show_class_members = False

extlinks = {
    "arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s"),
    "pyod_issue": ("https://github.com/yzhao062/pyod/issues/%s", "pyod #%s"),
    "sklearn_issue": (
        "https://github.com/scikit-learn/scikit-learn/issues/%s",
        "scikit-learn #%s",
    ),
}
intersphinx_mapping = {
    "matplotlib": ("https://matplotlib.org/stable", None),
    "python": ("https://docs.python.org/3", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "pandas": ("https://pandas.pydata.org/docs", None),
    "scipy": ("https://docs.scipy.org/doc/scipy", None),
    "sklearn": ("https://scikit-learn.org/stable", None),
    "skorch": ("https://skorch.readthedocs.io/en/stable", None),
    "torch": ("https://docs.pytorch.org/docs/stable", None),
}
intersphinx_timeout = 10
# Without a network there are no links to other libraries, and that is no warning.
logging.getLogger("sphinx.sphinx.ext.intersphinx").addFilter(
    lambda record: "failed to reach any of the inventories" not in str(record.msg)
)

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "doc_module": ("skdeepad",),
    "backreferences_dir": "generated/examples",
    "capture_repr": (),
    "remove_config_comments": True,
    "subsection_order": [
        "examples/begin",
        "examples/labels",
        "examples/tables",
        "examples/structure",
        "examples/use",
        "examples/own",
    ],
    "within_subsection_order": "FileNameSortKey",
    "only_warn_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"skdeepad {version}"
# Pages without others beside them have no navigation.
html_sidebars = {page: [] for page in ("contributing", "papers", "whats_new")}
html_theme_options = {
    "logo": {"text": "skdeepad"},
    "navigation_with_keys": False,
    "show_toc_level": 2,
}
html_context = {"default_mode": "auto"}  # the reader's own choice of light or dark
html_favicon = "static/favicon.svg"
html_copy_source = False
# All of MathJax in one file, which pages load from here and not from a content network.
html_static_path = ["static", str(files("sphinx-mathjax-offline") / "static/mathjax/tex-svg.js")]
html_css_files = ["site.css"]
mathjax_path = "tex-svg.js"


def linkcode_resolve(domain, info):
    """Address of the lines that define an object."""
    value = importlib.import_module(info["module"])
    for name in info["fullname"].split("."):
        value = getattr(value, name, None)
    try:
        value = inspect.unwrap(getattr(value, "fget", value))
        path = Path(inspect.getsourcefile(value)).relative_to(Path(skdeepad.__file__).parent)
        lines, first = inspect.getsourcelines(value)
    except (TypeError, ValueError, OSError):  # no object of ours that has source
        return None
    revision = "main" if "dev" in version else f"v{version}"
    return f"{REPOSITORY}/blob/{revision}/skdeepad/{path}#L{first}-L{first + len(lines) - 1}"
