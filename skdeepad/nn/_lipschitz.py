"""Maps with a bounded Lipschitz constant."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def spectral_norm(weight: Tensor) -> Tensor:
    """Return the exact largest singular value, or NaN for weights that are not finite."""
    try:
        return torch.linalg.matrix_norm(weight, 2)
    except torch.linalg.LinAlgError:  # of some of the nets that are trained as one, maybe
        is_finite = weight.isfinite().all()
        norm = torch.linalg.matrix_norm(torch.where(is_finite, weight, 0.0), 2)
        return torch.where(is_finite, norm, torch.nan)


class LipschitzLinear(nn.Linear):
    """A linear layer whose spectral norm is at most ``bound``."""

    def __init__(self, n_in: int, n_out: int, bound: float) -> None:
        super().__init__(n_in, n_out)
        self.bound = bound

    def bounded_weight(self) -> Tensor:
        """Return W · min(1, bound / σ(W)), where σ is the spectral norm."""
        return self.weight * (self.bound / spectral_norm(self.weight)).clamp(max=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.bounded_weight(), self.bias)


class LipSwish(nn.Module):
    """Smooth activation x · σ(βx) / 1.1 with slopes up to 1 and a learned β > 0."""

    def __init__(self) -> None:
        super().__init__()
        self.raw_beta = nn.Parameter(torch.tensor(0.5))

    def value_and_slope(self, x: Tensor) -> tuple[Tensor, Tensor]:
        beta = F.softplus(self.raw_beta)
        gate = torch.sigmoid(beta * x)
        return x * gate / 1.1, gate * (1 + beta * x * (1 - gate)) / 1.1


class LipELU(nn.Module):
    """Exponential linear unit, with slopes up to 1."""

    def value_and_slope(self, x: Tensor) -> tuple[Tensor, Tensor]:
        below = torch.exp(x.clamp(max=0))
        return torch.where(x > 0, x, below - 1), below


LIPSCHITZ_ACTIVATIONS: dict[str, type[nn.Module]] = {"elu": LipELU, "lipswish": LipSwish}


class LipschitzMLP(nn.Module):
    """Fully connected layers, each with a Lipschitz constant of at most ``bound``.

    The product of the layers' constants bounds that of the whole map. Its numbers of inputs and
    outputs are both ``widths[0]``.
    """

    def __init__(self, widths: Sequence[int], activation: str, bound: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(LipschitzLinear(*pair, bound) for pair in pairwise(widths))
        self.activations = nn.ModuleList(
            LIPSCHITZ_ACTIVATIONS[activation]() for _ in self.layers[1:]
        )
        #: Size of the core of the Jacobian.
        self.n_core = min(widths[0], widths[-2])

    def lipschitz_bound(self) -> float:
        """Return an upper bound of the map's Lipschitz constant."""
        return torch.stack([spectral_norm(w) for w in self.bounded_weights()]).prod().item()

    def bounded_weights(self) -> list[Tensor]:
        """Return the weights of the layers, with bounded spectral norms."""
        return [layer.bounded_weight() for layer in self.layers]

    def forward(self, x: Tensor, weights: list[Tensor] | None = None) -> Tensor:
        """Return g(x); ``weights`` are the bounded weights, if they are already computed."""
        return self.linearize(x, weights)[0]

    def linearize(
        self, x: Tensor, weights: list[Tensor] | None = None
    ) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Return g(x), (batch, n_features), and a function that applies its Jacobian's core.

        The Jacobian is J = W A, where W is the weight of the last layer and A the Jacobian of all
        layers before. The core is A W if the last hidden layer is narrower than the input, else J
        itself. The traces of its powers equal those of J, and det(I + A W) = det(I + W A) by
        Sylvester's identity. The function maps tensors of shape (batch or 1, n_vectors,
        ``n_core``), one vector per row, to their products with the core.
        """
        weights = self.bounded_weights() if weights is None else weights
        slopes = []
        for layer, weight, activation in zip(
            self.layers, weights, [*self.activations, None], strict=True
        ):
            x = F.linear(x, weight, layer.bias)
            if activation is not None:
                x, slope = activation.value_and_slope(x)
                slopes.append(slope[:, None])

        def before_the_last(vectors: Tensor) -> Tensor:
            for weight, slope in zip(weights[:-1], slopes, strict=True):
                vectors = F.linear(vectors, weight) * slope
            return vectors

        def multiply(vectors: Tensor) -> Tensor:
            if self.n_core < x.shape[1]:
                return before_the_last(F.linear(vectors, weights[-1]))
            return F.linear(before_the_last(vectors), weights[-1])

        return x, multiply
