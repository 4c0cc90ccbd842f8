"""Small parts that several files share."""

import torch
from torch import nn

from posterv2.models.config import Activation


def activation(kind: Activation, channels: int) -> nn.Module:
    """The streams' non-linearity: PReLU with one slope a channel as published, or ReLU."""
    return nn.PReLU(channels) if kind == "prelu" else nn.ReLU(inplace=True)


class Mlp(nn.Module):
    """Two linear layers with GELU between: (..., C) -> (..., C)."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class DropPath(nn.Module):
    """Stochastic depth: in training, a face's branch is left out with probability `rate`, else scaled up."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = 1 - self.rate
        mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep)
        return x * mask / keep

    def extra_repr(self) -> str:
        return f"rate={self.rate}"
