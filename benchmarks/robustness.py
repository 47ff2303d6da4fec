"""What measures against anomalies among the training rows buy, one by one.

Run ``SKDEEPAD_DATA=... python benchmarks/robustness.py``: ADBench's protocol, seeds 1 to 3, the
tuning sets, one setting for all of them.
"""

from defaults import study

from skdeepad import VAE, AutoEncoder, DetectorEnsemble, RobustAutoEncoder

NOISY = AutoEncoder(max_steps=800, noise=0.3)
SHORT = VAE(max_steps=1000)
VARIANTS = {
    "IForest": "pyod.IForest",
    "AutoEncoder (default)": AutoEncoder(),
    "AutoEncoder, percentile loss": AutoEncoder(trim=0.05, trim_start=0),
    "AutoEncoder, knee stopping": AutoEncoder(early_stopping="knee"),
    "AutoEncoder, 10 snapshots": AutoEncoder(n_snapshots=10),
    "AutoEncoder, trim 0, 10 snapshots": AutoEncoder(trim=0.0, n_snapshots=10),
    "RobustAutoEncoder (default)": RobustAutoEncoder(),
    "RobustAutoEncoder, rows": RobustAutoEncoder(penalty="row"),
    "5 AutoEncoder, log": DetectorEnsemble(combine="log"),
    "5 AutoEncoder, rank": DetectorEnsemble(combine="rank"),
    "5 AutoEncoder, zscore": DetectorEnsemble(combine="zscore"),
    "AutoEncoder, 800 steps, noise .3": NOISY,
    "5 AutoEncoder, 800 steps, noise .3, log": DetectorEnsemble(NOISY, combine="log"),
    "VAE, 1,000 steps": SHORT,
    "5 VAE, 1,000 steps, rank": DetectorEnsemble(SHORT, combine="rank"),
    "5 VAE, 1,000 steps, zscore": DetectorEnsemble(SHORT, combine="zscore"),
}

if __name__ == "__main__":
    study(__doc__, "Measures against contamination", VARIANTS)
