"""
===============================
Answer ten questions about rows
===============================

A person who looks at ten rows and says what they are helps more than any
choice of a detector. A :class:`~skdeepad.feedback.FeedbackDetector` ranks
the rows of *cardio* without labels, and then asks about ten of them at a
time. The person sees each row with the columns that make it unusual. The
example lets the known labels answer, and shows what the ranking of unseen
rows gains.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from skdeepad import LeSiNN
from skdeepad.datasets import load_cardio
from skdeepad.feedback import FeedbackDetector
from skdeepad.inspection import feature_contributions
from skdeepad.metrics import anomaly_average_precision

X, y = load_cardio(return_X_y=True)
X = pd.DataFrame(X, columns=[f"feature {j}" for j in range(X.shape[1])])
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.4, stratify=y, random_state=0
)

# %%
# The first questions
# -------------------
#
# ``query`` returns the numbers of training rows. They are not simply the
# most unusual ones: rows further down are asked about too, because
# anomalies of another kind may be there. Reasons are the features with the
# largest parts of the distance to ordinary rows.
det = FeedbackDetector(random_state=0).fit(X_train)
reasons = LeSiNN(random_state=0).fit(X_train)


def page(rows):
    """What a person sees: scores, and what stands out most."""
    shown = X_train.iloc[rows]
    parts = np.asarray(feature_contributions(reasons, shown))
    order = np.argsort(-parts, axis=1)[:, :3]
    texts = [
        ", ".join(
            f"{X.columns[j]} = {shown.iloc[i, j]:.1f}" for j in columns
        )
        for i, columns in enumerate(order)
    ]
    return pd.DataFrame(
        {
            "anomaly score": -det.score_samples(shown),
            "stands out by": texts,
        },
        rows,
    )


def answer(rows):
    """Stands for a person who says "yes" (-1) or "no" (1)."""
    return np.where(y_train[rows] == 1, -1, 1)


rows = det.query(10)
print(
    page(rows)
    .assign(anomaly=np.where(answer(rows) < 0, "yes", "no"))
    .to_string()
)

# %%
# Before and after
# ----------------
#
# Each round of ten answers changes the ranking of rows that nobody was
# asked about. The left plot has the average precision on unseen rows after
# each round. The right one has the rank of each unseen row before the first
# and after the last answer. Points below the line became more anomalous:
# most anomalies did, and normal rows that looked odd at first lie above it.

values = [anomaly_average_precision(y_test, det.score_samples(X_test))]
ranks = [np.argsort(np.argsort(det.score_samples(X_test)))]
for _ in range(5):
    rows = det.query(10)
    det.teach(rows, answer(rows))
    values.append(
        anomaly_average_precision(y_test, det.score_samples(X_test))
    )
    ranks.append(np.argsort(np.argsort(det.score_samples(X_test))))

figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 4), layout="constrained"
)
left.plot(10 * np.arange(len(values)), values, marker="o")
left.set(
    xlabel="answers", ylabel="average precision on unseen rows", ylim=(0, 1)
)
for label, name, color in (
    (0, "normal", "tab:gray"),
    (1, "anomaly", "tab:red"),
):
    chosen = y_test == label
    right.scatter(
        ranks[0][chosen] + 1,
        ranks[-1][chosen] + 1,
        s=9,
        color=color,
        label=name,
    )
right.set(
    xscale="log",
    yscale="log",
    xlabel="rank before, 1 is the most anomalous",
    ylabel="rank after 50 answers",
)
right.axline((1, 1), (10, 10), color="black", linewidth=0.8)
right.legend()
plt.show()

# %%
# Labels that exist already are answers too: pass them as ``y`` of ``fit``.
# How the detector chooses its questions, and how much answers are worth on
# 49 data sets, is in :ref:`feedback`.
