"""
====================================
See what a detector takes for normal
====================================

A detector that can draw rows shows what it has learned, without any anomaly
to test it with. Rows that it draws should look like the training rows,
differ from one another, and not be copies. The example draws handwritten
digits from three detectors, checks all three, and looks at a map of all
that one of them takes for normal.
"""

# sphinx_gallery_thumbnail_number = 3
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

from skdeepad import AAE, EGBAD, VAE
from skdeepad.inspection import HistoryDisplay

X, digits = load_digits(return_X_y=True)
X_train, X_test = train_test_split(X / 16, random_state=0)


def show(axes, images):
    """Show an image in each of the axes."""
    for ax, image in zip(axes, images, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])


# %%
# Rows that it draws
# ------------------
#
# A :class:`~skdeepad.VAE` and an :class:`~skdeepad.AAE` draw a code from
# their prior and decode it. The generator of :class:`~skdeepad.EGBAD` was
# trained to deceive a discriminator.

common = {"scaler": None, "random_state": 0}
detectors = {
    "VAE": VAE(
        likelihood="gaussian", n_latent=8, trim=0, max_steps=2000, **common
    ),
    "AAE": AAE(n_latent=8, trim=0, max_steps=1200, **common),
    "EGBAD": EGBAD(
        n_latent=8,
        trim=0,
        max_steps=700,
        reconstruction_weight=1.0,
        **common,
    ),
}
drawn = {
    name: detector.fit(X_train).sample(200, random_state=0)
    for name, detector in detectors.items()
}
pictures = {"training": X_train} | drawn
fig, axes = plt.subplots(4, 16, figsize=(11, 3.2), layout="constrained")
for line, (name, images) in zip(axes, pictures.items(), strict=True):
    show(line, images[:16])
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
plt.show()

# %%
# Copies, or all the same?
# ------------------------
#
# The distance of a drawn row from the nearest training row is close to zero
# if it is a copy, and far larger than that of a test row if it is no digit.
# The distance from the nearest other drawn row is close to zero if a
# generator has collapsed and draws the same row again and again. Test rows
# show what both distances should be. Nobody has copied here. The rows of
# the VAE are far from one another because its draws have the noise of its
# likelihood in them.

rows = {"test rows": X_test[:200]} | drawn
to_training = NearestNeighbors(n_neighbors=1).fit(X_train)
fig, axes = plt.subplots(
    1, 2, figsize=(10, 3), layout="constrained", sharex=True, sharey=True
)
for place, images in enumerate(rows.values()):
    nearest = to_training.kneighbors(images)[0][:, 0]
    among = (
        NearestNeighbors(n_neighbors=1).fit(images).kneighbors()[0][:, 0]
    )
    for ax, distances in zip(axes, (nearest, among), strict=True):
        ax.boxplot(
            distances,
            positions=[place],
            orientation="horizontal",
            widths=0.6,
        )
axes[0].set_yticks(range(len(rows)), rows)
axes[0].set(xlabel="distance from the nearest training row")
axes[1].set(xlabel="distance from the nearest other row", xlim=(0, None))
plt.show()

# %%
# A map of what is normal
# -----------------------
#
# With a code of two numbers, all that a VAE can reconstruct fits on a map.
# Each image on the left is decoded from a point of the plane. On the right
# are the codes of the training rows at the same places. What is not on this
# map is an anomaly.

flat = VAE(
    hidden_layer_sizes=(128, 64),
    likelihood="gaussian",
    n_latent=2,
    trim=0,
    max_steps=2000,
    **common,
).fit(X_train)
side = norm.ppf(np.linspace(0.03, 0.97, 14))
grid = np.stack(np.meshgrid(side, side[::-1]), axis=2)
images = flat.inverse_transform(grid.reshape(-1, 2)).reshape(14, 14, 8, 8)
images = np.pad(images, ((0, 0), (0, 0), (1, 1), (0, 0)))
codes = norm.cdf(flat.transform(X_train))

fig, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
axes[0].imshow(
    images.swapaxes(1, 2).reshape(14 * 10, 14 * 8),
    cmap="gray_r",
    vmin=0,
    vmax=1,
)
axes[0].set(
    xticks=[],
    yticks=[],
    aspect="auto",
    title="decoded from the plane of codes",
)
points = axes[1].scatter(
    *codes.T,
    c=train_test_split(digits, random_state=0)[0],
    s=12,
    cmap="tab10",
)
axes[1].set(
    xticks=[],
    yticks=[],
    aspect="equal",
    title="codes of the training rows, by digit",
)
fig.colorbar(points, ticks=range(10))
plt.show()

# %%
# Adversarial detectors fail in other ways than the rest, and their history
# shows it. ``spread`` is the standard deviation of drawn rows over that of
# training rows, and is near 0 if the generator has collapsed. ``fooled`` is
# the probability of being real that the discriminator gives to drawn rows,
# and is near 0 if the discriminator always wins.

fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
HistoryDisplay.from_estimator(
    detectors["EGBAD"], keys=["spread", "fooled"], ax=ax
)
ax.set(ylim=(0, None), ylabel="value")
plt.show()

# %%
# :ref:`latent_priors` and :ref:`adversarial` have the methods, and the
# guide's page on :ref:`inspection` has more to look at.
