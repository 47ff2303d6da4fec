"""Backbones for images serve detectors of all kinds, in each shape of the sets of images."""

from math import prod

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

from skdeepad import EGBAD, AnoGAN, AutoEncoder, GANomaly, all_detectors
from skdeepad.nn import ConvBackbone, DCGANBackbone

from ..instances import without_labels

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


RECONSTRUCTING = [
    cls
    for _, cls in all_detectors()
    if hasattr(cls, "reconstruct") and "backbone" in cls().get_params()
]


@without_labels
@pytest.mark.filterwarnings("ignore:No unit of the code:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("cls", RECONSTRUCTING, ids=lambda cls: cls.__name__)
def test_rows_that_a_bounded_decoder_cannot_make_are_refused(cls):
    det = cls(backbone=DCGANBackbone((1, 8, 8), width=2), scaler=None, random_state=0)
    if "likelihood" in det.get_params():
        det.set_params(likelihood="gaussian")
    images = load_digits().data[:40]
    with pytest.raises(ValueError, match=r"makes values in \[-1, 1\], .* from 0 to 16: scale them"):
        det.fit(images)
    det.set_params(max_epochs=1, max_steps=1, scaler="minmax").fit(images)
    assert np.isfinite(det.score_samples(images)).all()


@without_labels
@pytest.mark.parametrize("likelihood", ["heteroscedastic", "bernoulli"])
@pytest.mark.parametrize(
    "cls", [cls for cls in RECONSTRUCTING if hasattr(cls(), "likelihood")], ids=lambda c: c.__name__
)
def test_a_bounded_decoder_makes_neither_variances_nor_logits(cls, likelihood):
    det = cls(backbone=DCGANBackbone((1, 8, 8), width=2), likelihood=likelihood, scaler=None)
    message = f"likelihood='{likelihood}' must be 'gaussian' with backbone=DCGANBackbone"
    with pytest.raises(ValueError, match=message):
        det.fit(load_digits().data[:40] / 16)


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
