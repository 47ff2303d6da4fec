"""
=========================
Where does normality end?
=========================

All training rows are normal, no anomaly is known, and nobody can say how
many to expect: where is the threshold? :class:`~skdeepad.BDSGM` looks for
the edge of the normal rows itself. It learns their density with an
invertible residual network, and trains a generator of rows at the edge. The
example has distributions of two features, in which the edge can be seen:
Gaussians, and a mixture of two separate ones.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    Normal,
)

from skdeepad import BDSGM
from skdeepad.inspection import BoundaryDisplay

rng = np.random.RandomState(0)
normal = rng.standard_normal((2048, 2))
correlated = normal @ np.transpose([[1, 0], [0.8, 0.6]]) + [1, -1]
two_modes = 0.5**0.5 * normal
two_modes[:, 0] += rng.choice([-3, 3], 2048)


# %%
# The edge
# --------
#
# Orange points are draws from the edge. The line is the threshold
# :math:`\tau`, the median of their densities. The rows are not scaled, as
# in the paper. Between the two modes the edge gets few draws, because the
# generator is continuous.

data = {"correlated": correlated, "two modes": two_modes}
fig, axes = plt.subplots(
    1, 2, figsize=(11, 3.8), width_ratios=[4, 7], layout="constrained"
)
for ax, (name, rows) in zip(axes, data.items(), strict=True):
    detector = BDSGM(
        scaler=None, max_steps=300, generator_steps=400, random_state=0
    ).fit(rows)
    display = BoundaryDisplay.from_estimator(
        detector, rows[:500], response="density", random_state=0, ax=ax
    )
    display.ax_.get_legend().remove()
    outside = detector.boundary_false_alarm_rate_
    ax.set(
        title=f"{name}\n{outside:.1%} of the rows outside", aspect="equal"
    )
plt.show()

# %%
# How it forms
# ------------
#
# The generator begins inside of the data. The density moves its draws
# outwards, until the distance from the data stops them. To show this
# without waiting for a flow, the density is given in closed form. Any
# object with a log-density for rows and for tensors can be used.


class TwoModes:
    """The density that the rows are drawn from."""

    def __init__(self):
        modes = Normal(
            torch.tensor([[-3.0, 0.0], [3.0, 0.0]]).double(), 0.5**0.5
        )
        self.mixture = MixtureSameFamily(
            Categorical(torch.ones(2)), Independent(modes, 1)
        )

    def log_density(self, x):
        return self.mixture.log_prob(x)

    def score_samples(self, X):
        return self.log_density(torch.as_tensor(X)).numpy()


detector = BDSGM(density=TwoModes(), scaler=None, random_state=0)
fig, axes = plt.subplots(
    1, 4, figsize=(14, 2.6), layout="constrained", sharex=True, sharey=True
)
for ax, n_steps in zip(axes, (2, 20, 100, 400), strict=True):
    detector.set_params(generator_steps=n_steps).fit(two_modes)
    ax.scatter(*two_modes[:500].T, s=3, color="silver")
    ax.scatter(
        *detector.sample_boundary(1000, random_state=0).T,
        s=5,
        color="tab:orange",
    )
    ax.set(title=f"{n_steps} steps", aspect="equal")
plt.show()

# %%
# How far out it is
# -----------------
#
# ``reference_batch_size`` is the number of rows to which the distance is
# measured in a step. With fewer rows the nearest one is farther away, above
# all at the edge, where rows are rare. The edge then shrinks towards the
# data, and more normal rows are outside: there are more alarms, and more
# false ones.

detector = BDSGM(
    density="gaussian", scaler=None, generator_steps=300, random_state=0
)
fig, axes = plt.subplots(
    1, 3, figsize=(11, 3.8), layout="constrained", sharex=True, sharey=True
)
for ax, size in zip(axes, (64, 256, 1024), strict=True):
    detector.set_params(reference_batch_size=size).fit(normal)
    ax.scatter(*normal[:500].T, s=3, color="silver")
    ax.scatter(
        *detector.sample_boundary(1000, random_state=0).T,
        s=5,
        color="tab:orange",
    )
    outside = detector.boundary_false_alarm_rate_
    ax.set(title=f"{size} rows: {outside:.1%} outside", aspect="equal")
plt.show()

# %%
# If some normal rows can be kept from training, a
# :class:`~skdeepad.calibration.ConformalDetector` gives a threshold with a
# promise, see :ref:`sphx_glr_auto_examples_begin_plot_threshold.py`.
# :ref:`bdsgm` has the method.
