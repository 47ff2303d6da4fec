"""Generative adversarial net with a search for the code of a row."""

import torch
from torch import Tensor, nn

from ..nn import latent_search, real_loss
from ._context import Context, ContextualGenerator
from ._discriminator import Discriminator, discriminator_terms


class AnoGANModule(ContextualGenerator):
    """Module of AnoGAN: G(z), D(x) and A(x) = (1 − λ) ‖x − G(z)‖₁ + λ ‖f(x) − f(G(z))‖₁.

    A is taken at the best z. With a context c the networks are G(z|c) and D(x|c). An ``encoder``
    E(x) replaces the search.
    """

    players = {"discriminator": ("discriminator",), "generator": ("generator",)}

    def __init__(
        self,
        *,
        generator: nn.Module,
        discriminator: Discriminator,
        encoder: nn.Module | None,
        context: Context,
        starts: Tensor,
        label_smoothing: float,
        gradient_penalty_weight: float,
        discriminator_term: str,
        residual_weight: float,
        encoder_feature_weight: float,
        n_latent_steps: int,
        lr_latent: float,
        n_restarts: int,
    ) -> None:
        super().__init__(context, n_noise=starts.shape[1])
        self.generator = generator
        self.discriminator = discriminator
        self.encoder = encoder
        self.register_buffer("starts", starts)
        self.label_smoothing = label_smoothing
        self.gradient_penalty_weight = gradient_penalty_weight
        self.discriminator_term = discriminator_term
        self.residual_weight = residual_weight
        self.encoder_feature_weight = encoder_feature_weight
        self.n_latent_steps = n_latent_steps
        self.lr_latent = lr_latent
        self.n_restarts = n_restarts

    # Training --------------------------------------------------------------------------------

    def loss_discriminator(self, x: Tensor) -> Tensor:
        """Return −log D(x) − log(1 − D(G(z)))."""
        _, c = self.context.split(x)
        with torch.no_grad():
            generated = self.generate_in(c, self.draw(c))
        of_real, of_generated, penalty = discriminator_terms(
            *(self.discriminator, (x,), (generated,)),
            label_smoothing=self.label_smoothing,
            gradient_penalty_weight=self.gradient_penalty_weight,
        )
        return of_real + of_generated.mean() + penalty

    def loss_generator(self, x: Tensor) -> Tensor:
        """Return −log D(G(z))."""
        *_, logits = self.contest(x)
        return real_loss(logits).mean()

    def contest(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return values of rows, generated values in their contexts, and the latter's log odds."""
        v, c = self.context.split(x)
        generated = self.generate_in(c, self.draw(c))
        return v, self.context.split(generated)[0], self.discriminator(generated)

    def encoding_errors(self, x: Tensor) -> Tensor:
        """Return the mean square of x − G(E(x)), plus κ times that of f(x) − f(G(E(x)))."""
        restored = self.decode(self.encode(x))
        features = self.discriminator.features(x) - self.discriminator.features(restored)
        error = ((x - restored) ** 2).mean(1, dtype=torch.float64)
        of_features = (features.flatten(1) ** 2).mean(1, dtype=torch.float64)
        return error + self.encoder_feature_weight * of_features

    # Search ----------------------------------------------------------------------------------

    def residual_loss(self, x: Tensor, restored: Tensor) -> Tensor:
        """Return L_R = ‖x − G(z)‖₁."""
        return (x - restored).abs().sum(1, dtype=torch.float64)

    def discriminator_loss(self, features: Tensor, restored: Tensor) -> Tensor:
        """Return L_D = ‖f(x) − f(G(z))‖₁ or −log D(G(z))."""
        if self.discriminator_term == "cross_entropy":
            return real_loss(self.discriminator(restored).double())
        difference = features - self.discriminator.features(restored).flatten(1)
        return difference.abs().sum(1, dtype=torch.float64)

    def search_losses(self, x: Tensor, features: Tensor, restored: Tensor) -> Tensor:
        """Return L = (1 − λ) L_R + λ L_D."""
        weight = self.residual_weight
        return weight * self.residual_loss(x, restored) + (
            (1 - weight) * self.discriminator_loss(features, restored)
        )

    def search(self, x: Tensor) -> Tensor:
        """Return the code z of the lowest L for each row, found from its nearest starts."""
        features = self.discriminator.features(x).flatten(1)
        _, c = self.context.split(x)

        def objective(z):
            return self.search_losses(x, features, self.generate_in(c, z))

        best, least = None, None
        for start in self.nearest_starts(x, features, c).unbind(1):
            z = latent_search(objective, self.starts[start], self.n_latent_steps, self.lr_latent)
            values = objective(z)
            if best is not None:
                z = torch.where((values < least)[:, None], z, best)
                values = torch.minimum(values, least)
            best, least = z, values
        return best

    def nearest_starts(self, x: Tensor, features: Tensor, c: Tensor) -> Tensor:
        """Return the indices of the starts with the lowest L, (batch, n_restarts)."""
        nearest = torch.empty(len(x), self.n_restarts, dtype=torch.long, device=x.device)
        contexts, group = c[:1], c.new_zeros(len(c))
        if self.context.n_columns:
            contexts, group = c.unique(dim=0, return_inverse=True)
        for i, context in enumerate(contexts):
            rows = (group == i).nonzero().flatten()
            c_starts = context.expand(len(self.starts), -1)
            restored = self.generate_in(c_starts, self.starts)
            if self.discriminator_term == "cross_entropy":
                of_features = real_loss(self.discriminator(restored))
            else:
                f_starts = self.discriminator.features(restored).flatten(1)
                of_features = torch.cdist(features[rows], f_starts, p=1)
            losses = self.residual_weight * torch.cdist(x[rows], restored, p=1)
            losses = losses + (1 - self.residual_weight) * of_features
            nearest[rows] = losses.topk(self.n_restarts, largest=False).indices
        return nearest

    # Scores ----------------------------------------------------------------------------------

    def encode(self, x: Tensor) -> Tensor:
        """Return the code of each row, followed by its context."""
        _, c = self.context.split(x)
        if self.encoder is not None:
            return torch.cat([torch.tanh(self.encoder(x)), c], 1)
        # The search needs gradients, which inference mode forbids.
        with torch.inference_mode(False), torch.no_grad():
            return torch.cat([self.search(x.clone()), c.clone()], 1)

    def anomaly_score(self, x: Tensor) -> Tensor:
        if self.encoder is not None:
            return self.encoding_errors(x)
        return self.search_losses(x, self.discriminator.features(x).flatten(1), self.reconstruct(x))

    def contributions(self, x: Tensor) -> Tensor:
        residual = x - self.reconstruct(x)
        if self.encoder is not None:
            return residual.double() ** 2 / residual.shape[1]
        return self.residual_weight * residual.double().abs()


class Encoding(nn.Module):
    """Module that trains only the encoder of an :class:`AnoGANModule`, as izi_f in its paper."""

    players = {"encoder": ("encoder",)}

    def __init__(self, gan: AnoGANModule) -> None:
        super().__init__()
        self.encoder = gan.encoder
        self.gan = (gan,)  # in a tuple it is not a submodule and is not trained

    def loss_encoder(self, x: Tensor) -> Tensor:
        (gan,) = self.gan
        return gan.encoding_errors(x).float()
