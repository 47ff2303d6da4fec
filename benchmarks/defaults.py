"""How the defaults were decided: variants of each detector on the tuning sets.

Run ``SKDEEPAD_DATA=... python benchmarks/defaults.py``: ADBench's protocol (contaminated training
rows), seeds 1 to 3, one setting for all sets.
"""

from _sets import TUNING
from _study import make_parser, require_data, rows_file, variants_table, write_page

from skdeepad import OCNN, VAE, AutoEncoder, DeepSVDD
from skdeepad.benchmark import Norm, run_benchmark

TEXTBOOK = {"trim": 0.0, "max_steps": 2500}
PAPER = {"hidden_layer_sizes": (32, 16), "n_latent": 8, "trim": 0.0, "max_epochs": 50}
VARIANTS = {
    "IForest": "pyod.IForest",
    "Norm (no model)": Norm(),
    "AutoEncoder (default)": AutoEncoder(),
    "AutoEncoder, 500 steps": AutoEncoder(max_steps=500),
    "AutoEncoder, 2,500 steps": AutoEncoder(max_steps=2500),
    "AutoEncoder, trim 0": AutoEncoder(trim=0.0),
    "AutoEncoder, plain residuals": AutoEncoder(residual_scaling="plain"),
    "AutoEncoder, Mahalanobis residuals": AutoEncoder(residual_scaling="mahalanobis"),
    "AutoEncoder, noise .3": AutoEncoder(noise=0.3),
    "AutoEncoder, early stopping": AutoEncoder(early_stopping=True),
    "AutoEncoder, textbook": AutoEncoder(residual_scaling="plain", **TEXTBOOK),
    "VAE (default)": VAE(),
    "VAE, 1,000 steps": VAE(max_steps=1000),
    "VAE, trim 0": VAE(trim=0.0),
    "VAE, code of 4": VAE(n_latent=4),
    "VAE, code of 16": VAE(n_latent=16),
    "VAE, reconstruction probability": VAE(anomaly_score="reconstruction_probability"),
    "VAE, reconstruction error": VAE(anomaly_score="reconstruction_error"),
    "VAE, one variance": VAE(likelihood="gaussian"),
    "VAE, textbook": VAE(likelihood="gaussian", **TEXTBOOK),
    "DeepSVDD (default)": DeepSVDD(),
    "DeepSVDD, soft boundary": DeepSVDD(objective="soft-boundary"),
    "DeepSVDD, trim 0": DeepSVDD(trim=0.0),
    "DeepSVDD, 50 epochs": DeepSVDD(max_epochs=50),
    "DeepSVDD, no pre-training": DeepSVDD(pretrain_epochs=0),
    "DeepSVDD, 32-16-8, 50 epochs, trim 0": DeepSVDD(**PAPER),
    "OCNN (default)": OCNN(),
    "OCNN, sigmoid, nu .1, no trimming": OCNN(activation="sigmoid", nu=0.1, trim=0.0),
    "OCNN, nu .1, no trimming": OCNN(nu=0.1, trim=0.0),
    "OCNN, sigmoid, no trimming": OCNN(activation="sigmoid", trim=0.0),
}


def study(doc: str, title: str, variants: dict) -> None:
    """Run variants by ADBench's protocol on the tuning sets and write the page of their table."""
    options = make_parser(doc, n_jobs=2, seeds=[1, 2, 3]).parse_args()
    require_data(*TUNING)
    results = run_benchmark(
        variants,
        TUNING,
        seeds=options.seeds,
        metrics=("roc_auc", "average_precision"),
        n_jobs=options.n_jobs,
        output=rows_file(options.output),
    )
    write_page(
        options.output,
        title,
        f"ADBench's protocol, seeds {' '.join(map(str, options.seeds))}, means over {len(TUNING)} "
        f"sets: {', '.join(TUNING)}. One setting for all of them. Differences are from isolation "
        "forest, with 95 % bootstrap intervals over the sets; p is Wilcoxon's.",
        variants_table(results, "IForest", variants),
        sets=TUNING,
    )


if __name__ == "__main__":
    study(__doc__, "Defaults under contamination", VARIANTS)
