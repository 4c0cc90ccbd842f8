"""The landmark stream: MobileFaceNet without its head (section 3.1)."""

import torch
from torch import nn

from posterv2.models.config import PosterConfig
from posterv2.models.layers import activation


class Convolution(nn.Conv2d):
    """A convolution that stays in float32 where autocast would cost more than it saves.

    On CPUs torch's bfloat16 backward pass of a strided depth-wise convolution takes 15 times as long as its float32
    one.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        strided_depthwise = self.groups > 1 and self.stride[0] > 1
        if strided_depthwise and input.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return super().forward(input.float())
        return super().forward(input)


class ConvBlock(nn.Module):
    """Convolution without bias, batch norm, activation; `active=False` leaves the activation out."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        config: PosterConfig,
        *,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        active: bool = True,
    ) -> None:
        super().__init__()
        self.conv = Convolution(channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)
        self.activation = activation(config.activation, out_channels) if active else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(self.bn(self.conv(x)))


class LandmarkUnit(nn.Module):
    """1x1 conv to `hidden` channels, depth-wise 3x3 conv with the stride, 1x1 conv out; residual where it can be."""

    def __init__(self, channels: int, out_channels: int, hidden: int, config: PosterConfig, stride: int = 1) -> None:
        super().__init__()
        self.expand = ConvBlock(channels, hidden, config)
        self.depthwise = ConvBlock(hidden, hidden, config, kernel=3, stride=stride, groups=hidden)
        self.project = ConvBlock(hidden, out_channels, config, active=False)
        self.residual = stride == 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.project(self.depthwise(self.expand(x)))
        return x + out if self.residual else out


class LandmarkStream(nn.Module):
    """(B, 3, s, s) -> the three levels' maps: (B, W, s/4, s/4), (B, 2W, s/8, s/8), (B, 8W, s/16, s/16)."""

    def __init__(self, config: PosterConfig) -> None:
        super().__init__()
        width = config.width
        depths = config.landmark_depths
        self.stem = ConvBlock(3, width, config, kernel=3, stride=2)
        self.stem_depthwise = ConvBlock(width, width, config, kernel=3, groups=width)
        self.down1 = LandmarkUnit(width, width, 2 * width, config, stride=2)
        self.stage1 = nn.Sequential(*(LandmarkUnit(width, width, 2 * width, config) for _ in range(depths[0])))
        self.down2 = LandmarkUnit(width, 2 * width, 4 * width, config, stride=2)
        self.stage2 = nn.Sequential(*(LandmarkUnit(2 * width, 2 * width, 4 * width, config) for _ in range(depths[1])))
        self.down3 = LandmarkUnit(2 * width, 2 * width, 8 * width, config, stride=2)
        self.stage3 = nn.Sequential(*(LandmarkUnit(2 * width, 2 * width, 4 * width, config) for _ in range(depths[2])))
        self.separable = ConvBlock(2 * width, 8 * width, config)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and not module.weight.is_meta:  # as in `fusion.CrossAttention`
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        level1 = self.stage1(self.down1(self.stem_depthwise(self.stem(x))))
        level2 = self.stage2(self.down2(level1))
        level3 = self.separable(self.stage3(self.down3(level2)))
        return [level1, level2, level3]
