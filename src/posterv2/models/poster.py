"""POSTER V2 (arXiv 2301.12149): landmarks and image, fused at three scales, read by a small transformer."""

import torch
from torch import nn

from posterv2.errors import UsageError
from posterv2.models.config import PosterConfig, network_config
from posterv2.models.encoder import Encoder, TokenGate
from posterv2.models.fusion import Fusion
from posterv2.models.image_stream import ImageStream
from posterv2.models.landmark_stream import LandmarkStream


class PosterNetwork(nn.Module):
    """Normalised faces (B, 3, S, S) -> logits (B, C); training may give only the pixels that it looks at.

    Those are every `pixel_stride`-th row and column: (B, 3, S / stride, S / stride).

    With the default config the published network, equal to the last digit once its weights are in: 43.75 M
    parameters, 8.6 G multiply-adds at S = 224. Weights come from `posterv2.checkpoints`, never from here.

    Raises:
        UsageError: the input has neither of the two shapes.
    """

    def __init__(self, config: PosterConfig) -> None:
        super().__init__()
        self.config = config
        widths, windows, dim = config.widths, config.windows, config.embed_dim
        self.landmark_stream = LandmarkStream(config)
        self.landmark_projection = nn.Conv2d(2 * widths[2], widths[2], 3, padding=1)
        self.image_stream = ImageStream(config)
        self.image_projections = nn.ModuleList(nn.Conv2d(width, width, 3, 2, padding=1) for width in widths)
        self.fusions = nn.ModuleList(
            Fusion(width, window, config.head_dim, config.mlp_ratio, drop_path, config.layer_scale)
            for width, window, drop_path in zip(widths, windows, config.drop_path, strict=True)
        )
        # Each level arrives at the side of the last one: two strided convolutions, one, none.
        self.token_embeddings = nn.ModuleList(
            (
                nn.Sequential(nn.Conv2d(widths[0], dim, 3, 2, padding=1), nn.Conv2d(dim, dim, 3, 2, padding=1)),
                nn.Conv2d(widths[1], dim, 3, 2, padding=1),
                nn.Conv2d(widths[2], dim, 1),
            )
        )
        self.encoder = Encoder(3 * windows[2] ** 2, dim, config.encoder_depth, config.encoder_heads, config.mlp_ratio)
        self.gate = TokenGate(dim)
        self.classifier = nn.Linear(dim, config.classes)
        for part in (self.encoder, self.gate, self.classifier):
            for module in part.modules():
                if isinstance(module, nn.Linear):
                    nn.init.trunc_normal_(module.weight, std=config.init_std)
                    nn.init.zeros_(module.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.read(self.tokens(x))

    def tokens(self, x: torch.Tensor) -> torch.Tensor:
        """All that stands in front of the encoder: faces as for `forward` -> tokens of all levels (B, N, D)."""
        return self.fuse(*self.streams(x))

    def streams(self, x: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Faces as for `forward` -> the landmark and the image stream's maps of the three levels."""
        size, stride = self.config.image_size, self.config.pixel_stride
        if x.ndim != 4 or x.shape[1:] not in ((3, size, size), (3, size // stride, size // stride)):
            raise UsageError(f"the network takes (B, 3, {size}, {size}), got {tuple(x.shape)}")
        if x.shape[-1] == size:
            x = x[:, :, ::stride, ::stride]
        return self.landmark_stream(x), self.image_stream(x)

    def fuse(self, landmarks: list[torch.Tensor], images: list[torch.Tensor]) -> torch.Tensor:
        """Both streams' maps -> tokens of all levels (B, N, D)."""
        landmarks = [*landmarks[:2], self.landmark_projection(landmarks[2])]
        tokens = []
        for level, image in enumerate(images):
            fused = self.fusions[level](landmarks[level], self.image_projections[level](image))
            embedded = self.token_embeddings[level](fused)  # (B, D, h, w), h and w of the last level
            tokens.append(embedded.flatten(2).transpose(1, 2))
        return torch.cat(tokens, dim=1)

    def read(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens of all levels (B, N, D) -> logits (B, C)."""
        return self.classifier(self.gate(self.encoder(tokens)))


def build(config: PosterConfig | str, classes: int | None = None) -> PosterNetwork:
    """An untrained network of a config, or of a named one (`posterv2`, `posterv2-nano`) with `classes` logits.

    Raises:
        UsageError: there is no config of that name.
    """
    return PosterNetwork(network_config(config, classes) if isinstance(config, str) else config)
