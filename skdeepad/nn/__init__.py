"""Torch building blocks: backbones, stochastic layers, loss terms."""

from ._autoencoder import EncoderDecoder
from ._backbone import (
    ACTIVATIONS,
    Backbone,
    ConvBackbone,
    ImageBackbone,
    MLPBackbone,
    check_batch_norm,
    check_widths,
    make_activation,
    make_mlp,
)
from ._dcgan import DCGANBackbone, reset_weights
from ._divergences import KERNELS, squared_mmd
from ._latent_search import latent_search
from ._lipschitz import (
    LIPSCHITZ_ACTIVATIONS,
    JacobianCore,
    LipschitzLinear,
    LipschitzMLP,
    bounded_weights,
)
from ._losses import (
    RECONSTRUCTION_LOSSES,
    gaussian_nll,
    generated_loss,
    kl_standard_normal,
    real_loss,
    reconstruction_loss,
    split_gaussian,
    squared_gradient,
)
from ._missing import (
    FillHoles,
    MaskedResidualScore,
    cell_weights,
    masked_reconstruction_loss,
    masked_residual,
)
from ._products import EvenProducts
from ._residual_score import RESIDUAL_NORMS, RESIDUAL_SCALINGS, ResidualScore, compress
from ._scalar import ScalarNet
from ._stochastic import (
    AdditiveNoise,
    Dropout,
    Generators,
    Stochastic,
    even_normal_draws,
    link_generator,
)

__all__ = [
    "ACTIVATIONS",
    "KERNELS",
    "LIPSCHITZ_ACTIVATIONS",
    "RECONSTRUCTION_LOSSES",
    "RESIDUAL_NORMS",
    "RESIDUAL_SCALINGS",
    "AdditiveNoise",
    "Backbone",
    "ConvBackbone",
    "DCGANBackbone",
    "Dropout",
    "EncoderDecoder",
    "EvenProducts",
    "FillHoles",
    "Generators",
    "ImageBackbone",
    "JacobianCore",
    "LipschitzLinear",
    "LipschitzMLP",
    "MLPBackbone",
    "MaskedResidualScore",
    "ResidualScore",
    "ScalarNet",
    "Stochastic",
    "bounded_weights",
    "cell_weights",
    "check_batch_norm",
    "check_widths",
    "compress",
    "even_normal_draws",
    "gaussian_nll",
    "generated_loss",
    "kl_standard_normal",
    "latent_search",
    "link_generator",
    "make_activation",
    "make_mlp",
    "masked_reconstruction_loss",
    "masked_residual",
    "real_loss",
    "reconstruction_loss",
    "reset_weights",
    "split_gaussian",
    "squared_gradient",
    "squared_mmd",
]
