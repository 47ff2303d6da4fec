"""
=========================================
Which rows of this file should I look at?
=========================================

A CSV file has two thousand expense claims, and nobody has time to read them
all. This example ranks them, so that a person reads twenty, and shows which
columns make each of these unusual. It needs neither labels nor a guess of
how many claims are wrong.
"""

# sphinx_gallery_thumbnail_number = 2
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skdeepad import AutoEncoder
from skdeepad.inspection import feature_contributions

# %%
# The file
# --------
#
# Replace this cell by the path of your own file. The claims are made up:
# nights away, the distance travelled, and what was paid for each. Twelve of
# them are wrong. Four have the meals of four people, four have the journey
# twice, and the total of four is not the sum of its parts.

rng = np.random.default_rng(0)
n = 2000
city = rng.choice(["Oslo", "Porto", "Vienna"], n)
nights = rng.integers(1, 7, n)
distance = rng.uniform(150, 1500, n)
price = (
    pd.Series(city)
    .map({"Oslo": 150, "Porto": 90, "Vienna": 120})
    .to_numpy()
)
claims = pd.DataFrame(
    {
        "city": city,
        "nights": nights,
        "distance": distance,
        "hotel": nights * price * rng.lognormal(0, 0.1, n),
        "meals": (nights + 1) * 35 * rng.lognormal(0, 0.15, n),
        "journey": 40 + 0.3 * distance * rng.lognormal(0, 0.1, n),
    }
)
wrong = rng.choice(n, 12, replace=False)
claims.loc[wrong[:4], "meals"] *= 4
claims.loc[wrong[4:8], "journey"] *= 2
claims["total"] = claims[["hotel", "meals", "journey"]].sum(axis=1)
claims.loc[wrong[8:], "total"] += 250

folder = TemporaryDirectory()
path = f"{folder.name}/claims.csv"
claims.round(2).to_csv(path, index=False)
print(f"{n} claims, {len(wrong)} of them wrong")

# %%
# From the file to a ranking
# --------------------------
#
# An :class:`~skdeepad.AutoEncoder` learns how the columns depend on one
# another. A claim that it cannot reconstruct breaks these relations, even
# if each of its values is usual by itself. Its narrowest layer has four
# units, because three or four numbers are enough to describe a claim. **Low
# scores are unusual**, as in all of scikit-learn.

table = pd.read_csv(path)
encode = make_column_transformer(
    (OneHotEncoder(sparse_output=False), ["city"]), remainder="passthrough"
)
autoencoder = AutoEncoder(hidden_layer_sizes=(64, 32, 4), random_state=0)
detector = make_pipeline(encode, autoencoder).fit(table)
scores = detector.score_samples(table)
worst = scores.argsort()[:20]

print(table.iloc[worst].assign(score=scores[worst]).round(1).to_string())

# %%
# How far to read
# ---------------
#
# The scores of the worst rows fall steeply, and then they flatten. Read
# from the left until what you find is no longer of interest. Here we know
# the twelve wrong claims, and can mark those among the worst.

is_wrong = np.isin(worst, wrong)
fig, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
places = np.arange(len(worst))
for marked, color, label in (
    (is_wrong, "tab:red", "wrong"),
    (~is_wrong, "tab:gray", "in order"),
):
    ax.bar(places[marked], -scores[worst][marked], color=color, label=label)
ax.axhline(
    -np.quantile(scores, 0.5),
    color="black",
    linestyle=":",
    label="the median claim",
)
ax.set(
    yscale="log",
    xlabel="row of the file",
    ylabel="anomaly score",
    title="The worst claims",
)
ax.set_xticks(places, worst, rotation=90)
ax.legend()
plt.show()

# %%
# Why these
# ---------
#
# :func:`~skdeepad.inspection.feature_contributions` gives the share of each
# column in the score, through the pipeline. Each row of the picture is a
# claim, with its values as text and the columns that make it unusual in
# red.

parts = feature_contributions(detector, table.iloc[worst], as_frame=True)
shares = parts.div(parts.sum(axis=1), axis=0)
fig, ax = plt.subplots(figsize=(8, 7), layout="constrained")
image = ax.imshow(shares, cmap="Reds", vmin=0, vmax=1, aspect="auto")
for i, row in enumerate(worst):
    for j, column in enumerate(shares):
        value = table.loc[row, column]
        text = value if isinstance(value, str) else f"{value:,.0f}"
        dark = shares.iloc[i, j] > 0.6
        ax.text(
            j,
            i,
            text,
            ha="center",
            va="center",
            color="white" if dark else "black",
        )
ax.set_xticks(range(shares.shape[1]), shares.columns)
ax.set_yticks(
    range(len(worst)),
    [f"{row} wrong" if row in wrong else row for row in worst],
)
ax.xaxis.tick_top()
fig.colorbar(image, label="share of the anomaly score")
plt.show()

# %%
# A wrong total is not unusual in itself. It is unusual beside its parts,
# and only a detector that relates columns to one another sees it. Red cells
# are where to look first. Where a relation is broken, the autoencoder
# cannot know which of its columns is wrong: a journey that was claimed
# twice does not go with its distance, and both are red.
#
# What comes next: alarms need a threshold (:ref:`thresholds`), tables with
# holes or dates need a few lines more (:ref:`missing_values`), and a few
# answers of the person who reads the claims improve the ranking more than
# any other detector does (:ref:`feedback`). The page :ref:`getting_started`
# has the details of fitting and scoring.

folder.cleanup()
