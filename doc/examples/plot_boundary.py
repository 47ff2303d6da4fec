"""
=================================
Where does normality end?
=================================

:class:`~skdeepad.BDSGM` learns the density of normal rows with an invertible residual network, and
brings a generator to the boundary of their support. Two distributions of two features: one Gaussian,
and two that are apart.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from skdeepad import BDSGM
from skdeepad.inspection import BoundaryDisplay

rng = np.random.RandomState(0)
one_mode = rng.standard_normal((4096, 2)) @ np.transpose([[1, 0], [0.8, 0.6]]) + [1, -1]
two_modes = 0.5**0.5 * rng.standard_normal((4096, 2)) + rng.choice([[-3, 0], [3, 0]], 4096)


# %%
# Of one Gaussian the density has a closed form, ``density="gaussian"``. Of others any density will
# do that has a log-density for rows and for tensors:


class TwoModes:
    """The density that the rows are drawn from."""

    def __init__(self):
        modes = Normal(torch.tensor([[-3.0, 0.0], [3.0, 0.0]]).double(), 0.5**0.5)
        self.mixture = MixtureSameFamily(Categorical(torch.ones(2)), Independent(modes, 1))

    def log_density(self, x):
        return self.mixture.log_prob(x)

    def score_samples(self, X):
        return self.log_density(torch.as_tensor(X)).numpy()


# %%
# The flow and the closed form, one mode and two. Orange: draws from the boundary; the line: the
# threshold :math:`\tau`, the median of their densities.

detectors = {
    ("flow", "one"): BDSGM(max_steps=800, random_state=0).fit(one_mode),
    ("closed form", "one"): BDSGM(density="gaussian", random_state=0).fit(one_mode),
    ("flow", "two"): BDSGM(max_steps=800, random_state=0).fit(two_modes),
    ("closed form", "two"): BDSGM(density=TwoModes(), random_state=0).fit(two_modes),
}
fig, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
for ax, (names, detector) in zip(axes.flat, detectors.items(), strict=True):
    rows = one_mode if names[1] == "one" else two_modes
    BoundaryDisplay.from_estimator(detector, rows[:300], response="density", random_state=0, ax=ax)
    outside = detector.boundary_false_alarm_rate_
    ax.set(title=f"{names[0]}: {outside:.1%} of the rows outside", aspect="equal")

# %%
# Training the generator, one pass over the rows after the other. It begins inside of the data, and
# the density drives it out until the distance from the data holds it.

stages = [4, 40, 200, 1000]
fig, axes = plt.subplots(2, 4, figsize=(13, 6), layout="constrained")
for row, rows, density in zip(axes, (one_mode, two_modes), ("gaussian", TwoModes()), strict=True):
    for ax, n_steps in zip(row, stages, strict=True):
        detector = BDSGM(density=density, generator_steps=n_steps, random_state=0).fit(rows)
        b = detector.sample_boundary(1000, random_state=0)
        ax.scatter(*rows[:500].T, s=3, color="silver")
        ax.scatter(*b.T, s=5)
        ax.set(title=f"{n_steps} steps", aspect="equal")

# %%
# The generator's loss, by epoch, over the flow and over the closed form:

fig, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for ax, modes in zip(axes, ("one", "two"), strict=True):
    for (density, of), detector in detectors.items():
        if of == modes:
            loss = detector.boundary_history_["train_loss"]
            ax.plot(np.arange(1, len(loss) + 1), loss, label=density)
    ax.set(title=f"{modes} mode{'s' if modes == 'two' else ''}", xlabel="epoch", ylabel="loss L")
axes[0].legend()

# %%
# The sample size M, rows of the data that the distance is taken to in a step, against the batch
# size N of the generator. With few rows at hand the nearest one is farther off, and the boundary
# shrinks towards the data: more normal rows are outside.

sizes = {"M": (64, 256, 1024), "N": (32, 256)}
fig, axes = plt.subplots(2, 3, figsize=(10, 6.5), layout="constrained", sharex=True, sharey=True)
for row, n_batch in zip(axes, sizes["N"], strict=True):
    for ax, n_reference in zip(row, sizes["M"], strict=True):
        detector = BDSGM(
            density="gaussian",
            n_reference=n_reference,
            generator_batch_size=n_batch,
            random_state=0,
        ).fit(one_mode)
        ax.scatter(*one_mode[:500].T, s=3, color="silver")
        ax.scatter(*detector.sample_boundary(1000, random_state=0).T, s=5)
        outside = detector.boundary_false_alarm_rate_
        ax.set(title=f"M = {n_reference}, N = {n_batch}: {outside:.1%} outside", aspect="equal")
plt.show()
