"""The page of a report: one file, with its pictures, styles and script inside."""

import json
from importlib.resources import files

import numpy as np
import pandas as pd

from ._plots import TITLES, for_page
from ._protocols import find_protocol
from ._summary import (
    COST_COLUMNS,
    FEWEST_DATASETS,
    MARK,
    MEANS,
    can_be_tested,
    complete,
    leaky_datasets,
    metric_names,
    number,
    significance,
)

ALPHA = 0.05
LEAK_FREE = ("mean_leak_free", "difference_leak_free")
# From this many columns on, headers are vertical.
MANY = 9
LOWER_IS_BETTER = ("mean_rank", *COST_COLUMNS)
NOT_COMPARED = ("p_value", "n_datasets", "n_failed")
INTERVAL = ("difference_low", "difference_high")
HEADERS = {
    "mean": "mean, %",
    "median": "median, %",
    "mean_leak_free": f"mean without {MARK}, %",
    "mean_rank": "mean rank",
    "wins": "wins",
    "difference": "difference, points (95 % interval)",
    "difference_leak_free": f"difference without {MARK}, points",
    "won": "sets won",
    "p_value": "p value",
    "n_datasets": "sets finished",
    "n_failed": "failed runs",
    "fit_time": "fit, s",
    "score_time": "score, s",
    "peak_memory_mb": "memory, MB",
}
CAPTIONS = {
    "critical-difference": "Detectors by mean rank over {n_complete}, the best on the left. A red "
    "bar joins detectors that the test does not tell apart.",
    "boxes": "Each dot is one of {n}. A box holds the middle half of them, and the line in it is "
    "the median.",
    "time-quality": "Mean over {n} against the median time of a run. The best detectors are at the "
    "top left.",
}
REASONS = {
    "timeout": "The run was stopped at its time limit: a higher --time-limit lets it finish.",
    "error": "The detector raised this error, or its process ended.",
}


def render(results, parts, command=None):
    """Return the page as HTML."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = (files("skdeepad.benchmark") / "data" / "report.html.jinja").read_text("utf-8")
    failed = results[results["status"] != "ok"]
    return environment.from_string(template).render(
        results=results,
        protocols=[
            {
                "name": protocol,
                "text": text_of(protocol),
                "metrics": [
                    metric_of_page(part, f"part{i}")
                    for i, part in enumerate(parts)
                    if part["protocol"] == protocol
                ],
                "datasets": datasets_of_page(results[results["protocol"] == protocol]),
            }
            for protocol in dict.fromkeys(results["protocol"])
        ],
        failures=failures_of_page(failed),
        n_failed=len(failed),
        detectors=results[["detector", "params"]].drop_duplicates(),
        installs=[install_of(one) for one in dict.fromkeys(results["versions"]) if one != "{}"],
        command=command,
        count=count,
        many=MANY,
        mark=MARK,
    )


def text_of(protocol):
    """First sentence about a protocol."""
    function = find_protocol(protocol)
    return getattr(function, "func", function).__doc__.partition("\n")[0]


def install_of(versions):
    """Python's version, and the command that installs what else took part in runs."""
    found = json.loads(versions)
    # A local version, as that of a build for CUDA, is not on the package index.
    pins = {name: version.partition("+")[0] for name, version in found.items() if name != "python"}
    first = f"'skdeepad[benchmark]=={pins.pop('skdeepad')}'" if "skdeepad" in pins else ""
    names = " ".join(f"{name}=={version}" for name, version in pins.items())
    return {"python": found.get("python", "?"), "pip": f"pip install {first} {names}"}


