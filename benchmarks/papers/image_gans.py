"""One class of images is the anomaly, the others are normal: GANs beside PCA.

Run ``SKDEEPAD_DATA=... python benchmarks/papers/image_gans.py --data mnist``. The protocol is
EGBAD's, see ``_images.py``. ``--classes``, ``--seeds``, ``--steps``, ``--images`` and ``--width``
cut it to the time there is, and several numbers of ``--steps`` show what more of them bring.
``--variants`` are settings of EGBAD, with which to look for what it takes to come above PCA.
A run that was interrupted goes on, and ``--quick`` is a trial that needs no file.
"""

import time
import warnings

import _images
import pandas as pd
from _path import study
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from skdeepad import EGBAD, AnoGAN, GANomaly
from skdeepad.nn import DCGANBackbone

N_COMPONENTS = 32
LINEAR = f"PCA, {N_COMPONENTS} components"
NONE = "–"
DETECTORS = {
    # The search for the training images would only set a threshold: it is left out of the fit.
    "AnoGAN": AnoGAN(n_latent_steps=0),
    "f-AnoGAN": AnoGAN(train_encoder=True),
    "EGBAD": EGBAD(gradient_penalty_weight=0.0, lr=5e-4),
    "GANomaly": GANomaly(),
}
# Of EGBAD: the paper's game, and what may make it better within fewer steps.
VARIANTS = {
    "paper": {},
    "residual loss": {"reconstruction_weight": 1.0},
    "gradient penalty": {"gradient_penalty_weight": 1.0},
    "rate of DCGAN": {"lr": 2e-4},
    "last weights": {"average_decay": 0.0},
    "two turns of G and E": {"turns": (1, 2)},
    "code of 32": {"n_latent": 32},
    "code of 200": {"n_latent": 200},
}
# No numbers: where the papers show results of this protocol.
PUBLISHED = {
    "MNIST": {
        "AnoGAN": "bars, AUROC (GANomaly) and AUPRC (EGBAD)",
        "EGBAD": "bars, AUROC (GANomaly) and AUPRC (EGBAD, survey)",
        "GANomaly": "bars, AUROC (GANomaly) and AUPRC (survey)",
    },
    "Fashion-MNIST": {"EGBAD": "bars, AUPRC (survey)", "GANomaly": "bars, AUPRC (survey)"},
    "CIFAR-10": {
        "AnoGAN": "bars, AUROC (GANomaly)",
        "EGBAD": "bars, AUROC (GANomaly)",
        "GANomaly": "bars, AUROC (GANomaly)",
    },
}
NOTE = """\
One class is left out of the training images and is the anomaly: {classes}, in turn.

EGBAD's score is nearly all residual, a sum over the pixels. From the same training there are its
cross-entropy alone, which is `residual_weight=0`, and both terms in units of their means over the
training images, which is `score_scaling="train", residual_weight=0.5`. AnoGAN searches
{searched:,} of the test images, {latent_steps} steps each, and no training images: its fit has no
threshold. f-AnoGAN's encoder has as many steps as its game. All other parameters are the
detectors' defaults, but for EGBAD's, which are its paper's (no gradient penalty) at a rate of 5e-4;
what its variants change is named below.

What was cut: the papers have 15 epochs (GANomaly) and 100 (EGBAD) of some 50,000 images, which are
12,000 and 50,000 steps, at base width 64, and test on all of the rest. Here the test part is a draw
from the same rest.

*Published* says where results of this protocol are shown. They are bar charts without numbers, in
GANomaly's paper (arXiv:1805.06725), EGBAD's (arXiv:1802.06222) and a survey (arXiv:1906.11632),
which says that EGBAD is above GANomaly. The first finds digit 1 poor for every method."""


def name_of(detector, variant):
    return detector if variant in (NONE, "paper") else f"{detector}, {variant}"


class LinearResiduals:
    """Residuals of principal components, as scores."""

    def __init__(self, n_components, seed):
        self.pca = PCA(n_components, random_state=seed)

    def fit(self, X):
        self.pca.fit(X)
        return self

    def score_samples(self, X):
        return -((X - self.pca.inverse_transform(self.pca.transform(X))) ** 2).sum(1)


