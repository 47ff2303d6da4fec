"""Sphinx's configuration: ``sphinx-build -W -b html doc doc/_build/html``.

The examples load data from the folder that ``SKDEEPAD_DATA`` names or from the network; one that
has neither is a warning.
"""

from skdeepad import __version__

project = "skdeepad"
author = "The skdeepad developers"
project_copyright = author
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples"]
nitpicky = False

autosummary_generate = True
autodoc_member_order = "groupwise"
autodoc_default_options = {
    "members": True,
    # Not what scikit-learn's and torch's own base classes have.
    "inherited-members": "CallbackSupportMixin,OutlierMixin,BaseEstimator,Module",
    "exclude-members": "get_metadata_routing,set_output,set_fit_request,set_predict_request,"
    "set_decision_function_request",
}
autodoc_typehints = "none"
# Autosummary lists methods, and autodoc describes them.
numpydoc_show_class_members = False

extlinks = {"arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s")}
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

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "doc_module": ("skdeepad",),
    "backreferences_dir": None,
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
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
html_copy_source = False
