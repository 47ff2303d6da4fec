"""Deep clustering: scores side by side on twelve sets, and clusters of scikit-learn's digits.

Run ``SKDEEPAD_DATA=... python benchmarks/clustering.py``, two minutes on one core.
"""

import numpy as np
import pandas as pd
import torch
from _study import make_parser, require_data, write_page
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import normalized_mutual_info_score
from sklearn.model_selection import train_test_split

from skdeepad import DeepClustering
from skdeepad.datasets import fetch_adbench
from skdeepad.metrics import anomaly_roc_auc, clustering_accuracy

SETS = ["pendigits", "optdigits", "satimage-2", "satellite", "landsat", "thyroid", "cardio"]
SETS += ["mnist", "vowels", "shuttle", "musk", "annthyroid"]
DIGITS = {
    "hidden_layer_sizes": (256, 128),
    "activation": "relu",
    "scaler": "minmax",
    "pretrain_epochs": 200,
    "max_steps": None,
    "batch_size": 256,
    "trim": 0.0,
}


def areas(name, contaminated):
    """ROC AUC of each score of one fit, and of an isolation forest."""
    X, y = fetch_adbench(name, return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
    X = X if contaminated else X[y == 0]
    X = X[np.random.RandomState(0).permutation(len(X))[:3000]]
    det = DeepClustering(random_state=0).fit(X)
    squares = ((det.transform(X_test)[:, None] - det.cluster_centers_) ** 2).sum(2)
    q = det.predict_proba_cluster(X_test)
    scores = {
        "combined": det.score_samples(X_test),
        "reconstruction": -det.feature_contributions(X_test).sum(1),
        "distance": -squares.min(1),
        "entropy": (q * np.log(q)).sum(1),
        "1 - max q": q.max(1),
        "isolation forest": IsolationForest(random_state=0).fit(X).score_samples(X_test),
    }
    return {name: anomaly_roc_auc(y_test, values) for name, values in scores.items()}


def digits():
    """Accuracy and NMI, means of three seeds."""
    X, y = load_digits(return_X_y=True)
    rows = []
    for seed in range(3):
        clusters = {
            "pixels, k-means": KMeans(10, n_init=20, random_state=seed).fit_predict(X),
            # With no weight, the codes are the autoencoder's.
            "codes of the autoencoder, k-means": DeepClustering(
                **DIGITS, cluster_weight=0.0, max_epochs=1, random_state=seed
            )
            .fit(X)
            .labels_,
        }
        for loss in ("k-means", "kl"):
            det = DeepClustering(**DIGITS, cluster_loss=loss, random_state=seed).fit(X)
            clusters[f'deep clustering, cluster_loss="{loss}"'] = det.labels_
        rows += [
            {
                "clusters of": name,
                "ACC": clustering_accuracy(y, labels),
                "NMI": normalized_mutual_info_score(y, labels),
            }
            for name, labels in clusters.items()
        ]
    return pd.DataFrame(rows).groupby("clusters of", sort=False).mean()


def main():
    options = make_parser(__doc__).parse_args()
    require_data(*SETS)
    torch.set_num_threads(1)
    sections = []
    for title, contaminated in {"Normal training rows": False, "Contaminated ones": True}.items():
        table = pd.DataFrame({name: areas(name, contaminated) for name in SETS}).T
        table.loc["mean"] = table.mean()
        sections += [f"## {title}", table.to_markdown(floatfmt=".3f")]
    write_page(
        options.output,
        "Deep clustering",
        "ROC AUC, a stratified 60 % of each set for training, at most 3,000 rows, defaults, seed "
        "0.",
        *sections,
        "## Digits",
        "scikit-learn's, layers of 256 and 128 units, 200 and at most 100 epochs, means of seeds 0 "
        "to 2.",
        digits().to_markdown(floatfmt=".3f"),
        sets=[*SETS, "digits"],
    )


if __name__ == "__main__":
    main()
