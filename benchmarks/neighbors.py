"""How the default of LeSiNN was decided, and what it gains on codes and residuals of nets.

Run ``SKDEEPAD_DATA=... python benchmarks/neighbors.py``: ADBench's protocol (contaminated training
rows), seeds 1 to 3, on the sets of ``benchmarks/defaults.py``.
"""

from defaults import study
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepad import VAE, AutoEncoder, DeepSVDD, LeSiNN


class Residuals(TransformerMixin, BaseEstimator):
    """Residuals of a detector's reconstruction, of standardised rows."""

    def __init__(self, detector=None):
        self.detector = detector

    def fit(self, X, y=None):
        self.scaler_ = StandardScaler().fit(X)
        self.detector_ = clone(self.detector).fit(self.scaler_.transform(X))
        return self

    def transform(self, X):
        rows = self.scaler_.transform(X)
        return rows - self.detector_.reconstruct(rows)


VARIANTS = {
    "IForest": "pyod.IForest",
    "KNN": "pyod.KNN",
    "LeSiNN (default)": LeSiNN(),
    "LeSiNN, the paper's": LeSiNN(
        n_estimators=50,
        max_samples=8,
        n_neighbors=1,
        trim=0.0,
        metric="euclidean",
        scaler="minmax",
        clip=None,
    ),
    "LeSiNN, standard scaler": LeSiNN(scaler="standard"),
    "LeSiNN, no clipping": LeSiNN(clip=None),
    "LeSiNN, trim 0": LeSiNN(trim=0.0),
    "LeSiNN, trim .3": LeSiNN(trim=0.3),
    "LeSiNN, Euclidean": LeSiNN(metric="euclidean"),
    "LeSiNN, samples of 512": LeSiNN(max_samples=512),
    "LeSiNN, samples of 1,024": LeSiNN(max_samples=1024),
    "LeSiNN, a twentieth": LeSiNN(n_neighbors=0.05),
    "LeSiNN, a fifth": LeSiNN(n_neighbors=0.2),
    "LeSiNN on codes of AutoEncoder": make_pipeline(AutoEncoder(), LeSiNN()),
    "LeSiNN on codes of VAE": make_pipeline(VAE(), LeSiNN()),
    "LeSiNN on codes of DeepSVDD": make_pipeline(DeepSVDD(), LeSiNN()),
    "LeSiNN on residuals of AutoEncoder": make_pipeline(Residuals(AutoEncoder()), LeSiNN()),
    "LeSiNN on residuals of VAE": make_pipeline(Residuals(VAE()), LeSiNN()),
}


if __name__ == "__main__":
    study(__doc__, "LeSiNN under contamination", VARIANTS)
