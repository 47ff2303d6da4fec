"""Tables and pictures of result rows, in the terminal and in a folder."""

import re
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from .._documentation import missing_dependency
from ._summary import (
    COST_COLUMNS,
    MARK,
    by_dataset,
    leaky_datasets,
    marked,
    metric_names,
    number,
    summarize,
)

FAILURES = {
    "worst": "A data set that a detector did not finish counts for its means with the least value "
    "that any detector reached there.",
    "drop": "Data sets that some detector did not finish are left out for all.",
    "ignore": "Means are over the data sets that a detector finished; they cannot be compared "
    "where these differ.",
}
COMPARED = (
    "Differences are from {}, with a 95 % bootstrap interval over data sets; won: data sets above "
    "it, ties as halves; p value: Wilcoxon signed-rank test, not corrected for several detectors."
)


def write_report(results, folder, failures="worst", reference=None, command=None):
    """Write tables and pictures of results into a folder.

    Parameters
    ----------
    results : DataFrame
        Rows of :func:`run_benchmark`.
    folder : str or path
        Is made if it does not exist. It gets ``summary.csv`` and ``summary.md``, the pictures
        (box plots, critical-difference diagrams, time against quality) as ``.svg``, and
        ``report.html``, one page with all of it, which needs no other file and no network. Its
        tables can be sorted, each data set be opened, and it prints on A4.
    failures : {"worst", "drop", "ignore"}, default="worst"
        How data sets count that a detector did not finish, see :func:`summarize`; tables say so.
    reference : str, default=None
        Label of a detector that the summaries compare all with, see :func:`summarize`.
    command : str, default=None
        What the page names as the command that makes these results again.

    Returns
    -------
    report : Path
        Of the page.
    """
    require_packages()
    from ._page import render

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    protocols, metrics = list(dict.fromkeys(results["protocol"])), metric_names(results)
    parts = [
        _part(results, protocol, metric, failures, reference)
        for protocol in protocols
        for metric in metrics
    ]
    summaries = {(p["protocol"], p["metric"]): p["summary"] for p in parts}
    table = pd.concat(summaries, names=["protocol", "metric"])
    _write(folder / "summary.csv", table.to_csv())
    _write(folder / "summary.md", "\n".join(map(_markdown, parts)))
    for part in parts:
        for name, picture in part["pictures"].items():
            stem = f"{name}-{part['metric']}-{part['protocol']}"
            _write(folder / f"{stem}.svg", picture)
    report = folder / "report.html"
    _write(report, render(results, parts, command))
    return report


def _write(path, text):
    """Write a file; an interrupt leaves the former one or the new one."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def require_packages():
    """Raise if a package is missing that reports and tables need."""
    for module in ("jinja2", "matplotlib", "scikit_posthocs", "tabulate"):
        if find_spec(module) is None:
            raise missing_dependency("write_report", module, extra="benchmark")


def terminal_table(results, metric, protocol, costs=True):
    """Return the summary as text, and what its marks mean."""
    rows = results[results["protocol"] == protocol]
    leaky = leaky_datasets(rows)
    dropped = ["median"] if leaky else ["median", "mean_leak_free"]
    dropped += [] if costs else ["n_datasets", "n_failed", *COST_COLUMNS]
    summary = summarize(rows, metric).drop(columns=dropped)
    lines = [
        f"{metric} (%), protocol {protocol}, {rows['dataset'].nunique()} data sets",
        _rounded(summary).to_markdown(tablefmt="simple", disable_numparse=True),
    ]
    if costs and (summary["n_failed"] > 0).any():
        lines.append(FAILURES["worst"])
    if leaky and costs:
        lines.append(
            f"{MARK} leaky, left out of mean_leak_free (test rows with a twin in training): "
            + ", ".join(leaky)
        )
    return "\n".join(lines) + "\n"


def _part(results, protocol, metric, failures, reference):
    from ._plots import TITLES, draw

    rows = results[results["protocol"] == protocol]
    summary = summarize(rows, metric, failures=failures, reference=reference)
    leaky = leaky_datasets(rows)
    return {
        "title": TITLES.get(metric, metric).removesuffix(" (%)"),
        "protocol": protocol,
        "metric": metric,
        "summary": summary,
        "table": by_dataset(rows, metric)[summary.index],
        "failures": failures,
        "n_runs": rows["detector"].value_counts().max(),
        "notes": [FAILURES[failures], *([] if reference is None else [COMPARED.format(reference)])],
        "pictures": draw(rows, metric) if summary["mean"].notna().any() else {},
        "leaky": rows.groupby("dataset")["twin_share"].mean().loc[leaky].to_dict(),
    }


def _markdown(part):
    lines = [
        f"## {_escaped(part['title'])}, protocol {part['protocol']}\n",
        _markdown_table(part["summary"]) + "\n",
        *(_escaped(note) + "\n" for note in part["notes"]),
        _markdown_table(marked(part["table"], part["leaky"])) + "\n",
    ]
    if part["leaky"]:
        lines.append(f"{MARK} more than 5 % of the test rows have an exact copy in training.\n")
    return "\n".join(lines)


def _markdown_table(table):
    table = _rounded(table).rename(index=_escaped, columns=_escaped)
    return table.to_markdown(disable_numparse=True)


def _escaped(name):
    """A name as text in a cell of a table in Markdown."""
    one_line = " ".join(str(name).split())
    return re.sub(r"([\\`*\[\]<>|~&]|\b_|_\b)", r"\\\1", one_line)


def _rounded(table):
    return table.map(number)
