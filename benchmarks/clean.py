"""Clean training rows: what is worth changing if all of them are known to be normal.

Run ``SKDEEPAD_DATA=... python benchmarks/clean.py``: half of the normal rows of each tuning set are
for training, and the other half and all anomalies for testing. Seeds 1 and 2, one setting for all
sets. Differences are from PyOD's KNN.
"""

from _sets import TUNING
from _study import METRICS, make_parser, require_data, rows_file, variants_table, write_page
from sklearn.base import BaseEstimator
from sklearn.neighbors import NearestNeighbors

from skdeepad import (
    VAE,
    AutoEncoder,
    DeepSVDD,
    DetectorEnsemble,
    InvertibleResNet,
    LeSiNN,
    default_detector,
)
from skdeepad.benchmark import run_benchmark


class NeighboursInLatentSpace(BaseEstimator):
    """Distance to the nearest codes of a detector's training rows."""

    def __init__(self, detector=None, n_neighbors=5, random_state=None):
        self.detector = detector
        self.n_neighbors = n_neighbors
        self.random_state = random_state

    def fit(self, X, y=None):
        self.detector.set_params(random_state=self.random_state).fit(X)
        self.neighbors_ = NearestNeighbors(n_neighbors=self.n_neighbors)
        self.neighbors_.fit(self.detector.transform(X))
        return self

    def score_samples(self, X):
        return -self.neighbors_.kneighbors(self.detector.transform(X))[0].mean(axis=1)


def neighbours(**params):
    """The default for clean rows, with other parameters."""
    return default_detector(clean=True).set_params(**params)


VARIANTS = {
    "KNN": "pyod.KNN",
    "LOF": "pyod.LOF",
    "IForest": "pyod.IForest",
    "default_detector(clean=True)": default_detector(clean=True),
    "the same, one neighbour": neighbours(n_neighbors=1),
    "the same, five neighbours": neighbours(n_neighbors=5),
    "the same, samples of 1,024": neighbours(max_samples=1024),
    "the same, standard scaler": neighbours(scaler="standard"),
    "the same, Manhattan": neighbours(metric="manhattan"),
    "LeSiNN": LeSiNN(),
    "LeSiNN, trim 0": LeSiNN(trim=0.0),
    "InvertibleResNet": InvertibleResNet(),
    "InvertibleResNet, noise .03": InvertibleResNet(noise=0.03),
    "InvertibleResNet, 200 steps": InvertibleResNet(max_steps=200),
    "neighbours in its latent space": NeighboursInLatentSpace(InvertibleResNet()),
    "InvertibleResNet + neighbours": DetectorEnsemble(
        [("flow", InvertibleResNet()), ("nn", neighbours())]
    ),
    "VAE": VAE(),
    "VAE, trim 0": VAE(trim=0.0),
    "VAE, trim 0 + neighbours": DetectorEnsemble([("vae", VAE(trim=0.0)), ("nn", neighbours())]),
    "AutoEncoder": AutoEncoder(),
    "AutoEncoder, trim 0": AutoEncoder(trim=0.0),
    "DeepSVDD": DeepSVDD(),
    "DeepSVDD, trim 0": DeepSVDD(trim=0.0),
}


def main():
    options = make_parser(__doc__, n_jobs=2, seeds=[1, 2]).parse_args()
    require_data(*TUNING)
    results = run_benchmark(
        VARIANTS,
        TUNING,
        protocols="clean",
        seeds=options.seeds,
        metrics=tuple(METRICS),
        n_jobs=options.n_jobs,
        output=rows_file(options.output),
    )
    write_page(
        options.output,
        "Clean training rows",
        f"half of the normal rows for training, seeds {' '.join(map(str, options.seeds))}, means "
        f"over {len(TUNING)} sets. Differences are from PyOD's KNN of five neighbours, with 95 % "
        "bootstrap intervals over the sets; p is Wilcoxon's. *Leak-free* leaves out sets of which "
        "more than 5 % of the test rows have a copy in training.",
        variants_table(results, "KNN", VARIANTS),
        sets=TUNING,
    )


if __name__ == "__main__":
    main()
