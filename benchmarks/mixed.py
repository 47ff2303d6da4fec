"""Which detectors to combine, and how: ensembles of several kinds on the tuning sets.

Run ``SKDEEPAD_DATA=... python benchmarks/mixed.py``: ADBench's protocol (contaminated training
rows), seeds 1 to 3, one setting for all sets.
"""

from defaults import study
from sklearn.ensemble import IsolationForest

from skdeepad import VAE, AutoEncoder, DeepSVDD, DetectorEnsemble, LadderVAE, LeSiNN

KINDS = {
    "LeSiNN": LeSiNN(),
    "forest": IsolationForest(),
    "VAE": VAE(),
    "LadderVAE": LadderVAE(),
    "AutoEncoder": AutoEncoder(),
    "DeepSVDD": DeepSVDD(),
}
MEMBERS = [
    ("LeSiNN", "forest"),
    ("LeSiNN", "VAE"),
    ("LeSiNN", "VAE", "forest"),
    ("LeSiNN", "LadderVAE", "forest"),
    ("LeSiNN", "VAE", "AutoEncoder", "DeepSVDD", "forest"),
    ("VAE", "forest"),
]


def ensemble(names, combine="quantile"):
    return DetectorEnsemble([(name, KINDS[name]) for name in names], combine=combine)


VARIANTS = {"IForest": "pyod.IForest", "LeSiNN": LeSiNN(), "VAE": VAE(), "LadderVAE": LadderVAE()}
VARIANTS |= {" + ".join(names): ensemble(names) for names in MEMBERS}
VARIANTS |= {
    f"LeSiNN + VAE + forest, {combine}": ensemble(("LeSiNN", "VAE", "forest"), combine)
    for combine in ("rank", "zscore")
}


if __name__ == "__main__":
    study(__doc__, "Ensembles of several kinds", VARIANTS)
