"""The runner's tests need its extra, ``skdeepad[benchmark]``."""

from importlib.util import find_spec

EXTRA = (
    "cloudpickle",
    "filelock",
    "jinja2",
    "matplotlib",
    "pandas",
    "psutil",
    "pyarrow",
    "pyod",
    "scikit_posthocs",
    "tabulate",
)
collect_ignore_glob = [] if all(map(find_spec, EXTRA)) else ["test_*.py"]
