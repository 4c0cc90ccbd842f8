"""The published forward pass, written straightforwardly: what the benchmarks compare with.

Eager torch in float32, batch norms by themselves, maps in the default layout, attention as two matrix products with a
softmax between, each stream's input resized by nearest, all tokens through the whole encoder.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional as F

from posterv2.models.poster import PosterNetwork


def explicit_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attn_mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Softmax attention, written out."""
    scores = query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5
    return (scores if attn_mask is None else scores + attn_mask).softmax(-1) @ value


@contextmanager
def explicit() -> Iterator[None]:
    """Within it attention is written out."""
    fast, F.scaled_dot_product_attention = F.scaled_dot_product_attention, explicit_attention
    try:
        yield
    finally:
        F.scaled_dot_product_attention = fast


class Straightforward(nn.Module):
    """Normalised faces (B, 3, S, S) -> logits (B, C)."""

    def __init__(self, network: PosterNetwork) -> None:
        super().__init__()
        self.network = network.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # noqa: D102 - the class says it
        network, config = self.network, self.network.config
        side = config.image_size // config.pixel_stride
        landmarks = network.landmark_stream(F.interpolate(x, size=side))
        landmarks[2] = network.landmark_projection(landmarks[2])
        images = network.image_stream(F.interpolate(x, size=side))
        tokens = []
        with explicit():
            for level in range(3):
                image = network.image_projections[level](images[level])
                fused = network.token_embeddings[level](network.fusions[level](landmarks[level], image))
                tokens.append(fused.flatten(2).transpose(1, 2))
            return network.classifier(network.gate(network.encoder(torch.cat(tokens, dim=1))))
