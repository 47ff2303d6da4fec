"""Likelihoods p(x|·) of variational autoencoders."""

from math import log

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..nn import cell_weights, gaussian_nll, masked_residual

LIKELIHOODS = {"heteroscedastic", "gaussian", "bernoulli"}
# Upper bound of log variances of p(x|·).
MAX_LOGVAR = 4.0
# Learning rate of the variance of "gaussian" relative to the others: a single number has to move as
# far as the output of a net.
VARIANCE_RATE = 10
# Penalty of "bernoulli" in nats for each unit that a value lies outside [0, 1].
BEYOND = 10.0


class Likelihood(nn.Module):
    """Likelihood p(x|·) whose parameters are a decoder's output, (batch, ``n_outputs``).

    ``"heteroscedastic"`` is a Gaussian with mean and log variance of each feature from the decoder,
    ``"gaussian"`` has one learned variance, and for ``"bernoulli"`` the output holds logits.
    """

    def __init__(self, name: str, n_features: int, min_std: float) -> None:
        super().__init__()
        self.name = name
        self.n_outputs = n_features * (2 if name == "heteroscedastic" else 1)
        self.logvar_bounds = 2 * log(min_std), MAX_LOGVAR
        if name == "gaussian":
            self.logvar = nn.Parameter(torch.zeros(()))

    def parameters_from(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean (logits for "bernoulli") and log variance."""
        if self.name == "heteroscedastic":
            mean, logvar = output.chunk(2, dim=1)
            return mean, logvar.clamp(*self.logvar_bounds)
        if self.name == "gaussian":
            return output, self.logvar.clamp(*self.logvar_bounds)
        return output, torch.zeros((), device=output.device)

    def nll(self, output: Tensor, x: Tensor) -> Tensor:
        """Return −log p(x_j|·) of each feature, (batch, n_features)."""
        mean, logvar = self.parameters_from(output)
        if self.name == "bernoulli":
            inside = x.clamp(0, 1)
            loss = F.binary_cross_entropy_with_logits(mean, inside, reduction="none")
            return loss + (x - inside).abs() * BEYOND
        return gaussian_nll(x, mean, logvar)

    def residual(self, x: Tensor, mean: Tensor) -> Tensor:
        """Return x − m, whose norm is a score."""
        return x - mean

    def mean(self, output: Tensor) -> Tensor:
        """Return the mean of p(x|·)."""
        mean, _ = self.parameters_from(output)
        return torch.sigmoid(mean) if self.name == "bernoulli" else mean

    def observe(self, output: Tensor, noise: Tensor) -> Tensor:
        """Draw x̃ ~ p(x|·) from standard normal noise."""
        if self.name == "bernoulli":
            uniform = 0.5 * (1 + torch.erf(noise / 2**0.5))
            return (uniform < self.mean(output)).to(noise.dtype)
        mean, logvar = self.parameters_from(output)
        return mean + torch.exp(0.5 * logvar) * noise


class MaskedLikelihood(Likelihood):
    """Likelihood of the cells that are there, each counted as often as ``cell_weights`` tells."""

    def nll(self, output: Tensor, x: Tensor) -> Tensor:
        return super().nll(output, x.nan_to_num(nan=0.0)) * cell_weights(x)

    def residual(self, x: Tensor, mean: Tensor) -> Tensor:
        return masked_residual(x, mean) * cell_weights(x).sqrt()
