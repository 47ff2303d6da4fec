"""Anomaly scores of models with several layers of latent variables, from fixed draws.

``model.draws(x)`` returns the fixed :class:`Draws` of all latent variables from q(·|x). All
functions return (batch,) in float64, higher for more abnormal rows.
"""

from collections.abc import Callable
from math import log
from typing import NamedTuple

import torch
from torch import Tensor


class Draws(NamedTuple):
    """Terms of draws of the latent variables of each row.

    All have a further dimension in front if there are several draws of each row.
    """

    nll: Tensor  #: −log p(x_j|·) of each feature, (batch, n_features)
    log_ratio: Tensor  #: log q(·|x) − log p(·) at the draw, (batch,)
    kl: Tensor  #: the same, integrated in closed form where possible, (batch,)

    def by_draw(self, n_draws: int) -> "Draws":
        """Return the terms of :func:`repeated` rows as (n_draws, batch, ...)."""
        return Draws(*(by_draw(term, n_draws) for term in self))


def repeated(rows: Tensor, n_draws: int) -> Tensor:
    """Return all rows for the first draw, then for the second one, (n_draws * batch, width)."""
    return rows.expand(n_draws, *rows.shape).flatten(0, 1)


def noise_for(rows: Tensor, noise: Tensor) -> Tensor:
    """Return fixed noise of (n_draws, width) for the :func:`repeated` rows."""
    return noise[:, None].expand(-1, rows.shape[0], -1).flatten(0, 1)


def by_draw(values: Tensor, n_draws: int) -> Tensor:
    """Return values of :func:`repeated` rows as (n_draws, batch, ...)."""
    return values.unflatten(0, (n_draws, -1))


def elbo(model, x: Tensor) -> Tensor:
    """Return −E_q log p(x|·) + KL, the negative evidence lower bound."""
    draws = model.draws(x)
    return (_nll(draws) + draws.kl.double()).mean(0)


def reconstruction_probability(model, x: Tensor) -> Tensor:
    """Return −E_q log p(x|·), the reconstruction probability."""
    return _nll(model.draws(x)).mean(0)


def iwae(model, x: Tensor) -> Tensor:
    """Return the bound −log (1/L) Σ p(x, ·) / q(·|x), which approaches −log p(x) as L grows."""
    draws = model.draws(x)
    log_weights = -_nll(draws) - draws.log_ratio.double()
    return log(len(log_weights)) - torch.logsumexp(log_weights, 0)


def kl(model, x: Tensor) -> Tensor:
    """Return the cost of the latent variables, KL(q(·|x) ‖ p(·))."""
    return model.draws(x).kl.double().mean(0)


def contributions(model, x: Tensor) -> Tensor:
    """Return each feature's part of the reconstruction probability, (batch, n_features)."""
    return model.draws(x).nll.mean(0)


SCORES: dict[str, Callable[..., Tensor]] = {
    "elbo": elbo,
    "reconstruction_probability": reconstruction_probability,
    "iwae": iwae,
    "kl": kl,
}


def _nll(draws: Draws) -> Tensor:
    return draws.nll.sum(-1, dtype=torch.float64)
