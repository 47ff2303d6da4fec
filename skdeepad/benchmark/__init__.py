"""Benchmarks of anomaly detectors: many detectors, data sets and seeds, one table.

Importable, and a command: ``skdeepad-benchmark`` or ``python -m skdeepad.benchmark``.
"""

from .._documentation import missing_dependency
from ._norm import Norm

try:
    from ._published import published_table, self_test
    from ._report import write_report
    from ._runner import run_benchmark
    from ._summary import by_dataset, summarize
except ModuleNotFoundError as error:
    if (error.name or "skdeepad").startswith("skdeepad"):
        raise
    raise missing_dependency("skdeepad.benchmark", error.name, extra="benchmark") from error

__all__ = [
    "Norm",
    "by_dataset",
    "published_table",
    "run_benchmark",
    "self_test",
    "summarize",
    "write_report",
]
