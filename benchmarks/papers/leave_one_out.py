"""Classes left out beside generated anomalies: detectors of different families.

Run ``SKDEEPAD_DATA=... python benchmarks/papers/leave_one_out.py``. Improved leave-one-out
evaluation (Dionelis et al., ICIP 2020): a detector is trained on all classes but one, and held-out
rows of these are told from the class left out, and from strong, adversarial and weak anomalies
that are generated from the training rows. On codes of MNIST, with three digits left out in turn,
and on two of ADBench's tables, whose labelled anomalies are the class left out. ``--images`` names
how many images of MNIST are encoded. ``--quick`` is a trial of two detectors on one table.
"""

import pandas as pd
from _path import study
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepad import EGBAD, AutoEncoder, DeepClustering, DeepSVDD, InvertibleResNet
from skdeepad.benchmark import Norm
from skdeepad.datasets import fetch_adbench
from skdeepad.model_selection import leave_one_class_out

DETECTORS = {
    "IsolationForest": IsolationForest(),
    "AutoEncoder": AutoEncoder(),
    "DeepSVDD": DeepSVDD(),
    "EGBAD": EGBAD(),
    "DeepClustering": DeepClustering(),
    "InvertibleResNet": InvertibleResNet(),
    # A density that has nothing in common with the sampler's but that it is one.
    "GaussianMixture(20)": make_pipeline(StandardScaler(), GaussianMixture(20)),
    "no model: the norm of the scaled row": Norm(),
}
DIGITS = (0, 3, 8)
N_ENCODER_IMAGES = 10_000
KINDS = {
    "left_out_class": "class left out",
    "strong": "strong",
    "adversarial": "adversarial",
    "weak": "weak",
}


def mnist_codes(n_images):
    """Codes of training images that the encoder has not seen, and their digits."""
    mnist = study.load_mnist()
    images, digits = mnist["X_train"], mnist["y_train"]
    rows = images.reshape(len(images), -1)
    encoder = AutoEncoder(
        n_latent=10, hidden_layer_sizes=(256, 64), scaler=None, max_steps=3000, random_state=0
    ).fit(rows[:N_ENCODER_IMAGES])
    encoded = slice(N_ENCODER_IMAGES, N_ENCODER_IMAGES + n_images)
    return encoder.transform(rows[encoded]), digits[encoded]


def data_sets(names, n_images):
    """Rows, classes and what is left out in turn, of each data set."""
    for name in names:
        if name == "MNIST codes":
            yield name, *mnist_codes(n_images), DIGITS
        else:
            yield name, *fetch_adbench(name, return_X_y=True), 1


def means(table, by):
    """Mean ± standard deviation over the seeds of each kind's AUROC in percent, in Markdown."""
    of_seeds = 100 * table.groupby([*by, "seed"], sort=False)[list(KINDS)].mean()
    runs = of_seeds.groupby(by, sort=False)
    mean, spread = runs.mean(), runs.std()
    shown = mean.map("{:.1f}".format) + spread.map(" ± {:.1f}".format).replace(" ± nan", "")
    return shown.rename(columns=KINDS).reset_index().to_markdown(index=False)


def report(table, options):
    sets = table["data"].unique()
    table = table.assign(left_out=table["left_out"].where(table["data"].eq("MNIST codes"), ""))
    of_set = ["data", "detector", "seed"]
    by_set = table.groupby(of_set, sort=False)[list(KINDS)].mean().reset_index()
    sizes = table.drop_duplicates("data").set_index("data")["n_train"]
    study.write_page(
        options.output,
        "Classes left out, and generated anomalies",
        "ROC AUC in percent of held-out normal rows (a quarter) against the class left out and "
        "against 1,000 strong, adversarial and weak anomalies each, made by "
        "`StrongAnomalySampler()` from the training rows (about "
        f"{', '.join(f'{sizes[name]:,} of {name}' for name in sets)}). Every detector with its "
        "defaults, one split for each class left out and seed; means ± standard deviations over "
        f"the seeds {' '.join(map(str, options.seeds))}. MNIST "
        f"codes are ten values for each of {options.images:,} images, of an autoencoder that was "
        f"trained on {N_ENCODER_IMAGES:,} others, of all ten digits and without labels.",
        "The sampler's density is an invertible residual network, the same net as the detector of "
        "this name with another seed, which is at an advantage; the mixture is a density by other "
        "means.",
        means(table, ["data", "left_out", "detector"]),
        "## Mean over the data sets",
        means(by_set, ["detector"]),
        sets=options.data,
    )


def evaluate(detectors, options):
    """AUROC of each detector against each kind of anomaly, for each data set and class left out."""
    tables = []
    for name, X, classes, left_out in data_sets(options.data, options.images):
        for seed in options.seeds:
            table = leave_one_class_out(
                detectors,
                X,
                classes,
                left_out=left_out,
                random_state=seed,
                n_jobs=options.n_jobs,
            )
            tables.append(table.assign(data=name, seed=seed))
            print(tables[-1].to_string(), flush=True)
    return pd.concat(tables)


def main():
    parser = study.make_parser(__doc__, n_jobs=1, seeds=[0, 1, 2])
    names = ["MNIST codes", "thyroid", "pendigits"]
    parser.add_argument("--images", type=int, default=6000)
    parser.add_argument("--data", nargs="+", default=names, metavar="NAME")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    detectors = DETECTORS
    if options.quick:
        options.data, options.seeds = ["thyroid"], options.seeds[:2]
        detectors = {name: DETECTORS[name] for name in ("IsolationForest", "AutoEncoder")}
    study.require_data(*(name.removesuffix(" codes") for name in options.data))
    report(evaluate(detectors, options), options)


if __name__ == "__main__":
    main()
