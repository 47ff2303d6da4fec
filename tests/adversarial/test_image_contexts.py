"""Images are judged, reconstructed and drawn under the context in columns beside their pixels."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skdeepad import EGBAD, AnoGAN
from skdeepad.adversarial._context import Context
from skdeepad.export import to_module
from skdeepad.nn import ConvBackbone, DCGANBackbone, MLPBackbone

DCGAN = DCGANBackbone((1, 8, 8), width=8)
CONVOLUTIONS = ConvBackbone((1, 8, 8), channels=(4,), kernel_size=3)
COMMON = {"scaler": None, "n_latent": 4, "batch_size": 32, "average_decay": 0.9, "random_state": 0}
ANOGAN = {"n_latent_steps": 5, "n_starts": 64}
F_ANOGAN = {"train_encoder": True, "encoder_steps": 40}
CASES = {
    "EGBAD of DCGAN": (EGBAD, DCGAN, {}),
    "EGBAD of convolutions": (EGBAD, CONVOLUTIONS, {}),
    "AnoGAN of DCGAN": (AnoGAN, DCGAN, ANOGAN),
    "f-AnoGAN of convolutions": (AnoGAN, CONVOLUTIONS, F_ANOGAN),
}


def bright_sides(n, seed):
    """Images with a bright half, behind a column that says which: -1 for left, 1 for right."""
    rng = np.random.RandomState(seed)
    side = rng.randint(0, 2, size=n)
    images = -0.9 + 0.1 * rng.rand(n, 8, 8)
    for i, right in enumerate(side):
        images[i, :, 4 * right : 4 * right + 4] += rng.uniform(1, 1.7)
    return np.c_[2 * side - 1, images.reshape(n, -1)]


def brighter_side(rows):
    images = rows[:, 1:].reshape(-1, 8, 8)
    return np.sign(images[:, :, 4:].mean((1, 2)) - images[:, :, :4].mean((1, 2)))


@pytest.mark.parametrize(("cls", "backbone", "params"), CASES.values(), ids=list(CASES))
def test_images_are_judged_under_their_context(cls, backbone, params):
    det = cls(backbone=backbone, context_columns=[0], max_steps=100, **COMMON | params)
    det.fit(bright_sides(200, seed=0))
    right = bright_sides(100, seed=1)
    wrong = right * np.r_[-1, np.ones(64)]
    scores = -det.score_samples(np.r_[right, wrong])
    assert roc_auc_score(np.repeat([0, 1], 100), scores) >= 0.95
    drawn = det.sample(100, random_state=0)
    assert set(drawn[:, 0]) == {-1, 1}
    assert (brighter_side(drawn) == drawn[:, 0]).mean() >= 0.9
    assert_array_equal(det.reconstruct(wrong)[:, 0], wrong[:, 0])
    assert not det.feature_contributions(wrong)[:, 0].any()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cls", "params", "least"),
    [
        (AnoGAN, {}, 0.8),
        (AnoGAN, {"train_encoder": True}, 0.9),
        (EGBAD, {"lr": 5e-4, "reconstruction_weight": 1.0}, 0.9),
    ],
    ids=["AnoGAN", "f-AnoGAN", "EGBAD"],
)
def test_a_digit_under_another_name_is_found(cls, params, least):
    pixels, digits = load_digits(return_X_y=True)
    names = 2 * np.eye(10) - 1
    others = (digits + np.random.RandomState(0).randint(1, 10, len(digits))) % 10
    right, wrong = (np.c_[pixels / 8 - 1, names[each]] for each in (digits, others))
    train, test = train_test_split(np.arange(len(digits)), random_state=0)
    det = cls(
        backbone=DCGANBackbone((1, 8, 8), width=16),
        context_columns=range(64, 74),
        n_latent=32,
        max_steps=1500,
        scaler=None,
        random_state=0,
        **params,
    ).fit(right[train])
    scores = -det.score_samples(np.r_[right[test], wrong[test]])
    assert roc_auc_score(np.repeat([0, 1], len(test)), scores) >= least


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
@pytest.mark.parametrize("make", [ConvBackbone, lambda shape: DCGANBackbone(shape, width=4)])
def test_contexts_may_stand_anywhere_beside_the_pixels_of_any_shape(shape, make):
    rng = np.random.RandomState(0)
    pixels = 2 * rng.rand(40, int(np.prod(shape))) - 1
    classes = 5 * np.eye(3)[rng.randint(3, size=40)]  # beyond a tanh, which does not make them
    rows, columns = np.c_[classes[:, :1], pixels, classes[:, 1:]], [-1, 0, -2]
    for cls, params in ((EGBAD, {}), (AnoGAN, F_ANOGAN | {"encoder_steps": 2})):
        det = cls(backbone=make(shape), context_columns=columns, max_steps=2, **COMMON | params)
        det.fit(rows)
        assert_array_equal(det.reconstruct(rows)[:, columns], rows[:, columns])
        assert set(map(tuple, det.sample(20, random_state=0)[:, columns])) <= set(
            map(tuple, rows[:, columns])
        )
        alone = np.r_[det.score_samples(rows[:7]), det.score_samples(rows[7:])]
        assert_allclose(alone, det.score_samples(rows), rtol=1e-4)


def test_each_column_of_the_context_is_a_channel():
    context = Context(n_features=2 * 12 + 2, columns=[0, 25])
    encoder = context.conditioned(ConvBackbone((2, 2, 6), channels=(5,), kernel_size=1))
    channels, reshape, convolution, *_ = encoder.make_encoder(26, 1)
    assert convolution.in_channels == 4
    rows = torch.arange(52.0).reshape(2, 26)
    images = reshape(channels(rows))
    assert images.shape == (2, 4, 2, 6)
    assert torch.equal(images[:, :2].flatten(1), rows[:, 1:25])
    assert (images[1, 2] == rows[1, 0]).all()
    assert (images[1, 3] == rows[1, 25]).all()


def test_layers_for_tables_read_the_context_as_columns(X):
    rows = np.c_[np.sign(X[:, :1]), X]
    det = EGBAD(backbone=MLPBackbone((6,)), context_columns=[0], max_steps=2, random_state=0)
    first = det.fit(rows).encoder_[0]
    assert (first.in_features, first.out_features) == (9, 6)


def test_pixels_outside_of_a_tanh_are_refused_beside_any_context():
    rows = bright_sides(40, seed=0)
    rows[:, 1:] *= 3
    det = EGBAD(backbone=DCGAN, context_columns=[0], max_steps=1, **COMMON)
    with pytest.raises(ValueError, match=r"makes values in \[-1, 1\], but the scaled rows have"):
        det.fit(rows)


def test_a_copy_and_a_module_give_the_same_scores():
    rows = bright_sides(60, seed=0)
    det = EGBAD(backbone=DCGAN, context_columns=[0], max_steps=3, **COMMON).fit(rows)
    scores = det.score_samples(rows)
    assert_array_equal(pickle.loads(pickle.dumps(det)).score_samples(rows), scores)
    assert_allclose(to_module(det)(torch.as_tensor(rows)).numpy(), scores, rtol=1e-5)
