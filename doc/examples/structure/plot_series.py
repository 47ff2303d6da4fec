"""
============================
Find the odd day in a series
============================

A detector scores rows, and a series has none. A spectrogram makes them: one
for each frame of time, with the amplitude of each frequency in it. A
variational autoencoder that learned the frames of the first days then
scores the later ones. Whether it finds an anomaly that is *quieter* than
usual depends on two choices: plain amplitudes or their logarithms, and the
length of a frame.
"""

# sphinx_gallery_thumbnail_number = 3
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
from sklearn.utils import Bunch

from skdeepad import VAE
from skdeepad.metrics import anomaly_roc_auc
from skdeepad.preprocessing import SpectrogramTransformer

# %%
# Two series
# ----------
#
# They have a value every five minutes for two weeks, as the artificial
# series of the Numenta Anomaly Benchmark, which
# :func:`~skdeepad.datasets.fetch_nab` loads. Values are high by day and low
# by night. On one day they are twice as high as usual (*jumpsup*), or stay
# low (*nojump*). The labelled window, red, is longer than the anomaly.


def two_weeks(odd_day):
    """A series whose eleventh day has another level."""
    rng = np.random.default_rng(0)
    day, five_minutes = np.divmod(np.arange(14 * 288), 288)
    by_day = (five_minutes >= 108) & (five_minutes < 216)
    level = np.where(by_day, np.where(day == 10, odd_day, 60.0), 0.0) + 20
    data = level + rng.normal(0, 1 + level / 40)
    start = np.datetime64("2024-04-01T00:00")
    timestamps = start + np.timedelta64(5, "m") * np.arange(len(data))
    target = (np.abs(np.arange(len(data)) - 10.55 * 288) < 200).astype(int)
    windows = timestamps[np.flatnonzero(np.diff(target))][None]
    return Bunch(
        data=data[:, None],
        target=target,
        timestamps=timestamps,
        windows=windows,
    )


series = {"jumpsup": two_weeks(120.0), "nojump": two_weeks(0.0)}


def label_time(ax, nab):
    for start, stop in nab.windows:
        ax.axvspan(start, stop, color="tab:red", alpha=0.15, linewidth=0)
    ax.xaxis.set_major_locator(mdates.DayLocator(interval=3))
    ax.xaxis.set_major_formatter(mdates.DateFormatter("%d %b"))


fig, axes = plt.subplots(
    1, 2, figsize=(10, 2.4), sharex=True, sharey=True, layout="constrained"
)
for ax, (name, nab) in zip(axes, series.items(), strict=True):
    ax.plot(nab.timestamps, nab.data, linewidth=0.7)
    ax.set_title(name)
    label_time(ax, nab)
plt.show()

# %%
# Frames
# ------
#
# A :class:`~skdeepad.preprocessing.SpectrogramTransformer` makes them. A
# frame of eight hours has 96 samples, and a new frame begins each hour.
# Each frame is a column of the two pictures, for the series without a jump;
# red lines mark the window. Plain amplitudes show only the days. Logarithms
# show the nights too, and half an amplitude deviates as much as twice.

nab = series["nojump"]
eight_hours = SpectrogramTransformer(window_length=96, hop=12).fit(nab.data)
times = nab.timestamps[eight_hours.frame_centers(len(nab.data))]
fig, axes = plt.subplots(
    1, 2, figsize=(10, 2.8), sharey=True, layout="constrained"
)
for ax, log in zip(axes, (False, True), strict=True):
    eight_hours.set_params(log=log).fit(nab.data)
    frames = eight_hours.transform(nab.data)
    mesh = ax.pcolormesh(
        times, 12 * eight_hours.frequencies_, frames.T, rasterized=True
    )
    fig.colorbar(mesh, ax=ax)
    ax.set_title("log(amplitude + 0.001)" if log else "amplitude")
    for edge in nab.windows.ravel():
        ax.axvline(edge, color="tab:red")
    ax.xaxis.set_major_locator(mdates.DayLocator(interval=3))
    ax.xaxis.set_major_formatter(mdates.DateFormatter("%d %b"))
axes[0].set_ylabel("cycles per hour")
plt.show()

# %%
# Scores
# ------
#
# The score is the reconstruction probability with one variance for all
# frequencies, negated so that a high value is anomalous. The first 40 % of
# the frames, grey, are for training. A frame counts as an anomaly if it
# overlaps the labelled window.


def plot_scores(ax, nab, transformer):
    frames = transformer.fit(nab.data).transform(nab.data)
    labels = transformer.frame_labels(nab.target)
    times = nab.timestamps[transformer.frame_centers(len(nab.data))]
    n_train = int(0.4 * len(frames))
    detector = VAE(
        hidden_layer_sizes=(32, 16),
        n_latent=2,
        likelihood="gaussian",
        anomaly_score="reconstruction_probability",
        max_steps=400,
        random_state=0,
    ).fit(frames[:n_train])
    scores = detector.score_samples(frames)
    auc = anomaly_roc_auc(labels[n_train:], scores[n_train:])
    ax.plot(
        times[: n_train + 1],
        -scores[: n_train + 1],
        color="tab:gray",
        linewidth=1,
    )
    ax.plot(times[n_train:], -scores[n_train:], linewidth=1)
    ax.set_title(f"ROC AUC {auc:.2f}", loc="right", fontsize="medium")
    label_time(ax, nab)


transformers = {
    "8 hours, plain": SpectrogramTransformer(
        window_length=96, hop=12, log=False
    ),
    "8 hours, log": SpectrogramTransformer(window_length=96, hop=12),
    "24 hours, log": SpectrogramTransformer(window_length=288, hop=12),
}
fig, axes = plt.subplots(
    3, 2, figsize=(10, 6), sharex=True, layout="constrained"
)
for row, (frame, transformer) in zip(
    axes, transformers.items(), strict=True
):
    for ax, (name, nab) in zip(row, series.items(), strict=True):
        plot_scores(ax, nab, transformer)
        ax.set_title(f"{name}: {frame}", loc="left", fontsize="medium")
fig.supylabel("anomaly score")
plt.show()

# %%
# With plain amplitudes the missing jump scores *below* the other days. A
# likelihood of constant variance measures absolute differences, and small
# amplitudes have small differences: **a small input has a small score**,
# and a ROC AUC below one half is the sign of it. The jump that is too high
# has high scores, but nights in its window score below any day outside.
#
# Logarithms, the default, measure relative differences, and nights score
# like days. They cannot reveal a missing jump in eight hours that look like
# any night.
#
# Frames of 24 hours can: each contains a day, and a day without activity
# differs from all earlier days. A frame should cover the period that an
# anomaly breaks. No score gets close to a ROC AUC of 1 if a window labels
# hours that are like any other. :ref:`series` has more, and
# ``benchmarks/nab.py`` all of the six artificial series of the Numenta
# Anomaly Benchmark.
