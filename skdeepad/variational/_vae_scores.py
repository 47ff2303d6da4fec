"""Anomaly scores of variational autoencoders, each higher for more abnormal rows.

Names and definitions follow Vasilev et al. (arXiv:1806.02997), An & Cho (2015), Burda et al.
(arXiv:1509.00519) and Šmídl et al. (arXiv:1905.11890). ``vae`` is a module with
``code_distribution``, ``decoder``, ``decode``, ``likelihood``, ``nll`` and ``draws``; all functions
return (batch,) in float64.
"""

from collections.abc import Callable, Iterator
from math import log, pi

import torch
from torch import Tensor

from ..nn import gaussian_nll, kl_standard_normal, latent_search

# Number of rows of the reference set that are compared with a chunk at a time.
REFERENCE_CHUNK = 128


def kl(vae, x: Tensor) -> Tensor:
    """Return KL(q(z|x) ‖ p(z)), the regulariser."""
    return kl_standard_normal(*vae.code_distribution(x)).sum(1, dtype=torch.float64)


def reconstruction_error(vae, x: Tensor) -> Tensor:
    """Return the size of x − m(μ(x)) on the scale of the residuals (DRE)."""
    return vae.residual(x, vae.decode(vae.code_distribution(x)[0]))


def reconstruction_likelihood(vae, x: Tensor) -> Tensor:
    """Return −log p(x | z = μ(x)) (DRL)."""
    return vae.nll(x, vae.code_distribution(x)[0])


def reconstruction_probability(vae, x: Tensor) -> Tensor:
    """Return −E_q log p(x|z), the reconstruction probability (ESRL)."""
    return _mean(vae.nll(x, z) for z in vae.draws(x))


def stochastic_error(vae, x: Tensor) -> Tensor:
    """Return E_q ‖x − m(z)‖ (ESRE)."""
    return _mean(_norm(vae.likelihood.residual(x, vae.decode(z))) for z in vae.draws(x))


def decoder_stochastic_error(vae, x: Tensor) -> Tensor:
    """Return E ‖x − x̃‖ over x̃ ~ p(·|μ(x)) (DSRE)."""
    mu, residual = vae.code_distribution(x)[0], vae.likelihood.residual
    return _mean(_norm(residual(x, vae.observe(mu, noise))) for noise in vae.x_noise)


def fully_stochastic_error(vae, x: Tensor) -> Tensor:
    """Return the minimum of ‖x − x̃‖ over draws z ~ q(z|x) and x̃ ~ p(·|z) (FSRE)."""
    pairs = zip(vae.draws(x), vae.x_noise, strict=True)
    residuals = (vae.likelihood.residual(x, vae.observe(z, noise)) for z, noise in pairs)
    return torch.stack([_norm(residual) for residual in residuals]).amin(0)


def elbo(vae, x: Tensor) -> Tensor:
    """Return −E_q log p(x|z) + KL(q(z|x) ‖ p(z)), the negative evidence lower bound."""
    return reconstruction_probability(vae, x) + kl(vae, x)


def iwae(vae, x: Tensor) -> Tensor:
    """Return the importance-weighted bound −log (1/L) Σ p(x|z) p(z) / q(z|x).

    It approaches −log p(x) as L grows.
    """
    mu, logvar = vae.code_distribution(x)
    zero = torch.zeros_like(mu)
    log_weights = [
        _total(gaussian_nll(z, mu, logvar)) - _total(gaussian_nll(z, zero, zero)) - vae.nll(x, z)
        for z in vae.draws(x)
    ]
    return log(len(log_weights)) - torch.logsumexp(torch.stack(log_weights), 0)


def latent_euclidean(vae, x: Tensor, *, without_itself: bool = False) -> Tensor:
    """Return the distance from μ(x) to the nearest mean of the reference set."""
    return _to_reference(vae, x, without_itself, lambda mu, _, m, __: (mu - m).norm(dim=2)).amin(1)


def latent_bhattacharyya(vae, x: Tensor, *, without_itself: bool = False) -> Tensor:
    """Return the minimum Bhattacharyya distance from q(z|x) to the reference set's posteriors."""

    def distance(mu, logvar, m, s):
        log_mean_var = torch.logaddexp(logvar, s) - log(2)
        separation = (mu - m) ** 2 / log_mean_var.exp() / 8
        return (separation + (log_mean_var - (logvar + s) / 2) / 2).sum(2)

    return _to_reference(vae, x, without_itself, distance).amin(1)


