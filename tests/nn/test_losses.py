"""Loss terms against torch's distributions and by hand."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.testing import assert_close

from skdeepad.nn import (
    EncoderDecoder,
    gaussian_nll,
    generated_loss,
    kl_standard_normal,
    real_loss,
    reconstruction_loss,
    squared_gradient,
)

GENERATOR = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def test_kl_to_the_standard_normal_is_that_of_torchs_distributions():
    mu, logvar = 3 * normal(50, 4), 2 * normal(50, 4)
    expected = kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0))
    assert_close(kl_standard_normal(mu, logvar), expected)


def test_kl_is_zero_at_the_standard_normal_only_and_has_a_gradient_elsewhere():
    mu, logvar = torch.tensor([0.0, 1e-2, 0.0, 0.0]), torch.tensor([0.0, 0.0, 1e-2, -1e-2])
    mu.requires_grad_(), logvar.requires_grad_()
    values = kl_standard_normal(mu, logvar)
    assert values[0] == 0
    assert (values[1:] > 0).all()
    gradients = torch.autograd.grad(values.sum(), [mu, logvar])
    assert_close(gradients[0], mu)
    assert_close(gradients[1], (logvar.exp() - 1) / 2)


def test_gaussian_nll_is_that_of_torchs_distributions():
    x, mean, logvar = normal(50, 4), normal(50, 4), 2 * normal(50, 4)
    assert_close(gaussian_nll(x, mean, logvar), -Normal(mean, (logvar / 2).exp()).log_prob(x))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("squared_error", [0.25 + 4, 0.0]),
        ("absolute_error", [0.5 + 2, 0.0]),
        ("huber", [0.125 + 1.5, 0.0]),
        ("binary_cross_entropy", [np.log1p(np.exp(0.5)) + np.log1p(np.exp(-2)), 2 * np.log(2)]),
    ],
)
def test_reconstruction_losses_are_summed_over_the_features(loss, expected):
    output = torch.tensor([[0.5, 2.0], [0.0, 0.0]])
    x = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    if loss == "binary_cross_entropy":
        x = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    assert_close(reconstruction_loss(output, x, loss), torch.tensor(expected, dtype=torch.float32))


def test_the_encoder_decoder_pair_loses_the_squared_error():
    pair = EncoderDecoder(torch.nn.Linear(3, 2), torch.nn.Linear(2, 3))
    x = torch.randn(5, 3, generator=GENERATOR)
    assert_close(pair.loss(x), ((x - pair.decode(pair.encode(x))) ** 2).sum(1))
    assert_close(pair.reconstruct(x), pair.decoder(pair.encoder(x)))


def test_losses_of_log_odds_are_cross_entropies():
    logits = 3 * normal(50)
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    for smoothing in (0.0, 0.1):
        target = torch.full_like(logits, 1 - smoothing)
        assert_close(real_loss(logits, smoothing), entropy(logits, target, reduction="none"))
    expected = entropy(logits, torch.zeros_like(logits), reduction="none")
    assert_close(generated_loss(logits), expected)
    assert torch.isfinite(real_loss(torch.tensor([-1e4]))).all()


def test_the_squared_gradient_of_a_row_is_its_own_and_has_a_gradient():
    weight = torch.tensor([3.0, -4.0], requires_grad=True)
    x = torch.tensor([[1.0, 2.0], [0.0, 5.0]], requires_grad=True)
    squares = squared_gradient(0.5 * (x**2 @ weight), x)  # of the gradient x · weight
    assert_close(squares, torch.tensor([9.0 + 64.0, 400.0]))
    (gradient,) = torch.autograd.grad(squares.sum(), weight)
    assert_close(gradient, torch.tensor([6.0, -8.0 * 29.0]))
