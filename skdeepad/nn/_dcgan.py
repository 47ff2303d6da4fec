"""Backbone with the networks of DCGAN."""

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from .._validation import is_count
from ._backbone import ImageBackbone, _Reshape

# Size to which the strided convolutions reduce an image, and size of their kernels.
LEAST_SIZE, KERNEL_SIZE = 4, 4


class DCGANBackbone(ImageBackbone):
    r"""Strided convolutions of DCGAN for images that are given as flattened rows.

    The encoder, which is the discriminator if it has one output, halves the image by 4×4
    convolutions of stride 2 until it has 4×4 pixels. Each convolution is followed by leaky
    rectified units of slope 0.2, and all but the first by batch normalisation; a last 4×4
    convolution makes the outputs. The decoder, which is the generator, mirrors the encoder with
    transposed convolutions and rectified units, and ends with a tanh without batch normalisation.
    Weights are drawn from :math:`N(0, 0.02^2)`, those of batch normalisation from
    :math:`N(1, 0.02^2)` [1]_.

    Parameters
    ----------
    image_shape : tuple of (channels, height, width), default=(1, 28, 28)
        Shape of the images. They are padded with -1, which is black, to a square whose size is a
        power of two (28 pixels to 32), and the output of the decoder is cropped.
    width : int, default=64
        Channels of the layer next to the image; each halving doubles them.

    See Also
    --------
    ConvBackbone : Convolutions and max-pooling, and a linear output.

    Notes
    -----
    The decoder makes a value in [-1, 1] of each pixel: scale images to this range. It has neither
    variances nor logits, so that variational autoencoders need ``likelihood="gaussian"``.

    DCGAN has 5×5 kernels. Its implementations commonly use 4×4 kernels: their size is a multiple of
    the stride, which avoids checkerboard patterns.

    References
    ----------
    .. [1] A. Radford et al., "Unsupervised representation learning with deep convolutional
       generative adversarial networks", ICLR 2016, arXiv:1511.06434.

    Examples
    --------
    >>> from skdeepad import GANomaly
    >>> from skdeepad.nn import DCGANBackbone
    >>> det = GANomaly(backbone=DCGANBackbone((1, 8, 8), width=8), scaler=None)
    """

    #: Range of the decoder's output.
    output_range = (-1.0, 1.0)

    def __init__(self, image_shape: Sequence[int] = (1, 28, 28), width: int = 64) -> None:
        self.image_shape = image_shape
        self.width = width

    def make_encoder(self, n_features: int, n_outputs: int, *, bias: bool = True) -> nn.Module:
        n_image, size = self._check(n_features)
        layers: list[nn.Module] = [_Reshape(*self.image_shape), _Pad(self.image_shape, size)]
        layers += [_Conv(n_image, self.width, KERNEL_SIZE, 2, 1, bias=bias), nn.LeakyReLU(0.2)]
        for n_in, n_out in pairwise(self._widths(size)):
            layers.append(_Conv(n_in, n_out, KERNEL_SIZE, 2, 1, bias=False))
            layers += [_BatchNorm(n_out, affine=bias), nn.LeakyReLU(0.2)]
        # A 4×4 convolution of 4×4 pixels is a linear layer.
        n_flat = self._widths(size)[-1] * LEAST_SIZE**2
        return nn.Sequential(*layers, nn.Flatten(), _Linear(n_flat, n_outputs, bias=bias))

    def make_decoder(self, n_inputs: int, n_features: int, *, bias: bool = True) -> nn.Module:
        n_image, size = self._check(n_features)
        widths = self._widths(size)[::-1]
        layers: list[nn.Module] = [_Reshape(n_inputs, 1, 1)]
        layers.append(_ConvTranspose(n_inputs, widths[0], KERNEL_SIZE, 1, 0, bias=False))
        for n_in, n_out in pairwise(widths):
            layers += [_BatchNorm(n_in, affine=bias), nn.ReLU()]
            layers.append(_ConvTranspose(n_in, n_out, KERNEL_SIZE, 2, 1, bias=False))
        layers += [_BatchNorm(widths[-1], affine=bias), nn.ReLU()]
        layers += [_ConvTranspose(widths[-1], n_image, KERNEL_SIZE, 2, 1, bias=bias), nn.Tanh()]
        return nn.Sequential(*layers, _Crop(self.image_shape, size), nn.Flatten())

    def _widths(self, size: int) -> list[int]:
        """Return the channels after each halving, starting at the image."""
        n_halvings = (size // LEAST_SIZE).bit_length() - 1
        return [self.width * 2**i for i in range(n_halvings)]

    def _check(self, n_features: float) -> tuple[int, int]:
        """Return the channels of the image and the size to which it is padded."""
        shape = self._shape()
        if max(shape[1:]) <= LEAST_SIZE:
            raise ValueError(
                f"image_shape={self.image_shape!r} must be (channels, height, width) with height "
                f"or width above {LEAST_SIZE}."
            )
        self._check_values(n_features)
        if not is_count(self.width):
            raise ValueError(f"width={self.width!r} must be a positive integer.")
        return shape[0], 1 << (max(shape[1:]) - 1).bit_length()


def reset_weights(module: nn.Module) -> None:
    """Draw new initial weights for all layers."""
    for layer in module.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()


class _DCGANWeights:
    """Mixin that draws weights from N(0, 0.02²) and sets biases to 0."""

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, 0.0, 0.02)
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class _Conv(_DCGANWeights, nn.Conv2d):
    pass


class _ConvTranspose(_DCGANWeights, nn.ConvTranspose2d):
    pass


class _Linear(_DCGANWeights, nn.Linear):
    pass


class _BatchNorm(nn.BatchNorm2d):
    def reset_parameters(self) -> None:
        super().reset_parameters()
        if self.affine:
            nn.init.normal_(self.weight, 1.0, 0.02)


class _Margins(nn.Module):
    """Margins that make an image a square of ``size`` pixels."""

    def __init__(self, image_shape: Sequence[int], size: int) -> None:
        super().__init__()
        self.height, self.width = image_shape[1:]
        self.top, self.left = (size - self.height) // 2, (size - self.width) // 2
        self.size = size


class _Pad(_Margins):
    def forward(self, x: Tensor) -> Tensor:
        right, bottom = (
            self.size - self.width - self.left,
            self.size - self.height - self.top,
        )
        return F.pad(x, (self.left, right, self.top, bottom), value=-1.0)


class _Crop(_Margins):
    def forward(self, x: Tensor) -> Tensor:
        return x[..., self.top : self.top + self.height, self.left : self.left + self.width]
