"""Anomaly scores of models with several layers of latent variables, from fixed draws.

``model.draws(x)`` yields a :class:`Draw` for each of the fixed draws of all latent variables from
q(·|x). All functions return (batch,) in float64, higher for more abnormal rows.
"""

from collections.abc import Callable
from math import log
from typing import NamedTuple

import torch
from torch import Tensor


class Draw(NamedTuple):
    """Terms of one draw of the latent variables of each row."""

    nll: Tensor  #: −log p(x_j|·) of each feature, (batch, n_features)
    log_ratio: Tensor  #: log q(·|x) − log p(·) at the draw, (batch,)
    kl: Tensor  #: the same, integrated in closed form where possible, (batch,)


def elbo(model, x: Tensor) -> Tensor:
    """Return −E_q log p(x|·) + KL, the negative evidence lower bound."""
    return _mean(_nll(draw) + draw.kl.double() for draw in model.draws(x))


def reconstruction_probability(model, x: Tensor) -> Tensor:
    """Return −E_q log p(x|·), the reconstruction probability."""
    return _mean(_nll(draw) for draw in model.draws(x))


def iwae(model, x: Tensor) -> Tensor:
    """Return the bound −log (1/L) Σ p(x, ·) / q(·|x), which approaches −log p(x) as L grows."""
    log_weights = [-_nll(draw) - draw.log_ratio.double() for draw in model.draws(x)]
    return log(len(log_weights)) - torch.logsumexp(torch.stack(log_weights), 0)


def kl(model, x: Tensor) -> Tensor:
    """Return the cost of the latent variables, KL(q(·|x) ‖ p(·))."""
    return _mean(draw.kl.double() for draw in model.draws(x))


def contributions(model, x: Tensor) -> Tensor:
    """Return each feature's part of the reconstruction probability, (batch, n_features)."""
    return _mean(draw.nll for draw in model.draws(x))


SCORES: dict[str, Callable[..., Tensor]] = {
    "elbo": elbo,
    "reconstruction_probability": reconstruction_probability,
    "iwae": iwae,
    "kl": kl,
}


def _nll(draw: Draw) -> Tensor:
    return draw.nll.sum(1, dtype=torch.float64)


def _mean(values) -> Tensor:
    return torch.stack(list(values)).mean(0)
