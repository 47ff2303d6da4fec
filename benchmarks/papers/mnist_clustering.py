"""Clusters of MNIST's images: pixels, an autoencoder's codes and deep clustering side by side.

Run ``SKDEEPAD_DATA=... python benchmarks/papers/mnist_clustering.py``, an hour on one core;
``--runs`` names some of the runs. No label is seen in training. Accuracy, under the best matching
of clusters to classes, and normalised mutual information are of all rows that were trained on. The
page comes with the picture that the documentation shows, ``doc/images/mnist_clustering.png`` there.
``--data coil20`` has the twenty objects of COIL-20 instead. A run that was interrupted goes on, and
``--quick`` is a trial, with scikit-learn's digits if need be.
"""

from copy import deepcopy
from math import radians
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from _path import study
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from skorch.callbacks import Callback

from skdeepad import DeepClustering
from skdeepad.datasets import fetch_coil20
from skdeepad.inspection import LatentSpaceDisplay
from skdeepad.metrics import clustering_accuracy
from skdeepad.nn import DCGANBackbone
from skdeepad.training import TensorBatches

N_DRAWN = 2000
SIZE_OF_COIL = 32


class Run(NamedTuple):
    """A setting of deep clustering, with the number of images and the seeds.

    With a ``width`` the layers are DCGAN's convolutions of this width.
    """

    n_images: int
    params: dict
    seeds: tuple[int, ...] = (0,)
    width: int | None = None


class MovedBatches(TensorBatches):
    """Images, square and black around, turned by up to 10° and moved by up to 2 of 28 pixels."""

    most_turned, most_moved, black = radians(10), 2 / 28, -1.0

    def __iter__(self):
        for batch in super().__iter__():
            n_rows, n_values = batch.x.shape
            side = int(n_values**0.5)
            turn, *moves = 2 * torch.rand(3, n_rows, generator=self.generator) - 1
            cos, sin = (self.most_turned * turn).cos(), (self.most_turned * turn).sin()
            across, down = (2 * self.most_moved * move for move in moves)
            maps = torch.stack([cos, -sin, across, sin, cos, down], 1).reshape(-1, 2, 3)
            images = (batch.x - self.black).reshape(-1, 1, side, side)
            grid = F.affine_grid(maps, images.shape, align_corners=False)
            moved = F.grid_sample(images, grid, align_corners=False) + self.black
            yield batch._replace(x=moved.reshape(n_rows, n_values))


# Pixels are on one scale, and there are no anomalies to be left out.
COMMON = {"scaler": None, "trim": 0.0, "batch_size": 256, "max_steps": None, "n_latent": 10}
MLP = {"hidden_layer_sizes": (500, 500, 1000), "activation": "relu"}
MOVED = {"net_params": {"iterator_train": MovedBatches}}
EPOCHS = {"pretrain_epochs": 25, "max_epochs": 25}
# As many epochs as make some 15 minutes of CPU at most for each seed.
OF_MNIST = {
    "kl": Run(10_000, MLP | {"pretrain_epochs": 30, "max_epochs": 30}),
    "k-means": Run(
        10_000, MLP | {"pretrain_epochs": 30, "max_epochs": 30, "cluster_loss": "k-means"}
    ),
    "kl, convolutions": Run(20_000, EPOCHS, width=8),
    "kl, convolutions, moved images": Run(20_000, EPOCHS | MOVED, width=8),
    "kl, all images": Run(70_000, MLP | {"pretrain_epochs": 50, "max_epochs": 40}),
    "kl, all images, convolutions, moved images": Run(
        70_000, EPOCHS | MOVED, seeds=(0, 1, 2), width=8
    ),
}
OF_COIL = {
    "kl, convolutions": Run(
        1440,
        {"pretrain_epochs": 200, "max_epochs": 100, "n_clusters": 20, "batch_size": 64},
        seeds=(0, 1, 2),
        width=16,
    )
}
SMALL = {"hidden_layer_sizes": (128, 64), "activation": "relu"}
TRIALS = {
    "quick": Run(1000, SMALL | {"pretrain_epochs": 20, "max_epochs": 10}, (0, 1)),
    "quick, convolutions": Run(1000, {"pretrain_epochs": 2, "max_epochs": 2} | MOVED, width=4),
}
NOTES = {
    "mnist": """\
Published are .961 and .923 (Aljalbout et al., whose code in its main branch gives .859 and .825),
DEC .843 and .800, IDEC .881 and .867: on all 70,000 images, with hundreds of epochs of pre-training
(layer by layer and as a denoising autoencoder in DEC and IDEC), in Aljalbout et al. with
convolutions of 50 to 120 channels. Convolutions here are DCGAN's of 8 to 32 channels, which a core
can train. *Moved images* are turned by up to 10° and shifted by up to two pixels, anew in each
step, as in Guo et al. (2018), deep embedded clustering with data augmentation, but not in Aljalbout
et al.; clusters are of images as they are. Which of the digits that look alike share a cluster
depends on where k-means starts.""",
    "coil20": """\
Published are .762 and .848 (Aljalbout et al.), with convolutions of 20 to 320 channels on images of
128 × 128 pixels.""",
}


class BeforeTraining(Callback):
    """Keep the net that pre-training and k-means have led to; its rows are in another order."""

    def on_train_begin(self, net, X, y=None, **kwargs):
        self.module_ = deepcopy(net.module_)


