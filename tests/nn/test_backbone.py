"""Backbones make encoders and decoders that fit together, without biases where none are wanted."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch import nn

from skdeepad import AutoEncoder
from skdeepad.nn import ACTIVATIONS, ConvBackbone, MLPBackbone, make_activation

BACKBONES = {
    "plain": MLPBackbone(),
    "without a hidden layer": MLPBackbone(()),
    "with all": MLPBackbone((12, 6), "relu", batch_norm=True, dropout=0.2),
    "convolutional": ConvBackbone((1, 4, 8), channels=(3, 2), kernel_size=3),
    "in colour": ConvBackbone((2, 4, 4), channels=(3,), kernel_size=1, activation="relu"),
}
every_backbone = pytest.mark.parametrize("backbone", BACKBONES.values(), ids=list(BACKBONES))


def widths(module):
    return [(m.in_features, m.out_features) for m in module.modules() if isinstance(m, nn.Linear)]


def has_bias(module):
    return any("bias" in name for name, _ in module.named_parameters())


@every_backbone
@pytest.mark.parametrize("bias", [True, False])
def test_encoders_and_decoders_have_the_widths_asked_for(backbone, bias):
    x = torch.randn(5, 32)
    encoder = backbone.make_encoder(32, 3, bias=bias)
    decoder = backbone.make_decoder(3, 32, bias=bias)
    assert encoder(x).shape == (5, 3)
    assert decoder(encoder(x)).shape == (5, 32)


@every_backbone
def test_a_decoder_can_give_several_values_for_each_feature(backbone):
    assert backbone.make_decoder(3, 64)(torch.randn(5, 3)).shape == (5, 64)


@every_backbone
def test_without_bias_nothing_is_added_anywhere(backbone):
    for make in (backbone.make_encoder, backbone.make_decoder):
        assert has_bias(make(32, 32))
        module = make(32, 32, bias=False).eval()
        assert not has_bias(module)
        assert not module(torch.zeros(2, 32)).any()


@every_backbone
def test_the_code_and_the_output_are_linear(backbone):
    for make in (backbone.make_encoder, backbone.make_decoder):
        layers = [m for m in make(32, 32).modules() if not list(m.children())]
        layers = [m for m in layers if not isinstance(m, nn.Flatten)]
        assert isinstance(layers[-1], nn.Linear | nn.Conv2d)


@every_backbone
def test_modules_are_made_anew_and_the_backbone_holds_none(backbone):
    before = dict(vars(backbone))
    first, second = backbone.make_encoder(32, 3), backbone.make_encoder(32, 3)
    assert first is not second
    assert not {id(p) for p in first.parameters()} & {id(p) for p in second.parameters()}
    assert vars(backbone) == before


def test_the_decoder_mirrors_the_encoder():
    backbone = MLPBackbone((12, 6, 4))
    assert widths(backbone.make_encoder(20, 2)) == [(20, 12), (12, 6), (6, 4), (4, 2)]
    assert widths(backbone.make_decoder(2, 20)) == [(2, 4), (4, 6), (6, 12), (12, 20)]


def test_the_convolutional_decoder_mirrors_the_encoder():
    backbone = ConvBackbone((1, 8, 8), channels=(5, 3))

    def channels(module):
        return [
            (m.in_channels, m.out_channels) for m in module.modules() if isinstance(m, nn.Conv2d)
        ]

    assert channels(backbone.make_encoder(64, 2)) == [(1, 5), (5, 3)]
    assert channels(backbone.make_decoder(2, 64)) == [(3, 3), (3, 5), (5, 1)]
    assert widths(backbone.make_encoder(64, 2)) == [(12, 2)]
    assert widths(backbone.make_decoder(2, 64)) == [(2, 12)]


def test_the_default_convolutions_are_the_mnist_network_of_the_paper():
    encoder = ConvBackbone().make_encoder(784, 32, bias=False)
    shapes = [tuple(p.shape) for p in encoder.parameters()]
    assert shapes == [(8, 1, 5, 5), (4, 8, 5, 5), (32, 196)]


def test_batch_norm_and_dropout_stand_where_they_are_asked_for():
    backbone = MLPBackbone((12, 6), batch_norm=True, dropout=0.2)
    names = [type(layer).__name__ for layer in backbone.make_encoder(20, 2)]
    block = ["Linear", "BatchNorm1d", "Tanh", "Dropout"]
    assert names == [*block, *block, "Linear"]
    assert names[:4] != [type(layer).__name__ for layer in MLPBackbone((12, 6)).make_encoder(20, 2)]


def test_batch_norm_has_no_affine_parameters():
    for backbone in (MLPBackbone(batch_norm=True), ConvBackbone((1, 4, 4), channels=(2,))):
        norms = [
            m
            for m in backbone.make_encoder(16, 2).modules()
            if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)
        ]
        assert norms
        assert all(m.weight is None and m.bias is None for m in norms)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_found_by_name(name):
    layer = MLPBackbone((4,), name).make_encoder(3, 2)[1]
    x = torch.linspace(-3, 3, 13)
    negative_slope = {"negative_slope": 0.1} if name == "leaky_relu" else {}
    function = {"identity": lambda x: x}.get(name) or getattr(
        nn.functional, name, getattr(torch, name, None)
    )
    torch.testing.assert_close(layer(x), function(x, **negative_slope))
    assert type(make_activation(name)) is type(layer)


@pytest.mark.parametrize(
    ("params", "n_features", "message"),
    [
        ({}, 100, r"image_shape=\(1, 28, 28\) has 784 values, but a row of X has 100"),
        ({"image_shape": (28, 28)}, 784, r"image_shape=\(28, 28\) must be \(channels, height"),
        ({"image_shape": (1, 6, 8)}, 48, r"image_shape=\(1, 6, 8\) .*divisible by 4"),
        ({"image_shape": (1, 8, 6)}, 48, r"image_shape=\(1, 8, 6\) .*for channels=\(8, 4\)"),
        ({"image_shape": 784}, 784, r"image_shape=784 must be \(channels, height, width\)"),
        ({"image_shape": None}, 784, "image_shape=None must be"),
        ({"image_shape": (1.0, 28.0, 28.0)}, 784, r"image_shape=\(1.0, 28.0, 28.0\) must be"),
        ({"channels": (0,)}, 784, r"channels=\(0,\) must be positive integers"),
        ({"channels": None}, 784, "channels=None must be positive integers"),
        ({"kernel_size": -1}, 784, "kernel_size=-1 must be an odd positive integer"),
        ({"kernel_size": 3.0}, 784, "kernel_size=3.0 must be an odd positive integer"),
    ],
)
def test_shapes_that_do_not_fit_are_named_with_their_value(params, n_features, message):
    backbone = ConvBackbone(**params)
    for make in (backbone.make_encoder, lambda n, k: backbone.make_decoder(k, n)):
        with pytest.raises(ValueError, match=message):
            make(n_features, 8)


@every_backbone
def test_backbones_are_cloned_by_their_parameters(backbone):
    twin = clone(backbone)
    assert twin is not backbone
    assert twin.get_params() == backbone.get_params()


def test_the_parameters_of_a_backbone_are_searched_from_the_detector(X):
    rows = np.c_[X, X]
    detector = AutoEncoder(
        backbone=ConvBackbone((1, 4, 4), channels=(2,), kernel_size=3),
        n_latent=2,
        max_epochs=2,
        random_state=0,
    )
    assert detector.get_params()["backbone__channels"] == (2,)
    grid = {"backbone__channels": [(2,), (5,)], "backbone__kernel_size": [1, 3]}
    search = GridSearchCV(detector, grid, scoring=_shape_of_first_convolution, cv=2).fit(rows)
    assert_array_equal(search.cv_results_["mean_test_score"], [21, 23, 51, 53])
    assert search.best_params_ == {"backbone__channels": (5,), "backbone__kernel_size": 3}


def _shape_of_first_convolution(detector, X, y=None):
    weight = next(p for p in detector.net_.module_.parameters() if p.ndim == 4)
    return 10 * weight.shape[0] + weight.shape[2]


def test_a_convolutional_decoder_refuses_a_part_of_an_image():
    backbone = ConvBackbone((1, 8, 8), channels=(4,), kernel_size=3)
    for n_features in (96, 63):
        with pytest.raises(ValueError, match="has 64 values"):
            backbone.make_decoder(3, n_features)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"hidden_layer_sizes": True}, "hidden_layer_sizes=True must be positive integers"),
        ({"hidden_layer_sizes": None}, "hidden_layer_sizes=None must be positive integers"),
        ({"dropout": -0.5}, "dropout=-0.5 must be a number of at least 0 and below 1"),
        ({"dropout": 1.0}, "dropout=1.0 must be"),
        ({"dropout": "a"}, "dropout='a' must be"),
    ],
)
def test_layers_that_cannot_be_made_are_named(params, message):
    for make in (MLPBackbone(**params).make_encoder, MLPBackbone(**params).make_decoder):
        with pytest.raises(ValueError, match=message):
            make(5, 2)
