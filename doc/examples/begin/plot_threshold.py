"""
=================================
Choose a threshold with a promise
=================================

A detector ranks rows. An alarm needs a threshold, and the right one depends
on what you know: how many rows someone can look at, rows that are normal,
what an error costs. The example compares what four thresholds promise with
what they keep, on fetal heart records (*cardio*) that nothing was trained
on.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from skdeepad import AutoEncoder
from skdeepad.calibration import ConformalDetector, TunedThreshold
from skdeepad.datasets import load_cardio
from skdeepad.inspection import PValueDisplay, ScoreDisplay

X, y = load_cardio(return_X_y=True)
normal, anomalies = X[y == 0], X[y == 1]
train, rest = train_test_split(normal, train_size=0.3, random_state=0)

# %%
# A share of the training rows is not a rate of false alarms
# ----------------------------------------------------------
#
# With ``contamination=0.05`` a twentieth of the *training* rows is below
# the threshold. The training rows are all normal here, so one expects that
# a twentieth of new normal rows raises a false alarm. There are more of
# them, because a net knows the rows that it was trained on better than
# others.

detector = AutoEncoder(contamination=0.05, trim=0, random_state=0).fit(
    train
)
false_alarms = (detector.predict(rest) == -1).mean()
print("Below the threshold: 5.0% of the training rows")
print(f"                     {false_alarms:.1%} of new normal rows")

rows, truth = (
    np.vstack([rest, anomalies]),
    np.repeat([0, 1], [len(rest), len(anomalies)]),
)
ScoreDisplay.from_estimator(detector, rows, truth)
plt.title("New rows, and the threshold of the training rows")
plt.show()

# %%
# A promised rate of false alarms
# -------------------------------
#
# A :class:`~skdeepad.calibration.ConformalDetector` keeps some normal rows
# from the training and takes its threshold from them. Each line of the plot
# is another draw of these calibration rows, and the points of a line are
# different promises ``alpha``. In the mean the promise is kept exactly. The
# promise of ``guarantee="conditional"``, on the right, is kept by nine
# lines out of ten, at any point of theirs; it costs some alarms.

alphas = np.linspace(0.01, 0.2, 20)
fig, axes = plt.subplots(
    1, 2, figsize=(9, 4), layout="constrained", sharex=True, sharey=True
)
for ax, guarantee in zip(axes, ("marginal", "conditional"), strict=True):
    rates = []
    for seed in range(40):
        calibration, new = train_test_split(
            rest, train_size=0.5, random_state=seed
        )
        conformal = ConformalDetector(
            detector,
            cv="prefit",
            guarantee=guarantee,
            alpha=0.05,
            random_state=0,
        ).fit(calibration)
        p_values = conformal.p_values(new)
        rates.append([(p_values <= alpha).mean() for alpha in alphas])
    ax.plot(
        alphas,
        np.transpose(rates),
        color="tab:blue",
        linewidth=0.6,
        alpha=0.4,
    )
    ax.plot(
        alphas,
        np.mean(rates, axis=0),
        color="tab:blue",
        linewidth=2.5,
        label="mean",
    )
    ax.axline(
        (0, 0), slope=1, color="black", linestyle="--", label="promise"
    )
    ax.plot(
        0.05, false_alarms, "X", color="tab:red", label="contamination=0.05"
    )
    ax.set(
        xlabel="promised rate of false alarms",
        title=f'guarantee="{guarantee}"',
    )
axes[0].set(ylabel="rate on new normal rows")
axes[0].legend()
plt.show()

# %%
# A list of findings
# ------------------
#
# Someone who looks into each alarm cares about the share of alarms that are
# false, not about the share of normal rows.
# :meth:`~skdeepad.calibration.ConformalDetector.discoveries` chooses rows
# such that at most that share is false, in the mean. The plot has the
# p-values of a day on which a tenth of the rows are anomalies.

calibration, new = train_test_split(rest, train_size=0.5, random_state=0)
conformal = ConformalDetector(
    detector, cv="prefit", alpha=0.05, random_state=0
).fit(calibration)
day = np.vstack([new, anomalies[: len(new) // 9]])
truth = np.arange(len(day)) >= len(new)

PValueDisplay.from_estimator(conformal, day, truth)
plt.title("P-values of a day's rows")
plt.show()

for name, chosen in {
    "alarms at alpha = 5 %": conformal.predict(day) == -1,
    "discoveries at 20 %": conformal.discoveries(day, alpha=0.2),
}.items():
    false = (chosen & ~truth).sum() / max(chosen.sum(), 1)
    print(f"{name}: {chosen.sum()} rows, {false:.0%} of them false")

# %%
# What an error costs
# -------------------
#
# If some rows are labelled, :class:`~skdeepad.calibration.TunedThreshold`
# chooses the threshold with the least cost by cross-validation. Here a
# person has labelled 300 rows, drawn at random. The lines show what each
# possible threshold would cost on rows that the choice did not see, where a
# missed anomaly costs as much as one, five or twenty-five false alarms. The
# points are the choices.

X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
labels = np.zeros(len(y_train), dtype=int)
rng = np.random.default_rng(0)
labelled = rng.choice(len(y_train), 300, replace=False)
labels[labelled] = 1 - 2 * y_train[labelled]

fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for cost, color in ((1, "tab:green"), (5, "tab:orange"), (25, "tab:red")):
    tuned = TunedThreshold(
        AutoEncoder(max_steps=300), costs=(1, cost), cv=3, random_state=0
    ).fit(X_train, labels)
    scores = tuned.score_samples(X_test)
    thresholds = np.quantile(scores, np.linspace(0.005, 0.6, 120))
    alarms = scores < np.append(thresholds, tuned.offset_)[:, None]
    costs = (alarms & (y_test == 0)).mean(axis=1) + cost * (
        ~alarms & (y_test == 1)
    ).mean(axis=1)
    shares = alarms.mean(axis=1)
    ax.plot(
        shares[:-1],
        costs[:-1] / costs[:-1].min(),
        color=color,
        label=f"1 : {cost}",
    )
    ax.plot(
        shares[-1],
        costs[-1] / costs[:-1].min(),
        "o",
        color=color,
        markersize=9,
    )
ax.set(
    xlabel="share of the rows that raise an alarm",
    ylabel="mean cost, 1 is the least possible",
    ylim=(0.9, 5),
)
ax.legend(title="false alarm : miss")
plt.show()

# %%
# Labelled rows have to be drawn like new ones. If a third of them were
# anomalies because someone looked for these, a miss would seem more
# frequent than it is, and there would be too many alarms.
#
# The page :ref:`thresholds` says which threshold goes with what you know,
# and what breaks a promise: anomalies among the calibration rows, and rows
# that drift.
