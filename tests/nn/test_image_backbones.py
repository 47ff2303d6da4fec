"""Backbones for images serve detectors of all kinds, in each shape of the sets of images."""

from math import prod

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skdeepad import EGBAD, AnoGAN, AutoEncoder, GANomaly
from skdeepad.nn import ConvBackbone, DCGANBackbone

SHAPES = [(1, 28, 28), (3, 32, 32), (1, 32, 32), (1, 128, 128)]
BACKBONES = {
    "convolutions": lambda shape: ConvBackbone(shape, channels=(2, 2), kernel_size=3),
    "DCGAN": lambda shape: DCGANBackbone(shape, width=2),
}
DETECTORS = {
    "AutoEncoder": AutoEncoder(),
    "GANomaly": GANomaly(),
    "EGBAD": EGBAD(),
    "AnoGAN": AnoGAN(n_latent_steps=2, n_starts=8),
    "f-AnoGAN": AnoGAN(train_encoder=True, encoder_steps=2),
}
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
every_backbone = pytest.mark.parametrize("make", BACKBONES.values(), ids=list(BACKBONES))


@every_shape
@every_backbone
@pytest.mark.parametrize("detector", DETECTORS.values(), ids=list(DETECTORS))
def test_detectors_of_images_score_and_restore_them(detector, make, shape):
    X = np.random.RandomState(0).uniform(-1, 1, size=(6, prod(shape)))
    det = (
        clone(detector)
        .set_params(
            backbone=make(shape),
            scaler=None,
            n_latent=3,
            max_steps=2,
            batch_size=3,
            random_state=0,
        )
        .fit(X)
    )
    assert np.isfinite(det.score_samples(X)).all()
    assert det.reconstruct(X).shape == X.shape
    assert det.feature_contributions(X).shape == X.shape


@every_backbone
def test_channels_come_first_in_a_row(make):
    encoder = make((3, 16, 16)).make_encoder(3 * 256, 2).eval()
    first = next(layer for layer in encoder if isinstance(layer, torch.nn.Conv2d))
    with torch.no_grad():
        first.weight[:, 1:] = 0
    x = torch.rand(5, 3, 256)
    other = torch.stack([x[:, 0], *torch.rand(2, 5, 256)], 1)
    assert torch.equal(encoder(x.flatten(1)), encoder(other.flatten(1)))
    red = torch.cat([torch.rand(5, 1, 256), x[:, 1:]], 1)
    assert not torch.equal(encoder(x.flatten(1)), encoder(red.flatten(1)))


@every_backbone
def test_more_channels_make_a_backbone_of_their_own(make):
    backbone = make((3, 16, 16))
    wider = backbone.with_channels(2)
    assert wider.image_shape == (5, 16, 16)
    assert backbone.image_shape == (3, 16, 16)
    assert wider.get_params() == backbone.get_params() | {"image_shape": (5, 16, 16)}
    with pytest.raises(ValueError, match=r"image_shape=\(5, 16, 16\) has 1280 values, but .* 768"):
        wider.make_encoder(768, 2)
