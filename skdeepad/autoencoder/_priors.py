"""Prior distributions of codes, with draws and, where possible, a density."""

from abc import ABC, abstractmethod
from math import log, pi

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal

from ..training import seeded_generator, seeded_weights

# Number of draws to estimate the variance of a prior without a formula.
N_DRAWS = 4096
# Log density of codes outside the support of a prior, lower than inside.
OUTSIDE = -1e6


class Prior(ABC):
    """Distribution of codes of size ``n_latent``."""

    #: Whether ``log_prob`` differs between codes.
    has_density = False

    def __init__(self, n_latent: int) -> None:
        self.n_latent = n_latent

    def shape(self, z: Tensor) -> Tensor:
        """Map the output of an encoder to the support of the prior."""
        return z

    @abstractmethod
    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` codes (n, n_latent) on the generator's device."""

    def log_prob(self, z: Tensor) -> Tensor:
        """Return the log density of codes, (n,) in float64."""
        raise NotImplementedError

    @property
    def squared_length(self) -> float:
        """Mean squared distance of two draws, which is twice the trace of the covariance."""
        draws = self.draw(N_DRAWS, seeded_generator(0))
        return 2 * float(draws.var(0).sum())


class NormalPrior(Prior):
    """Standard normal prior N(0, I)."""

    has_density = True

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        codes = torch.empty(n, self.n_latent, device=generator.device)
        return codes.normal_(generator=generator)

    def log_prob(self, z: Tensor) -> Tensor:
        return -0.5 * (z.double() ** 2 + log(2 * pi)).sum(1)

    @property
    def squared_length(self) -> float:
        return 2.0 * self.n_latent


class UniformPrior(Prior):
    """Uniform prior on the cube [−1, 1]^d, with a tanh of the codes."""

    def shape(self, z: Tensor) -> Tensor:
        return torch.tanh(z)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        codes = torch.empty(n, self.n_latent, device=generator.device)
        return codes.uniform_(-1, 1, generator=generator)

    @property
    def squared_length(self) -> float:
        return 2 * self.n_latent / 3


class SpherePrior(NormalPrior):
    """Uniform prior on the unit sphere, with normalised codes."""

    has_density = False

    def shape(self, z: Tensor) -> Tensor:
        return F.normalize(z)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        return F.normalize(super().draw(n, generator))

    @property
    def squared_length(self) -> float:
        return 2.0


class DistributionPrior(Prior):
    """Prior from a ``torch.distributions.Distribution`` of codes, or of each of their values."""

    def __init__(self, distribution: Distribution, n_latent: int) -> None:
        super().__init__(n_latent)
        self.distribution = distribution
        shape = tuple(distribution.batch_shape + distribution.event_shape)
        if shape not in {(), (n_latent,)}:
            raise ValueError(
                f"prior={distribution!r} draws codes of shape {shape}; accepted are distributions "
                f"of shape ({n_latent},), which is n_latent, or (), for independent and "
                "identically distributed values."
            )
        self._size = (n_latent,) if shape == () else ()
        with seeded_weights(0):  # a code of the right type within the support
            self._code = distribution.sample((1, *self._size))

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        # Distributions draw from torch's global generator, which is seeded here.
        seed = torch.randint(2**31 - 1, (), generator=generator, device=generator.device)
        with seeded_weights(int(seed)):
            codes = self.distribution.sample((n, *self._size))
        return codes.detach().to(generator.device, torch.float32)

    @property
    def has_density(self) -> bool:
        try:
            self.distribution.log_prob(self._code)
            return not self.distribution.support.is_discrete
        except NotImplementedError:
            return False

    def log_prob(self, z: Tensor) -> Tensor:
        codes = z.to(self._code)
        inside = self.distribution.support.check(codes).reshape(z.shape[0], -1).all(1)
        codes = torch.where(inside[:, None], codes, self._code)
        density = self.distribution.log_prob(codes).reshape(z.shape[0], -1).double().sum(1)
        return torch.where(inside, density, OUTSIDE).to(z.device)


class CallablePrior(Prior):
    """Prior from a function that draws a number of codes with a generator."""

    def __init__(self, function, n_latent: int) -> None:
        super().__init__(n_latent)
        self.function = function

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        codes = self.function(n, generator)
        if not isinstance(codes, Tensor) or codes.shape != (n, self.n_latent):
            found = tuple(codes.shape) if isinstance(codes, Tensor) else type(codes).__name__
            raise ValueError(
                f"prior={self.function!r} must return a tensor of shape {(n, self.n_latent)} "
                f"when called with {n} and a generator, got {found}."
            )
        return codes.detach().to(generator.device, torch.float32)


def axes_mixture(n_latent: int) -> Distribution:
    """Return 2 ``n_latent`` Gaussians of std 1/2 on the axes, with unit total variance."""
    std = 0.5
    centers = (n_latent * (1 - std**2)) ** 0.5 * torch.eye(n_latent)
    components = Normal(torch.cat([centers, -centers]), std)
    return MixtureSameFamily(Categorical(torch.ones(2 * n_latent)), Independent(components, 1))


PRIORS = {
    "normal": NormalPrior,
    "uniform": UniformPrior,
    "sphere": SpherePrior,
    "mixture": lambda n_latent: DistributionPrior(axes_mixture(n_latent), n_latent),
}


def make_prior(prior, n_latent: int) -> Prior:
    """Return the prior for the value of a detector's parameter."""
    if prior == "sphere" and n_latent == 1:
        raise ValueError(
            "prior='sphere' needs a code with a direction: n_latent must be at least 2."
        )
    if isinstance(prior, str):
        return PRIORS[prior](n_latent)
    if isinstance(prior, Distribution):
        return DistributionPrior(prior, n_latent)
    return CallablePrior(prior, n_latent)