def count(n, noun):
    """A number and what it counts."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


# Metrics ------------------------------------------------------------------------------------


def metric_of_page(part, name):
    """What the page says of a metric: a verdict, tables, pictures and notes."""
    table, summary = part["table"], part["summary"]
    leaky = [name for name in part["leaky"] if name in table.index]
    n_complete = len(complete(table))
    words = {
        "n": count(len(table), "data set"),
        "n_complete": f"{count(n_complete, 'data set')} that all detectors finished",
    }
    hidden = INTERVAL if 0 < len(leaky) < len(table) else (*INTERVAL, *LEAK_FREE)
    shown = summary.drop(columns=summary.columns.intersection(hidden))
    rows = cells(shown, best_of_columns(shown, part["failures"]))
    if "difference" in shown:
        place = list(shown).index("difference")
        for (_, row), ends in zip(rows, summary[[*INTERVAL]].to_numpy(), strict=True):
            row[place]["spread"] = (
                f"{ends[0]:.1f} to {ends[1]:.1f}" if np.isfinite(ends).all() else ""
            )
    return part | {
        "id": name,
        "verdict": verdict(table, summary, part["title"]),
        "columns": [
            {"name": column, "title": header_of(column), "count": n_counted(column, part)}
            for column in shown
        ],
        "summary_rows": rows,
        "table_columns": [{"name": detector, "title": detector} for detector in table],
        "table_rows": cells(
            table.rename(index={name: f"{name} {MARK}" for name in leaky}),
            table.eq(table.max(axis=1), axis=0),
            shades_of(table),
        ),
        "figures": [
            {"svg": for_page(svg, f"{name}-{kind}"), "caption": CAPTIONS[kind].format(**words)}
            for kind, svg in part["pictures"].items()
        ],
        "n_missing_for_test": max(0, FEWEST_DATASETS - n_complete),
    }


def header_of(column):
    """Title of a column of the summary, whose unit stays on the line."""
    return HEADERS[column].replace(", ", ",\N{NO-BREAK SPACE}")


def verdict(table, summary, title):
    """One or two sentences: which detector ranks first, and what the test says of it."""
    best, rank = summary.index[0], summary["mean_rank"].iloc[0]
    if not np.isfinite(summary["mean"].iloc[0]):
        return "No detector finished a data set."
    level = list(summary.index[summary["mean_rank"] == rank][1:])
    metric = title if title[1:2].isupper() else title[:1].lower() + title[1:]
    first = (
        f"{best} ranks first of {count(len(summary), 'detector')} by {metric} on "
        f"{count(len(table), 'data set')}: its mean rank is {rank:.2f}"
        f"{', as that of ' + ', '.join(level) + ',' if level else ''} and its mean "
        f"{summary['mean'].iloc[0]:.1f} %."
    )
    whole = complete(table)
    if not can_be_tested(whole) or best not in whole:
        return f"{first} These are too few for a test: differences may be chance."
    p_value, pairs = significance(whole, ALPHA)
    if not p_value < ALPHA:
        return f"{first} A Friedman test finds no difference between detectors (p = {p_value:.2g})."
    alike = [name for name in summary.index[1:] if name in pairs and pairs.loc[best, name] >= ALPHA]
    told = f"does not tell it apart from {', '.join(alike)}" if alike else "tells it apart from all"
    return f"{first} A test {told} (Wilcoxon-Holm, {ALPHA})."


def n_counted(column, part):
    """Over how many data sets, or runs, the figures of a column are."""
    table, failures = part["table"], part["failures"]
    n_sets = len(complete(table)) if failures == "drop" else len(table)
    if column in COST_COLUMNS:
        return f"of {count(part['n_runs'], 'run')}"
    if column in ("n_datasets", "n_failed"):
        return f"of {count(len(table), 'set')}" if column == "n_datasets" else ""
    if failures == "ignore" and column in MEANS:
        return "of the sets finished"
    if column in LEAK_FREE:
        n_sets -= len(part["leaky"])
    return f"of {count(n_sets, 'set')}"


def best_of_columns(summary, failures):
    """Where the summary's best values are; a mean over fewer data sets than others' is none."""
    compared = summary.astype(float)
    if failures != "drop":
        incomplete = summary["n_datasets"] < summary["n_datasets"].max()
        compared.loc[incomplete, compared.columns.isin(MEANS)] = np.nan
    compared.loc[summary["n_datasets"] == 0] = np.nan
    compared.loc[:, compared.columns.isin(NOT_COMPARED)] = np.nan
    best = compared.max().where(~compared.columns.isin(LOWER_IS_BETTER), compared.min())
    return compared.eq(best)


def shades_of(table):
    """How far each value is up between the least and the best of its row, in [0, 1]."""
    low, span = table.min(axis=1), table.max(axis=1) - table.min(axis=1)
    return table.sub(low, axis=0).div(span.where(span > 0), axis=0)


def cells(table, is_best, shades=None):
    """Rows of a table for the page: a name, and for each cell text, value, mark and shade."""
    shades = pd.DataFrame(np.nan, table.index, table.columns) if shades is None else shades
    return [
        (
            name,
            [
                {
                    "text": number(value, column),
                    "value": "" if pd.isna(value) else float(value),
                    "best": best,
                    "shade": None if pd.isna(shade) else round(float(shade), 2),
                }
                for column, value, best, shade in zip(table, *row, strict=True)
            ],
        )
        for name, *row in zip(
            table.index,
            table.to_numpy(object),
            is_best.to_numpy(),
            shades.to_numpy(),
            strict=True,
        )
    ]


# Data sets and failures ---------------------------------------------------------------------


def datasets_of_page(rows):
    """What the page says of each data set under a protocol: its sizes, and each detector's runs."""
    metrics, leaky = metric_names(rows), leaky_datasets(rows)
    return [
        {
            "name": f"{name} {MARK}" if name in leaky else name,
            "facts": facts_of(one),
            "verdict": best_on(one, metrics),
            "columns": [
                {"title": title}
                for title in (
                    *map(title_of, metrics),
                    HEADERS["fit_time"],
                    HEADERS["score_time"],
                    "runs",
                )
            ],
            "detectors": [detector_on(detector, runs, metrics) for detector, runs in groups(one)],
        }
        for name, one in rows.groupby("dataset", sort=False)
    ]


