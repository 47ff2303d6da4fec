"""
==========================
Why is this row anomalous?
==========================

A score says *that* a row is unusual. Whoever has to act on it asks *why*.
This example answers with three pictures: the columns that stand out in one
row, the columns of many rows at a glance, and the values that the detector
would have expected in their place.

The rows are measurements of cell nuclei, of which the radius, the perimeter
and the area of each depend on one another. A value that does not fit the
others is planted, so that the right answer is known.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from skdeepad import AutoEncoder, DeepSVDD
from skdeepad.inspection import ContributionDisplay

X, kind = load_breast_cancer(return_X_y=True, as_frame=True)
benign = X[kind == 1].reset_index(drop=True)
X_train, X_test = train_test_split(benign, test_size=0.4, random_state=0)
detector = AutoEncoder(trim=0, random_state=0).fit(X_train)

# %%
# One row
# -------
#
# The mean area of one nucleus is replaced by that of another one. It is an
# ordinary area, but it does not go with this radius and this perimeter.
# :class:`~skdeepad.inspection.ContributionDisplay` shows how much each
# column adds to the anomaly score, before the change and after it.

row = int(X_test["mean area"].argmin())
spoilt = X_test.iloc[[row]].copy()
spoilt["mean area"] = X_test["mean area"].quantile(0.9)

fig, axes = plt.subplots(
    1, 2, figsize=(11, 4), layout="constrained", sharex=True
)
for ax, table, title in zip(
    axes,
    (X_test.iloc[[row]], spoilt),
    ("as measured", "with another area"),
    strict=True,
):
    ContributionDisplay.from_estimator(
        detector, table, max_features=8, ax=ax
    )
    score = -detector.score_samples(table)[0]
    ax.set_title(f"{title}: anomaly score {score:.1f}")
plt.show()

# %%
# Many rows
# ---------
#
# The contributions of an autoencoder sum to the anomaly score. So they can
# be compared between rows. In the picture each line is one of the forty
# most unusual test rows. A single red cell is a value to check. A line with
# many of them is a nucleus that is unusual as a whole.

rows = X_test.iloc[detector.score_samples(X_test).argsort()[:40]]
contributions = detector.feature_contributions(rows)
fig, ax = plt.subplots(figsize=(10, 6.5), layout="constrained")
image = ax.imshow(
    contributions,
    cmap="Reds",
    vmax=np.quantile(contributions, 0.98),
    aspect="auto",
)
ax.set_xticks(range(X.shape[1]), X.columns, rotation=90)
ax.set(ylabel="nuclei, the most unusual at the top", yticks=[])
fig.colorbar(image, label="contribution to the anomaly score", extend="max")
plt.show()

# %%
# What would have been expected
# -----------------------------
#
# An autoencoder also says which value it would have expected. The last
# plots take all test rows, exchange their areas at random, and compare
# three areas of each nucleus: the exchanged one, the true one, and the one
# that :meth:`~skdeepad.AutoEncoder.reconstruct` gives.

exchanged = X_test.copy()
rng = np.random.default_rng(0)
exchanged["mean area"] = rng.permutation(exchanged["mean area"])
column = X_test.columns.get_loc("mean area")
expected = detector.reconstruct(exchanged)[:, column]

fig, axes = plt.subplots(
    1, 2, figsize=(9, 4), layout="constrained", sharex=True, sharey=True
)
for ax, values, title in zip(
    axes,
    (exchanged["mean area"], expected),
    ("exchanged", "reconstructed"),
    strict=True,
):
    error = np.abs(values - X_test["mean area"]).median()
    ax.scatter(X_test["mean area"], values, s=12)
    ax.axline((500, 500), slope=1, color="black", linewidth=0.8)
    ax.set(
        xlabel="true area",
        ylabel="area",
        title=f"{title}, median error {error:.0f}",
    )
plt.show()

# %%
# The encoder reads the wrong area too, and is misled by it a little. Still
# the reconstruction is much closer to the truth.
#
# How often is the answer right?
# ------------------------------
#
# In each test row one value, of any column, is exchanged for that of
# another row. The bars show how often the largest contribution is that of
# the exchanged value, and how often it is among the three largest.
# Detectors without reconstructions, such as :class:`~skdeepad.DeepSVDD`,
# answer with integrated gradients: they say which value takes the row away
# from the median row.

columns = rng.integers(X.shape[1], size=len(X_test))
donors = rng.permutation(len(X_test))
values = X_test.to_numpy(copy=True)
for i, (j, donor) in enumerate(zip(columns, donors, strict=True)):
    values[i, j] = X_test.iat[donor, j]
table = X_test.assign(**dict(zip(X_test.columns, values.T, strict=True)))

found = {}
for name, each in {
    "AutoEncoder": detector,
    "DeepSVDD": DeepSVDD(random_state=0),
}.items():
    parts = each.fit(X_train).feature_contributions(table)
    place = (parts > parts[np.arange(len(parts)), columns][:, None]).sum(
        axis=1
    )
    found[name] = [np.mean(place < 1), np.mean(place < 3)]
found["by chance"] = [1 / X.shape[1], 3 / X.shape[1]]

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for i, (name, shares) in enumerate(found.items()):
    bars = ax.bar(
        np.arange(2) + 0.27 * (i - 1), shares, width=0.25, label=name
    )
    ax.bar_label(bars, fmt="{:.0%}")
ax.set_xticks(range(2), ["the largest", "among the three largest"])
ax.set(
    ylabel="share of the rows", ylim=(0, 1), title="The exchanged value is"
)
ax.legend()
plt.show()

# %%
# Many exchanged values are close to the right ones, and no method can find
# these. Where values have to go with one another, reconstructions give the
# better reasons by far. Read the first answers, not the first one alone.
# The guide's page :ref:`contributions` tells what the two kinds of
# contributions mean, and how they pass through pipelines and ensembles.
