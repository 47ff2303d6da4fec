"""
=======================================
Save a detector, export it and serve it
=======================================

A detector is fitted once and used elsewhere: tomorrow, by a colleague, in a
service that has no Python. This example saves one in four forms, checks
that all of them give the same scores, and compares their sizes and their
speed, for a single row and for many.

It needs ``pip install 'skdeepad[plot,onnx,skops]'``.
"""

import pickle
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
import skops.io
import torch
from sklearn.model_selection import train_test_split

from skdeepad import AutoEncoder
from skdeepad.datasets import load_cardio
from skdeepad.export import to_module, to_onnx
from skdeepad.interop import trusted_types

X, y = load_cardio(return_X_y=True)
X_train, X_test, _, y_test = train_test_split(
    X, y, stratify=y, random_state=0
)
detector = AutoEncoder(contamination=0.05, random_state=0).fit(X_train)
expected = detector.score_samples(X_test)

# %%
# Four forms
# ----------
#
# A **pickle** is the whole estimator, for yourself: it can run any code
# when it is opened. A **skops** file holds names and arrays and no code,
# and is for others. Both can be trained on. A **torch module**, made by
# :func:`~skdeepad.export.to_module`, holds all that a score needs: the
# scaler, the net and the threshold. An **ONNX** model holds the same, and
# runs without Python.

folder = TemporaryDirectory()
paths = {
    name: Path(folder.name) / f"detector.{name}"
    for name in ("pickle", "skops", "pt2", "onnx")
}

paths["pickle"].write_bytes(pickle.dumps(detector))
skops.io.dump(detector, paths["skops"])
module = to_module(detector)
example = torch.from_numpy(X_test[:2])
shapes = ({0: torch.export.Dim("rows")},)
torch.export.save(
    torch.export.export(module, (example,), dynamic_shapes=shapes),
    paths["pt2"],
)
model = to_onnx(detector, paths["onnx"], X=X_train)

# %%
# Opened again, they score the raw rows of the table. Nobody has to remember
# a scaler.

opened = pickle.loads(paths["pickle"].read_bytes())
from_skops = skops.io.load(paths["skops"], trusted=trusted_types())
program = torch.export.load(paths["pt2"]).module()
session = onnxruntime.InferenceSession(paths["onnx"])
score = {
    "pickle": opened.score_samples,
    "skops": from_skops.score_samples,
    "torch module": lambda rows: program(torch.from_numpy(rows)).numpy(),
    "ONNX": lambda rows: session.run(["score"], {"X": rows})[0].ravel(),
}

# %%
# The same scores, and how fast
# -----------------------------
#
# The points are the largest relative differences from ``score_samples``
# over all test rows. A pickle and a skops file give the same numbers to the
# bit. The others compute in another order, and differ in the sixth digit.
# The bars are the sizes of the files, and the times to score one row: in
# Python most of it is spent on checking the input.


def milliseconds(function, row):
    """Median time of a call."""
    times = []
    for _ in range(20):
        start = perf_counter()
        function(row)
        times.append(perf_counter() - start)
    return 1000 * np.median(times)


names = list(score)
differences = [
    np.max(np.abs(score[name](X_test) / expected - 1)) for name in names
]
sizes = [path.stat().st_size / 1024 for path in paths.values()]
times = [milliseconds(score[name], X_test[:1]) for name in names]

fig, axes = plt.subplots(
    1, 3, figsize=(11, 2.8), layout="constrained", sharey=True
)
axes[0].plot(np.maximum(differences, 1e-16), names, "o")
axes[0].set(
    xscale="log", xlabel="relative difference of scores", xlim=(1e-17, 1e-3)
)
for ax, values, label in (
    (axes[1], sizes, "KB on disk"),
    (axes[2], times, "ms to score one row"),
):
    bars = ax.barh(names, values)
    ax.bar_label(bars, fmt="{:.3g}", padding=3)
    ax.set(xlabel=label)
    ax.margins(x=0.2)
axes[0].invert_yaxis()
plt.show()

# %%
# One row or many
# ---------------
#
# A service scores a row at a time, and a nightly job millions. What a call
# costs besides the net is paid once for all rows of a call. So collect rows
# where you can; where you cannot, take ONNX.

numbers = (1, 10, 100, 1000, 10_000)
rows = np.resize(X_test, (max(numbers), X.shape[1]))
fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name, label in (
    ("pickle", "score_samples"),
    ("torch module", None),
    ("ONNX", None),
):
    each = [1000 * milliseconds(score[name], rows[:n]) / n for n in numbers]
    ax.plot(numbers, each, "o-", label=label or name)
ax.set(
    xscale="log",
    yscale="log",
    xlabel="rows in a call",
    ylabel="microseconds for a row",
)
ax.legend()
ax.grid(alpha=0.3)
plt.show()

# %%
# :ref:`serving` compares the forms, and says what each of them can and
# cannot do. :ref:`sphx_glr_auto_examples_use_plot_from_table_to_alarms.py`
# puts an ONNX model behind a small web service, with the steps of a
# pipeline in front of the detector.

folder.cleanup()
