"""Contexts of rows, and generators that are conditioned on them."""

from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from ..base._rows import evenly_spaced
from ..nn import Backbone, ImageBackbone, Stochastic

# Maximum number of contexts of training rows to keep for sampling.
MAX_CONTEXTS = 1000


class Split(nn.Module):
    """Split of the columns of a row into its context c and its values v."""

    def __init__(self, n_features: int, columns: Sequence[int]) -> None:
        super().__init__()
        others = [column for column in range(n_features) if column not in columns]
        self.n_values, self.n_columns = len(others), len(columns)
        self.register_buffer("order", torch.tensor([*others, *columns]))

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return values v and context c."""
        if not self.n_columns:
            return x, x[:, :0]
        return x[:, self.order].tensor_split((self.n_values,), 1)


class ContextChannels(Split):
    """Images with their context as further channels, each of one value."""

    def __init__(self, n_features: int, columns: Sequence[int], n_pixels: int) -> None:
        super().__init__(n_features, columns)
        self.n_pixels = n_pixels

    def forward(self, x: Tensor) -> Tensor:
        v, c = self.split(x)
        return torch.cat([v, c.repeat_interleave(self.n_pixels, 1)], 1)


class _ImagesInContext(Backbone):
    """Backbone whose encoders read the context of an image as further channels."""

    def __init__(self, backbone: ImageBackbone, columns: Sequence[int]) -> None:
        self.backbone = backbone
        self.columns = columns

    def make_encoder(self, n_features: int, n_outputs: int, *, bias: bool = True) -> nn.Module:
        n_columns, n_pixels = len(self.columns), prod(self.backbone.image_shape[1:])
        encoder = self.backbone.with_channels(n_columns).make_encoder(
            n_features + n_columns * (n_pixels - 1), n_outputs, bias=bias
        )
        return nn.Sequential(ContextChannels(n_features, self.columns, n_pixels), *encoder)

    def make_decoder(self, n_inputs: int, n_features: int, *, bias: bool = True) -> nn.Module:
        return self.backbone.make_decoder(n_inputs, n_features, bias=bias)


class Context(Split):
    """Context of each row, and contexts of training rows to draw from."""

    def __init__(self, n_features: int, columns: Sequence[int]) -> None:
        super().__init__(n_features, columns)
        self.columns = tuple(columns)
        self.register_buffer("drawn", torch.zeros(1, len(columns)))

    def conditioned(self, backbone: Backbone) -> Backbone:
        """Return a backbone whose encoders read whole rows: for tables, the backbone itself."""
        if not self.n_columns or not isinstance(backbone, ImageBackbone):
            return backbone
        return _ImagesInContext(backbone, self.columns)

    def join(self, v: Tensor, c: Tensor) -> Tensor:
        """Return the rows with these values and contexts."""
        if not self.n_columns:
            return v
        rows = torch.cat([v, c], 1)
        return torch.empty_like(rows).index_copy_(1, self.order, rows)

    def remember(self, X: np.ndarray) -> None:
        """Keep the contexts of evenly spaced training rows."""
        rows = torch.as_tensor(evenly_spaced(X, MAX_CONTEXTS), device=self.order.device)
        self.drawn = self.split(rows)[1].clone()


class ContextualGenerator(Stochastic):
    """Base class of modules with G(z|c), whose codes are z followed by the context.

    A subclass has ``generator`` and ``encode(x)``.
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
        """Return the rows with values G(z|c) and context c."""
        return self.context.join(self.generator(torch.cat([z, c], 1)), c)

    def decode(self, code: Tensor) -> Tensor:
        z, c = code.tensor_split((self.n_noise,), 1)
        return self.generate_in(c, z)

    def generate(self, noise: Tensor) -> Tensor:
        return self.decode(noise)

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))
