"""Module of ADGM and SDGM."""

from collections.abc import Callable, Iterator, Sequence
from math import log

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..nn import Backbone, compress
from ._auxiliary_module import AuxiliaryModule
from ._layered_scores import Draw

# Terms of a combined score grow with their logarithm beyond this many units. The unit is the
# distance from the median to this quantile of the training rows' scores.
MOST_UNITS, UPPER_QUANTILE = 10.0, 0.9


class DeepGenerativeModule(AuxiliaryModule):
    """Model with K classes y, a classifier q(y|a,x) and a uniform p(y).

    A label is 0 for an unlabelled row, else 1 + the index of its class. ``normal`` is the mask of
    the classes that are not anomalies.
    """

    def __init__(
        self, *, heads: Backbone, normal: Tensor, n_inner: int, n_auxiliary: int, **kwargs
    ) -> None:
        n_classes = len(normal)
        super().__init__(
            heads=heads, n_inner=n_inner, n_auxiliary=n_auxiliary, n_classes=n_classes, **kwargs
        )
        self.n_classes = n_classes
        self.classifier = heads.make_encoder(n_inner + n_auxiliary, n_classes)
        self.register_buffer("normal", normal)
        self.normal_classes = normal.nonzero().flatten().tolist()
        # Medians and scales of the joint bound and of the log odds on the training rows.
        self.register_buffer("medians", torch.zeros(2, dtype=torch.float64))
        self.register_buffer("scales", torch.ones(2, dtype=torch.float64))
        #: α, the weight of −log q(y|a,x) of labelled rows
        self.register_buffer("classification_weight", torch.ones(()))

    def loss(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return L(x, y) − α log q(y|a,x) of labelled rows and U(x) of the others, from one draw.

        With the bound f of one class, L is −f for the row's own class and U is
        Σ_y q(y|a,x) (log q(y|a,x) − f).
        """
        classes = torch.arange(self.n_classes, device=x.device)
        free = torch.ones(len(x), 1, dtype=bool, device=x.device) if y is None else y[:, None] == 0
        possible = free if y is None else free | (y[:, None] == classes + 1)
        possible = possible.expand(-1, self.n_classes)
        h = self.features(x)
        noise_a = self.randn_like(x.new_empty(len(x), self.n_auxiliary))
        noise_z = self.randn_like(x.new_empty(int(possible.sum()), sum(self.widths)))
        f, log_q = self._bounds(x, h, possible, noise_a, noise_z)
        weights = torch.where(free, log_q.exp(), possible.to(f.dtype))
        cost = torch.where(free, self.warm_up(log_q), -self.classification_weight * log_q)
        return (weights * (cost - f)).sum(1)

    def _bounds(
        self, x: Tensor, h: Tensor, possible: Tensor, noise_a: Tensor, noise_z: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the bound f of each possible class, 0 for others, and log q(y|a,x), (batch, K).

        All of them use the same draw of a.
        """
        a, log_q_a = self.draw_auxiliary(h, noise_a)
        log_q = F.log_softmax(self.classifier(torch.cat([h, a], 1)), 1)
        row, k = possible.nonzero(as_tuple=True)
        y = F.one_hot(k, self.n_classes).to(x.dtype)
        draw = self.explain(x[row], h[row], a[row], log_q_a[row], y, noise_z)
        f = self._bound(draw)
        return f.new_zeros(possible.shape).masked_scatter(possible, f), log_q

    def _bound(self, draw: Draw) -> Tensor:
        """Return f, (batch,), from the terms of a draw; scores need it in float64."""
        cost = self.warm_up(draw.kl + log(self.n_classes))
        return -draw.nll.sum(1, dtype=cost.dtype if self.training else torch.float64) - cost

    # Scores ----------------------------------------------------------------------------------

    def draws(self, x: Tensor, classes: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the bounds f of some classes, (batch, n_classes), and log q(y|a,x), in float64.

        There is one pair for each of the fixed draws.
        """
        h = self.features(x)
        one_hot = F.one_hot(torch.tensor(classes, device=x.device), self.n_classes).to(x.dtype)
        for noise in self.noise.expand(x.shape[0], -1, -1).unbind(1):
            noise_a, noise_z = noise.split((self.n_auxiliary, sum(self.widths)), 1)
            a, log_q_a = self.draw_auxiliary(h, noise_a)
            log_q = F.log_softmax(self.classifier(torch.cat([h, a], 1)), 1).double()
            explained = [
                self.explain(x, h, a, log_q_a, y.expand(x.shape[0], -1), noise_z) for y in one_hot
            ]
            yield torch.stack([self._bound(draw) for draw in explained], 1), log_q

    def joint(self, x: Tensor) -> Tensor:
        """Return the bound of −log p(x, y normal)."""
        f = torch.stack([f for f, _ in self.draws(x, self.normal_classes)]).mean(0)
        return -torch.logsumexp(f, 1)

    def posterior(self, x: Tensor) -> Tensor:
        """Return the log odds of an anomaly, log q(y anomalous|x) − log q(y normal|x)."""
        log_q = self.log_classes(x)
        anomalous = log_q.masked_fill(self.normal, -torch.inf)
        normal = log_q.masked_fill(~self.normal, -torch.inf)
        return torch.logsumexp(anomalous, 1) - torch.logsumexp(normal, 1)

    def marginal(self, x: Tensor) -> Tensor:
        """Return U(x), the bound of −log p(x)."""
        draws = self.draws(x, range(self.n_classes))
        return torch.stack([(q.exp() * (q - f)).sum(1) for f, q in draws]).mean(0)

    negative_elbo = marginal

    def joint_and_posterior(self, x: Tensor) -> Tensor:
        """Return both scores, (batch, 2)."""
        return torch.stack([self.joint(x), self.posterior(x)], 1)

    def calibrate(self, scores: np.ndarray) -> None:
        """Set medians and scales from both scores of the training rows."""
        medians, high = np.quantile(scores, [0.5, UPPER_QUANTILE], axis=0)
        scales = high - medians
        self.medians.copy_(torch.as_tensor(medians))
        self.scales.copy_(torch.as_tensor(np.where(scales > 0, scales, 1.0)))

    def combined(self, x: Tensor) -> Tensor:
        """Return the sum of both scores, each on the scale of the training rows.

        Log odds below the median count as 0. A row that is improbable as a normal one thus stays
        anomalous even if it differs clearly from the known anomalies.
        """
        if len(self.normal_classes) == self.n_classes:
            return self.joint(x)
        units = (self.joint_and_posterior(x) - self.medians) / self.scales
        units = compress(units, MOST_UNITS)
        return units[:, 0] + units[:, 1].clamp_min(0)

    def anomaly_score(self, x: Tensor) -> Tensor:
        return SCORES[self.score](self, x)

    def log_classes(self, x: Tensor) -> Tensor:
        """Return the log of the mean of q(y|a,x) over the draws of a, (batch, K)."""
        h, log_q = self.features(x), []
        for noise in self.noise[:, : self.n_auxiliary]:
            a, _ = self.draw_auxiliary(h, noise.expand(x.shape[0], -1))
            log_q.append(F.log_softmax(self.classifier(torch.cat([h, a], 1)).double(), 1))
        return torch.logsumexp(torch.stack(log_q), 0) - log(len(log_q))

    # Codes -----------------------------------------------------------------------------------

    def normal_class(self, h: Tensor, a: Tensor) -> Tensor:
        """Return one-hot vectors of the most probable normal class."""
        logits = self.classifier(torch.cat([h, a], 1)).masked_fill(~self.normal, -torch.inf)
        return F.one_hot(logits.argmax(1), self.n_classes).to(h.dtype)

    def encode(self, x: Tensor) -> Tensor:
        h = self.features(x)
        a = self.q_a(h)[0]
        return self.code(h, a, self.normal_class(h, a))

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean of p(x|·) over the normal classes."""
        classes = torch.eye(self.n_classes, device=z.device)[self.normal]
        outputs = [self.output_from(z, y.expand(len(z), -1)) for y in classes]
        return torch.stack([self.likelihood.mean(output) for output in outputs]).mean(0)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return the mean of p(x|·) for the code in the most probable normal class."""
        h = self.features(x)
        a = self.q_a(h)[0]
        y = self.normal_class(h, a)
        return self.likelihood.mean(self.output_from(self.code(h, a, y), y))

    def generate(self, noise: Tensor) -> Tensor:
        """Generate a row from each row of one-hot class and standard normal noise."""
        return self.generate_from(noise[:, self.n_classes :], noise[:, : self.n_classes])

    def contributions(self, x: Tensor) -> Tensor:
        """Return each feature's part of −E log p(x|·) in the most probable normal class."""
        h = self.features(x)
        y = self.normal_class(h, self.q_a(h)[0])
        nll = []
        for noise in self.noise:
            noise_a, noise_z = noise.expand(len(x), -1).split(
                (self.n_auxiliary, sum(self.widths)), 1
            )
            a, log_q_a = self.draw_auxiliary(h, noise_a)
            nll.append(self.explain(x, h, a, log_q_a, y, noise_z).nll)
        return torch.stack(nll).mean(0)


SCORES: dict[str, Callable[[DeepGenerativeModule, Tensor], Tensor]] = {
    "combined": DeepGenerativeModule.combined,
    "joint": DeepGenerativeModule.joint,
    "posterior": DeepGenerativeModule.posterior,
    "marginal": DeepGenerativeModule.marginal,
}
