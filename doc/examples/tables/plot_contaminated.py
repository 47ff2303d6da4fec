"""
===========================================
What anomalies among the training rows cost
===========================================

Training rows that nobody has checked hold some of the anomalies that the
detector is to find. A net that is trained long enough learns them too. The
example adds anomalies to clean training rows, and shows what they cost,
what ``trim`` and a short training save, and how a
:class:`~skdeepad.RobustAutoEncoder` takes single wrong cells out of a
table.
"""

# sphinx_gallery_thumbnail_number = 4
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.model_selection import train_test_split

from skdeepad import AutoEncoder, RobustAutoEncoder
from skdeepad.datasets import load_thyroid
from skdeepad.inspection import ScoreDisplay
from skdeepad.metrics import anomaly_average_precision

# %%
# The price
# ---------
#
# Half of the rows of *thyroid* are for testing. Of the other half, the
# training takes the normal rows, and none, a few or all of the anomalies.
# With ``trim=0.1``, the default, each step leaves out the tenth of the rows
# with the largest loss. An isolation forest looks at each column by itself,
# and is hardly harmed.

X, y = load_thyroid(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, stratify=y, test_size=0.5, random_state=0
)
normal, anomalies = X_train[y_train == 0], X_train[y_train == 1]
numbers = (0, 10, 20, len(anomalies))


def average_precision(detector, n_anomalies):
    detector.fit(np.vstack([normal, anomalies[:n_anomalies]]))
    return anomaly_average_precision(y_test, detector.score_samples(X_test))


detectors = {
    "AutoEncoder(trim=0)": AutoEncoder(trim=0, random_state=0),
    "AutoEncoder(trim=0.1)": AutoEncoder(random_state=0),
    "isolation forest": IsolationForest(random_state=0),
}
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for (name, detector), style in zip(
    detectors.items(), ("o-", "o-", "o:"), strict=True
):
    ax.plot(
        numbers,
        [average_precision(detector, number) for number in numbers],
        style,
        label=name,
    )
ax.set(
    xlabel=f"anomalies among {len(normal)} normal training rows",
    ylabel="average precision on test rows",
    ylim=(0, 1),
)
ax.legend()
plt.show()

# %%
# Forty-six anomalies, 2.4 % of the rows, take away half of what a detector
# without protection finds. Trimming helps even without any: among rows that
# are labelled normal, too, there are some that a detector had better not
# learn.
#
# What happened to the anomalies
# ------------------------------
#
# The training anomalies themselves show it. Without trimming, the net has
# learned them, and their scores are among those of normal rows.

trained_on = np.vstack([normal, anomalies])
labels = np.repeat([0, 1], [len(normal), len(anomalies)])
fig, axes = plt.subplots(
    1, 2, figsize=(11, 4), layout="constrained", sharex=True
)
for ax, trim in zip(axes, (0, 0.1), strict=True):
    detector = detectors[
        "AutoEncoder(trim=0)" if trim == 0 else "AutoEncoder(trim=0.1)"
    ]
    logarithms = -np.log10(-detector.score_samples(trained_on))
    ScoreDisplay.from_predictions(
        logarithms, labels, name=f"trim={trim}", ax=ax
    )
    ax.set(
        xlabel="minus the logarithm of the anomaly score",
        title=f"Training rows, trim={trim}",
    )
plt.show()

# %%
# A longer training
# -----------------
#
# The other protection is to stop early enough. With all anomalies among the
# training rows, each further step without trimming makes the detector
# worse.

steps = (100, 200, 500, 1000, 2000)
fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for trim in (0, 0.1):
    values = [
        average_precision(
            AutoEncoder(trim=trim, max_steps=n, random_state=0),
            len(anomalies),
        )
        for n in steps
    ]
    ax.plot(steps, values, "o-", label=f"trim={trim}")
ax.set(
    xlabel="steps of training",
    ylabel="average precision on test rows",
    ylim=(0, 1),
)
ax.set_xscale("log")
ax.set_xticks(steps, steps)
ax.legend()
plt.show()

# %%
# Wrong cells
# -----------
#
# Where single cells are wrong and not whole rows, almost every row may have
# one, and there is nothing left to trim.
# :class:`~skdeepad.RobustAutoEncoder` splits the table into a part that an
# autoencoder can reconstruct, and a sparse part, ``sparse_``. Here a cell
# in twenty of a table of fifteen dependent columns is wrong. The right
# picture has what the detector took out.

rng = np.random.default_rng(0)
table = rng.normal(size=(600, 3)) @ rng.normal(size=(3, 15))
is_wrong = rng.random(table.shape) < 0.05
table[is_wrong] += rng.choice([-8, 8], is_wrong.sum())

detector = RobustAutoEncoder(max_steps=1500, random_state=0).fit(table)
removed = detector.sparse_.toarray()
fig, axes = plt.subplots(
    1, 3, figsize=(10, 4.5), layout="constrained", sharey=True
)
axes[0].imshow(table[:60], cmap="RdBu", vmin=-8, vmax=8, aspect="auto")
axes[1].imshow(is_wrong[:60], cmap="Reds", aspect="auto")
axes[2].imshow(np.abs(removed[:60]), cmap="Reds", aspect="auto")
for ax, title in zip(
    axes, ("the table", "wrong cells", "taken out"), strict=True
):
    ax.set(title=title, xlabel="column", xticks=range(0, 15, 2))
axes[0].set(ylabel="row")
plt.show()

found = removed != 0
print(f"Taken out: {found[is_wrong].mean():.0%} of the wrong cells")
print(f"           {found[~is_wrong].mean():.1%} of the other cells")

# %%
# :ref:`robustness` compares the measures on 19 data sets. Where somebody
# has checked the training rows and all are normal, protection can cost the
# rare normal ones; :ref:`clean_rows` is about this case.
