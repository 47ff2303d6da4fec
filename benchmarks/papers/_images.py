"""Images of which one class is left out, for the scripts of this folder.

The protocol is EGBAD's (Zenati et al., 2018), which GANomaly's paper took over: of all images, 80 %
of those of the other classes are for training, and the other 20 % with all of the class are the
test part. No image is in both.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from _path import study
from joblib import Parallel, delayed

from skdeepad.datasets import fetch_cifar10, fetch_fashion_mnist, fetch_mnist
from skdeepad.metrics import anomaly_average_precision, anomaly_roc_auc

LOADERS = {
    "mnist": ("MNIST", fetch_mnist),
    "fashion_mnist": ("Fashion-MNIST", fetch_fashion_mnist),
    "cifar10": ("CIFAR-10", fetch_cifar10),
}
# Parameters of detectors of images in [-1, 1].
COMMON = {"scaler": None, "max_epochs": 100_000, "batch_size": 64}


@dataclass
class Images:
    """Images as rows in [-1, 1], their classes and the shape of one."""

    title: str
    rows: np.ndarray
    classes: np.ndarray
    shape: tuple[int, int, int]


def make_parser(doc, *, steps, seeds):
    """Parser with the options of a study of images, which cut it to the time there is."""
    parser = study.make_parser(doc, n_jobs=1, seeds=seeds)
    add = parser.add_argument
    add("--data", default="mnist", choices=list(LOADERS))
    add(
        *("--classes", "--digits"),
        dest="classes",
        type=int,
        nargs="+",
        default=list(range(10)),
        metavar="N",
        help="classes that are left out in turn (default: all ten)",
    )
    add("--steps", type=int, nargs="+", default=steps, metavar="N")
    add("--images", type=int, default=5000, metavar="N", help="at most so many of either part")
    add("--width", type=int, default=16, metavar="N", help="of DCGAN's nets; the papers' is 64")
    add("--device", default="cpu", help="of torch (default: %(default)s)")
    add("--download", action="store_true", help="images that SKDEEPAD_DATA does not have")
    add("--quick", action="store_true", help="a trial; with scikit-learn's digits if need be")
    return parser


def parse(parser, **quick):
    """Options of the command line; ``quick`` are the defaults with ``--quick``."""
    if parser.parse_args().quick:
        parser.set_defaults(**quick)
    return parser.parse_args()


def load(options):
    """Images of the set that is asked for; a trial may do with scikit-learn's digits."""
    title, fetch = LOADERS[options.data]
    if not (options.download or options.quick):
        study.require_data(title)
    try:
        found = fetch(subset="all", download_if_missing=options.download)
    except OSError:
        if not options.quick:
            raise
        found = study.small_digits()
        rows = np.concatenate([found["X_train"], found["X_test"]])
        classes = np.concatenate([found["y_train"], found["y_test"]])
        return Images(found["title"], 2 * rows.reshape(len(rows), -1) - 1, classes, (1, 8, 8))
    return Images(title, 2 * found.data - 1, found.target, found.image_shape)


def split(images, left_out, n_most, seed):
    """Images for training, and images to test with which of them are anomalies."""
    y = (images.classes == left_out).astype(int)
    rng = np.random.RandomState(seed)
    normal = rng.permutation(np.flatnonzero(y == 0))
    n_train = int(0.8 * len(normal))
    test = rng.permutation(np.r_[normal[n_train:], np.flatnonzero(y == 1)])[:n_most]
    return images.rows[normal[:n_train][:n_most]], images.rows[test], y[test]


def measures(y, scores):
    """AUROC and AUPRC in percent, beside the AUPRC of a score at random."""
    return {
        "AUROC": 100 * anomaly_roc_auc(y, scores),
        "AUPRC": 100 * anomaly_average_precision(y, scores),
        "share of anomalies": 100 * y.mean(),
    }


def tasks(options, variants):
    """A task for each class left out, seed and variant, which is a dict."""
    return [
        {
            "data": options.title,
            **variant,
            "class": left_out,
            "seed": seed,
            "images": options.images,
            "width": options.width,
            "device": options.device,
        }
        for left_out in options.classes
        for seed in options.seeds
        for variant in variants
    ]


def finished(tasks, run, images, options):
    """Rows of all tasks, of which those of an interrupted run are read.

    A task is a dict, and ``run(task, images, options)`` returns rows that hold it.
    """
    path, keys = study.rows_file(options.output), list(tasks[0])
    found = [pd.read_csv(path)] if path.exists() else []
    done = {task for rows in found for task in rows[keys].itertuples(index=False, name=None)}
    parallel = Parallel(options.n_jobs, return_as="generator_unordered", verbose=1)
    for part in parallel(
        delayed(run)(task, images, options) for task in tasks if tuple(task.values()) not in done
    ):
        found.append(pd.DataFrame(part))
        study.keep_rows(pd.concat(found), path)
    return pd.DataFrame(tasks).merge(pd.concat(found), on=keys)


def spread(rows, by, value, n_digits=1):
    """Means of a value over classes, and over seeds with their standard deviation, as text."""
    of_seeds = rows.groupby([*by, "seed"], sort=False)[value].mean().groupby(by, sort=False)
    mean, std = of_seeds.mean().round(n_digits), of_seeds.std().round(n_digits)
    return mean.astype(str) + std.map(lambda s: "" if np.isnan(s) else f" ± {s}")


def budget(options, steps=None):
    """One sentence on what was cut, for above each table."""
    of_steps = "" if steps is None else f"{steps:,} steps of {COMMON['batch_size']} images, "
    seeds = " ".join(map(str, options.seeds))
    return (
        f"In percent: {of_steps}base width {options.width}, at most {options.images:,} images of "
        f"either part, seed{'s' * (len(options.seeds) > 1)} {seeds}, device {options.device}."
    )
