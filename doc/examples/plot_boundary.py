"""
=================================
Where does normality end?
=================================

:class:`~skdeepad.BDSGM` learns the density of normal rows with an invertible residual network, and
trains a generator of the boundary of their support. The example has three distributions of two
features: the standard normal one, another Gaussian, and a mixture of two separate Gaussians.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from skdeepad import BDSGM
from skdeepad.inspection import BoundaryDisplay

rng = np.random.RandomState(0)
normal = rng.standard_normal((4096, 2))
correlated = normal @ np.transpose([[1, 0], [0.8, 0.6]]) + [1, -1]
two_modes = 0.5**0.5 * normal
two_modes[:, 0] += rng.choice([-3, 3], 4096)


# %%
# A Gaussian has a density in closed form, ``density="gaussian"``. For other distributions, any
# density with a log-density for rows and for tensors can be used:


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
# The upper row has the flow, the lower row the closed form. Orange points are draws from the
# boundary. The line is the threshold :math:`\tau`, the median of their densities. The rows are not
# scaled, as in the paper. Between the two modes the boundary gets few draws, because the generator
# is continuous.

data = {
    "standard normal": (normal, "gaussian"),
    "correlated": (correlated, "gaussian"),
    "two modes": (two_modes, TwoModes()),
}
flows = {
    name: BDSGM(scaler=None, max_steps=500, random_state=0).fit(rows)
    for name, (rows, _) in data.items()
}
closed = {
    name: BDSGM(density=density, scaler=None, random_state=0).fit(rows)
    for name, (rows, density) in data.items()
}
fig, axes = plt.subplots(2, 3, figsize=(14, 7), width_ratios=[4, 4, 7], layout="constrained")
for row, detectors in zip(axes, (flows, closed), strict=True):
    for ax, (name, detector) in zip(row, detectors.items(), strict=True):
        display = BoundaryDisplay.from_estimator(
            detector, data[name][0][:500], response="density", random_state=0, ax=ax
        )
        display.ax_.get_legend().remove()
        outside = detector.boundary_false_alarm_rate_
        kind = "flow" if detectors is flows else "closed form"
        ax.set(title=f"{name}, {kind}\n{outside:.1%} of the rows outside", aspect="equal")

# %%
# The next plots show the generator in training. It begins inside of the data. The density term
# moves it outwards until the distance from the data stops it.

stages = (2, 20, 100, 1000)
fig, axes = plt.subplots(2, 4, figsize=(14, 5.5), layout="constrained", sharex="row", sharey="row")
for row, name in zip(axes, ("standard normal", "two modes"), strict=True):
    rows, density = data[name]
    for ax, n_steps in zip(row, stages, strict=True):
        detector = BDSGM(density=density, scaler=None, generator_steps=n_steps, random_state=0)
        ax.scatter(*rows[:500].T, s=3, color="silver")
        ax.scatter(*detector.fit(rows).sample_boundary(1000, random_state=0).T, s=5)
        ax.set(title=f"{n_steps} steps", aspect="equal")

# %%
# The next plots show its loss by epoch, with the flow and with the closed form:

fig, axes = plt.subplots(1, 3, figsize=(12, 3.5), layout="constrained", sharey=True)
for ax, name in zip(axes, data, strict=True):
    for kind, detectors in {"flow": flows, "closed form": closed}.items():
        loss = detectors[name].boundary_history_["train_loss"]
        ax.plot(np.arange(1, len(loss) + 1), loss, label=kind)
    ax.set(title=name, xlabel="epoch")
axes[0].set(ylabel="loss L")
axes[0].legend()

# %%
# The sample size M is the number of rows to which the distance is measured in a step, and N is the
# batch size of the generator. With fewer rows the nearest one is farther away, above all at the
# edge, where rows are rare. The boundary then shrinks towards the data, and more normal rows are
# outside. With a smaller N, more draws are still inside after the same number of steps.

sizes = {"M": (64, 256, 1024), "N": (32, 256)}
fig, axes = plt.subplots(2, 3, figsize=(11, 7.5), layout="constrained", sharex=True, sharey=True)
for row, n_batch in zip(axes, sizes["N"], strict=True):
    for ax, M in zip(row, sizes["M"], strict=True):
        detector = BDSGM(
            density="gaussian",
            scaler=None,
            reference_batch_size=M,
            generator_batch_size=n_batch,
            random_state=0,
        ).fit(normal)
        ax.scatter(*normal[:500].T, s=3, color="silver")
        ax.scatter(*detector.sample_boundary(1000, random_state=0).T, s=5)
        outside = detector.boundary_false_alarm_rate_
        ax.set(title=f"M = {M}, N = {n_batch}: {outside:.1%} outside", aspect="equal")
plt.show()