def latent_density(vae, x: Tensor, *, without_itself: bool = False) -> Tensor:
    """Return −log of the aggregated posterior (1/N) Σ q(z|x_i) at z = μ(x)."""
    nlls = _to_reference(vae, x, without_itself, lambda mu, _, m, s: gaussian_nll(mu, m, s).sum(2))
    return nlls.isfinite().sum(1).log() - torch.logsumexp(-nlls, 1)


def decoder_nearest(vae, x: Tensor) -> Tensor:
    """Return the minimum of ‖x − m(z)‖ over z, found from μ(x) by gradient steps."""
    with torch.inference_mode(False):
        x = x.clone()

        def residual(z: Tensor) -> Tensor:
            return vae.likelihood.residual(x, vae.decode(z))

        start = vae.code_distribution(x)[0].detach()
        z = latent_search(lambda z: (residual(z) ** 2).sum(1), start, 100, 0.05)
        return _norm(residual(z)).detach()


def jacodeco(vae, x: Tensor) -> Tensor:
    r"""Return −log p(x) by the change of variables through the decoder, "JacoDeco".

    With z* = μ(x) and the singular values :math:`s_i` of the decoder's Jacobian, it is
    :math:`-\log p(z^*) + \sum_i \log s_i` plus a term of Gaussian noise in the :math:`D - d`
    directions orthogonal to the decoder's surface. The volume is
    :math:`\frac12 \log\det J^TJ = \sum_i \log s_i`, half of the term that the paper's public code
    subtracts; this value reproduces log p(x) of linear-Gaussian data.
    """
    with torch.inference_mode(False):
        x = x.clone()
        z = vae.code_distribution(x)[0].detach()
        jacobian = torch.vmap(torch.func.jacrev(lambda code: vae.decode(code[None])[0]))(z)
        singular = torch.linalg.svdvals(jacobian.detach().double()).clamp_min(1e-6)
        mean, logvar = (t.detach() for t in vae.likelihood.parameters_from(vae.decoder(z)))
    volume = singular.log().sum(1)
    off_surface = 1 - z.shape[1] / x.shape[1]
    noise = 0.5 * off_surface * (log(2 * pi) + logvar).expand_as(mean)
    misfit = 0.5 * (x - mean) ** 2 * torch.exp(-logvar)
    return _total(gaussian_nll(z, z * 0, z * 0)) + volume + _total(noise + misfit)


SCORES: dict[str, Callable[..., Tensor]] = {
    "elbo": elbo,
    "reconstruction_probability": reconstruction_probability,
    "reconstruction_error": reconstruction_error,
    "reconstruction_likelihood": reconstruction_likelihood,
    "stochastic_error": stochastic_error,
    "decoder_stochastic_error": decoder_stochastic_error,
    "fully_stochastic_error": fully_stochastic_error,
    "kl": kl,
    "iwae": iwae,
    "latent_euclidean": latent_euclidean,
    "latent_bhattacharyya": latent_bhattacharyya,
    "latent_density": latent_density,
    "decoder_nearest": decoder_nearest,
    "jacodeco": jacodeco,
}


def _mean(values: Iterator[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean(0)


def _total(values: Tensor) -> Tensor:
    return values.sum(1, dtype=torch.float64)


def _norm(residual: Tensor) -> Tensor:
    return _total(residual**2).sqrt()


def _to_reference(vae, x: Tensor, without_itself: bool, distance: Callable[..., Tensor]) -> Tensor:
    """Return distances to the reference set, (batch, n_reference).

    A row of the reference set is its own nearest neighbour. With ``without_itself`` that distance
    is infinite, and the others are those of a new row.
    """
    mu, logvar = (t.double()[:, None] for t in vae.code_distribution(x))
    reference = vae.reference_mu.double(), vae.reference_logvar.double()
    distances, same = [], []
    for m, s in zip(*(t.split(REFERENCE_CHUNK) for t in reference), strict=True):
        distances.append(distance(mu, logvar, m, s))
        same.append(((mu == m) & (logvar == s)).all(2))
    distances, same = torch.cat(distances, 1), torch.cat(same, 1)
    if without_itself and same.shape[1] > 1:
        first = same & (same.cumsum(1) == 1)  # exclude one of several equal rows
        distances = distances.masked_fill(first, torch.inf)
    return distances
