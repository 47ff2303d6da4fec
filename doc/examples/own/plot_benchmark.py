"""
==============================
Compare detectors on your data
==============================

No detector is best everywhere. Which one is best on *your* tables is a
question of an hour of computing, if some of their rows are labelled. This
example runs five detectors on four tables, three times each, and asks of
the result what one should ask: how large the differences are, whether they
are more than chance, and what they cost. It needs ``pip install
'skdeepad[benchmark]'``.
"""

# sphinx_gallery_thumbnail_number = 2
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt

from skdeepad import AutoEncoder, LeSiNN, default_detector
from skdeepad.benchmark import (
    by_dataset,
    run_benchmark,
    summarize,
    write_report,
)
from skdeepad.datasets import load_vowels

# %%
# Detectors and tables
# --------------------
#
# A detector is an estimator or a name. A table is a name of a shipped set,
# a pair ``(X, y)`` as *vowels* here, or the path of a file: ``{"claims":
# "claims.csv"}`` with ``label_column="is_fraud"``. Labels only judge:
# detectors do not see them under this protocol. ``"leak-free"`` keeps equal
# rows together, in the training part or in the test part.
# :class:`~skdeepad.benchmark.Norm` is the distance from the mean: what is
# not better than it has learned nothing.

detectors = {
    "AutoEncoder": AutoEncoder(max_steps=300),
    "default_detector": default_detector(),
    "LeSiNN": LeSiNN(),
    "isolation forest": "IsolationForest",
    "Norm": "Norm",
}
tables = {
    "vowels": load_vowels(return_X_y=True),
    "cardio": "cardio",
    "ionosphere": "ionosphere",
    "wdbc": "wdbc",
}
results = run_benchmark(
    detectors, tables, protocols="leak-free", seeds=(1, 2, 3), verbose=False
)
print(
    results[
        ["detector", "dataset", "seed", "roc_auc", "fit_time", "status"]
    ]
    .head()
    .to_string()
)

# %%
# ``results`` has a row for each run. With ``output="results.csv"`` rows are
# on disk as soon as they arrive, and a second call runs only what is
# missing. A detector that fails or takes too long is a row as well.
#
# Table by table
# --------------
#
# :func:`~skdeepad.benchmark.by_dataset` has the mean over seeds. The lines
# show how much the seeds differ, and that the order of the detectors is
# another one on each table.

means = by_dataset(results)
fig, axes = plt.subplots(
    1, 4, figsize=(12, 3), layout="constrained", sharey=True
)
for ax, name in zip(axes, means.index, strict=True):
    runs = results[results["dataset"] == name]
    for place, label in enumerate(detectors):
        values = runs.loc[runs["detector"] == label, "roc_auc"]
        color = "tab:gray" if label == "Norm" else "tab:blue"
        ax.plot([values.min(), values.max()], [place, place], color=color)
        ax.plot(means.loc[name, label], place, "o", color=color)
    ax.set(title=name, xlabel="ROC AUC (%)")
    ax.grid(axis="x", alpha=0.3)
axes[0].set_yticks(range(len(detectors)), detectors)
axes[0].invert_yaxis()
plt.show()

# %%
# Is it better than an isolation forest?
# --------------------------------------
#
# :func:`~skdeepad.benchmark.summarize` compares all detectors with one of
# them. Each table is one difference, and the interval is that of the mean
# over tables like these. If it holds 0, the tables do not tell which
# detector is better. With four tables that is the usual answer.

summary = summarize(results, reference="isolation forest")
columns = [
    "mean",
    "mean_rank",
    "wins",
    "difference",
    "difference_low",
    "difference_high",
    "won",
]
print(summary[columns].round(1).to_string())

others = summary.drop(index="isolation forest").sort_values("difference")
low, high = others["difference_low"], others["difference_high"]
fig, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
ax.errorbar(
    others["difference"],
    others.index,
    xerr=[others["difference"] - low, high - others["difference"]],
    fmt="o",
    capsize=4,
)
ax.axvline(0, color="black", linestyle=":")
ax.set(xlabel="points of ROC AUC above the isolation forest, 95 % interval")
ax.margins(y=0.2)
plt.show()

# %%
# What it costs
# -------------
#
# Time is measured too. Up and to the left is where one wants to be.

fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name, row in summary.iterrows():
    ax.scatter(row["fit_time"], row["mean"], s=60, label=name)
ax.set(
    xscale="log", xlabel="median seconds to fit", ylabel="mean ROC AUC (%)"
)
ax.legend()
ax.grid(alpha=0.3)
plt.show()

# %%
# A page to show
# --------------
#
# :func:`~skdeepad.benchmark.write_report` makes one page with all tables
# and pictures, critical differences among them, for any browser and without
# a network.

with TemporaryDirectory() as folder:
    report = write_report(results, folder, reference="isolation forest")
    print(f"{report.name}: {report.stat().st_size // 1024} KB")

# %%
# The same benchmark is a command, ``skdeepad-benchmark --datasets mine.csv
# --label-column fraud``. :ref:`benchmark` explains protocols, limits and
# clusters, and what to believe of such numbers: a detector whose parameters
# were chosen on the same tables looks better than it is.
