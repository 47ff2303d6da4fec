"""Pictures of result rows; figures are made without pyplot and its global state."""

import io
import re

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from ._summary import by_dataset, can_be_tested, complete, leaky_datasets, significance, summarize

TITLES = {
    "roc_auc": "ROC AUC (%)",
    "average_precision": "Average precision (%)",
    "precision_at_n": "Precision at n (%)",
}
BLUE, GREY, RED = "#2f6db3", "#5b5b5b", "#c2402a"
LIGHT_BLUE, LINE = "#dbe7f5", "#dddddd"
# Colours of pictures that follow the page: dark on a light one, and light on a dark one.
COLORS = {
    "#000000": "currentColor",
    BLUE: "var(--accent)",
    GREY: "var(--soft)",
    RED: "var(--strong)",
    LIGHT_BLUE: "var(--box)",
    LINE: "var(--line)",
    "#ffffff": "var(--page)",
}


def draw(rows, metric):
    """Return the pictures of a metric as SVG, by name."""
    plots = {
        "critical-difference": plot_critical_difference,
        "boxes": plot_boxes,
        "time-quality": plot_time_quality,
    }
    # Text stays text, which can be searched and read aloud; a label such as "$x" is no formula.
    style = {"svg.fonttype": "none", "svg.hashsalt": metric, "text.parse_math": False}
    with matplotlib.rc_context(style):
        figures = {name: plot(rows, metric) for name, plot in plots.items()}
        return {name: svg_of(figure) for name, figure in figures.items() if figure}


def svg_of(figure):
    """A figure as SVG, which is the same each time."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def for_page(svg, name):
    """Return a picture as an element of a page, in the page's colours and of any width.

    The name makes its ids differ from those of other pictures.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    for color, variable in COLORS.items():
        svg = svg.replace(f": {color}", f": {variable}")
    return svg


def plot_boxes(results, metric="roc_auc"):
    """Draw a box for each detector over the data sets, the best median on top.

    Data sets are dots, hollow where they are leaky.
    """
    table = by_dataset(results, metric)
    table = table[table.median().sort_values(na_position="first").index].dropna(axis=1, how="all")
    figure, ax = _figure(height=1.2 + 0.42 * table.shape[1])
    places = np.arange(table.shape[1])
    ax.boxplot(
        [table[name].dropna() for name in table],
        positions=places,
        orientation="horizontal",
        widths=0.55,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": LIGHT_BLUE, "edgecolor": BLUE},
        medianprops={"color": RED, "linewidth": 2},
        whiskerprops={"color": BLUE},
        capprops={"color": BLUE},
    )
    leaky = table.index.isin(leaky_datasets(results))
    for values, fill in ((table[~leaky], BLUE), (table[leaky], "white")):
        ax.scatter(
            values.to_numpy().ravel(),
            np.tile(places, len(values)),
            s=18,
            facecolors=fill,
            edgecolors=BLUE,
            alpha=0.8,
            zorder=3,
        )
    ax.set_yticks(places, table.columns)
    ax.set_ylim(-0.6, len(places) - 0.4)
    title = f"{len(table)} data sets" + (", hollow dots: leaky ones" if leaky.any() else "")
    ax.set_title(title, fontsize=10, color=GREY)
    ax.set_xlabel(TITLES.get(metric, metric))
    ax.grid(axis="x", color=LINE)
    return figure


def plot_critical_difference(results, metric="roc_auc"):
    """Draw detectors by mean rank, and join those that no test tells apart.

    Returns None where it would say nothing: with fewer than three detectors or five data sets
    that all of them finished.
    """
    from scikit_posthocs import critical_difference_diagram

    table = complete(by_dataset(results, metric))
    if not can_be_tested(table):
        return None
    p_value, pairs = significance(table)
    figure, ax = _figure(height=1.4 + 0.24 * table.shape[1])
    critical_difference_diagram(
        table.rank(axis=1, ascending=False).mean(),
        pairs,
        ax=ax,
        label_fmt_left="{label} {rank:.2f}\N{NO-BREAK SPACE}",  # which SVG keeps
        label_fmt_right="\N{NO-BREAK SPACE}{rank:.2f} {label}",
        label_props={"fontsize": 10},
        crossbar_props={"color": RED, "linewidth": 3, "marker": None},
        elbow_props={"color": GREY},
        marker_props={"color": BLUE, "zorder": 3},
    )
    name = TITLES.get(metric, metric).removesuffix(" (%)")
    figure.suptitle(
        f"Mean rank by {name}, best left, {len(table)} data sets (Friedman p = {p_value:.2g}; "
        "bars: no difference found by Wilcoxon-Holm at 0.05)",
        fontsize=9,
        color=GREY,
    )
    return figure


def plot_time_quality(results, metric="roc_auc"):
    """Draw each detector's mean quality against the median time of a run."""
    quality = summarize(results, metric)["mean"]
    seconds = results["fit_time"] + results["score_time"]
    seconds = seconds.groupby(results["detector"]).median().reindex(quality.index)
    title = f"{results['dataset'].nunique()} data sets"
    drawn = (quality.notna() & seconds.notna()).to_numpy()
    quality, seconds = quality[drawn], seconds[drawn]
    figure, ax = _figure(height=4.2)
    ax.scatter(seconds, quality, s=50, color=BLUE, zorder=3)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda time, _: f"{time:g}")
    ax.set_xlabel("Median time to fit and score (s)")
    ax.set_ylabel(f"{TITLES.get(metric, metric)}, mean over data sets")
    ax.grid(color=LINE)
    ax.set_title(title, fontsize=10, color=GREY)
    ax.margins(0.18, 0.15)
    _label_points(ax, list(quality.index), seconds.to_numpy(), quality.to_numpy())
    return figure


def _figure(height):
    figure = Figure(figsize=(8, height), layout="constrained", dpi=130)
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    return figure, ax


def _label_points(ax, labels, x, y):
    """Write each label at the first place around its point where nothing else is."""
    renderer = ax.figure.canvas.get_renderer()
    ax.figure.draw(renderer)  # places are only known after the layout
    taken = [_around(point) for point in ax.transData.transform(np.column_stack([x, y]))]
    places = [
        (dx * distance, dy * distance)
        for distance in (8, 16, 26, 38)
        for dx, dy in ((1, 0), (-1, 0), (0.7, 1), (0.7, -1), (-0.7, 1), (-0.7, -1))
    ]
    inside = ax.get_window_extent(renderer)
    for label, *point in zip(labels, x, y, strict=True):
        for dx, dy in places:
            text = ax.annotate(
                label,
                point,
                (dx, dy),
                textcoords="offset points",
                ha="left" if dx > 0 else "right",
                va="center_baseline",
                fontsize=9,
                in_layout=False,
                arrowprops={"arrowstyle": "-", "color": GREY, "shrinkA": 2, "shrinkB": 6},
            )
            text.update_positions(renderer)
            box = Text.get_window_extent(text, renderer)  # an annotation's holds the line, too
            fits = inside.x0 < box.x0 and box.x1 < inside.x1
            if fits and not any(box.overlaps(other) for other in taken):
                break
            text.remove()
        else:
            ax.annotate(label, point, (8, 0), textcoords="offset points", fontsize=9)
            continue
        taken.append(box)


def _around(point, size=8):
    return Bbox.from_bounds(point[0] - size, point[1] - size, 2 * size, 2 * size)
