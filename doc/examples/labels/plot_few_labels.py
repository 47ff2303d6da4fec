"""
=============================
How many labels does it take?
=============================

Most anomalies of *cardio* are unlabelled, and a few are known. The example
plots average precision on held-out rows against their number. It compares
detectors that learn from both kinds of rows, :class:`~skdeepad.DeepSAD` and
:class:`~skdeepad.DevNet`, classifiers that treat unlabelled rows as normal,
and an isolation forest, which uses no labels.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepad import DeepSAD, DeepSVDD, DevNet
from skdeepad.datasets import load_cardio
from skdeepad.metrics import anomaly_average_precision
from skdeepad.preprocessing import semi_labels

X, y = load_cardio(return_X_y=True)
numbers = [1, 4, 16, 64]
detectors = {
    "DeepSAD": DeepSAD,
    "DevNet": DevNet,
}
classifiers = {
    "gradient boosting": HistGradientBoostingClassifier(random_state=0),
    "logistic regression": make_pipeline(
        StandardScaler(), LogisticRegression()
    ),
}


def average_precisions(seed):
    """One value for each method and number of labels."""
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.4, stratify=y, random_state=seed
    )
    anomalies = np.random.RandomState(seed).permutation(
        np.flatnonzero(y_train == 1)
    )
    forest = IsolationForest(random_state=seed).fit(X_train)
    found = {
        "isolation forest": [
            anomaly_average_precision(y_test, forest.score_samples(X_test))
        ]
    }
    found["isolation forest"] *= len(numbers)
    for number in numbers:
        known = np.zeros(len(y_train), dtype=int)
        known[anomalies[:number]] = 1
        for name, cls in detectors.items():
            # Detectors have to know that 0 is unlabelled, not normal.
            detector = cls(random_state=seed).fit(
                X_train, semi_labels(known)
            )
            scores = detector.score_samples(X_test)
            found.setdefault(name, []).append(
                anomaly_average_precision(y_test, scores)
            )
        for name, classifier in classifiers.items():
            scores = classifier.fit(X_train, known).predict_proba(X_test)[
                :, 0
            ]
            found.setdefault(name, []).append(
                anomaly_average_precision(y_test, scores)
            )
    return found


splits = [average_precisions(seed) for seed in range(2)]

# %%
# The plot shows the mean over two splits:

fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for name in splits[0]:
    style = (
        ":"
        if name == "isolation forest"
        else "--"
        if name in classifiers
        else "-"
    )
    ax.plot(
        numbers,
        np.mean([split[name] for split in splits], axis=0),
        style,
        label=name,
    )
ax.set(
    xscale="log",
    xlabel="known anomalies",
    ylabel="average precision",
    ylim=(0, 1),
)
ax.set_xticks(numbers, numbers)
ax.legend()
plt.show()

# %%
# The next plot shows the effect of sixteen labels on the distances of
# training rows from the centre of Deep SAD, which is Deep SVDD without
# labels. The unlabelled anomalies move outwards with the known ones, but
# less far.

known = np.zeros_like(y)
known[np.flatnonzero(y == 1)[:16]] = 1
known = semi_labels(known)
fig, axes = plt.subplots(
    1, 2, figsize=(9, 3.5), layout="constrained", sharey=True
)
detectors = {
    "no labels": DeepSVDD(random_state=0),
    "16 labels": DeepSAD(random_state=0),
}
for ax, (title, detector) in zip(axes, detectors.items(), strict=True):
    distances = -detector.fit(X, known).score_samples(X)
    bins = np.geomspace(*np.quantile(distances, [0.001, 1]), 40)
    parts = {"normal": y == 0, "hidden anomalies": (y == 1) & (known == 0)}
    parts["labelled anomalies"] = known < 0
    for name, rows in parts.items():
        weights = np.full(rows.sum(), 1 / rows.sum())
        ax.hist(
            distances[rows], bins, weights=weights, alpha=0.5, label=name
        )
    ax.set(
        xscale="log", title=title, xlabel="squared distance from the centre"
    )
axes[0].set(ylabel="share")
axes[0].legend()
plt.show()

# %%
# Which of the detectors that learn from labels to take, and how to pass
# labels of other conventions, is in :ref:`few_labels`. If nobody has labels
# yet but someone could give them, let a detector choose the rows:
# :ref:`sphx_glr_auto_examples_labels_plot_answers.py`.
