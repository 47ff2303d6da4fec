"""Maps with a bounded Lipschitz constant."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def spectral_norm(weight: Tensor) -> Tensor:
    """Return the exact largest singular value of matrices, (...), or NaN if one is not finite.

    It is ‖W v‖ with the first eigenvector v of WᵀW, which takes a third of the time of a singular
    value decomposition. Its gradient is that of the singular value, u vᵀ, with v held fixed.
    """
    narrow = weight if weight.shape[-2] >= weight.shape[-1] else weight.mT
    with torch.no_grad():
        size = narrow.abs().amax((-2, -1), keepdim=True)
        is_finite = size.isfinite()
        size = torch.where(is_finite & (size > 0), size, 1.0)  # squares stay within range
        unit = torch.where(is_finite, narrow / size, 0.0)
        first = torch.linalg.eigh(unit.mT @ unit).eigenvectors[..., -1:]
    moved = torch.where(is_finite, (narrow / size) @ first, torch.nan)
    return torch.linalg.vector_norm(moved, dim=(-2, -1)) * size[..., 0, 0]


def bounded(weight: Tensor, bound: float | None) -> Tensor:
    """Return W · bound / max(bound, σ(W)) for matrices W, where σ is the spectral norm.

    Without a bound, the weights are returned as they are.
    """
    if bound is None:
        return weight
    return weight * (bound / spectral_norm(weight).clamp(min=bound))[..., None, None]


class LipschitzLinear(nn.Linear):
    """A linear layer whose spectral norm is at most ``bound``."""

    def __init__(self, n_in: int, n_out: int, bound: float) -> None:
        super().__init__(n_in, n_out)
        self.bound: float | None = bound

    def bounded_weight(self) -> Tensor:
        return bounded(self.weight, self.bound)

    @torch.no_grad()
    def fix_weight(self) -> None:
        """Let the bounded weight be the weight, for a layer that is not trained any more."""
        self.weight.copy_(self.bounded_weight())
        self.bound = None

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


class JacobianCore(NamedTuple):
    """The core of the Jacobian J of a map at some rows.

    J = W A, where W is the weight of the last layer and A the Jacobian of all layers before. The
    core is A W if the last hidden layer is narrower than the input, else J itself. The traces of
    its powers equal those of J, and det(I + A W) = det(I + W A) by Sylvester's identity.
    """

    weights: Sequence[Tensor]  #: of the layers, (..., n_outputs, n_inputs) each
    slopes: Sequence[Tensor]  #: of the hidden units, (..., batch, width) for each hidden layer

    @classmethod
    def joined(cls, cores: Sequence["JacobianCore"]) -> "JacobianCore":
        """Return the cores of several maps of the same widths as one, with a first dimension."""
        columns = (zip(*tensors, strict=True) for tensors in zip(*cores, strict=True))
        return cls(*([torch.stack(tensors) for tensors in column] for column in columns))

    def multiply(self, vectors: Tensor) -> Tensor:
        """Multiply vectors, (..., batch or 1, n_vectors, n_core), by the core of their row."""
        n_out, n_in = self.weights[-1].shape[-2:]
        if n_in < n_out:
            return self._before_the_last(_product(vectors, self.weights[-1]))
        return _product(self._before_the_last(vectors), self.weights[-1])

    def _before_the_last(self, vectors: Tensor) -> Tensor:
        for weight, slope in zip(self.weights, self.slopes, strict=False):
            vectors = _product(vectors, weight) * slope[..., None, :]
        return vectors


def _product(vectors: Tensor, weight: Tensor) -> Tensor:
    """Multiply vectors by one matrix for all rows; a plain ``@`` would repeat it for each."""
    rows = vectors.flatten(-3, -2) @ weight.mT
    return rows.unflatten(-2, vectors.shape[-3:-1])


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

    def forward(self, x: Tensor, weights: Sequence[Tensor] | None = None) -> Tensor:
        """Return g(x); ``weights`` are the bounded weights, if they are already computed."""
        return self.linearize(x, weights)[0]

    def linearize(
        self, x: Tensor, weights: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, JacobianCore]:
        """Return g(x), (batch, n_features), and the core of its Jacobian at each row."""
        weights = self.bounded_weights() if weights is None else weights
        slopes = []
        for layer, weight, activation in zip(
            self.layers, weights, [*self.activations, None], strict=True
        ):
            x = F.linear(x, weight, layer.bias)
            if activation is not None:
                x, slope = activation.value_and_slope(x)
                slopes.append(slope)
        return x, JacobianCore(weights, slopes)


def bounded_weights(maps: Sequence[LipschitzMLP]) -> list[tuple[Tensor, ...]]:
    """Return the bounded weights of maps of the same widths, each layer's at once."""
    layers = zip(*(g.layers for g in maps), strict=True)
    of_layers = [
        bounded(torch.stack([layer.weight for layer in same]), same[0].bound).unbind()
        for same in layers
    ]
    return list(zip(*of_layers, strict=True))
