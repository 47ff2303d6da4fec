"""The networks of DCGAN for images of any size."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from skdeepad.nn import DCGANBackbone, reset_weights
from skdeepad.nn._dcgan import _Crop, _Pad

#: (channels, height, width): the sizes of maps, from the image on, in units of the base width.
SHAPES = {
    (1, 8, 8): {4: 1},
    (1, 28, 28): {16: 1, 8: 2, 4: 4},
    (1, 32, 32): {16: 1, 8: 2, 4: 4},
    (3, 32, 32): {16: 1, 8: 2, 4: 4},
    (3, 64, 64): {32: 1, 16: 2, 8: 4, 4: 8},
    (1, 5, 12): {8: 1, 4: 2},
    (2, 20, 3): {16: 1, 8: 2, 4: 4},
}
every_shape = pytest.mark.parametrize("shape", SHAPES)


def networks(shape, width=6, n_latent=5, **kwargs):
    n_features = int(np.prod(shape))
    backbone = DCGANBackbone(shape, width)
    encoder = backbone.make_encoder(n_features, n_latent, **kwargs)
    return encoder, backbone.make_decoder(n_latent, n_features, **kwargs)


def maps(module, x):
    """Height: channels of what each convolution gives, in the order of the layers."""
    seen = {}
    for layer in module:
        x = layer(x)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            seen[x.shape[2]] = x.shape[1]
            assert x.shape[2] == x.shape[3]
    return seen


def kinds(module, *types):
    return [layer for layer in module.modules() if isinstance(layer, types)]


@every_shape
def test_maps_halve_to_four_pixels_and_double_their_channels(shape):
    encoder, decoder = networks(shape)
    x = torch.rand(3, int(np.prod(shape))) * 2 - 1
    expected = {size: 6 * n for size, n in SHAPES[shape].items()}
    assert maps(encoder, x) == expected
    size = 2 * max(expected)
    assert maps(decoder, torch.randn(3, 5)) == expected | {size: shape[0]}
    assert encoder(x).shape == (3, 5)
    assert decoder(encoder(x)).shape == x.shape


@every_shape
def test_kernels_are_four_pixels_wide_and_halve_without_overlap_at_the_seams(shape):
    encoder, decoder = networks(shape)
    first, *others = kinds(decoder, nn.ConvTranspose2d)
    assert (first.kernel_size, first.stride, first.padding) == ((4, 4), (1, 1), (0, 0))
    for layer in kinds(encoder, nn.Conv2d) + others:
        assert (layer.kernel_size, layer.stride, layer.padding) == ((4, 4), (2, 2), (1, 1))


@every_shape
def test_weights_are_drawn_as_in_dcgan(shape):
    torch.manual_seed(0)
    networks_ = networks(shape, width=32)
    for layer in kinds(nn.ModuleList(networks_), nn.Conv2d, nn.ConvTranspose2d, nn.Linear):
        assert abs(layer.weight.mean()) < 0.003
        assert 0.018 < layer.weight.std() < 0.022
        assert layer.bias is None or not layer.bias.any()
    for layer in kinds(nn.ModuleList(networks_), nn.BatchNorm2d):
        assert 0.98 < layer.weight.mean() < 1.02
        assert 0.01 < layer.weight.std() < 0.03
        assert not layer.bias.any()


@every_shape
def test_batch_norm_is_behind_all_but_the_first_layer_of_the_one_and_the_last_of_the_other(shape):
    encoder, decoder = networks(shape)
    n_layers = len(SHAPES[shape])
    assert len(kinds(encoder, nn.BatchNorm2d)) == n_layers - 1
    assert len(kinds(decoder, nn.BatchNorm2d)) == n_layers
    for module in (encoder, decoder):
        convolutions = kinds(module, nn.Conv2d, nn.ConvTranspose2d)
        layers = list(module)
        followed = [
            isinstance(layers[layers.index(layer) + 1], nn.BatchNorm2d) for layer in convolutions
        ]
        assert [layer.bias is None for layer in convolutions] == followed
        first_or_last = convolutions[0 if module is encoder else -1]
        assert followed.count(False) == 1
        assert first_or_last.bias is not None


def test_activations_are_leaky_before_the_code_and_rectified_behind_it():
    encoder, decoder = networks((1, 16, 16))
    leaky = kinds(encoder, nn.LeakyReLU)
    assert [layer.negative_slope for layer in leaky] == [0.2, 0.2]
    assert not kinds(encoder, nn.ReLU, nn.Tanh)
    assert len(kinds(decoder, nn.ReLU)) == 2
    assert len(kinds(decoder, nn.Tanh)) == 1
    assert not kinds(decoder, nn.LeakyReLU)


def test_a_decoder_fills_the_range_of_a_tanh_and_stays_in_it():
    _, decoder = networks((1, 12, 12))
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.mul_(30)
    made = decoder(torch.randn(200, 5))
    low, high = DCGANBackbone.output_range
    assert low <= made.min() < -0.99
    assert 0.99 < made.max() <= high


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 5, 12), (2, 20, 3), (1, 32, 32)])
def test_cropping_takes_back_what_padding_added_in_black(shape):
    size = 1 << (max(shape[1:]) - 1).bit_length()
    x = torch.rand(4, *shape)
    padded = _Pad(shape, size)(x)
    assert padded.shape == (4, shape[0], size, size)
    assert torch.equal(_Crop(shape, size)(padded), x)
    n_added = padded[0].numel() - x[0].numel()
    assert (padded == -1).sum() == 4 * n_added
    rows, columns = ((padded[0, 0] > -1).any(axis).nonzero().flatten() for axis in (1, 0))
    for kept in (rows, columns):  # in the middle
        assert abs((kept[0]) - (size - 1 - kept[-1])) <= 1


def test_without_bias_nothing_is_added_anywhere():
    for module in networks((1, 16, 16), bias=False):
        assert not [name for name, _ in module.named_parameters() if "bias" in name]
        reset_weights(module)


def test_weights_are_drawn_anew_in_all_layers_and_statistics_forgotten():
    module = nn.Sequential(*networks((1, 16, 16)), nn.Linear(256, 3))
    module.train()(torch.rand(20, 256))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    reset_weights(module)
    for name, value in module.state_dict().items():
        constant = name.endswith("bias") and not name.startswith("2.")
        if name.endswith("running_mean"):
            assert not value.any()
        elif not constant:
            assert not torch.equal(value, before[name]), name


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"image_shape": (8, 8)}, r"image_shape=\(8, 8\) must be \(channels, height, width\)"),
        ({"image_shape": (4, 4, 4)}, r"image_shape=\(4, 4, 4\) must be .* above 4"),
        ({"image_shape": (0, 8, 8)}, r"image_shape=\(0, 8, 8\) must be"),
        ({"image_shape": 64}, r"image_shape=64 must be \(channels, height, width\)"),
        ({"image_shape": "188"}, "image_shape='188' must be"),
        ({"image_shape": (1, 8, 9)}, r"image_shape=\(1, 8, 9\) has 72 values, but .* has 64"),
        ({"image_shape": (1, 8, 8), "width": 0}, "width=0 must be a positive integer"),
        ({"image_shape": (1, 8, 8), "width": 2.5}, "width=2.5 must be a positive integer"),
        ({"image_shape": (1, 8, 8), "width": True}, "width=True must be a positive integer"),
    ],
)
def test_impossible_images_are_named(params, message):
    backbone = clone(DCGANBackbone()).set_params(**params)
    for make in (lambda: backbone.make_encoder(64, 2), lambda: backbone.make_decoder(2, 64)):
        with pytest.raises(ValueError, match=message):
            make()
