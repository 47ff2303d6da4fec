"""Clusters of MNIST's images: pixels, an autoencoder's codes and deep clustering side by side.

Run ``SKDEEPAD_DATA=... python benchmarks/papers/mnist_clustering.py``, 20 minutes on one core;
``--runs`` names some of the runs. No label is seen in training. Accuracy, under the best matching
of clusters to digits, and normalised mutual information are of all rows that were trained on. The
page comes with the picture that the documentation shows, ``doc/images/mnist_clustering.png`` there.
``--quick`` is a trial, with scikit-learn's digits if need be.
"""

from copy import deepcopy

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from _path import study
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from skorch.callbacks import Callback

from skdeepad import DeepClustering
from skdeepad.inspection import LatentSpaceDisplay
from skdeepad.metrics import clustering_accuracy

N_DRAWN = 2000
FORMATS = ("", "", "", ".3f", ".3f", ".0f")
# Pixels are on one scale, and there are no anomalies to be left out.
COMMON = {"scaler": None, "trim": 0.0, "batch_size": 256, "max_steps": None, "n_latent": 10}
MLP = {"hidden_layer_sizes": (500, 500, 1000), "activation": "relu"}
# Number of images, and parameters: as many epochs as make 20 minutes of CPU at most.
RUNS = {
    "kl": (10_000, MLP | {"pretrain_epochs": 30, "max_epochs": 30}),
    "k-means": (10_000, MLP | {"pretrain_epochs": 30, "max_epochs": 30, "cluster_loss": "k-means"}),
    "kl, all images": (70_000, MLP | {"pretrain_epochs": 50, "max_epochs": 40}),
}
SMALL = {"hidden_layer_sizes": (128, 64), "activation": "relu"}
TRIALS = {"quick": (1000, SMALL | {"pretrain_epochs": 20, "max_epochs": 10})}
NOTES = """\
Published are .961 and .923 (Aljalbout et al., whose code in its main branch gives .859 and .825),
DEC .843 and .800, IDEC .881 and .867: on all 70,000 images, with hundreds of epochs of pre-training
(layer by layer and as a denoising autoencoder in DEC and IDEC), in Aljalbout et al. with
convolutions of 50 to 120 channels. A quarter of an hour on one core comes near DEC by accuracy and
near IDEC by information; which of the digits that look alike share a cluster depends on where
k-means starts. .96 takes those convolutions and epochs, for which a GPU or a day is needed.
"""


class BeforeTraining(Callback):
    """Keep the net that pre-training and k-means have led to; its rows are in another order."""

    def on_train_begin(self, net, X, y=None, **kwargs):
        self.module_ = deepcopy(net.module_)


def load(n_images):
    mnist = study.load_mnist(quick=n_images == TRIALS["quick"][0])
    X = np.concatenate([mnist["X_train"], mnist["X_test"]])[:n_images]
    y = np.concatenate([mnist["y_train"], mnist["y_test"]])[:n_images].astype(int)
    return X.reshape(len(X), -1), y


def row(name, n_images, y, labels, seconds, epochs=""):
    return {
        "images": n_images,
        "clusters of": name,
        "epochs": epochs,
        "ACC": clustering_accuracy(y, labels),
        "NMI": normalized_mutual_info_score(y, labels),
        "s of CPU": seconds,
    }


def of_pixels(n_images):
    X, y = load(n_images)
    labels, seconds = study.timed(KMeans(10, n_init=3, random_state=0).fit_predict, X)
    return row("pixels, k-means", n_images, y, labels, seconds)


def run(name, folder):
    """Rows of the table: before and after training with clusters."""
    n_images, params = (RUNS | TRIALS)[name]
    X, y = load(n_images)
    det = DeepClustering(**COMMON | params, callbacks=[BeforeTraining()], random_state=0)
    _, seconds = study.timed(det.fit, X)
    ((_, callback),) = det.net_.callbacks_
    codes, clusters = (
        det.net_.apply(function, X)
        for function in (callback.module_.encode, callback.module_.nearest)
    )
    n_pretrained = len(det.pretrain_history_["train_loss"])
    if name != "k-means":
        figure = draw(X[:N_DRAWN], codes[:N_DRAWN], det, y[:N_DRAWN], f"{n_images} images")
        figure.savefig(study.output_file(folder, ".png"), dpi=80)
        plt.close(figure)
    return [
        row(f"codes before, k-means ({name})", n_images, y, clusters, "", n_pretrained),
        row(name, n_images, y, det.labels_, seconds, f"{n_pretrained} + {det.n_iter_}"),
    ]


def draw(X, before, det, y, title):
    """Pixels and codes in the plane, by digit and by cluster."""
    figure, axes = plt.subplots(2, 3, figsize=(13, 8), layout="constrained")
    panels = {"pixels": X, "autoencoder": before, "deep clustering": det.transform(X)}
    clusters = det.predict_cluster(X)
    for (name, codes), column in zip(panels.items(), axes.T, strict=True):
        by_digit, by_cluster = column
        display = LatentSpaceDisplay.from_codes(
            codes, y, method="tsne", random_state=0, ax=by_digit, s=6
        )
        LatentSpaceDisplay(points=display.points, y=clusters, axis_names=("", "")).plot(
            ax=by_cluster, s=6
        )
        by_digit.set_title(f"{name}, by digit")
        by_cluster.set_title("by cluster of deep clustering")
        for ax in column:
            ax.set(xticks=[], yticks=[], xlabel="", ylabel="")
    figure.suptitle(f"t-SNE of {len(X)} of {title}")
    return figure


def main():
    parser = study.make_parser(__doc__)
    parser.add_argument("--runs", nargs="+", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.runs = list(TRIALS)
    title = study.load_mnist(quick=options.quick)["title"]
    torch.set_num_threads(1)
    plt.switch_backend("agg")
    sizes = dict.fromkeys((RUNS | TRIALS)[name][0] for name in options.runs)
    rows = [of_pixels(n_images) for n_images in sizes]
    for name in options.runs:
        rows += run(name, options.output)
        rows.sort(key=lambda row: row["images"])
        study.write_page(
            options.output,
            f"Clusters of {title}",
            "images, seed 0, one thread, epochs of pre-training and of training with clusters. "
            "*Codes before* are those that the run went on from.",
            pd.DataFrame(rows).to_markdown(index=False, floatfmt=FORMATS),
            NOTES.strip(),
            sets=[f"{title} images"],
        )


if __name__ == "__main__":
    main()
