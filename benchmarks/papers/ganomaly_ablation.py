"""GANomaly with other sizes of z and other weights of its loss, one class of images left out.

Run ``SKDEEPAD_DATA=... python benchmarks/papers/ganomaly_ablation.py``. The paper's choice is a
code of 100 values and the weights 1, 50 and 1; each variant changes one of these four. The protocol
and the options are those of ``image_gans.py``. A run that was interrupted goes on, and ``--quick``
is a trial that needs no file.
"""

import warnings

import _images
import pandas as pd
from _path import study
from sklearn.exceptions import ConvergenceWarning

from skdeepad import GANomaly
from skdeepad.nn import DCGANBackbone

PAPERS = {
    "n_latent": 100,
    "adversarial_weight": 1.0,
    "contextual_weight": 50.0,
    "encoder_weight": 1.0,
}
# Without the encoder's term the score has no meaning, so that its weight is never 0.
VALUES = {
    "n_latent": [2, 10, 32, 100, 200, 500],
    "adversarial_weight": [0.0, 1.0, 10.0, 50.0],
    "contextual_weight": [0.0, 1.0, 10.0, 50.0, 100.0],
    "encoder_weight": [0.1, 1.0, 10.0, 50.0],
}
NOTE = """\
GANomaly with one of its parameters changed; the others have the paper's values, a code of 100 and
the weights 1, 50 and 1. One class is left out of the training images and is the anomaly: {classes},
in turn. "Residual" is ``anomaly_score="contextual"`` of the same networks.

What was cut: the paper has 15 epochs, 12,000 steps at base width 64, and tests on all of the rest.

GANomaly's paper (arXiv:1805.06725) shows its AUROC by the size of z and by the weights in charts
without numbers. It chooses 100 and the weights 1, 50 and 1 by them."""


def run(task, images, options):
    warnings.simplefilter("ignore", ConvergenceWarning)
    train, test, y = _images.split(images, task["class"], task["images"], task["seed"])
    detector = GANomaly(
        **_images.COMMON,
        **{name: task[name] for name in PAPERS},
        backbone=DCGANBackbone(images.shape, width=task["width"]),
        max_steps=task["steps"],
        device=task["device"],
        random_state=task["seed"],
    )
    _, fit_seconds = study.timed(detector.fit, train)
    scores, score_seconds = study.timed(detector.score_samples, test)
    residual = _images.measures(y, -detector.feature_contributions(test).sum(1))
    return [
        task
        | _images.measures(y, scores)
        | {"AUROC, residual": residual["AUROC"], "s of CPU to fit": fit_seconds}
        | {"ms of CPU to score an image": 1000 * score_seconds / len(y)}
    ]


def tasks_of(options):
    """A task for each training; the paper's choice, which is a variant of each, comes once."""
    variants = [PAPERS | {name: value} for name in options.parameters for value in VALUES[name]]
    variants = list(map(dict, dict.fromkeys(tuple(variant.items()) for variant in variants)))
    return _images.tasks(
        options, [variant | {"steps": steps} for variant in variants for steps in options.steps]
    )


def table_of(rows, name):
    """A row for each value of a parameter, where the others are the paper's."""
    others = [other for other in PAPERS if other != name]
    rows = rows[(rows[others] == pd.Series(PAPERS)[others]).all(axis=1)]
    groups = rows.groupby(name)
    table = pd.DataFrame(
        {
            measure: _images.spread(rows, [name], measure)
            for measure in ("AUROC", "AUPRC", "AUROC, residual")
        }
    )
    table["s of CPU to fit"] = groups["s of CPU to fit"].mean().round(1)
    table["ms of CPU to score an image"] = groups["ms of CPU to score an image"].mean().round(2)
    table = table.sort_index()
    table.index = [f"{value:g}{' (the paper)' * (value == PAPERS[name])}" for value in table.index]
    return table.rename_axis(name).to_markdown(disable_numparse=True)


def main():
    parser = _images.make_parser(__doc__, steps=[500], seeds=[0, 1, 2])
    parser.add_argument("--parameters", nargs="+", default=list(PAPERS), choices=list(PAPERS))
    options = _images.parse(
        parser, classes=[0], seeds=[0], steps=[10], images=400, width=4, parameters=["n_latent"]
    )
    images = _images.load(options)
    options.title = images.title
    rows = _images.finished(tasks_of(options), run, images, options)
    study.write_page(
        options.output,
        f"GANomaly's code and weights: one class of {images.title} left out",
        NOTE.format(classes=", ".join(map(str, options.classes))),
        *(
            f"## {name}, {steps:,} steps\n\n{_images.budget(options, steps)}\n\n"
            f"{table_of(rows[rows['steps'] == steps], name)}"
            for steps in options.steps
            for name in options.parameters
        ),
        sets=[f"{images.title}'s images"],
        part=f"-{options.data}",
    )


if __name__ == "__main__":
    main()
