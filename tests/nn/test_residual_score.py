"""Residual scores by hand: each scaling and each norm."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from skdeepad.nn import ResidualScore
from skdeepad.nn._residual_score import upper_quartile

NORMS = {
    "l2": lambda r: (r**2).mean(1),
    "l1": lambda r: np.abs(r).mean(1),
    "max": lambda r: np.abs(r).max(1),
}
every_norm = pytest.mark.parametrize("norm", NORMS)


def training_residuals(n=400, d=4):
    rng = np.random.RandomState(0)
    return rng.randn(n, d) @ rng.randn(d, d) * [0.1, 1, 2, 5][:d], rng.randn(n, d)


def calibrated(scaling, norm, residuals, x):
    score = ResidualScore(residuals.shape[1], scaling, norm)
    score.calibrate(*(torch.as_tensor(a, dtype=torch.float32) for a in (residuals, x)))
    return score


def apply(score, residuals):
    residuals = torch.as_tensor(residuals, dtype=torch.float32)
    values = score(residuals, torch.zeros_like(residuals))
    assert values.dtype == torch.float64
    return values.numpy()


@every_norm
def test_plain_residuals_are_taken_as_they_are(norm):
    residuals, x = training_residuals()
    score = calibrated("plain", norm, residuals, x)
    assert_allclose(apply(score, residuals), NORMS[norm](residuals), rtol=1e-5)
    assert not list(score.buffers())


@every_norm
def test_robust_residuals_are_divided_by_their_upper_quartile(norm):
    residuals, x = training_residuals()
    score = calibrated("robust", norm, residuals, x)
    scale = np.quantile(np.abs(residuals), 0.75, axis=0) + 1e-3
    new = residuals[:50] * 3
    assert np.abs(new / scale).max() < 10
    assert_allclose(apply(score, new), NORMS[norm](new / scale), rtol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_a_robust_residual_grows_by_its_logarithm_beyond_ten_units(norm):
    residuals, x = training_residuals(d=2)
    score = calibrated("robust", norm, residuals, x)
    for size in (1e3, -1e6):
        units = abs(size) / score.scale[0].item()
        expected = NORMS[norm](np.array([[10 + np.log1p(units - 10), 0.0]]))
        assert_allclose(apply(score, [[size, 0.0]]), expected, rtol=1e-6)


def test_the_robust_residual_of_a_constant_column_counts_as_it_is():
    residuals, x = training_residuals()
    residuals[:, 1], x[:, 1] = 1e-9, 7.0
    score = calibrated("robust", "l2", residuals, x)
    assert_allclose(apply(score, [[0.0, 0.3, 0.0, 0.0]]), [0.09 / 4], rtol=1e-5)
    assert score.scale[1] == 1


def test_a_robust_scale_has_a_floor():
    residuals, x = training_residuals()
    score = calibrated("robust", "max", residuals * 0, x)
    assert_allclose(apply(score, [[2e-3, 0, 0, 0]]), [2.0], rtol=1e-5)


def shrunk_covariance(residuals, shrinkage=0.05):
    covariance = residuals.T @ residuals / len(residuals)
    target = np.eye(len(covariance)) * np.diag(covariance).mean()
    return (1 - shrinkage) * covariance + shrinkage * target


def test_mahalanobis_is_the_distance_under_the_shrunk_covariance():
    residuals, x = training_residuals()
    score = calibrated("mahalanobis", "l2", residuals, x)
    precision = np.linalg.inv(shrunk_covariance(residuals))
    expected = np.einsum("ij,jk,ik->i", residuals, precision, residuals) / residuals.shape[1]
    assert_allclose(apply(score, residuals), expected, rtol=1e-4)


@pytest.mark.parametrize("norm", ["l1", "max"])
def test_the_other_norms_of_mahalanobis_are_of_the_whitened_residual(norm):
    residuals, x = training_residuals()
    score = calibrated("mahalanobis", norm, residuals, x)
    values, vectors = np.linalg.eigh(shrunk_covariance(residuals))
    whitened = residuals @ vectors @ np.diag(values**-0.5) @ vectors.T
    assert_allclose(apply(score, residuals), NORMS[norm](whitened), rtol=1e-4, atol=1e-5)


def test_mahalanobis_takes_correlations_into_account():
    rng = np.random.RandomState(0)
    residuals = rng.randn(500, 1) * [1, 1] + 0.1 * rng.randn(500, 2)
    score = calibrated("mahalanobis", "l2", residuals, residuals)
    along, across = apply(score, [[1.0, 1.0], [1.0, -1.0]])
    assert across > 10 * along


def test_mahalanobis_of_residuals_that_are_all_zero_is_finite():
    score = calibrated("mahalanobis", "l2", np.zeros((10, 3)), np.ones((10, 3)))
    assert np.isfinite(apply(score, np.ones((2, 3)))).all()


@pytest.mark.parametrize("scaling", ["plain", "robust", "mahalanobis"])
@pytest.mark.parametrize("norm", ["l2", "l1", "max"])
def test_contributions_make_up_the_score(scaling, norm):
    torch.manual_seed(0)
    x = torch.randn(50, 4)
    residuals = 0.1 * torch.randn(50, 4) @ torch.randn(4, 4)
    score = ResidualScore(4, scaling, norm)
    score.calibrate(residuals, x)
    parts = score.contributions(residuals, torch.zeros(50, 4))
    assert parts.shape == (50, 4)
    whole = parts.amax(1) if norm == "max" else parts.sum(1)
    assert_allclose(whole, score(residuals, torch.zeros(50, 4)), rtol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 101, 1000])
def test_the_quartile_has_the_bits_of_torch(n):
    values = torch.rand(n, 6, generator=torch.Generator().manual_seed(n))
    values[:, 1] = 1.0
    values[-1, 2], values[0, 3] = torch.inf, torch.nan
    expected = torch.quantile(values, 0.75, dim=0)
    assert torch.equal(upper_quartile(values).nan_to_num(-1), expected.nan_to_num(-1))
