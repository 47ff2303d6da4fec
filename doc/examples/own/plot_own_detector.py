"""
======================================
Write your own detector in fifty lines
======================================

A paper describes a loss and a score. Scaling, batches, training,
thresholds, saving and scikit-learn's rules are the same for every detector,
and stand ready. This example writes *neural transformation learning* [1]_,
which is not in this library: some forty lines of torch make it an estimator
that can be searched, explained, pickled and compared.

The idea: learn a few transformations of a row, such that each of them keeps
what makes the row this row, and yet all of them differ from one another.
This succeeds for rows like those of the training.

.. [1] C. Qiu et al., "Neural transformation learning for deep anomaly
   detection beyond images", ICML 2021, :arxiv:`2103.16440`.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from torch import nn

from skdeepad import DeepSVDD
from skdeepad.base import COUNT, POSITIVE, BaseDetector, detector, param
from skdeepad.datasets import (
    load_breastw,
    load_ionosphere,
    load_vowels,
    load_wdbc,
)
from skdeepad.inspection import HistoryDisplay
from skdeepad.metrics import anomaly_roc_auc

# %%
# The equations
# -------------
#
# A torch module has the equations of the paper and nothing else.
# ``loss(x)`` has a value for each row, and ``anomaly_score(x)`` is higher
# for more abnormal rows. With the code :math:`z` of the row and the codes
# :math:`z_k` of its :math:`K` transformations :math:`T_k(x) = x \cdot
# \sigma(M_k(x))`, and :math:`h(a, b) = \exp(\cos(a, b) / \tau)`,
#
# .. math::
#     \ell(x) = -\sum_k \log
#         \frac{h(z_k, z)}{h(z_k, z) + \sum_{l \ne k} h(z_k, z_l)} .
#
# It is the loss and the score at once.


class TransformationModule(nn.Module):
    """Transformations M_k and an encoder that tells them apart."""

    def __init__(self, encoder, transformations, temperature):
        super().__init__()
        self.encoder = encoder
        self.transformations = nn.ModuleList(transformations)
        self.temperature = temperature

    def loss(self, x):
        views = torch.stack(
            [x] + [x * m(x).sigmoid() for m in self.transformations], dim=1
        )
        codes = nn.functional.normalize(
            self.encoder(views.flatten(0, 1)), dim=1
        )
        codes = codes.view(len(x), len(self.transformations) + 1, -1)
        similarity = codes @ codes.mT / self.temperature
        similarity = similarity - 1e9 * torch.eye(
            similarity.shape[1]
        )  # h(z_k, z_k) is left out
        return -similarity[:, 1:].log_softmax(dim=2)[:, :, 0].sum(1)

    def anomaly_score(self, x):
        return self.loss(x).double()


# %%
# The detector
# ------------
#
# ``@detector`` makes the constructor and the checks from declared
# parameters, and ``_make_module`` returns a new module for rows of a width.
# A default of the common parameters is changed by a line of its own.


@detector
class NeuralTransformations(BaseDetector):
    """Rows whose transformations cannot be told apart are anomalous."""

    n_transformations: int = param(COUNT, default=8)
    temperature: float = param(POSITIVE, default=0.1)
    max_epochs = 200
    max_steps = 500

    def _make_module(self, n_features):
        backbone = self._make_backbone(
            hidden_layer_sizes=self.hidden_layer_sizes
        )
        transformations = [
            backbone.make_decoder(n_features, n_features)
            for _ in range(self.n_transformations)
        ]
        encoder = backbone.make_encoder(n_features, 24)
        return TransformationModule(
            encoder, transformations, self.temperature
        )


# %%
# It is an estimator
# ------------------
#
# Nothing else has to be written. The detector has its parameters, refuses
# wrong ones, can be cloned, gives the same scores for the same seed, and
# shows how it was trained.

X, y = load_ionosphere(return_X_y=True)
normal, anomalies = X[y == 0], X[y == 1]
mine = NeuralTransformations(trim=0, random_state=0).fit(normal[::2])
again = clone(mine).fit(normal[::2])
print(
    "The same scores:",
    np.array_equal(mine.score_samples(X), again.score_samples(X)),
)
try:
    NeuralTransformations(temperature=-1).fit(X)
except ValueError as error:
    print(error)

fig, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
HistoryDisplay.from_estimator(mine, ax=axes[0])
for rows, label in (
    (normal[1::2], "normal, not in training"),
    (anomalies, "anomalies"),
):
    axes[1].hist(
        -mine.score_samples(rows), 30, density=True, alpha=0.6, label=label
    )
axes[1].set(xlabel="anomaly score", yticks=[])
axes[1].legend()
plt.show()

# %%
# Is it any good?
# ---------------
#
# Half of the normal rows of four tables are for training, and the others
# and all anomalies for testing. Four tables are enough to see that it
# works, and far too few to say that a method is better than another.

sets = {
    "ionosphere": load_ionosphere,
    "vowels": load_vowels,
    "breastw": load_breastw,
    "wdbc": load_wdbc,
}
detectors = {
    "NeuralTransformations": NeuralTransformations(trim=0, random_state=0),
    "DeepSVDD": DeepSVDD(trim=0, random_state=0),
    "isolation forest": IsolationForest(random_state=0),
}
fig, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
for i, (name, each) in enumerate(detectors.items()):
    aucs = []
    for load in sets.values():
        X, y = load(return_X_y=True)
        test = np.ones(len(y), dtype=bool)
        test[np.flatnonzero(y == 0)[::2]] = False
        scores = each.fit(X[~test]).score_samples(X[test])
        aucs.append(anomaly_roc_auc(y[test], scores))
    bars = ax.bar(
        np.arange(len(sets)) + 0.27 * (i - 1), aucs, width=0.25, label=name
    )
    ax.bar_label(bars, fmt="{:.2f}", fontsize="small")
ax.set_xticks(range(len(sets)), sets)
ax.set(ylabel="ROC AUC", ylim=(0.4, 1.05))
ax.legend(loc="lower left")
plt.show()

# %%
# A capability is a mixin away (:ref:`api_nn`): with ``encode`` and
# :class:`~skdeepad.base.EncoderMixin` the detector has ``transform``, and
# with ``decode`` it reconstructs and explains. The page
# :doc:`/contributing` tells all of it, has an even shorter example, and
# runs scikit-learn's ``check_estimator`` on it.
