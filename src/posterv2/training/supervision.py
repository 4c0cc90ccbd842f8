"""Deep supervision (Lee et al. 2015, arXiv 1409.5185): in training each stream names the expression by itself too.

The published network begins with both streams trained; one that begins at random weights has to learn them through
fusion and encoder alone, unless they are asked themselves.
"""

import torch
from torch import nn

from posterv2.models.poster import PosterNetwork


class Supervised(nn.Module):
    """A network and the heads of its streams, which are there in training alone; without `streams` it has none."""

    def __init__(self, network: PosterNetwork, *, streams: bool) -> None:
        super().__init__()
        self.network = network
        width, classes = network.config.widths[2], network.config.classes
        self.heads = nn.ModuleList(
            nn.Sequential(nn.BatchNorm1d(channels), nn.Linear(channels, classes))
            for channels in ((2 * width, width) if streams else ())
        )

    def forward(self, faces: torch.Tensor) -> list[torch.Tensor]:
        """Faces as for the network -> logits (B, C) of it, then of the landmark and the image stream's last maps."""
        maps = self.network.streams(faces)
        logits = self.network.read(self.network.fuse(*maps))
        own = [head(levels[-1].relu().mean((2, 3))) for head, levels in zip(self.heads, maps, strict=False)]
        return [logits, *own]
