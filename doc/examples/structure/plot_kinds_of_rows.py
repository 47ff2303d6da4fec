"""
==================================
Kinds of rows, and rows of no kind
==================================

Normal rows may be of several kinds: products, customers, modes of a
machine. Nobody has named them, and a row that belongs to none is an
anomaly. :class:`~skdeepad.DeepClustering` finds kinds and anomalies at
once, in the codes of an autoencoder. Here the rows are images of
handwritten digits, and training does not use the labels.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import normalized_mutual_info_score

from skdeepad import DeepClustering
from skdeepad.inspection import LatentSpaceDisplay, ReconstructionDisplay
from skdeepad.metrics import clustering_accuracy

X, digits = load_digits(return_X_y=True)

# Pixels are on one scale already; images need wider layers than tables.
detector = DeepClustering(
    hidden_layer_sizes=(256, 128),
    activation="relu",
    scaler="minmax",
    trim=0.0,
    max_epochs=80,
    random_state=0,
).fit(X)

clusters = {
    "pixels": KMeans(10, n_init=20, random_state=0).fit_predict(X),
    "deep clustering": detector.labels_,
}
for name, labels in clusters.items():
    accuracy = clustering_accuracy(digits, labels)
    information = normalized_mutual_info_score(digits, labels)
    print(f"{name}: accuracy {accuracy:.2f}")
    print(f"    mutual information {information:.2f}")

# %%
# Codes in the plane
# ------------------
#
# Codes are reduced to the plane by t-SNE. Colours show the digits on the
# left, and the clusters on the right.

fig, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
display = LatentSpaceDisplay.from_estimator(
    detector, X, digits, method="tsne", random_state=0, ax=axes[0]
)
axes[0].set_title("digits")
display = LatentSpaceDisplay(
    points=display.points, y=detector.labels_, axis_names=display.axis_names
).plot(ax=axes[1])
axes[1].set_title("clusters")
plt.show()

# %%
# The clusters are compact and separate. Some clusters contain two digits,
# such as some ones and eights: the images are similar, and the net has no
# reason to separate them.
#
# Centres
# -------
#
# A centre is a code, and the decoder converts it to an image. The title is
# the digit that most images of the cluster show, with its share.

fig, axes = plt.subplots(2, 5, figsize=(8, 4), layout="constrained")
for k, (ax, image) in enumerate(
    zip(
        axes.flat,
        detector.inverse_transform(detector.cluster_centers_),
        strict=True,
    )
):
    counts = np.bincount(digits[detector.labels_ == k], minlength=10)
    ax.imshow(image.reshape(8, 8), cmap="gray_r")
    share = counts.max() / counts.sum()
    ax.set_title(f"{counts.argmax()}: {share:.0%} of {counts.sum()}")
    ax.set_axis_off()
plt.show()

# %%
# Convergence of the clusters
# ---------------------------
#
# The weight of the clusters rises in the first 20 epochs. Training ends
# when hardly any image changes its cluster, or after ``max_epochs``.

fig, (above, below) = plt.subplots(
    2, 1, sharex=True, figsize=(6, 4.5), layout="constrained"
)
above.plot(detector.history_["epoch"], detector.history_["train_loss"])
above.set(ylabel="loss")
below.plot(detector.history_["epoch"], detector.history_["label_change"])
below.axhline(detector.tol, color="gray", linestyle=":", label="tol")
below.set(
    ylabel="share of images that\nchange their cluster",
    xlabel="epoch",
    yscale="log",
)
below.legend()
plt.show()

# %%
# Images in no cluster
# --------------------
#
# The images with the lowest scores are far from all centres, or badly
# reconstructed.

rows = np.argsort(detector.score_samples(X))[:8]
ReconstructionDisplay.from_estimator(
    detector,
    X,
    rows=rows,
    image_shape=(8, 8),
    titles=[f"a {digit}" for digit in digits[rows]],
)
plt.show()

# %%
# How the method works, and what else it can be asked, is in
# :ref:`clustering`.
