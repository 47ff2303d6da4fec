"""Encoder–decoder pair."""

from torch import Tensor, nn

from ._losses import reconstruction_loss


class EncoderDecoder(nn.Module):
    """An encoder and a decoder trained on ‖x − D(E(x))‖².

    Deep SVDD and other methods use it to pre-train their encoder.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))

    def loss(self, x: Tensor) -> Tensor:
        return reconstruction_loss(self.reconstruct(x), x)