def groups(rows):
    return rows.groupby("detector", sort=False)


def title_of(metric):
    return TITLES.get(metric, metric)


def facts_of(rows):
    """Sizes of a data set, means over its splits."""
    found = rows.reindex(columns=["n_train", "n_test", "n_features", "anomaly_share", "twin_share"])
    found = found.astype(float).mean()
    words = {
        "n_train": "{:,.0f} training rows",
        "n_test": "{:,.0f} test rows",
        "n_features": "{:,.0f} columns",
        "anomaly_share": "{:.1%} of the test rows are anomalies",
        "twin_share": "{:.1%} of the test rows have an exact copy in training",
    }
    return [text.format(found[name]) for name, text in words.items() if np.isfinite(found[name])]


def best_on(rows, metrics):
    """Best detector of a data set by the first metric."""
    means = groups(rows)[metrics[0]].mean() if metrics else pd.Series(dtype=float)
    if not means.notna().any():
        return "no detector finished"
    title = title_of(metrics[0]).removesuffix(" (%)")
    return f"best {title}: {means.idxmax()}, {means.max():.1f} %"


def detector_on(name, runs, metrics):
    """A detector's row of the table of a data set: means over seeds, with their range."""
    found = []
    for column in metrics:
        values = runs[column].astype(float).dropna()
        text = number(values.mean()) if len(values) else "–"
        spread = f"{values.min():.1f}–{values.max():.1f}" if len(values) > 1 else ""
        found.append({"text": text, "spread": spread, "value": values.mean()})
    for column in ("fit_time", "score_time"):
        value = runs[column].astype(float).median()
        found.append({"text": number(value, column), "spread": "", "value": value})
    n_ok = int((runs["status"] == "ok").sum())
    found.append({"text": f"{n_ok} of {len(runs)}", "spread": "", "value": n_ok})
    for cell in found:
        cell["value"] = "" if pd.isna(cell["value"]) else cell["value"]
    return name, found


def failures_of_page(failed):
    """Failed runs, those of one detector together whose messages differ in numbers alone."""
    kinds = failed["error"].str.replace(r"\d+(\.\d+)?", "#", regex=True)
    return [
        {
            "detector": detector,
            "status": status,
            "error": runs["error"].iloc[0],
            "reason": REASONS.get(status, ""),
            "n": len(runs),
            "places": [
                {"where": f"{dataset}, {protocol}, {seeds_of(group)}", "error": error}
                for (dataset, protocol, error), group in runs.groupby(
                    ["dataset", "protocol", "error"], sort=False
                )
            ],
        }
        for (detector, status, _), runs in failed.groupby(["detector", "status", kinds], sort=False)
    ]


def seeds_of(runs):
    """Seeds of runs as text."""
    seeds = sorted(runs["seed"])
    return f"seed{'' if len(seeds) == 1 else 's'} {', '.join(map(str, seeds))}"
