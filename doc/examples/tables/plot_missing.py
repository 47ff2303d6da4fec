"""
===================================
Fill missing cells and remove noise
===================================

An autoencoder learns how the columns of a table depend on one another. So
it can say what a missing cell should hold, and what a noisy row looked like
before the noise. The example shows both on images, where one sees the
result, and measures both.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import train_test_split

from skdeepad import AutoEncoder

X, digits = load_digits(return_X_y=True)
X_train, X_test = train_test_split(X / 16, test_size=0.3, random_state=0)


def show(pictures):
    """Show the first images of each kind, a kind in each row."""
    fig, axes = plt.subplots(
        len(pictures), 12, figsize=(10, 0.95 * len(pictures))
    )
    for row, (name, images) in zip(axes, pictures.items(), strict=True):
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
        for ax, image in zip(row, images, strict=False):
            ax.set_facecolor("mistyrose")
            ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
    fig.subplots_adjust(
        left=0.14,
        right=0.99,
        top=0.99,
        bottom=0.01,
        wspace=0.05,
        hspace=0.05,
    )
    plt.show()


# %%
# Holes
# -----
#
# Every image loses a block of three by four pixels, at a random place;
# training images too. A missing value is NaN. With ``missing="mask"`` the
# autoencoder leaves missing values out of its loss and out of its score,
# and nobody has to fill them first. With ``noise`` it learns not to trust a
# single pixel, which helps it to guess missing ones.


def with_holes(images, rng):
    holed = images.reshape(-1, 8, 8).copy()
    for image, top, left in zip(
        holed,
        rng.integers(0, 6, len(holed)),
        rng.integers(0, 5, len(holed)),
        strict=True,
    ):
        image[top : top + 3, left : left + 4] = np.nan
    return holed.reshape(-1, 64)


rng = np.random.default_rng(0)
holed_train, holed_test = with_holes(X_train, rng), with_holes(X_test, rng)
settings = {
    "hidden_layer_sizes": (128, 64, 24),
    "activation": "relu",
    "trim": 0,
}
detector = AutoEncoder(
    missing="mask", noise=0.5, max_steps=2000, random_state=0, **settings
)
detector = detector.fit(holed_train)

# %%
# ``reconstruct`` gives a value for each cell. The cells that are known keep
# theirs, and the missing ones take that of the reconstruction.

holes = np.isnan(holed_test)
filled = {
    "autoencoder": np.where(
        holes, detector.reconstruct(holed_test), holed_test
    ),
    "median": SimpleImputer(strategy="median")
    .fit(holed_train)
    .transform(holed_test),
    "neighbours": KNNImputer().fit(holed_train).transform(holed_test),
}
show({"with a hole": holed_test} | filled | {"truth": X_test})

for name, images in filled.items():
    error = np.sqrt(((images - X_test)[holes] ** 2).mean())
    print(
        f"{name}: root mean square error {error:.3f} of the filled pixels"
    )

# %%
# The median of a pixel draws the same grey blob into all images.
# :class:`~sklearn.impute.KNNImputer` takes the mean of similar images. It
# is the most exact here, and compares each image with all of the training
# images, which a million rows do not allow. The autoencoder needs one pass
# through a net, and is a detector at the same time.
#
# Do holes hurt the detector?
# ---------------------------
#
# A score has to mean the same for rows with few and with many holes. The
# score is a mean over the values that a row has, so that it does not grow
# with their number. The plot has test images from which more and more
# pixels are removed at random, and the same images with an eighth of their
# pixels exchanged, which are the anomalies.

shares = (0, 0.2, 0.4, 0.6)
broken = X_test.copy()
for row in broken:
    cells = rng.choice(64, 8, replace=False)
    row[cells] = rng.permutation(1 - row[cells])
positions = np.arange(len(shares))
fig, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for shift, (name, images, color) in enumerate(
    (
        ("as they are", X_test, "tab:blue"),
        ("eight pixels changed", broken, "tab:orange"),
    )
):
    scores = [
        -detector.score_samples(
            np.where(rng.random(images.shape) < share, np.nan, images)
        )
        for share in shares
    ]
    box = ax.boxplot(
        scores,
        positions=positions + 0.3 * shift,
        widths=0.25,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": color},
        medianprops={"color": "black"},
    )
    ax.scatter([], [], color=color, label=name)
ax.set_xticks(positions + 0.15, [f"{share:.0%}" for share in shares])
ax.set(xlabel="pixels removed", ylabel="anomaly score", yscale="log")
ax.legend(loc="lower right")
plt.show()

# %%
# Noise
# -----
#
# With ``noise`` the autoencoder is a denoising one: in training it reads
# images with added noise, and has to return the ones without it. A code of
# 24 numbers has no room for the noise of 64 pixels either. The noise of the
# test images is new to it. The noise is that of the scaled rows, and so the
# pixels are not scaled here.

denoiser = AutoEncoder(
    scaler=None, noise=0.3, max_steps=2000, random_state=0, **settings
)
denoiser.fit(X_train)
noisy = X_test + 0.3 * rng.normal(size=X_test.shape)
denoised = denoiser.reconstruct(noisy)
show({"noisy": noisy, "denoised": denoised, "truth": X_test})

for name, images in {"noisy": noisy, "denoised": denoised}.items():
    error = np.sqrt(((images - X_test) ** 2).mean())
    print(f"{name}: root mean square error {error:.3f}")

# %%
# The same calls work on tables. Which way of treating holes is better there
# depends on the columns: :ref:`missing_values` has measurements on eight
# tables, and shows what to do about categories and dates.
