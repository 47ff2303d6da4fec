"""
===========================
Bring your own torch module
===========================

The default net of a detector is a stack of fully connected layers. It does not know that the
columns of a table are the hours of a day. Whoever does can say so: a *backbone* is a small class
that makes the encoder and the decoder, and every detector takes it. This example writes one for
days of electricity demand, and compares it with the default.
"""

import matplotlib.pyplot as plt
import numpy as np
from torch import nn

from skdeepad import AutoEncoder
from skdeepad.metrics import anomaly_roc_auc
from skdeepad.nn import Backbone, make_activation

# %%
# The days
# --------
#
# A row is a day with a value for each half hour. Two shifts of a factory follow one another, and
# the first may begin at any hour, so that the peaks go around midnight. On an odd day the demand is
# cut off for an hour and a half, or its second peak is as narrow as the first one.

rng = np.random.default_rng(0)
hours = np.arange(48) / 2


def peaks(centers, width):
    """A bump in each row that goes around midnight."""
    distance = (hours - centers[:, None] + 12) % 24 - 12
    return np.exp(-0.5 * (distance / width) ** 2)


def days(n, kind="normal"):
    first = rng.uniform(0, 24, n)
    second = peaks(first + 9, 1.2 if kind == "narrow" else 2.5)
    demand = 0.2 + rng.uniform(0.8, 1.2, (n, 1)) * (peaks(first, 1.2) + second)
    if kind == "cut off":
        demand[peaks(first + 9 + rng.uniform(-2, 2, n), 0.5) > 0.3] = 0.2
    return demand + 0.04 * rng.normal(size=demand.shape)


X_test = np.vstack([days(300), days(40, "cut off"), days(40, "narrow")])
is_odd = np.arange(len(X_test)) >= 300

fig, axes = plt.subplots(1, 3, figsize=(11, 2.8), layout="constrained", sharey=True)
for ax, kind, rows in zip(
    axes,
    ("normal", "cut off", "narrow"),
    (X_test[:4], X_test[300:304], X_test[340:344]),
    strict=True,
):
    ax.plot(hours, rows.T)
    ax.set(title=kind, xlabel="hour", xticks=range(0, 25, 6))
axes[0].set(ylabel="demand")
plt.show()

# %%
# The backbone
# ------------
#
# Its parameters are stored as they are, as in any scikit-learn object. ``make_encoder`` returns a
# module from rows to codes, and ``make_decoder`` one from codes to rows. Here both consist of
# convolutions that go around midnight, ``padding_mode="circular"``. Every layer is one of torch's;
# any other :class:`torch.nn.Module` can be used in the same way.


class DayBackbone(Backbone):
    """Convolutions around the clock."""

    def __init__(self, channels=(8, 16), kernel_size=5, activation="leaky_relu"):
        self.channels = channels
        self.kernel_size = kernel_size
        self.activation = activation

    def _convolution(self, n_in, n_out, bias, stride=1):
        return nn.Conv1d(
            n_in,
            n_out,
            self.kernel_size,
            stride,
            padding=self.kernel_size // 2,
            padding_mode="circular",
            bias=bias,
        )

    def make_encoder(self, n_features, n_outputs, *, bias=True):
        layers, n_in = [nn.Unflatten(1, (1, n_features))], 1
        for n_out in self.channels:
            layers += [self._convolution(n_in, n_out, bias, 2), make_activation(self.activation)]
            n_in = n_out
        n_hidden = n_in * n_features // 2 ** len(self.channels)
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(n_hidden, n_outputs, bias=bias))

    def make_decoder(self, n_inputs, n_features, *, bias=True):
        n_in, length = self.channels[-1], n_features // 2 ** len(self.channels)
        layers = [nn.Linear(n_inputs, n_in * length, bias=bias), nn.Unflatten(1, (n_in, length))]
        for n_out in (*self.channels[-2::-1], self.channels[0]):
            layers += [nn.Upsample(scale_factor=2), self._convolution(n_in, n_out, bias)]
            layers.append(make_activation(self.activation))
            n_in = n_out
        return nn.Sequential(*layers, self._convolution(n_in, 1, bias), nn.Flatten())


# %%
# With the default and with the backbone
# --------------------------------------
#
# Both detectors differ in the net alone. Their codes have three numbers, as a day is described by
# its hour, as a point of a circle, and by its height.

common = {"n_latent": 3, "scaler": None, "trim": 0, "max_steps": 1200, "random_state": 0}
X_train = days(800)
detectors = {
    "fully connected": AutoEncoder(hidden_layer_sizes=(64, 32), activation="leaky_relu", **common),
    "DayBackbone": AutoEncoder(backbone=DayBackbone(), **common),
}

fig, axes = plt.subplots(2, 3, figsize=(11, 5), layout="constrained", sharex=True, sharey=True)
for line, (name, detector) in zip(axes, detectors.items(), strict=True):
    detector.fit(X_train)
    auc = anomaly_roc_auc(is_odd, detector.score_samples(X_test))
    n_weights = sum(weights.numel() for weights in detector.net_.module_.parameters())
    print(f"{name}: {n_weights:,} weights, ROC AUC {auc:.2f}")
    for ax, row in zip(line, (1, 301, 341), strict=True):
        ax.plot(hours, X_test[row], color="black", linewidth=1, label="the day")
        ax.plot(
            hours, detector.reconstruct(X_test[[row]])[0], color="tab:blue", label="reconstructed"
        )
        score = -detector.score_samples(X_test[[row]])[0]
        ax.set(title=f"{name}, anomaly score {score:.1f}", xticks=range(0, 25, 6))
axes[0, 0].legend()
fig.supxlabel("hour")
plt.show()

# %%
# How many days does it take?
# ---------------------------
#
# A net that knows how the columns hang together needs fewer rows to learn the rest.

sizes = (50, 200, 800)
fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for name, detector in detectors.items():
    aucs = [
        anomaly_roc_auc(is_odd, detector.fit(X_train[:size]).score_samples(X_test))
        for size in sizes
    ]
    ax.plot(sizes, aucs, "o-", label=name)
ax.set(xscale="log", xlabel="training days", ylabel="ROC AUC", ylim=(None, 1))
ax.set_xticks(sizes, sizes)
ax.legend()
plt.show()

# %%
# Parameters of a backbone are parameters of the detector, for a search as well:
# ``{"backbone__channels": [(8, 16), (16, 32)], "backbone__kernel_size": [3, 5]}``. Detectors
# without a decoder, such as :class:`~skdeepad.DeepSVDD`, use ``make_encoder`` alone, with
# ``bias=False``. For images there are :class:`~skdeepad.nn.ConvBackbone` and
# :class:`~skdeepad.nn.DCGANBackbone`, see :ref:`api_nn`.
