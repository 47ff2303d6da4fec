"""
==============================
Which part of an image is odd?
==============================

An autoencoder reconstructs what its training images have in common. What it
cannot reconstruct is unusual, and the difference between an image and its
reconstruction shows *where*. The images are handwritten digits. First some
of them are damaged, so that the right answer is known. Then a whole digit
is missing from the training.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdeepad import VAE, AutoEncoder
from skdeepad.inspection import LatentSpaceDisplay, ReconstructionDisplay
from skdeepad.metrics import anomaly_roc_auc

X, digits = load_digits(return_X_y=True)
X_train, X_test, digits_train, digits_test = train_test_split(
    X / 16, digits, random_state=0
)

# %%
# Scratches
# ---------
#
# A scratch is a line of four dark or bright pixels. Images are rows,
# flattened as :func:`~sklearn.datasets.load_digits` has them, and
# ``image_shape`` says how to show them. Pixels are on one scale already,
# and the training images have no damage, so that nothing has to be scaled
# or trimmed. :class:`~skdeepad.inspection.ReconstructionDisplay` has an
# image, its reconstruction and the map of residuals in each column: red is
# ink that should not be there, and blue is missing ink.

rng = np.random.default_rng(0)
damaged = X_test.reshape(-1, 8, 8).copy()
scratch = np.zeros(damaged.shape, dtype=bool)
for mask, top, left, across in zip(
    scratch,
    rng.integers(1, 4, len(damaged)),
    rng.integers(1, 4, len(damaged)),
    rng.random(len(damaged)) < 0.5,
    strict=True,
):
    mask[
        (slice(top + 1, top + 2), slice(left, left + 4))[
            :: 1 if across else -1
        ]
    ] = True
damaged[scratch] = 1 - np.round(damaged[scratch])
damaged, scratch = damaged.reshape(-1, 64), scratch.reshape(-1, 64)

settings = {
    "residual_scaling": "plain",
    "scaler": None,
    "trim": 0,
    "random_state": 0,
}
detector = AutoEncoder(
    hidden_layer_sizes=(128, 64, 16),
    activation="relu",
    max_steps=2000,
    **settings,
).fit(X_train)
ReconstructionDisplay.from_estimator(
    detector,
    damaged,
    rows=range(12),
    image_shape=(8, 8),
    titles=[f"a {digit}" for digit in digits_test[:12]],
)
plt.show()

# %%
# The maps are the answer of one image. Over all images, the residuals of
# the pixels in scratches can be compared with those of the others, and the
# scores of damaged images with those of whole ones.

contributions = detector.feature_contributions(damaged)
share = contributions[scratch].sum() / contributions.sum()
print(f"In scratches: {scratch.mean():.0%} of the pixels")
print(f"              {share:.0%} of the residuals")

scores = {
    "whole": -detector.score_samples(X_test),
    "scratched": -detector.score_samples(damaged),
}
parts = {
    "other pixels": contributions[~scratch],
    "pixels in scratches": contributions[scratch],
}
fig, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
for ax, groups, bins, label in (
    (
        axes[0],
        scores,
        np.geomspace(1e-3, 0.1, 40),
        "anomaly score of an image",
    ),
    (
        axes[1],
        parts,
        np.geomspace(1e-6, 0.02, 40),
        "contribution of a pixel",
    ),
):
    for name, values in groups.items():
        weights = np.full(len(values), 1 / len(values))
        ax.hist(values, bins, weights=weights, alpha=0.6, label=name)
    ax.set(xscale="log", xlabel=label, ylabel="share")
    ax.legend(loc="upper left")
plt.show()

# %%
# A digit that was never seen
# ---------------------------
#
# The detectors now learn the digits from 1 to 9. Four zeros and one of each
# other digit are shown, as a :class:`~skdeepad.VAE` reconstructs them.

without_zeros = X_train[digits_train != 0]
detectors = {
    "AutoEncoder": AutoEncoder(**settings),
    "VAE": VAE(
        likelihood="gaussian",
        scaler=None,
        trim=0,
        max_steps=2000,
        random_state=0,
    ),
}
for name, each in detectors.items():
    auc = anomaly_roc_auc(
        digits_test == 0, each.fit(without_zeros).score_samples(X_test)
    )
    print(f"{name}: ROC AUC {auc:.2f}")

shown = [
    *np.flatnonzero(digits_test == 0)[:4],
    *(np.flatnonzero(digits_test == digit)[0] for digit in range(1, 10)),
]
ReconstructionDisplay.from_estimator(
    detectors["VAE"],
    X_test,
    rows=shown,
    image_shape=(8, 8),
    titles=digits_test[shown].astype(str),
)
plt.show()

# %%
# It reconstructs a zero as some other digit of about that width, with ink
# in the middle (blue) where a zero has none, and without the bows at the
# sides (red).
#
# Where the codes are
# -------------------
#
# :class:`~skdeepad.inspection.LatentSpaceDisplay` shows the codes of the
# test images, reduced to the plane by t-SNE: on the left with the digits,
# on the right with the scores of the VAE.

fig, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
display = LatentSpaceDisplay.from_estimator(
    detectors["VAE"],
    X_test,
    digits_test,
    method="tsne",
    random_state=0,
    ax=axes[0],
)
LatentSpaceDisplay(
    points=display.points,
    y=detectors["VAE"].score_samples(X_test),
    axis_names=display.axis_names,
).plot(ax=axes[1])
axes[0].set_title("digits")
axes[1].set_title("scores, dark is unusual")
plt.show()

# %%
# Codes have to follow a normal distribution, and so zeros lie among the
# digits that are known. What gives them away is that the decoder cannot
# make a zero there. :ref:`inspection` has the displays, and
# :ref:`autoencoder` the choice of the score. Larger images need
# convolutions, see :class:`~skdeepad.nn.ConvBackbone`.
