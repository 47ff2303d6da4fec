"""Modules of variational autoencoders with an auxiliary variable."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..nn import (
    Backbone,
    Stochastic,
    even_normal_draws,
    gaussian_nll,
    kl_standard_normal,
    make_activation,
    split_gaussian,
)
from ._layered_scores import SCORES, Draws, contributions, noise_for, repeated
from ._likelihood import Likelihood
from ._warm_up import WarmUp

# Number of features that a user's backbone computes from a row, since a and y can't be its input.
N_FEATURES = 64


class ConditionalGaussian(nn.Module):
    """Gaussian N(μ, diag σ²) whose parameters a net computes from the conditions."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, *given: Tensor) -> tuple[Tensor, Tensor]:
        return split_gaussian(self.net(torch.cat(given, 1)))


class NoVariable(nn.Module):
    """Stand-in for a ConditionalGaussian of a variable without units."""

    def forward(self, *given: Tensor) -> tuple[Tensor, Tensor]:
        none = given[0].new_empty(given[0].shape[0], 0)
        return none, none


class AuxiliaryModule(Stochastic):
    """Model q(a|x) q(z₁|a,x,y) q(z₂|a,x,y,z₁) and p(z₂) p(z₁|z₂,y) p(a|z,y,x) p(x|z₁,y).

    With ``skip`` it has p(a|z,y) and p(x|a,z₁,y). The classes y are one-hot, with width 0 without
    labels; z₂ is left out with one layer, and x enters the conditions as ``features(x)``.
    """

    def __init__(
        self,
        features: nn.Module,
        heads: Backbone,
        make_decoder: Callable[[int, int], nn.Module],
        likelihood: Likelihood,
        *,
        n_features: int,
        n_inner: int,
        widths: Sequence[int],
        n_auxiliary: int,
        n_classes: int = 0,
        skip: bool,
        score: str,
        n_draws: int,
    ) -> None:
        super().__init__()

        def gaussian(n_given: int, n: int) -> nn.Module:
            return ConditionalGaussian(heads.make_encoder(n_given, 2 * n)) if n else NoVariable()

        self.features = features
        self.q_a = gaussian(n_inner, n_auxiliary)
        given = n_inner + n_auxiliary + n_classes
        self.q_z = nn.ModuleList(gaussian(given + sum(widths[:i]), n) for i, n in enumerate(widths))
        self.p_z = nn.ModuleList(
            gaussian(sum(widths[i + 1 :]) + n_classes, n) for i, n in enumerate(widths[:-1])
        )
        given = sum(widths) + n_classes
        self.p_a = gaussian(given if skip else given + n_inner, n_auxiliary)
        n_given = widths[0] + n_classes + (n_auxiliary if skip else 0)
        self.decoder = make_decoder(n_given, likelihood.n_outputs)
        self.likelihood = likelihood
        self.warm_up = WarmUp()
        self.widths = tuple(widths)
        self.n_auxiliary = n_auxiliary
        self.n_features = n_features
        self.skip = skip
        self.score = score
        # With the same draws for every row and every call, a score is a function of the row.
        self.register_buffer("noise", even_normal_draws(n_draws, n_auxiliary + sum(widths)))

    @property
    def n_draws(self) -> int:
        """Number of fixed draws."""
        return len(self.noise)

    @property
    def n_latent(self) -> int:
        """Width of the decoder's input: z, and a with ``skip``."""
        return sum(self.widths) + (self.n_auxiliary if self.skip else 0)

    @property
    def n_noise(self) -> int:
        """Number of standard normal values from which a row is generated."""
        return self.n_latent + self.n_features

    def at_each_draw(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return x, its features and the fixed noise of a and z, (n_draws * batch, ...)."""
        noise = noise_for(x, self.noise).split((self.n_auxiliary, sum(self.widths)), 1)
        return repeated(x, self.n_draws), repeated(self.features(x), self.n_draws), *noise

    def draw_auxiliary(self, h: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Draw from q(a|x), and return the draw and its log density."""
        mu, logvar = self.q_a(h)
        a = mu + torch.exp(0.5 * logvar) * noise
        return a, -gaussian_nll(a, mu, logvar).sum(1)

    def explain(self, x: Tensor, h: Tensor, a: Tensor, log_q_a: Tensor, y: Tensor, noise) -> Draws:
        """Return the terms of draws of a and z in class y, without log p(y) and log q(y|a,x)."""
        z: list[Tensor] = []
        posteriors = []
        for q, eps in zip(self.q_z, noise.split(self.widths, 1), strict=True):
            mu, logvar = q(h, a, y, *z)
            posteriors.append((mu, logvar))
            z.append(mu + torch.exp(0.5 * logvar) * eps)
        prior_a = self.p_a(*z, y) if self.skip else self.p_a(*z, y, h)
        cost = log_q_a + gaussian_nll(a, *prior_a).sum(1)
        for i, p in enumerate(self.p_z):
            log_ratio = gaussian_nll(z[i], *p(*z[i + 1 :], y)) - gaussian_nll(z[i], *posteriors[i])
            cost = cost + log_ratio.sum(1)
        # Now mu, logvar and eps belong to the top layer, whose prior is N(0, I).
        sampled = 0.5 * (z[-1] ** 2 - eps**2 - logvar).sum(1)
        nll = self.likelihood.nll(self.decode_output(z, a, y), x)
        return Draws(nll, cost + sampled, cost + kl_standard_normal(mu, logvar).sum(1))

    def decode_output(self, z: Sequence[Tensor], a: Tensor | None, y: Tensor) -> Tensor:
        """Return the output of the decoder, the parameters of p(x|·)."""
        return self.decoder(torch.cat([z[0], y, a] if self.skip else [z[0], y], 1))

    def code(self, h: Tensor, a: Tensor, y: Tensor) -> Tensor:
        """Return the means of q(z|a,x,y), layer by layer, followed by a with ``skip``."""
        z: list[Tensor] = []
        for q in self.q_z:
            z.append(q(h, a, y, *z)[0])
        return torch.cat([*z, a] if self.skip else z, 1)

    def output_from(self, code: Tensor, y: Tensor) -> Tensor:
        """Return the output of the decoder for a code."""
        *z, rest = code.split((*self.widths, self.n_latent - sum(self.widths)), 1)
        return self.decode_output(z, rest, y)

    def generate_from(self, noise: Tensor, y: Tensor) -> Tensor:
        """Generate a row of class y from standard normal noise."""
        code, x_noise = noise.split((self.n_latent, self.n_features), 1)
        *z, rest = code.split((*self.widths, self.n_latent - sum(self.widths)), 1)
        for i in reversed(range(len(self.p_z))):
            mu, logvar = self.p_z[i](*z[i + 1 :], y)
            z[i] = mu + torch.exp(0.5 * logvar) * z[i]
        if self.skip:
            mu, logvar = self.p_a(*z, y)
            rest = mu + torch.exp(0.5 * logvar) * rest
        return self.likelihood.observe(self.decode_output(z, rest, y), x_noise)


class AuxiliaryVAEModule(AuxiliaryModule):
    """Module of :class:`AuxiliaryVAE`, without classes."""

    def loss(self, x: Tensor) -> Tensor:
        """Return −log p(x|·) + log q(a,z|x) − log p(a,z|x), from one draw per row."""
        h, y = self.features(x), _no_class(x)
        a, log_q_a = self.draw_auxiliary(h, self.randn_like(x.new_empty(len(x), self.n_auxiliary)))
        noise = self.randn_like(x.new_empty(len(x), sum(self.widths)))
        draw = self.explain(x, h, a, log_q_a, y, noise)
        return draw.nll.sum(1) + self.warm_up(draw.kl)

    def draws(self, x: Tensor) -> Draws:
        """Return the terms of the fixed draws, (n_draws, batch, ...)."""
        x, h, noise_a, noise_z = self.at_each_draw(x)
        a, log_q_a = self.draw_auxiliary(h, noise_a)
        draws = self.explain(x, h, a, log_q_a, _no_class(x), noise_z)
        return draws.by_draw(self.n_draws)

    def encode(self, x: Tensor) -> Tensor:
        h = self.features(x)
        return self.code(h, self.q_a(h)[0], _no_class(x))

    def decode(self, z: Tensor) -> Tensor:
        return self.likelihood.mean(self.output_from(z, _no_class(z)))

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))

    def generate(self, noise: Tensor) -> Tensor:
        return self.generate_from(noise, _no_class(noise))

    def anomaly_score(self, x: Tensor) -> Tensor:
        return SCORES[self.score](self, x)

    def negative_elbo(self, x: Tensor) -> Tensor:
        return SCORES["elbo"](self, x)

    def contributions(self, x: Tensor) -> Tensor:
        return contributions(self, x)


def _no_class(x: Tensor) -> Tensor:
    """Return one-hot vectors of zero classes."""
    return x.new_empty(x.shape[0], 0)


def make_networks(
    backbone: Backbone | None,
    heads: Backbone,
    n_features: int,
    reading: Callable[[nn.Module], nn.Module],
) -> dict:
    """Return the keyword arguments from which an :class:`AuxiliaryModule` makes its nets.

    Without a backbone, the input of every net is x; with one, it is features of x. ``reading``
    lets a net read rows with missing cells, if there may be any.
    """
    if backbone is None:
        features, n_inner, make_decoder = nn.Identity(), n_features, heads.make_decoder
    else:
        encoder = backbone.make_encoder(n_features, N_FEATURES)
        features = nn.Sequential(encoder, make_activation(backbone.activation))
        n_inner, make_decoder = N_FEATURES, backbone.make_decoder
    return {
        "features": reading(features),
        "heads": heads,
        "make_decoder": make_decoder,
        "n_inner": n_inner,
        "n_features": n_features,
    }