def detector_of(task, images):
    if task["detector"] == LINEAR:
        return LinearResiduals(min(N_COMPONENTS, images.rows.shape[1] // 2), task["seed"])
    params = VARIANTS.get(task["variant"], {})
    if task["detector"] == "f-AnoGAN":
        params = {"encoder_steps": task["steps"]}
    return clone(DETECTORS[task["detector"]]).set_params(
        **_images.COMMON,
        **params,
        backbone=DCGANBackbone(images.shape, width=task["width"]),
        max_steps=task["steps"],
        device=task["device"],
        random_state=task["seed"],
    )


def parts_of(task, detector, scores, train, test):
    """What else the networks of one training say of the test images."""
    if task["detector"] not in ("GANomaly", "EGBAD"):
        return {}
    residuals = residuals_of(detector, test)
    if task["detector"] == "GANomaly":
        return {", residual": residuals}
    entropies, of_train = scores - residuals, residuals_of(detector, train)
    entropies_of_train = detector.score_samples(train) - of_train
    scaled = residuals / -of_train.mean() + entropies / -entropies_of_train.mean()
    return {", cross-entropy alone": entropies, ", scaled terms": scaled}


def residuals_of(detector, rows):
    return -detector.feature_contributions(rows).sum(1)


def run(task, images, options):
    warnings.simplefilter("ignore", ConvergenceWarning)
    train, test, y = _images.split(images, task["class"], task["images"], task["seed"])
    detector = detector_of(task, images)
    start = time.perf_counter()
    _, fit_seconds = study.timed(detector.fit, train)
    if task["detector"] == "AnoGAN":
        detector.net_.module_.n_latent_steps = options.latent_steps
        test, y = test[: options.searched], y[: options.searched]
    scores, score_seconds = study.timed(detector.score_samples, test)
    times = {
        "s of CPU to fit": fit_seconds,
        "ms of CPU to score an image": 1000 * score_seconds / len(y),
        "s in all": time.perf_counter() - start,
    }
    name = name_of(task["detector"], task["variant"])
    found = {"": scores} | parts_of(task, detector, scores, train, test)
    return [
        task | {"score": name + part, **_images.measures(y, values), **times}
        for part, values in found.items()
    ]


def tasks_of(options):
    """A task for each training; PCA has no steps."""
    variants = [
        {"detector": name, "variant": variant, "steps": steps}
        for name in options.detectors
        for variant in (options.variants if name == "EGBAD" else [NONE])
        for steps in options.steps
    ]
    linear = {"detector": LINEAR, "variant": NONE, "steps": 0}
    return _images.tasks(options, [linear, *variants])


def means_table(rows, options):
    """A row for each score and number of steps."""
    by = ["score", "steps"]
    groups = rows.groupby(by, sort=False)
    of_classes = rows.groupby([*by, "class"], sort=False)["AUROC"].mean().unstack("class")
    above = (of_classes > of_classes.loc[(LINEAR, 0)]).sum(axis=1)
    table = pd.DataFrame(
        {
            "AUROC": _images.spread(rows, by, "AUROC"),
            "AUPRC": _images.spread(rows, by, "AUPRC"),
            f"classes of {of_classes.shape[1]} above PCA by AUROC": above,
            "s of CPU to fit": groups["s of CPU to fit"].mean().round(1),
            "ms of CPU to score an image": groups["ms of CPU to score an image"].mean().round(2),
            "s in all": groups["s in all"].mean().round(1),
        }
    )
    order = pd.MultiIndex.from_frame(rows[by].drop_duplicates())
    table = table.reindex(order).reset_index()
    missing = [name for name in DETECTORS if name not in set(rows["detector"])]
    not_run = pd.DataFrame({"score": missing, "AUROC": "not run", "AUPRC": "not run"})
    table = pd.concat([table.astype(object), not_run]).fillna("")
    table["steps"] = table["steps"].replace(0, "")
    published = PUBLISHED.get(options.title, {})
    table["published"] = [published.get(score, NONE) for score in table["score"]]
    return table.to_markdown(index=False, disable_numparse=True)


def classes_table(rows, measure):
    """A row for each class left out, a column for each score."""
    cells = _images.spread(rows, ["class", "score"], measure).unstack("score")
    cells = cells[rows["score"].unique()]
    if measure == "AUPRC":
        shares = rows.groupby("class")["share of anomalies"].mean().round(1)
        cells["at random"] = shares.astype(str)
    return cells.to_markdown(disable_numparse=True)


def sections(rows, options):
    yield f"## Means\n\n{_images.budget(options)}\n\n{means_table(rows, options)}"
    linear = rows["steps"] == 0
    for steps in options.steps:
        of_steps = rows[linear | (rows["steps"] == steps)]
        for measure in ("AUROC", "AUPRC"):
            yield (
                f"## {measure} by class, {steps:,} steps\n\n{_images.budget(options, steps)}\n\n"
                f"{classes_table(of_steps, measure)}"
            )


def part_of_detectors(options):
    """Names for the page's, so that a page of some detectors leaves that of all alone."""
    return [] if set(options.detectors) == set(DETECTORS) else options.detectors


def main():
    parser = _images.make_parser(__doc__, steps=[500], seeds=[0, 1, 2])
    parser.add_argument(
        "--detectors", nargs="+", default=list(DETECTORS), choices=list(DETECTORS), metavar="NAME"
    )
    parser.add_argument(
        "--variants",
        nargs="+",
        default=["paper", "residual loss"],
        choices=list(VARIANTS),
        metavar="NAME",
        help=f"of EGBAD: {', '.join(VARIANTS)}",
    )
    parser.add_argument(
        "--searched", type=int, default=1000, metavar="N", help="test images that AnoGAN searches"
    )
    parser.add_argument("--latent-steps", type=int, default=100, metavar="N", help="of the search")
    options = _images.parse(
        parser,
        **{"classes": [0, 1], "seeds": [0], "steps": [20], "images": 300, "width": 4},
        **{"variants": ["paper"], "searched": 20, "latent_steps": 5},
    )
    images = _images.load(options)
    options.title = images.title
    rows = _images.finished(tasks_of(options), run, images, options)
    changes = "\n".join(
        f"- EGBAD, {name}: `{params}`"
        for name, params in VARIANTS.items()
        if name in options.variants and params
    )
    study.write_page(
        options.output,
        f"One class of {images.title} left out",
        NOTE.format(**vars(options) | {"classes": ", ".join(map(str, options.classes))}),
        *([changes] if changes and "EGBAD" in options.detectors else []),
        *sections(rows, options),
        sets=[f"{images.title}'s images"],
        part="-".join(["", options.data, *part_of_detectors(options)]),
    )


if __name__ == "__main__":
    main()
