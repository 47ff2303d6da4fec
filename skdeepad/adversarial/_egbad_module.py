"""Bidirectional generative adversarial net, and the scores of EGBAD."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..nn import (
    Backbone,
    Dropout,
    check_widths,
    generated_loss,
    make_activation,
    make_mlp,
    real_loss,
)
from ._context import Context, ContextualGenerator
from ._discriminator import discriminator_terms, judge_each


class PairDiscriminator(nn.Module):
    """Discriminator D(x, z) with features f of a pair and the log odds that its row is real."""

    def __init__(
        self,
        n_features: int,
        n_codes: int,
        layer_sizes: Sequence[int],
        *,
        activation: str,
        dropout: float,
        backbone: Backbone | None,
    ) -> None:
        super().__init__()
        layer_sizes = check_widths(layer_sizes, "discriminator_layer_sizes")
        if not layer_sizes:
            raise ValueError(
                f"discriminator_layer_sizes={layer_sizes!r} must have at least one width."
            )
        width = layer_sizes[-1]

        def branch(n_in: int, backbone: Backbone | None = None) -> nn.Sequential:
            if backbone is None:
                layers = make_mlp([n_in, *layer_sizes], activation, dropout=dropout)
            else:
                layers = backbone.make_encoder(n_in, width)
            return nn.Sequential(layers, make_activation(activation), Dropout(dropout))

        self.of_rows = branch(n_features, backbone)
        self.of_codes = branch(n_codes)
        joint = make_mlp([2 * width, width, 1], activation, dropout=dropout)
        self.joint, self.head = joint[:-1], joint[-1]

    def features(self, x: Tensor, z: Tensor) -> Tensor:
        """Return f(x, z)."""
        return self.joint(torch.cat([self.of_rows(x), self.of_codes(z)], 1))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self.head(self.features(x, z)).squeeze(1)


# Order of each norm.
NORMS = {"l1": 1, "l2": 2}


class EGBADModule(ContextualGenerator):
    """Module of EGBAD: G(z), E(x), D(x, z) and A(x) = α L_G(x) + (1 − α) L_D(x).

    With a context c the networks are G(z|c), E(x|c) and D(x, z|c).
    """

    players = {"discriminator": ("discriminator",), "generator": ("generator", "encoder")}

    def __init__(
        self,
        *,
        generator: nn.Module,
        discriminator: PairDiscriminator,
        encoder: nn.Module,
        context: Context,
        n_noise: int,
        residual_weight: float,
        discriminator_term: str,
        discriminator_input: str,
        norm: str,
        reconstruction_weight: float,
        label_smoothing: float,
        gradient_penalty_weight: float,
    ) -> None:
        super().__init__(context, n_noise)
        self.generator = generator
        self.discriminator = discriminator
        self.encoder = encoder
        self.register_buffer("scales", torch.ones(2, dtype=torch.float64))
        self.residual_weight = residual_weight
        self.discriminator_term = discriminator_term
        self.discriminator_input = discriminator_input
        self.norm = norm
        self.reconstruction_weight = reconstruction_weight
        self.label_smoothing = label_smoothing
        self.gradient_penalty_weight = gradient_penalty_weight

    # Training --------------------------------------------------------------------------------

    def draw_pair(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Draw (G(z), z) in the contexts of x."""
        _, c = self.context.split(x)
        z = self.draw(c)
        return self.generate_in(c, z), z

    def loss_discriminator(self, x: Tensor) -> Tensor:
        """Return −log D(x, E(x)) − log(1 − D(G(z), z))."""
        with torch.no_grad():
            generated, z = self.draw_pair(x)
            code = self.encoder(x)
        of_real, of_generated, penalty = discriminator_terms(
            *(self.discriminator, (x, code), (generated, z)),
            label_smoothing=self.label_smoothing,
            gradient_penalty_weight=self.gradient_penalty_weight,
        )
        return of_real + of_generated.mean() + penalty

    def loss_generator(self, x: Tensor) -> Tensor:
        """Return −log D(G(z), z) − log(1 − D(x, E(x))), of G and E, which learn at once.

        The weighted mean of |x − G(E(x))| is added for E alone.
        """
        code = self.encoder(x)
        of_generated, of_rows = judge_each(self.discriminator, self.draw_pair(x), (x, code))
        loss = real_loss(of_generated).mean() + generated_loss(of_rows).mean()
        if self.reconstruction_weight:
            _, c = self.context.split(x)
            frozen = {name: weight.detach() for name, weight in self.generator.named_parameters()}
            values = functional_call(self.generator, frozen, torch.cat([code, c], 1))
            restored = self.context.join(values, c)
            loss = loss + self.reconstruction_weight * (x - restored).abs().mean()
        return loss

    def contest(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return values of rows, generated values in their contexts, and the latter's log odds."""
        generated, z = self.draw_pair(x)
        v, of_generated = (self.context.split(rows)[0] for rows in (x, generated))
        return v, of_generated, self.discriminator(generated, z)

    # Scores ----------------------------------------------------------------------------------

    def encode(self, x: Tensor) -> Tensor:
        """Return the code E(x), followed by the context."""
        return torch.cat([self.encoder(x), self.context.split(x)[1]], 1)

    def size(self, difference: Tensor) -> Tensor:
        return torch.linalg.vector_norm(difference, NORMS[self.norm], 1, dtype=torch.float64)

    def generator_loss(self, x: Tensor, restored: Tensor) -> Tensor:
        """Return L_G = ‖x − G(E(x))‖."""
        return self.size(x - restored)

    def discriminator_loss(self, x: Tensor, restored: Tensor, z: Tensor) -> Tensor:
        """Return L_D = −log D(x, E(x)) or ‖f(x, E(x)) − f(G(E(x)), E(x))‖."""
        if self.discriminator_term == "feature_matching":
            features = self.discriminator.features
            return self.size(features(x, z) - features(restored, z))
        judged = x if self.discriminator_input == "row" else restored
        return real_loss(self.discriminator(judged, z).double())

    def terms(self, x: Tensor) -> Tensor:
        """Return L_G and L_D, (batch, 2)."""
        z = self.encoder(x)
        restored = self.generate_in(self.context.split(x)[1], z)
        losses = self.generator_loss(x, restored), self.discriminator_loss(x, restored, z)
        return torch.stack(losses, 1)

    def scale_by(self, terms: np.ndarray) -> None:
        """Set the scales of L_G and L_D to their means over the training rows."""
        means = torch.as_tensor(terms.mean(0), device=self.scales.device)
        self.scales = torch.where(means > 0, means, torch.ones_like(means))

    def anomaly_score(self, x: Tensor) -> Tensor:
        of_generator, of_discriminator = (self.terms(x) / self.scales).unbind(1)
        return self.residual_weight * of_generator + (1 - self.residual_weight) * of_discriminator

    def contributions(self, x: Tensor) -> Tensor:
        """Return the contribution of each value to α L_G."""
        residual = (x - self.reconstruct(x)).double().abs()
        if self.norm == "l2":
            residual = residual**2 / residual.norm(dim=1, keepdim=True).clamp(min=1e-30)
        return self.residual_weight * residual / self.scales[0]
