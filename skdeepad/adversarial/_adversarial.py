"""Base classes of the adversarial detectors."""

from collections.abc import Sequence

import numpy as np
from sklearn.preprocessing import MinMaxScaler
from torch import nn

from .._validation import Interval, Real, check_is_fitted, is_count, is_integer
from ..base import (
    COUNT,
    NON_NEGATIVE,
    SHARE_BELOW_ONE,
    BaseDetector,
    ReconstructorMixin,
    SamplerMixin,
    detector,
    param,
)
from ..nn import check_batch_norm
from ..training import AdversarialNet
from ._context import Context


@detector
class AdversarialDetector(BaseDetector):
    """Base class of the detectors with a generator and a discriminator.

    None of them can stop early, because the loss of one player depends on the other one.
    """

    net_class = AdversarialNet

    n_latent: int | None = param(COUNT, None, default=None)
    label_smoothing: float = param(Interval(Real, 0, 0.5, closed="left"), default=0.0, to="module")
    gradient_penalty_weight: float = param(NON_NEGATIVE, default=0.1, to="module")
    average_decay: float = param(SHARE_BELOW_ONE, default=0.999, to="net")
    turns: Sequence[int] = param("array-like", default=(1, 1))
    lr_milestones: Sequence[float] = param("array-like", default=(), to="net")
    hidden_layer_sizes = (128, 64)
    activation = "leaky_relu"
    scaler = "minmax"
    max_epochs = 2000
    max_steps = 3000
    lr = 5e-4
    batch_size = 64

    def _n_latent(self, n_values: int) -> int:
        """Return the size of the code."""
        default = min(32, max(2, n_values // 2)) if self.backbone is None else 100
        return default if self.n_latent is None else self.n_latent

    def _net_parameters(self) -> dict:
        turns = dict(zip(("discriminator", "generator"), self.turns, strict=True))
        return super()._net_parameters() | {"turns": turns}

    def _make_scaler(self, seed: int):
        # This is the range of tanh, the last layer of DCGAN's generators.
        return MinMaxScaler((-1, 1)) if self.scaler == "minmax" else super()._make_scaler(seed)

    def _check_rows(self, X: np.ndarray) -> None:
        super()._check_rows(X)
        turns = self.turns
        if len(turns) != 2 or not all(map(is_count, turns)):
            raise ValueError(
                f"turns={turns!r} must be two positive integers: turns of the discriminator, and "
                "of the other players."
            )
        check_batch_norm(self.batch_size, getattr(self.backbone, "batch_norm", False))

    @property
    def generator_(self) -> nn.Module:
        check_is_fitted(self)
        return self.net_.module_.generator

    @property
    def discriminator_(self) -> nn.Module:
        check_is_fitted(self)
        return self.net_.module_.discriminator


@detector
class ContextualDetector(SamplerMixin, ReconstructorMixin, AdversarialDetector):
    """Base class of the detectors that can score a row in the context of some of its columns."""

    context_columns: Sequence | None = param("array-like", None, default=None)

    def _context_numbers(self, n_features: int) -> list[int]:
        """Return the numbers of the context columns, which may be given by name."""
        names = list(getattr(self, "feature_names_in_", ()))
        columns = [] if self.context_columns is None else list(self.context_columns)
        numbers = [names.index(c) if c in names else c for c in columns]
        known = all(is_integer(c) and -n_features <= c < n_features for c in numbers)
        numbers = {int(c) % n_features for c in numbers} if known else set()
        if not known or len(numbers) < len(columns) or len(numbers) == n_features:
            raise ValueError(
                f"context_columns={self.context_columns!r} must be different names or numbers of "
                f"the {n_features} columns of X, and leave at least one."
            )
        return sorted(numbers)

    def _make_context(self, n_features: int) -> Context:
        return Context(n_features, self._context_numbers(n_features))

    def _decoded_columns(self, X: np.ndarray) -> np.ndarray:
        return np.delete(X, self._context_numbers(X.shape[1]), axis=1)

    def _train(self, run, net, X, y) -> None:
        run(net, X, y)
        if self.context_columns is not None:
            net.module_.context.remember(X)

    def _draw_noise(self, n_samples: int, rng: np.random.RandomState) -> np.ndarray:
        z = super()._draw_noise(n_samples, rng)
        contexts = self.net_.module_.context.drawn.cpu().numpy()
        return np.c_[z, contexts[rng.randint(len(contexts), size=n_samples)]]
