"""
==========================================
What a detector can and cannot reconstruct
==========================================

An autoencoder learns to reconstruct the common structure of its training rows. Here these are
handwritten digits from 1 to 9, and zeros are not among them. Two displays show why zeros are
anomalies.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdeepad import VAE, AutoEncoder
from skdeepad.inspection import LatentSpaceDisplay, ReconstructionDisplay
from skdeepad.metrics import anomaly_roc_auc

X, digits = load_digits(return_X_y=True)
X_train, X_test, digits_train, digits_test = train_test_split(X / 16, digits, random_state=0)
X_train = X_train[digits_train != 0]

# Pixels are on one scale already, and the training rows have no anomalies.
detectors = {
    "AutoEncoder": AutoEncoder(residual_scaling="plain", scaler=None, trim=0.0, random_state=0),
    "VAE": VAE(likelihood="gaussian", scaler=None, trim=0.0, random_state=0),
}
for name, detector in detectors.items():
    scores = detector.fit(X_train).score_samples(X_test)
    print(f"{name}: ROC AUC {anomaly_roc_auc(digits_test == 0, scores):.2f}")

# %%
# Images
# ------
#
# The pictures show four zeros and one of each other digit, their reconstructions by the variational
# autoencoder, and the difference.

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

# %%
# It reconstructs a zero as some other digit of about that width, with ink in the middle (blue)
# where a zero has none, and without the bows at the sides (red).
#
# Codes
# -----
#
# The plots show the codes of the test rows, reduced to the plane by t-SNE.

fig, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
for ax, (name, detector) in zip(axes, detectors.items(), strict=True):
    LatentSpaceDisplay.from_estimator(
        detector, X_test, digits_test, method="tsne", random_state=0, ax=ax
    )
    ax.set_title(name)

# %%
# The autoencoder's encoder separates zeros from other digits although it was not trained on them.
# The codes of the variational autoencoder have to follow a normal distribution, and zeros lie among
# fives and nines. In both places the decoder cannot reconstruct zeros: if the score gives the
# colour, they are dark.

LatentSpaceDisplay.from_estimator(
    detectors["VAE"],
    X_test,
    detectors["VAE"].score_samples(X_test),
    method="tsne",
    random_state=0,
)

# %%
# Tables
# ------
#
# For the rows of a table the display shows each feature, its reconstruction, and the residual
# between them, in standard deviations of the feature. These are the two wines with the lowest
# scores, and the one with the highest.

from skdeepad.datasets import load_wine

wines = load_wine(as_frame=True).data
detector = AutoEncoder(random_state=0).fit(wines)
order = detector.score_samples(wines).argsort()
ReconstructionDisplay.from_estimator(detector, wines, rows=order[[0, 1, -1]])

# %%
# Both wines with low scores have more magnesium than suits their other values.
