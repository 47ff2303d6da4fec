"""Tables and pictures of result rows, in the terminal and in a folder."""

import base64
import io
import json
import re
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from .._documentation import missing_dependency
from ._summary import (
    COST_COLUMNS,
    MARK,
    by_dataset,
    leaky_datasets,
    marked,
    metric_names,
    summarize,
)

LOWER_IS_BETTER = ("mean_rank", *COST_COLUMNS)
NOT_COMPARED = ("difference_low", "difference_high", "p_value", "n_datasets", "n_failed")
MEANS = ("mean", "median", "mean_leak_free", "difference", "difference_leak_free")
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


def write_report(results, folder, failures="worst", reference=None):
    """Write tables and pictures of results into a folder.

    Parameters
    ----------
    results : DataFrame
        Rows of :func:`run_benchmark`.
    folder : str or path
        Is made if it does not exist. It gets ``summary.csv`` and ``summary.md``, the pictures
        (box plots, critical-difference diagrams, time against quality) as ``.png``, and
        ``report.html``, one self-contained page with all of it.
    failures : {"worst", "drop", "ignore"}, default="worst"
        How data sets count that a detector did not finish, see :func:`summarize`; tables say so.
    reference : str, default=None
        Label of a detector that the summaries compare all with, see :func:`summarize`.

    Returns
    -------
    report : Path
        Of the page.
    """
    for module in ("jinja2", "matplotlib", "scikit_posthocs", "tabulate"):
        if find_spec(module) is None:
            raise missing_dependency("write_report", module, extra="benchmark")
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
    table.to_csv(folder / "summary.csv")
    (folder / "summary.md").write_text("\n".join(map(_markdown, parts)), encoding="utf-8")
    for part in parts:
        for name, picture in part["pictures"].items():
            stem = f"{name}-{part['metric']}-{part['protocol']}"
            (folder / f"{stem}.png").write_bytes(base64.b64decode(picture))
    report = folder / "report.html"
    report.write_text(_html(results, parts), encoding="utf-8")
    return report


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
    from ._plots import TITLES, plot_boxes, plot_critical_difference, plot_time_quality

    rows = results[results["protocol"] == protocol]
    summary = summarize(rows, metric, failures=failures, reference=reference)
    leaky = leaky_datasets(rows)
    table = marked(by_dataset(rows, metric)[summary.index], leaky)
    pictures = {}
    if summary["mean"].notna().any():
        figures = {
            "critical-difference": plot_critical_difference(rows, metric),
            "boxes": plot_boxes(rows, metric),
            "time-quality": plot_time_quality(rows, metric),
        }
        pictures = {name: _png(figure) for name, figure in figures.items() if figure}
    return {
        "title": TITLES.get(metric, metric).removesuffix(" (%)"),
        "protocol": protocol,
        "metric": metric,
        "summary": summary,
        "table": table,
        "notes": [FAILURES[failures], *([] if reference is None else [COMPARED.format(reference)])],
        "summary_cells": _cells(summary, _best_of_columns(summary, failures)),
        "table_cells": _cells(table, table.eq(table.max(axis=1), axis=0)),
        "pictures": pictures,
        "leaky": rows.groupby("dataset")["twin_share"].mean().loc[leaky].to_dict(),
    }


def _best_of_columns(summary, failures):
    """Where the summary's best values are; a mean over fewer data sets than others' is none."""
    compared = summary.astype(float)
    if failures != "drop":
        incomplete = summary["n_datasets"] < summary["n_datasets"].max()
        compared.loc[incomplete, compared.columns.isin(MEANS)] = np.nan
    compared.loc[:, compared.columns.isin(NOT_COMPARED)] = np.nan
    best = compared.max().where(~compared.columns.isin(LOWER_IS_BETTER), compared.min())
    return compared.eq(best)


def _markdown(part):
    lines = [
        f"## {_escaped(part['title'])}, protocol {part['protocol']}\n",
        _markdown_table(part["summary"]) + "\n",
        *(_escaped(note) + "\n" for note in part["notes"]),
        _markdown_table(part["table"]) + "\n",
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


def _html(results, parts):
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = (files("skdeepad.benchmark") / "data" / "report.html.jinja").read_text("utf-8")
    failed = results[results["status"] != "ok"]
    versions = [
        ", ".join(f"{name} {version}" for name, version in json.loads(one).items())
        for one in dict.fromkeys(results["versions"])
    ]
    return environment.from_string(template).render(
        results=results,
        parts=parts,
        failed=failed,
        n_failed=len(failed),
        detectors=results[["detector", "params"]].drop_duplicates(),
        versions=versions,
        mark=MARK,
    )


def _cells(table, is_best):
    """A table as columns and rows of (text, whether it is the best), for the page."""
    cells = zip(_rounded(table).to_numpy(), is_best.to_numpy(), strict=True)
    rows = [list(zip(*row, strict=True)) for row in cells]
    return {"columns": list(table), "rows": list(zip(table.index, rows, strict=True))}


def _png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode()


def _rounded(table):
    return table.map(_number)


def _number(value):
    if pd.isna(value):
        return "–"
    if float(value).is_integer() and not isinstance(value, float):
        return str(value)
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"
