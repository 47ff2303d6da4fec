"""What the adversarial methods share: their discriminator, contexts, and parameters."""

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.preprocessing import MinMaxScaler
from torch import Tensor, nn

from .._validation import Integral, Interval, Real, check_is_fitted
from ..base import COUNT, NON_NEGATIVE, SHARE_BELOW_ONE, BaseDetector, SamplerMixin, detector, param
from ..nn import ScalarNet, Stochastic, check_batch_norm, squared_gradient
from ..training import AdversarialNet

# Contexts of training rows that are kept to draw rows in.
MAX_CONTEXTS = 1000


class Discriminator(ScalarNet):
    """D: features f of a row, and from them the log odds that the row is real."""


class Context(nn.Module):
    """Which columns of a row are its context c; the others are its values v."""

    def __init__(self, n_features: int, columns: Sequence[int]) -> None:
        super().__init__()
        others = [column for column in range(n_features) if column not in columns]
        self.n_values, self.n_columns = len(others), len(columns)
        self.register_buffer("order", torch.tensor([*others, *columns]))
        self.register_buffer("drawn", torch.zeros(1, len(columns)))

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values v and context c."""
        if not self.n_columns:
            return x, x[:, :0]
        return x[:, self.order].tensor_split((self.n_values,), 1)

    def join(self, v: Tensor, c: Tensor) -> Tensor:
        """The rows of values and contexts."""
        if not self.n_columns:
            return v
        rows = torch.cat([v, c], 1)
        return torch.empty_like(rows).index_copy_(1, self.order, rows)

    def remember(self, X: np.ndarray) -> None:
        """Keep the contexts of evenly spaced training rows."""
        rows = torch.as_tensor(X[:: -(-len(X) // MAX_CONTEXTS)], device=self.order.device)
        self.drawn = self.split(rows)[1].clone()


class ContextualGenerator(Stochastic):
    """Base of modules with G(z|c), whose codes are z and the context beside it.

    A subclass has the ``generator``, and ``encode(x)``.
    """

    def __init__(self, context: Context, n_noise: int) -> None:
        super().__init__()
        self.context = context
        self.n_noise = n_noise

    @property
    def n_latent(self) -> int:
        return self.n_noise + self.context.n_columns

    def draw(self, c: Tensor) -> Tensor:
        """Draw z ~ N(0, I), one for each context."""
        return self.randn_like(c.new_empty(len(c), self.n_noise))

    def generate_in(self, c: Tensor, z: Tensor) -> Tensor:
        """The rows of G(z|c) and c."""
        return self.context.join(self.generator(torch.cat([z, c], 1)), c)

    def decode(self, code: Tensor) -> Tensor:
        z, c = code.tensor_split((self.n_noise,), 1)
        return self.generate_in(c, z)

    def generate(self, noise: Tensor) -> Tensor:
        return self.decode(noise)

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))


def r1_penalty(discriminator, x: Tensor, weight: float) -> Tensor:
    """Half the squared gradient of the log odds of real rows, (batch,), times ``weight``."""
    with torch.enable_grad():  # where the loss is measured alone, too
        x = x.detach().requires_grad_(True)
        penalty = weight / 2 * squared_gradient(discriminator(x), x)
    return penalty if torch.is_grad_enabled() else penalty.detach()


class ConditionalMixin(SamplerMixin):
    """What detectors with ``context_columns`` share."""

    def _context_columns(self, n_features: int) -> list[int]:
        """Numbers of the columns that are the context of a row."""
        names = list(getattr(self, "feature_names_in_", ()))
        columns = [] if self.context_columns is None else list(self.context_columns)
        numbers = [names.index(c) if c in names else c for c in columns]
        known = all(isinstance(c, Integral) and -n_features <= c < n_features for c in numbers)
        numbers = {int(c) % n_features for c in numbers} if known else set()
        if not known or len(numbers) < len(columns) or len(numbers) == n_features:
            raise ValueError(
                f"context_columns={self.context_columns!r} must be different names or numbers of "
                f"the {n_features} columns of X, and leave one at least."
            )
        if numbers and self.backbone is not None:
            raise ValueError(
                f"context_columns={self.context_columns!r} needs backbone=None, got "
                f"{self.backbone!r}: a context is no part of an image."
            )
        return sorted(numbers)

    def _draw_noise(self, n_samples: int, rng: np.random.RandomState) -> np.ndarray:
        z = super()._draw_noise(n_samples, rng)
        contexts = self.net_.module_.context.drawn.cpu().numpy()
        return np.c_[z, contexts[rng.randint(len(contexts), size=n_samples)]]


@detector
class AdversarialDetector(BaseDetector):
    """Base of the detectors with a generator and a discriminator.

    None stops early: the loss of one player says nothing of how far the other one is.
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

    #: The players that share their number of turns.
    _opponents: tuple[str, ...] = ("generator",)

    def _n_latent(self, n_values: int) -> int:
        """Size of the code."""
        default = min(32, max(2, n_values // 2)) if self.backbone is None else 100
        return default if self.n_latent is None else self.n_latent

    def _net_parameters(self) -> dict:
        of_discriminator, of_opponents = self.turns
        turns = {"discriminator": of_discriminator} | dict.fromkeys(self._opponents, of_opponents)
        return super()._net_parameters() | {"turns": turns}

    def _make_scaler(self, seed: int):
        # The range of a tanh, with which DCGAN's generators end.
        return MinMaxScaler((-1, 1)) if self.scaler == "minmax" else super()._make_scaler(seed)

    def _check_rows(self, X: np.ndarray) -> None:
        turns = self.turns
        if len(turns) != 2 or not all(isinstance(n, Integral) and n > 0 for n in turns):
            raise ValueError(
                f"turns={turns!r} must be two positive integers: turns of the discriminator, and "
                "of the other players."
            )
        check_batch_norm(self.batch_size, getattr(self.backbone, "batch_norm", False))
        low, high = getattr(self.backbone, "output_range", (-np.inf, np.inf))
        if self.scaler == "minmax":  # later rows of a training that goes on may lie outside
            return
        if X.min() < low - 1e-3 or X.max() > high + 1e-3:
            raise ValueError(
                f"backbone={self.backbone!r} makes values in [{low:g}, {high:g}], but the scaled "
                f"rows have values from {X.min():.3g} to {X.max():.3g}: bring them there, or use "
                "scaler='minmax'."
            )

    @property
    def generator_(self) -> nn.Module:
        check_is_fitted(self)
        return self.net_.module_.generator

    @property
    def discriminator_(self) -> nn.Module:
        check_is_fitted(self)
        return self.net_.module_.discriminator
