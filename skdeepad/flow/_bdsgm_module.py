"""The torch module of BDSGM: a density, and a generator of its boundary."""

from torch import Tensor, nn

from ._boundary import BoundaryModule


class BDSGMModule(nn.Module):
    """p_g and B. What is scored, and moves first, is the density; then B does."""

    def __init__(self, density: nn.Module, boundary: BoundaryModule) -> None:
        super().__init__()
        self.density = density
        self.boundary = boundary
        self.n_latent = self.n_noise = boundary.n_features

    def loss(self, x: Tensor) -> Tensor:
        return self.density.loss(x)

    def encode(self, x: Tensor) -> Tensor:
        return self.density.encode(x)

    def decode(self, z: Tensor) -> Tensor:
        return self.density.decode(z)

    def generate(self, z: Tensor) -> Tensor:
        return self.density.decode(z)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.density.log_prob(x)

    def anomaly_score(self, x: Tensor) -> Tensor:
        return -self.log_prob(x).double()
