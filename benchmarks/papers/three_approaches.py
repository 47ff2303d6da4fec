"""Three approaches on one task: GANomaly, DPLAN and deep clustering, on images and on tables.

Run ``SKDEEPAD_DATA=... python benchmarks/papers/three_approaches.py``. The task is DPLAN's: 60
labelled anomalies (a tenth of the rows at most), unlabelled rows of which 2 % are anomalies, and a
fifth of the rows to test. GANomaly and DeepClustering leave the labels unused. Images are digits of
MNIST, one of which is the anomaly, with nets of convolutions; tables have the detectors' defaults.
``--quick`` is a trial on one table and, if need be, scikit-learn's digits.
"""

import numpy as np
import pandas as pd
from _path import study

from skdeepad import DPLAN, DeepClustering, GANomaly
from skdeepad.benchmark import run_benchmark
from skdeepad.datasets import fetch_adbench
from skdeepad.nn import ConvBackbone, DCGANBackbone

TABLES = ("cardio", "thyroid", "satellite")
METRICS = {"average_precision": "AUC-PR", "roc_auc": "AUC-ROC"}
ON_TABLES = {
    "GANomaly": (GANomaly(), "encoder, decoder, encoder and discriminator, dense"),
    "DPLAN": (DPLAN(), "Q-network of one hidden layer, 40 units"),
    "DeepClustering": (DeepClustering(), "dense autoencoder and ten centres"),
    "isolation forest": ("pyod.IForest", "100 trees"),
}


def on_images(side):
    """Detectors for grey images, and what they are made of."""
    shape = (1, side, side)
    images = {"scaler": None}
    layers = ConvBackbone(shape, kernel_size=5 if side > 8 else 3)
    return {
        "GANomaly": (
            GANomaly(
                backbone=DCGANBackbone(shape, width=16), n_latent=32, max_steps=1000, **images
            ),
            "the same nets, DCGAN's convolutions",
        ),
        "DPLAN": (DPLAN(**images), "Q-network of one hidden layer, 40 units, on pixels"),
        "DeepClustering": (
            DeepClustering(
                backbone=layers,
                n_latent=10,
                pretrain_epochs=10,
                max_epochs=20,
                batch_size=256,
                **images,
            ),
            "autoencoder of convolutions and ten centres",
        ),
        "isolation forest": ("pyod.IForest", "100 trees"),
    }


def digits(options):
    """A name, images in [-1, 1], which of them are the digit left out, and their side."""
    mnist = study.load_mnist(quick=options.quick)
    images = mnist["X_train"]
    chosen = np.random.RandomState(0).permutation(len(images))[: options.images]
    X = 2 * images[chosen].reshape(len(chosen), -1) - 1
    title = f"{mnist['title']}, {options.digit} left out"
    return title, X, mnist["y_train"][chosen] == options.digit, images.shape[1]


def compare(detectors, data, options, name):
    """Rows of the table for data sets that share their detectors."""
    results = run_benchmark(
        {label: detector for label, (detector, _) in detectors.items()},
        data,
        protocols="dplan",
        seeds=options.seeds,
        metrics=tuple(METRICS),
        n_jobs=options.n_jobs,
        time_limit=1800,
        output=study.output_file(options.output / "rows", f"-{name}.csv"),
    )
    runs = results.groupby(["dataset", "detector"], sort=False)
    mean, deviation = runs.mean(numeric_only=True), runs.std(numeric_only=True)
    table = pd.DataFrame(index=mean.index)
    table["rows"] = mean["n_train"].astype(int)
    table["features"] = mean["n_features"].astype(int)
    table["made of"] = [detectors[label][1] for _, label in mean.index]
    for metric, title in METRICS.items():
        table[title] = mean[metric].map("{:.1f}".format) + deviation[metric].map(
            " ± {:.1f}".format
        ).replace(" ± nan", "")
    table["s of CPU"] = mean["fit_cpu_time"].round(1)
    return table.reset_index()


def main():
    parser = study.make_parser(__doc__, n_jobs=1, seeds=[1, 2, 3])
    parser.add_argument("--digit", type=int, default=0)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--tables", nargs="*", default=list(TABLES), metavar="NAME")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.tables, options.images = options.seeds[:1], ["thyroid"], 1200
    study.require_data(*options.tables, *([] if options.quick else ["MNIST"]))
    images, X, y, side = digits(options)
    tables = {name: fetch_adbench(name, return_X_y=True) for name in options.tables}
    found = pd.concat(
        [
            compare(on_images(side), {images: (X, y.astype(int))}, options, "images"),
            compare(ON_TABLES, tables, options, "tables"),
        ]
    )
    study.write_page(
        options.output,
        "Three approaches on one task",
        "60 labelled anomalies for DPLAN, unlabelled training rows of which 2 % are anomalies, a "
        f"fifth of the rows to test; seeds {' '.join(map(str, options.seeds))}, means ± standard "
        "deviations in percent. *Rows* are those of training.",
        found.to_markdown(index=False),
        "The report that compares these approaches (A. Singh et al., 2024) has the published "
        "figures of each on data of its own, and so no figure to compare with.",
        sets=[*options.tables, f"{images.split(',')[0]} images"],
    )


if __name__ == "__main__":
    main()
