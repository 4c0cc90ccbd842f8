"""The image stream: the first three stages of IR-50, ArcFace's ResNet-50 variant (section 3.1)."""

import torch
from torch import nn

from posterv2.models.config import PosterConfig
from posterv2.models.layers import activation


class ImageUnit(nn.Module):
    """Residual unit: BN, 3x3 conv, activation, 3x3 conv with the stride, BN, beside a shortcut."""

    def __init__(self, channels: int, out_channels: int, stride: int, config: PosterConfig) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, out_channels, 3, padding=1, bias=False),
            activation(config.activation, out_channels),
            nn.Conv2d(out_channels, out_channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        if channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )
        else:
            self.shortcut = nn.MaxPool2d(1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.residual(x) + self.shortcut(x)


class ImageStream(nn.Module):
    """(B, 3, s, s) -> the three stages' maps: (B, W, s/2, s/2), (B, 2W, s/4, s/4), (B, 4W, s/8, s/8)."""

    def __init__(self, config: PosterConfig) -> None:
        super().__init__()
        widths = (config.width, *config.widths)
        strides = (2 // config.image_stem_stride, 2, 2)
        self.stem = nn.Sequential(
            nn.Conv2d(3, config.width, 3, config.image_stem_stride, padding=1, bias=False),
            nn.BatchNorm2d(config.width),
            activation(config.activation, config.width),
        )
        self.stages = nn.ModuleList(
            nn.Sequential(
                ImageUnit(widths[level], widths[level + 1], strides[level], config),
                *(ImageUnit(widths[level + 1], widths[level + 1], 1, config) for _ in range(depth - 1)),
            )
            for level, depth in enumerate(config.image_depths)
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps
