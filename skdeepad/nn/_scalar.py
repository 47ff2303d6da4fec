"""Networks with one output per row."""

import torch
from torch import Tensor, nn

from ._backbone import Backbone


class ScalarNet(nn.Module):
    """Network with features f of a row and one linear output."""

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
        """Return the value of each row with the last sum in float64, independent of the batch."""
        terms = self.features(x) * self.head.weight
        return terms.sum(1, dtype=torch.float64) + self.head.bias
