"""
=========================================
Find groups of rows that are odd together
=========================================

Every reading of a machine may look normal while the machine is not: two of
its sensors no longer go together, all of its readings lie a little too
high, or a single one is far off. The unit of interest is then a *group* of
rows. This example has eighty machines with sixty readings each, and
compares three scores of groups on three kinds of faults.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np

from skdeepad import VAE, GroupAnomalyDetector
from skdeepad.metrics import anomaly_roc_auc

# %%
# The machines
# ------------
#
# Load, temperature and vibration of a machine rise together. In each of
# three faulty machines of the first kind, temperature falls where it should
# rise. Machines of the second kind run a little too hot. Machines of the
# third kind have one wild reading among 59 good ones.

KINDS = ("normal", "broken relation", "shifted", "wild reading")


def machines(seed, n_normal=71, n_faulty=3):
    rng = np.random.default_rng(seed)
    kinds = np.repeat(range(4), [n_normal, n_faulty, n_faulty, n_faulty])
    load = rng.normal(size=(len(kinds), 60))
    sign = np.where(kinds == 1, -1, 1)[:, None]
    temperature = sign * load + 0.5 * rng.normal(size=load.shape)
    vibration = load + 0.5 * rng.normal(size=load.shape)
    temperature[kinds == 2] += 0.6
    vibration[kinds == 3, 0] += 5
    return np.stack([load, temperature, vibration], axis=2), kinds


groups, kinds = machines(seed=0)
print(groups.shape)

# %%
# One machine of each kind, in orange, over the readings of all machines.
# Nearly all orange points lie where there are grey ones: a detector of rows
# can see the wild reading, and little else.

fig, axes = plt.subplots(
    1, 4, figsize=(12, 3.3), layout="constrained", sharex=True, sharey=True
)
for kind, ax in enumerate(axes):
    x, y = (0, 2) if kind == 3 else (0, 1)
    ax.scatter(
        *groups[..., [x, y]].reshape(-1, 2)[::3].T, s=2, color="silver"
    )
    ax.scatter(
        *groups[kinds == kind][0][:, [x, y]].T, s=12, color="tab:orange"
    )
    ax.set(
        title=KINDS[kind],
        xlabel="load",
        ylabel=("load", "temperature", "vibration")[y],
    )
plt.show()

# %%
# Three scores
# ------------
#
# :class:`~skdeepad.GroupAnomalyDetector` fits one detector to the readings
# of all machines, and compares machines by the codes and the scores of
# their readings. It returns one score for each machine. Nobody tells it
# which machines are faulty. If rows of a table belong to groups, pass their
# labels instead of an array of three dimensions: ``fit(X,
# groups=machine)``.

scores = {}
for anomaly_score in ("characterization", "mean_point", "max_point"):
    detector = GroupAnomalyDetector(
        VAE(n_latent=2, max_steps=400),
        anomaly_score=anomaly_score,
        random_state=0,
    )
    scores[anomaly_score] = -detector.fit(groups).score_samples(groups)

fig, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
places = np.arange(len(groups))
for ax, (anomaly_score, values) in zip(axes, scores.items(), strict=True):
    for kind, color in enumerate(
        ("silver", "tab:orange", "tab:purple", "tab:red")
    ):
        ax.scatter(
            places[kinds == kind],
            values[kinds == kind],
            color=color,
            label=KINDS[kind],
        )
    ax.set(title=anomaly_score, xlabel="machine")
axes[0].legend(loc="upper left")
axes[0].set(ylabel="anomaly score")
plt.show()

# %%
# Which score finds what
# ----------------------
#
# The table has the ROC AUC of each score and kind of fault, as the mean
# over machines of four draws, with other faulty machines each time.

aucs = np.zeros((3, 3))
for seed in range(4):
    groups, kinds = machines(seed)
    for i, anomaly_score in enumerate(scores):
        detector = GroupAnomalyDetector(
            VAE(n_latent=2, max_steps=200),
            anomaly_score=anomaly_score,
            random_state=seed,
        )
        values = detector.fit(groups).score_samples(groups)
        for kind in (1, 2, 3):
            shown = (kinds == 0) | (kinds == kind)
            aucs[i, kind - 1] += (
                anomaly_roc_auc(kinds[shown] > 0, values[shown]) / 4
            )

fig, ax = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
image = ax.imshow(aucs, cmap="RdYlGn", vmin=0.4, vmax=1, aspect="auto")
for (i, j), auc in np.ndenumerate(aucs):
    ax.text(j, i, f"{auc:.2f}", ha="center", va="center")
ax.set_xticks(range(3), KINDS[1:])
ax.set_yticks(range(3), scores)
fig.colorbar(image, label="ROC AUC")
plt.show()

# %%
# The default, ``"characterization"``, compares the means and the
# covariances of codes, and finds machines whose readings are distributed in
# another way. A single wild reading changes a mean and a covariance only a
# little. ``"max_point"`` is made for it, and is blind to a small shift of
# all readings. If you do not know which kind to expect, run both.
#
# Small groups are not anomalous because they are small: scores are in units
# of the error that a group of that size has. See :ref:`groups`.
