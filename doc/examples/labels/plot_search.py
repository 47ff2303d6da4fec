r"""
====================================
Tune ν and λ, all candidates at once
====================================

With labels for some rows, a search can choose parameters. This example
searches the share :math:`\nu` of rows outside the sphere of
:class:`~skdeepad.DeepSVDD` and the weight :math:`\lambda` of its penalty.
joblib's backend ``"stacked"`` trains all candidates as one net, and rows
that the search never saw tell what it was worth.
"""

from time import process_time

import matplotlib.pyplot as plt
import numpy as np
from joblib import parallel_config
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    train_test_split,
)

from skdeepad import DeepSVDD
from skdeepad.datasets import load_thyroid
from skdeepad.metrics import (
    anomaly_average_precision,
    anomaly_average_precision_scorer,
)

X, y = load_thyroid(return_X_y=True)  # y: 1 is an anomaly
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)

# %%
# The search
# ----------
#
# It is scikit-learn's own :class:`~sklearn.model_selection.GridSearchCV`.
# Two things differ from a search for a classifier. The scorer is one of
# :mod:`skdeepad.metrics`, because ``scoring="roc_auc"`` with these labels
# would choose the *worst* candidate (:ref:`metrics_trap`). And the folds
# are shuffled and stratified, because there are few anomalies and rows are
# often sorted. The labels choose a candidate; none of them takes part in
# the training.

detector = DeepSVDD(
    objective="soft-boundary", max_epochs=40, max_steps=150, random_state=0
)
grid = {
    "nu": [0.01, 0.03, 0.1, 0.3, 0.6],
    "weight_decay": [1e-6, 1e-2, 1e-1, 1.0],
}
search = GridSearchCV(
    detector,
    grid,
    scoring=anomaly_average_precision_scorer,
    cv=StratifiedKFold(3, shuffle=True, random_state=0),
)
start = process_time()
with parallel_config(backend="stacked", n_jobs=-1):
    search.fit(X_train, y_train)
stacked = process_time() - start
print("Best parameters:", search.best_params_)

# %%
# The picture has the mean over three folds. Where neighbouring cells are
# alike, the choice between them does not matter; where a cell stands out
# alone, be suspicious. The best one lies at the edge of the grid, and so
# the next search would go beyond it.

means = search.cv_results_["mean_test_score"].reshape(5, 4)
fig, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
image = ax.imshow(means, cmap="viridis", aspect="auto")
for (i, j), mean in np.ndenumerate(means):
    dark = mean < (means.min() + means.max()) / 2
    ax.text(
        j,
        i,
        f"{mean:.2f}",
        ha="center",
        va="center",
        color="white" if dark else "black",
    )
best = np.unravel_index(means.argmax(), means.shape)
ax.plot(
    *best[::-1],
    "s",
    markersize=38,
    markerfacecolor="none",
    markeredgecolor="tab:red",
)
ax.set_xticks(range(4), grid["weight_decay"])
ax.set_yticks(range(5), grid["nu"])
ax.set(
    xlabel="weight_decay, λ",
    ylabel="nu, ν",
    title="Mean average precision of three folds",
)
fig.colorbar(image)
plt.show()

# %%
# What it costs
# -------------
#
# Sixty small nets are trained, and one for the best parameters. One after
# the other, each step of each net is some dozens of small operations. The
# stack does them once for all nets. The bars compare the time of a net in
# the search above with that of a net in a search of four candidates without
# the stack.

few = clone(search).set_params(param_grid=grid | {"nu": [0.1]}, refit=False)
start = process_time()
few.fit(X_train, y_train)
alone = process_time() - start

fig, ax = plt.subplots(figsize=(6, 1.8), layout="constrained")
bars = ax.barh(
    ["stacked", "alone"],
    [stacked / 61, alone / 12],
    color=["tab:blue", "tab:gray"],
)
ax.bar_label(bars, fmt="{:.2f} s", padding=3)
ax.set(xlabel="CPU seconds for a net")
ax.margins(x=0.15)
plt.show()

# %%
# What it is worth
# ----------------
#
# The score of the best candidate is that of the luckiest of twenty, and
# tends to be too good. The other half of the rows tells the truth. The bars
# compare the best parameters with the defaults, with the worst ones, and
# with another detector that nobody tuned: to try another detector is often
# worth more than to tune one.

worst = search.cv_results_["params"][
    search.cv_results_["mean_test_score"].argmin()
]
candidates = {
    "defaults": clone(detector),
    "best of the search": clone(detector).set_params(**search.best_params_),
    "worst of the search": clone(detector).set_params(**worst),
    "isolation forest": IsolationForest(random_state=0),
}
values = [
    anomaly_average_precision(
        y_test, each.fit(X_train).score_samples(X_test)
    )
    for each in candidates.values()
]
fig, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
bars = ax.barh(
    list(candidates),
    values,
    color=["tab:gray", "tab:blue", "tab:red", "tab:green"],
)
ax.bar_label(bars, fmt="{:.2f}", padding=3)
ax.axvline(
    search.best_score_,
    color="tab:blue",
    linestyle=":",
    label="as promised by the search",
)
ax.set(
    xlabel="average precision on rows that the search did not see",
    xlim=(0, 1),
)
ax.legend()
plt.show()

# %%
# Labelled rows can do more than to choose: a :class:`~skdeepad.DeepSAD` or
# a :class:`~skdeepad.DevNet` learns from them (:ref:`few_labels`). Which
# nets can be stacked is in :ref:`stacked`, and searches without labels are
# in :ref:`selection`.
