"""
===========================
Bring your own torch module
===========================

The default net of a detector is a stack of fully connected layers. It does
not know that the columns of a table are the hours of a day. Whoever does
can say so: a *backbone* is a small class that makes the encoder and the
decoder, and every detector takes it. This example writes one for days of
electricity demand, and compares it with the default.
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
# A row is a day of a household with a value for each half hour. Four times
# a day, at any hour, a boiler is switched on, and its demand falls slowly.
# On an odd day one of the four demands rises slowly and stops at once. No
# single value of such a day is unusual, and neither is its sum.

rng = np.random.default_rng(0)
hours = np.arange(48) / 2


def days(n, odd=False):
    demand = np.full((n, 48), 0.2)
    for event in range(4):
        after = (hours - rng.uniform(0, 24, (n, 1))) % 24
        if odd and event == 0:
            after = (24 - after) % 24
        demand += rng.uniform(0.5, 1.5, (n, 1)) * np.exp(-after / 1.5)
    return demand + 0.05 * rng.normal(size=demand.shape)


X_train = days(800)
X_test = np.vstack([days(300), days(60, odd=True)])
is_odd = np.arange(len(X_test)) >= 300

fig, axes = plt.subplots(
    2, 3, figsize=(11, 4), layout="constrained", sharex=True, sharey=True
)
for line, rows, name in zip(
    axes, (X_test[:3], X_test[300:303]), ("usual", "odd"), strict=True
):
    for ax, row in zip(line, rows, strict=True):
        ax.fill_between(
            hours,
            row,
            color="tab:blue" if name == "usual" else "tab:orange",
        )
        ax.set(title=f"{name} day", xticks=range(0, 25, 6))
fig.supxlabel("hour")
fig.supylabel("demand")
plt.show()

# %%
# The backbone
# ------------
#
# Its parameters are stored as they are, as in any scikit-learn object.
# ``make_encoder`` returns a module from rows to codes, and ``make_decoder``
# one from codes to rows. Here both are convolutions that go around
# midnight, ``padding_mode="circular"``, so that an event looks alike at any
# hour. All layers are those of torch, and any :class:`torch.nn.Module` of
# your own can stand in their place.


class DayBackbone(Backbone):
    """Convolutions around the clock; a code is a short series itself."""

    def __init__(
        self, channels=(16, 16), kernel_size=5, activation="leaky_relu"
    ):
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
        length = n_features // 2 ** len(self.channels)
        layers, n_in = [nn.Unflatten(1, (1, n_features))], 1
        for n_out in self.channels:
            layers += [
                self._convolution(n_in, n_out, bias, 2),
                make_activation(self.activation),
            ]
            n_in = n_out
        return nn.Sequential(
            *layers,
            self._convolution(n_in, n_outputs // length, bias),
            nn.Flatten(),
        )

    def make_decoder(self, n_inputs, n_features, *, bias=True):
        length = n_features // 2 ** len(self.channels)
        n_in = n_inputs // length
        layers = [nn.Unflatten(1, (n_in, length))]
        for n_out in reversed(self.channels):
            layers += [
                nn.Upsample(scale_factor=2),
                self._convolution(n_in, n_out, bias),
            ]
            layers.append(make_activation(self.activation))
            n_in = n_out
        return nn.Sequential(
            *layers, self._convolution(n_in, 1, bias), nn.Flatten()
        )


# %%
# With the default and with the backbone
# --------------------------------------
#
# The two detectors differ in their nets alone. Their codes have 24 numbers,
# half as many as the rows. The pictures show an odd day, and what each
# detector reconstructs of it.

common = {
    "n_latent": 24,
    "scaler": None,
    "trim": 0,
    "max_steps": 700,
    "random_state": 0,
}
detectors = {
    "fully connected": AutoEncoder(
        hidden_layer_sizes=(128, 64), activation="leaky_relu", **common
    ),
    "DayBackbone": AutoEncoder(backbone=DayBackbone(), **common),
}

fig, axes = plt.subplots(
    1, 2, figsize=(11, 3), layout="constrained", sharey=True
)
for ax, (name, detector) in zip(axes, detectors.items(), strict=True):
    detector.fit(X_train)
    n_weights = sum(
        weights.numel() for weights in detector.net_.module_.parameters()
    )
    ax.fill_between(
        hours,
        X_test[300],
        color="tab:orange",
        alpha=0.4,
        label="an odd day",
    )
    ax.plot(
        hours,
        detector.reconstruct(X_test[[300]])[0],
        color="black",
        label="reconstructed",
    )
    ax.set(
        title=f"{name}, {n_weights:,} weights",
        xlabel="hour",
        xticks=range(0, 25, 6),
    )
axes[0].legend()
plt.show()

# %%
# How many days does it take?
# ---------------------------
#
# The fully connected net would have to learn each event anew at each hour.
# It reconstructs usual days so badly that odd ones are not worse, even
# after 800 days. The convolutions learn what an event looks like from all
# hours at once.

sizes = (100, 800)
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for i, (name, detector) in enumerate(detectors.items()):
    aucs = [
        anomaly_roc_auc(
            is_odd, detector.fit(X_train[:size]).score_samples(X_test)
        )
        for size in sizes
    ]
    bars = ax.bar(np.arange(2) + 0.4 * i, aucs, width=0.38, label=name)
    ax.bar_label(bars, fmt="{:.2f}")
ax.axhline(0.5, color="black", linestyle=":", label="by chance")
ax.set_xticks(
    np.arange(2) + 0.2, [f"{size} training days" for size in sizes]
)
ax.set(ylabel="ROC AUC", ylim=(0, 1.35))
ax.legend(ncols=3, loc="upper center")
plt.show()

# %%
# Parameters of a backbone are parameters of the detector, for a search as
# well: ``{"backbone__channels": [(8, 8), (16, 16)],
# "backbone__kernel_size": [3, 5]}``. Detectors without a decoder, such as
# :class:`~skdeepad.DeepSVDD`, use ``make_encoder`` alone, with
# ``bias=False``. For images there are :class:`~skdeepad.nn.ConvBackbone`
# and :class:`~skdeepad.nn.DCGANBackbone`, see :ref:`api_nn`.
