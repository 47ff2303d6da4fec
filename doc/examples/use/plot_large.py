"""
======================================
Fit a table that is larger than memory
======================================

A table on disk need not fit into memory. A memory map is fitted and scored
as if it were an array, and a file in parts is learned part by part. The
table of this example is small enough for a web page; nothing else would
change with a thousand times as many rows.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from numpy.lib.format import open_memmap

from skdeepad import AutoEncoder
from skdeepad.metrics import anomaly_average_precision

# %%
# A table on disk
# ---------------
#
# Three hundred thousand readings of thirty sensors are written block by
# block, so that they are never in memory together. Two incidents are among
# them, in which some sensors lose their relation to the others.

folder = TemporaryDirectory()
path = Path(folder.name) / "readings.npy"
n, n_sensors, block = 300_000, 30, 20_000
incidents = [(110_000, 112_000), (245_000, 246_000)]
is_incident = np.zeros(n, dtype=bool)
for start, stop in incidents:
    is_incident[start:stop] = True

rng = np.random.default_rng(0)
mixing = rng.normal(size=(4, n_sensors))
table = open_memmap(path, mode="w+", dtype=np.float32, shape=(n, n_sensors))
for start in range(0, n, block):
    rows = rng.normal(size=(block, 4)) @ mixing + 0.3 * rng.normal(
        size=(block, n_sensors)
    )
    odd = is_incident[start : start + block]
    rows[odd, :6] = rng.permutation(rows[odd, :6])
    table[start : start + block] = rows
table.flush()
print(f"{path.stat().st_size / 2**20:.0f} MB on disk")

# %%
# Fit and score the memory map
# ----------------------------
#
# ``mmap_mode="r"`` opens the file without reading it. Rows are read and
# scaled when a batch takes them. A fit of 1,000 steps of an
# :class:`~skdeepad.AutoEncoder` takes 128,000 rows, however many the table
# has. The picture has the median and the highest anomaly score of each five
# hundred rows, in the order of the file.

X = np.load(path, mmap_mode="r")
detector = AutoEncoder(random_state=0).fit(X)
scores = -detector.score_samples(X)

fig, ax = plt.subplots(figsize=(10, 3.2), layout="constrained")
pieces = scores.reshape(-1, 500)
places = 500 * np.arange(len(pieces))
ax.fill_between(
    places,
    np.median(pieces, axis=1),
    pieces.max(axis=1),
    alpha=0.4,
    label="to the highest",
)
ax.plot(places, np.median(pieces, axis=1), label="median of 500 rows")
for start, stop in incidents:
    ax.axvspan(start, stop, color="tab:red", alpha=0.25, linewidth=0)
ax.set(
    xlabel="row of the file",
    ylabel="anomaly score",
    xlim=(0, n),
    yscale="log",
)
ax.legend(loc="upper right")
plt.show()

# %%
# The highest score of many rows says little. The median shows both
# incidents, in red.
#
# Learn part by part
# ------------------
#
# A file that cannot be mapped, such as a parquet file or a stream, is read
# in parts. ``partial_fit`` trains for one pass over a part. The plot has
# the average precision on rows that are held out, after each part: the
# first parts teach most, and there is no need to read on once the curve is
# flat.

held_out = X[100_000:120_000]
parts = AutoEncoder(random_state=0)
curve = []
for start in range(0, 100_000, 10_000):
    parts.partial_fit(X[start : start + 10_000])
    scores_held_out = parts.score_samples(held_out)
    curve.append(
        anomaly_average_precision(
            is_incident[100_000:120_000], scores_held_out
        )
    )

fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
ax.plot(10 * np.arange(1, len(curve) + 1), curve, "o-", label="partial_fit")
whole = anomaly_average_precision(
    is_incident[100_000:120_000], -scores[100_000:120_000]
)
ax.axhline(
    whole, color="black", linestyle=":", label="fit to the memory map"
)
ax.set(
    xlabel="thousands of rows seen", ylabel="average precision", ylim=(0, 1)
)
ax.legend()
plt.show()

# %%
# A threshold for all rows
# ------------------------
#
# After ``partial_fit`` the threshold refers to the last part. Scores are
# small, a number for each row, and the quantile of all of them is the
# threshold for the whole table.

all_scores = np.concatenate(
    [
        parts.score_samples(X[start : start + block])
        for start in range(0, n, block)
    ]
)
parts.offset_ = np.quantile(all_scores, 0.01)
alarms = all_scores < parts.offset_
print(f"Alarms: {alarms.mean():.1%} of all rows")
print(f"        {alarms[is_incident].mean():.0%} of the rows of incidents")

# %%
# :ref:`large_data` tells how much memory each detector takes, how to read
# parquet files in parts, and how the machines of a cluster score their own
# blocks.

del table, X, held_out
folder.cleanup()
