"""Layers that draw noise from a generator that they are given."""

import torch
from torch import Tensor, nn


class Generators:
    """The generators of several nets that are trained as one, each with draws of its own.

    Parameters
    ----------
    generators : list of torch.Generator
        One for each net.
    """

    def __init__(self, generators: list[torch.Generator]) -> None:
        self.generators = generators
        self.index: Tensor | None = None  #: number of the net, within ``torch.vmap``

    def fill(self, x: Tensor, method: str, *args) -> Tensor:
        like = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        drawn = [fill(like, generator, method, *args) for generator in self.generators]
        return torch.stack(drawn).index_select(0, self.index[None])[0]


def fill(x: Tensor, generator: torch.Generator | Generators | None, method: str, *args) -> Tensor:
    """Return draws in the shape of ``x``, by one of torch's methods ``normal_``, ``uniform_``."""
    if isinstance(generator, Generators):
        return generator.fill(x, method, *args)
    return getattr(torch.empty_like(x), method)(*args, generator=generator)


class Stochastic(nn.Module):
    """Base class of modules that draw random numbers.

    :func:`link_generator` sets ``rng`` when a net is initialised. Pickles and copies leave it out:
    many modules share one generator, and a copy of a module has to be linked to the generator of
    its own net.
    """

    rng: torch.Generator | Generators | None = None

    def __getstate__(self) -> dict:
        state = self.__dict__.copy()
        state.pop("rng", None)
        return state

    def randn_like(self, x: Tensor) -> Tensor:
        """Draw standard normal noise in the shape of ``x``."""
        return fill(x, self.rng, "normal_")


class Dropout(Stochastic):
    """Dropout of a share ``p`` of the units, drawn from ``rng``."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept = fill(x, self.rng, "uniform_") < 1 - self.p  # in half the time of bernoulli_
        return x * (kept.to(x.dtype) / (1 - self.p))


class AdditiveNoise(Stochastic):
    """Gaussian noise of standard deviation ``std`` on the input, in training only."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std
        self.is_noisy = std > 0

    def forward(self, x: Tensor) -> Tensor:
        return x + self.std * self.randn_like(x) if self.training and self.is_noisy else x


def link_generator(module: nn.Module, generator: torch.Generator) -> None:
    """Make every stochastic part of ``module`` draw from ``generator``."""
    for part in module.modules():
        if isinstance(part, Stochastic):
            part.rng = generator


def even_normal_draws(n: int, d: int) -> Tensor:
    """Return evenly spread standard normal draws (n, d), from a scrambled Sobol sequence.

    The seed comes from torch's global generator, as that of weights does.
    """
    seed = int(torch.randint(2**31 - 1, ()))
    uniform = torch.quasirandom.SobolEngine(d, scramble=True, seed=seed).draw(n, dtype=torch.double)
    return torch.special.ndtri(uniform.clamp(1e-6, 1 - 1e-6)).float()