def load(data, n_images, *, quick=False):
    """Images as rows in [0, 1], and their classes."""
    if data == "coil20":
        coil = fetch_coil20(resize=SIZE_OF_COIL, download_if_missing=False)
        return coil.data, coil.target
    mnist = study.load_mnist(quick=quick)
    X = np.concatenate([mnist["X_train"], mnist["X_test"]])[:n_images]
    y = np.concatenate([mnist["y_train"], mnist["y_test"]])[:n_images].astype(int)
    return X.reshape(len(X), -1), y


def measured(y, labels):
    return {"ACC": clustering_accuracy(y, labels), "NMI": normalized_mutual_info_score(y, labels)}


def of_pixels(X, y):
    labels, seconds = study.timed(KMeans(len(set(y)), n_init=3, random_state=0).fit_predict, X)
    return {"clusters of": "pixels, k-means", **measured(y, labels), "s of CPU": seconds}


def fitted(name, run, seed, X, y, picture):
    """Rows of one training: before and after training with clusters.

    Seed 0 leaves a picture.
    """
    params = dict(run.params)
    if run.width:
        X = 2 * X - 1  # from black, which DCGAN's nets have around an image
        side = int(X.shape[1] ** 0.5)
        params["backbone"] = DCGANBackbone((1, side, side), width=run.width)
    det = DeepClustering(**COMMON | params, callbacks=[BeforeTraining()], random_state=seed)
    _, seconds = study.timed(det.fit, X)
    ((_, callback),) = det.net_.callbacks_
    codes, clusters = (
        det.net_.apply(function, X)
        for function in (callback.module_.encode, callback.module_.nearest)
    )
    n_pretrained = len(det.pretrain_history_["train_loss"])
    if params.get("cluster_loss") != "k-means" and seed == 0:
        figure = draw(X[:N_DRAWN], codes[:N_DRAWN], det, y[:N_DRAWN], f"{len(X)} images")
        figure.savefig(picture, dpi=80)
        plt.close(figure)
    return [
        {
            "clusters of": f"codes before, k-means ({name})",
            "epochs": str(n_pretrained),
            **measured(y, clusters),
        },
        {
            "clusters of": name,
            "epochs": f"{n_pretrained} + {det.n_iter_}",
            **measured(y, det.labels_),
            "s of CPU": seconds,
        },
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


def finished(runs, options, picture):
    """Rows of all trainings, of which those of an interrupted run are read."""
    path = study.rows_file(options.output)
    rows = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["data", "run", "seed"])
    done = set(rows[["data", "run", "seed"]].itertuples(index=False, name=None))
    pixels = dict.fromkeys(run.n_images for run in runs.values())
    tasks = [(n_images, "pixels", 0) for n_images in pixels]
    tasks += [(run.n_images, name, seed) for name, run in runs.items() for seed in run.seeds]
    for n_images, name, seed in tasks:
        key = (options.data, f"{name}, {n_images}", seed)
        if key not in done:
            X, y = load(options.data, n_images, quick=options.quick)
            if name == "pixels":
                found = [of_pixels(X, y)]
            else:
                found = fitted(name, runs[name], seed, X, y, picture)
            keys = dict(zip(("data", "run", "seed"), key, strict=True), images=n_images)
            rows = pd.concat([rows, pd.DataFrame([keys | row for row in found])])
            study.keep_rows(rows, path)
    wanted = [
        {"data": options.data, "run": f"{name}, {n}", "seed": seed} for n, name, seed in tasks
    ]
    found = pd.DataFrame(wanted).merge(rows, on=["data", "run", "seed"])
    return found.astype({"images": int})


def table(rows):
    """A row for each kind of clusters: means over seeds, with their deviations."""
    by = ["images", "clusters of"]
    groups = rows.groupby(by, sort=False)
    columns = {
        "seeds": groups["seed"].nunique(),
        "epochs": groups["epochs"].agg(lambda epochs: "; ".join(dict.fromkeys(epochs.dropna()))),
    }
    for measure in ("ACC", "NMI"):
        mean, std = groups[measure].mean(), groups[measure].std()
        columns[measure] = [
            f"{m:.3f}" + ("" if np.isnan(s) else f" ± {s:.3f}")
            for m, s in zip(mean, std, strict=True)
        ]
    seconds = groups["s of CPU"].mean()
    columns["s of CPU"] = seconds.map(lambda s: "" if np.isnan(s) else f"{s:.0f}")
    found = pd.DataFrame(columns).reset_index().sort_values("images", kind="stable")
    return found.to_markdown(index=False, disable_numparse=True)


def main():
    parser = study.make_parser(__doc__)
    parser.add_argument("--data", default="mnist", choices=["mnist", "coil20"])
    parser.add_argument("--runs", nargs="+", metavar="RUN", help=f"of {', '.join(OF_MNIST)}")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    runs = TRIALS if options.quick else {"mnist": OF_MNIST, "coil20": OF_COIL}[options.data]
    unknown = set(options.runs or []) - set(runs)
    if unknown:
        parser.error(f"--runs: {sorted(unknown)} are none of {list(runs)}")
    runs = {name: runs[name] for name in options.runs or runs}
    if options.data == "coil20":
        study.require_data("COIL-20")
        title, part = "COIL-20", "-coil20"
    else:
        title, part = study.load_mnist(quick=options.quick)["title"], ""
    torch.set_num_threads(1)
    plt.switch_backend("agg")
    study.write_page(
        options.output,
        f"Clusters of {title}",
        "one thread, epochs of pre-training and of training with clusters, means over seeds from 0 "
        "on. *Codes before* are those that the run went on from.",
        table(finished(runs, options, study.output_file(options.output, f"{part}.png"))),
        NOTES[options.data],
        sets=[f"{title} images"],
        part=part,
    )


if __name__ == "__main__":
    main()
