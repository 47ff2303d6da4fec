"""
=============================================
Generative adversarial nets, and their images
=============================================

Two detectors with the networks of DCGAN learn handwritten digits from 1 to 9; zeros are not in the
training. EGBAD has a generator of images, an encoder that inverts it, and a discriminator of pairs.
GANomaly is an autoencoder whose reconstructions have to look real to a discriminator, and have to
keep the code of the row.
"""

import matplotlib.pyplot as plt
import numpy as np

from skdeepad import EGBAD, GANomaly
from skdeepad.datasets import fetch_mnist
from skdeepad.inspection import ReconstructionDisplay
from skdeepad.metrics import anomaly_roc_auc
from skdeepad.nn import DCGANBackbone

X, digits = fetch_mnist(return_X_y=True)
X = 2 * X - 1
X_test, digits_test = X[:2000], digits[:2000]
X_train = X[2000:][digits[2000:] != 0][:5000]

# The generators end with a tanh, so that images are in [-1, 1]; no other scaling is needed.
# A width of 16 is a quarter of the usual one. In EGBAD's paper only the game makes the encoder
# invert the generator, which takes far more than 700 steps. A loss of residuals speeds this up, and
# is enough without a gradient penalty.
common = {"backbone": DCGANBackbone((1, 28, 28), width=16), "scaler": None, "random_state": 0}
detectors = {
    "EGBAD": EGBAD(max_steps=700, reconstruction_weight=1.0, gradient_penalty_weight=0.0, **common),
    "GANomaly": GANomaly(max_steps=400, **common),
}
for name, detector in detectors.items():
    scores = detector.fit(X_train).score_samples(X_test)
    print(f"{name}: ROC AUC {anomaly_roc_auc(digits_test == 0, scores):.2f}")

# %%
# Generated images
# ----------------
#
# The upper two rows are training images, and the lower two are images that EGBAD makes from noise.


def plot_images(axes, rows):
    for ax, row in zip(axes, rows, strict=True):
        ax.imshow(row.reshape(28, 28), cmap="gray", vmin=-1, vmax=1)
        ax.set(xticks=[], yticks=[])


fig, axes = plt.subplots(4, 12, figsize=(10, 3.6), layout="constrained")
plot_images(axes[:2].flat, X_train[:24])
plot_images(axes[2:].flat, detectors["EGBAD"].sample(24, random_state=0))

# %%
# Some are digits. Others have strokes of digits, but are none.
#
# Reconstructions
# ---------------
#
# The pictures show four zeros and one of each other digit, their reconstructions, and the
# difference. The first are by GANomaly:

shown = [
    *np.flatnonzero(digits_test == 0)[:4],
    *(np.flatnonzero(digits_test == digit)[0] for digit in range(1, 10)),
]
display = {"rows": shown, "image_shape": (28, 28), "titles": digits_test[shown].astype(str)}
ReconstructionDisplay.from_estimator(detectors["GANomaly"], X_test, **display)

# %%
# The zeros are reconstructed nearly as well as the digits of the training, and residuals (red:
# missing ink, blue: extra ink) say little. GANomaly's score is the distance between the codes of
# image and reconstruction.
#
# EGBAD reconstructs the same images as far as its generator can:

ReconstructionDisplay.from_estimator(detectors["EGBAD"], X_test, **display)

# %%
# A zero becomes a three, or a thick loop with an open side. Its score, which is nearly all
# residual, comes from there. Other strokes are missing as well, and nearly all strokes of the four.
#
# Scores
# ------
#
# The box plots show the scores of each digit.

fig, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
for ax, (name, detector) in zip(axes, detectors.items(), strict=True):
    scores = -detector.score_samples(X_test)
    ax.boxplot([scores[digits_test == digit] for digit in range(10)], showfliers=False)
    ax.set_xticks(range(1, 11), range(10))
    ax.set(title=name, xlabel="digit", ylabel="anomaly score")

# %%
# Zeros have the highest scores. Ones have the lowest, because they have little ink. No method in
# GANomaly's paper finds ones that are left out of the training either.
#
# How training went
# -----------------
#
# The history has each term of GANomaly's loss. For EGBAD's game it has the standard deviation of
# generated images over that of the training images, and the mean probability that the discriminator
# assigns to generated pairs of being real.

fig, axes = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
history = detectors["GANomaly"].history_
for name in ("adversarial", "contextual", "encoder"):
    axes[0].semilogy(history[f"{name}_loss"], label=name)
axes[0].set(title="GANomaly: terms of the loss", xlabel="epoch")
axes[0].legend()
for name in ("spread", "fooled"):
    axes[1].plot(detectors["EGBAD"].history_[name], label=name)
axes[1].set(title="EGBAD: the game", xlabel="epoch", ylim=(0, None))
axes[1].legend()

# %%
# In the end all terms are far below their start. EGBAD's generator has not collapsed: its spread is
# not near 0. Its discriminator has not saturated: "fooled" is not near 0.

# sphinx_gallery_thumbnail_number = 2
