"""Backbones: factories of encoders and decoders.

A backbone is a small scikit-learn object with parameters, so that it can be cloned and searched
(``vae__backbone__channels``). It makes new torch modules and stores none.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import prod
from numbers import Real
from typing import Self

from sklearn.base import clone
from torch import Tensor, nn

from .._documentation import DocumentedEstimator
from .._validation import is_count
from ._stochastic import Dropout

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


def make_activation(name: str) -> nn.Module:
    """Return the activation layer called ``name``.

    ``leaky_relu`` has slope 0.1, as in the papers of Deep SVDD and the convolutional autoencoders.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"activation={name!r} must be one of {sorted(ACTIVATIONS)}.")
    return nn.LeakyReLU(0.1) if name == "leaky_relu" else ACTIVATIONS[name]()


def check_batch_norm(batch_size: int | None, batch_norm: bool) -> None:
    """Raise if batches of one row meet batch normalisation."""
    if batch_size == 1 and batch_norm:
        raise ValueError("batch_size=1 needs batch_norm=False: a batch of one has no variance.")


def check_widths(
    widths: Sequence[int] | int, parameter: str = "hidden_layer_sizes"
) -> tuple[int, ...]:
    """Return widths of layers as a tuple; raise if one is not a positive integer."""
    several = tuple(widths) if isinstance(widths, Iterable) else (widths,)
    if not all(map(is_count, several)):
        raise ValueError(f"{parameter}={widths!r} must be positive integers.")
    return several


def make_mlp(
    widths: Sequence[int],
    activation: str,
    *,
    batch_norm: bool = False,
    dropout: float = 0.0,
    bias: bool = True,
) -> nn.Sequential:
    """Return fully connected layers from ``widths[0]`` inputs to ``widths[-1]`` linear outputs."""
    if not isinstance(dropout, Real) or not 0 <= dropout < 1:
        raise ValueError(f"dropout={dropout!r} must be a number of at least 0 and below 1.")
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths[:-1]):
        layers.append(nn.Linear(n_in, n_out, bias=bias))
        if batch_norm:
            layers.append(nn.BatchNorm1d(n_out, affine=False))
        layers.append(make_activation(activation))
        if dropout:
            layers.append(Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1], bias=bias))


class Backbone(DocumentedEstimator, ABC):
    """Base class of backbones.

    As in every scikit-learn object, ``__init__`` only stores the parameters of a subclass; its
    methods make modules from them.
    """

    #: Activation that a detector applies to a code if the code is a hidden layer.
    activation = "identity"

    @abstractmethod
    def make_encoder(self, n_features: int, n_outputs: int, *, bias: bool = True) -> nn.Module:
        """Return a new module (batch, n_features) → (batch, n_outputs) with a linear last layer."""

    @abstractmethod
    def make_decoder(self, n_inputs: int, n_features: int, *, bias: bool = True) -> nn.Module:
        """Return a new module (batch, n_inputs) → (batch, n_features) with a linear last layer."""


class ImageBackbone(Backbone):
    """Base class of backbones for images, which are given as flattened rows.

    A subclass has a parameter ``image_shape``: channels, height and width.
    """

    image_shape: Sequence[int]

    def with_channels(self, n_more: int) -> Self:
        """Return a backbone for images of the same size with more channels."""
        channels, *size = self.image_shape
        return clone(self).set_params(image_shape=(channels + n_more, *size))

    def _shape(self) -> tuple[int, int, int]:
        """Return channels, height and width; raise if they are none."""
        shape = self.image_shape
        is_one = isinstance(shape, Iterable) and all(map(is_count, shape)) and len(shape) == 3
        if not is_one:
            raise ValueError(
                f"image_shape={shape!r} must be (channels, height, width), three positive integers."
            )
        return tuple(shape)

    def _check_values(self, n_features: float) -> None:
        if prod(self.image_shape) != n_features:
            raise ValueError(
                f"image_shape={self.image_shape!r} has {prod(self.image_shape)} values, but a row "
                f"of X has {n_features:g}."
            )


