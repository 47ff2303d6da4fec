"""Module of ADGM and SDGM."""

from collections.abc import Callable, Sequence
from math import log

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..nn import Backbone, compress
from ._auxiliary_module import AuxiliaryModule
from ._layered_scores import Draws, by_draw, repeated

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
        h, n_rows, n_classes = self.features(x), len(x), self.n_classes
        a, log_q_a = self.draw_auxiliary(h, self.randn_like(x.new_empty(n_rows, self.n_auxiliary)))
        log_q = F.log_softmax(self.classifier(torch.cat([h, a], 1)), 1)
        classes = torch.eye(n_classes, dtype=x.dtype, device=x.device)
        noise_z = self.randn_like(x.new_empty(n_rows * n_classes, sum(self.widths)))
        of_each = (repeated(values, n_classes) for values in (x, h, a, log_q_a))
        draw = self.explain(*of_each, classes.repeat_interleave(n_rows, 0), noise_z)
        f = by_draw(self._bound(draw), n_classes).T
        unlabelled = log_q.exp() * (self.warm_up(log_q) - f)
        if y is None:
            return unlabelled.sum(1)
        labelled = -f - self.classification_weight * log_q
        y, label = y[:, None], torch.arange(1, n_classes + 1, device=x.device)
        return torch.where(y == 0, unlabelled, torch.where(y == label, labelled, 0.0)).sum(1)

    def _bound(self, draws: Draws) -> Tensor:
        """Return f, (batch,), from the terms of draws; scores need it in float64."""
        cost = self.warm_up(draws.kl + log(self.n_classes))
        return -draws.nll.sum(1, dtype=cost.dtype if self.training else torch.float64) - cost

    # Scores ----------------------------------------------------------------------------------

    def draws(self, x: Tensor, classes: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return the bounds f of some classes and log q(y|a,x) at the fixed draws, in float64.

        Both are (n_draws, batch, n_classes).
        """
        x, h, noise_a, noise_z = self.at_each_draw(x)
        a, log_q_a = self.draw_auxiliary(h, noise_a)
        log_q = F.log_softmax(self.classifier(torch.cat([h, a], 1)), 1).double()
        one_hot = F.one_hot(torch.tensor(classes, device=x.device), self.n_classes).to(x.dtype)
        f = [
            self._bound(self.explain(x, h, a, log_q_a, y.expand(x.shape[0], -1), noise_z))
            for y in one_hot
        ]
        return by_draw(torch.stack(f, 1), self.n_draws), by_draw(log_q, self.n_draws)

    def joint(self, x: Tensor) -> Tensor:
        """Return the bound of −log p(x, y normal)."""
        f, _ = self.draws(x, self.normal_classes)
        return -torch.logsumexp(f.mean(0), 1)

    def posterior(self, x: Tensor) -> Tensor:
        """Return the log odds of an anomaly, log q(y anomalous|x) − log q(y normal|x)."""
        log_q = self.log_classes(x)
        anomalous = log_q.masked_fill(self.normal, -torch.inf)
        normal = log_q.masked_fill(~self.normal, -torch.inf)
        return torch.logsumexp(anomalous, 1) - torch.logsumexp(normal, 1)

    def marginal(self, x: Tensor) -> Tensor:
        """Return U(x), the bound of −log p(x)."""
        f, log_q = self.draws(x, range(self.n_classes))
        return (log_q.exp() * (log_q - f)).sum(2).mean(0)

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
        _, h, noise_a, _ = self.at_each_draw(x)
        a, _ = self.draw_auxiliary(h, noise_a)
        log_q = F.log_softmax(self.classifier(torch.cat([h, a], 1)).double(), 1)
        return torch.logsumexp(by_draw(log_q, self.n_draws), 0) - log(self.n_draws)

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
        x, h, noise_a, noise_z = self.at_each_draw(x)
        y = self.normal_class(h, self.q_a(h)[0])
        a, log_q_a = self.draw_auxiliary(h, noise_a)
        draws = self.explain(x, h, a, log_q_a, y, noise_z)
        return draws.by_draw(self.n_draws).nll.mean(0)


SCORES: dict[str, Callable[[DeepGenerativeModule, Tensor], Tensor]] = {
    "combined": DeepGenerativeModule.combined,
    "joint": DeepGenerativeModule.joint,
    "posterior": DeepGenerativeModule.posterior,
    "marginal": DeepGenerativeModule.marginal,
}
