"""One number for each row."""

import torch
from torch import Tensor, nn

from ._backbone import Backbone


class ScalarNet(nn.Module):
    """Features f of a row, and from them one value."""

    def __init__(self, backbone: Backbone, n_features: int) -> None:
        super().__init__()
        layers = backbone.make_encoder(n_features, 1)
        last = layers[-1] if isinstance(layers, nn.Sequential) else layers
        if last is layers or not isinstance(last, nn.Linear) or last.bias is None:
            raise ValueError(
                f"backbone={backbone!r} must make encoders that are an nn.Sequential, whose last "
                f"layer is an nn.Linear with a bias; got {layers!r}."
            )
        self.features = layers[:-1]
        self.head = layers[-1]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x)).squeeze(1)

    def exact(self, x: Tensor) -> Tensor:
        """The value of each row, the last sum in float64: the same bits in any batch."""
        terms = self.features(x) * self.head.weight
        return terms.sum(1, dtype=torch.float64) + self.head.bias