class MLPBackbone(Backbone):
    """Fully connected layers; the decoder mirrors the encoder.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(64, 32)
        Widths from the input towards the code.
    activation : str, default="tanh"
        One of identity, sigmoid, tanh, relu, leaky_relu, elu, gelu, silu.
    batch_norm : bool, default=False
        Batch normalisation, without affine parameters, before each activation.
    dropout : float, default=0.0
        Share of the hidden units that are dropped in each training step.
    """

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (64, 32),
        activation: str = "tanh",
        batch_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.batch_norm = batch_norm
        self.dropout = dropout

    def make_encoder(self, n_features: int, n_outputs: int, *, bias: bool = True) -> nn.Module:
        return self._layers([n_features, *check_widths(self.hidden_layer_sizes), n_outputs], bias)

    def make_decoder(self, n_inputs: int, n_features: int, *, bias: bool = True) -> nn.Module:
        widths = reversed(check_widths(self.hidden_layer_sizes))
        return self._layers([n_inputs, *widths, n_features], bias)

    def _layers(self, widths: Sequence[int], bias: bool) -> nn.Module:
        return make_mlp(
            widths,
            self.activation,
            batch_norm=self.batch_norm,
            dropout=self.dropout,
            bias=bias,
        )


class _Reshape(nn.Module):
    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, *self.shape)


class ConvBackbone(ImageBackbone):
    """Convolutions for images that are given as flattened rows.

    The encoder is the LeNet type of the Deep SVDD paper. For each entry of ``channels`` it has a
    convolution that keeps the size, batch normalisation without affine parameters, the activation
    and a 2×2 max-pooling; then follows one linear layer. The decoder mirrors it with
    nearest-neighbour upsampling.

    Parameters
    ----------
    image_shape : tuple of (channels, height, width), default=(1, 28, 28)
        Height and width must be divisible by ``2 ** len(channels)``.
    channels : int or sequence of int, default=(8, 4)
        Output channels of the convolutions. The default is that of the paper's MNIST network.
    kernel_size : int, default=5
        Odd size of the convolution kernels.
    activation : str, default="leaky_relu"
        As in :class:`MLPBackbone`.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        channels: Sequence[int] | int = (8, 4),
        kernel_size: int = 5,
        activation: str = "leaky_relu",
    ) -> None:
        self.image_shape = image_shape
        self.channels = channels
        self.kernel_size = kernel_size
        self.activation = activation

    def make_encoder(self, n_features: int, n_outputs: int, *, bias: bool = True) -> nn.Module:
        n_in, *_ = shape = self._check(n_features)
        layers: list[nn.Module] = [_Reshape(*shape)]
        for n_out in self._channels():
            layers += [*self._block(n_in, n_out, bias), nn.MaxPool2d(2)]
            n_in = n_out
        return nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(prod(self._code_shape()), n_outputs, bias=bias)
        )

    def make_decoder(self, n_inputs: int, n_features: int, *, bias: bool = True) -> nn.Module:
        # A likelihood may need several values per pixel, such as a mean and a variance.
        n_values = max(1, n_features // prod(self._shape()))
        n_image, *_ = self._check(n_features / n_values)
        n_in, *_ = code_shape = self._code_shape()
        layers: list[nn.Module] = [
            nn.Linear(n_inputs, prod(code_shape), bias=bias),
            _Reshape(*code_shape),
        ]
        for n_out in reversed(self._channels()):
            layers += [*self._block(n_in, n_out, bias), nn.Upsample(scale_factor=2)]
            n_in = n_out
        layers.append(self._convolution(n_in, n_values * n_image, bias))
        return nn.Sequential(*layers, nn.Flatten())

    def _convolution(self, n_in: int, n_out: int, bias: bool) -> nn.Module:
        padding = self.kernel_size // 2
        return nn.Conv2d(n_in, n_out, self.kernel_size, padding=padding, bias=bias)

    def _block(self, n_in: int, n_out: int, bias: bool) -> list[nn.Module]:
        return [
            self._convolution(n_in, n_out, bias),
            nn.BatchNorm2d(n_out, eps=1e-4, affine=False),
            make_activation(self.activation),
        ]

    def _code_shape(self) -> tuple[int, int, int]:
        _, height, width = self.image_shape
        channels = self._channels()
        shrink = 2 ** len(channels)
        return channels[-1], height // shrink, width // shrink

    def _channels(self) -> tuple[int, ...]:
        channels = check_widths(self.channels, "channels")
        if not channels:
            raise ValueError(f"channels={self.channels!r} must have at least one entry.")
        return channels

    def _check(self, n_features: float) -> tuple[int, ...]:
        channels = self._channels()
        if not is_count(self.kernel_size) or self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size={self.kernel_size!r} must be an odd positive integer.")
        shape, shrink = self._shape(), 2 ** len(channels)
        if shape[1] % shrink or shape[2] % shrink:
            raise ValueError(
                f"image_shape={self.image_shape!r} must be (channels, height, width) with height "
                f"and width divisible by {shrink}, for channels={channels!r}."
            )
        self._check_values(n_features)
        return shape
