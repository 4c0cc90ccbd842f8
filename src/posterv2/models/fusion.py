"""Fusion of both streams at one level: landmarks ask, the image answers (section 3.2)."""

import torch
from torch import nn
from torch.nn import functional as F

from posterv2.models.layers import DropPath, Mlp


def relative_position_index(window: int) -> torch.Tensor:
    """(N, N), N = window**2: the row of the bias table for each pair of a query and a key token."""
    grid = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
    rows, columns = grid[:, :, None] - grid[:, None, :] + window - 1
    return rows * (2 * window - 1) + columns


class CrossAttention(nn.Module):
    """Queries are the landmark tokens as they are; keys and values are a linear layer of the image tokens."""

    position_index: torch.Tensor | None  # None once `position_bias` is looked up, see `models/lean.py`

    def __init__(self, dim: int, window: int, head_dim: int) -> None:
        super().__init__()
        self.heads = dim // head_dim
        self.key_value = nn.Linear(dim, 2 * dim)
        self.position_bias = nn.Parameter(torch.empty((2 * window - 1) ** 2, self.heads))
        self.projection = nn.Linear(dim, dim)
        if self.projection.weight.is_meta:  # shapes alone are asked for, and torch would take seconds to work them out
            index = torch.empty(window**2, window**2, dtype=torch.int64)
        else:
            index = relative_position_index(window)
        self.register_buffer("position_index", index, persistent=False)
        nn.init.trunc_normal_(self.position_bias, std=0.02)

    def forward(self, landmarks: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Landmark and image tokens, (B, N, C) each -> (B, N, C)."""
        shape = (*image.shape[:2], self.heads, -1)
        query = landmarks.reshape(shape).transpose(1, 2)  # (B, heads, N, head_dim)
        key, value = (part.reshape(shape).transpose(1, 2) for part in self.key_value(image).chunk(2, dim=-1))
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=self.bias()[None])
        return self.projection(attended.transpose(1, 2).flatten(2))

    def bias(self) -> torch.Tensor:
        """What is added to the score of each query and key token: (heads, N, N)."""
        if self.position_index is None:
            return self.position_bias
        return self.position_bias[self.position_index].permute(2, 0, 1)


class Fusion(nn.Module):
    """Cross-attention and MLP with scaled residuals; the normed image map itself is the residual."""

    def __init__(
        self, dim: int, window: int, head_dim: int, mlp_ratio: int, drop_path: float, layer_scale: float
    ) -> None:
        super().__init__()
        self.image_norm = nn.LayerNorm(dim)
        self.attention = CrossAttention(dim, window, head_dim)
        self.attention_scale = nn.Parameter(torch.full((dim,), layer_scale))
        self.mlp_norm = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, mlp_ratio * dim)
        self.mlp_scale = nn.Parameter(torch.full((dim,), layer_scale))
        self.drop_path = DropPath(drop_path)

    def forward(self, landmarks: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Maps (B, C, h, w) of both streams -> the fused map (B, C, h, w)."""
        side = image.shape[2:]
        image = self.image_norm(image.flatten(2).transpose(1, 2))  # (B, h*w, C)
        landmarks = landmarks.flatten(2).transpose(1, 2)
        x = image + self.drop_path(self.attention_scale * self.attention(landmarks, image))
        x = x + self.drop_path(self.mlp_scale * self.mlp(self.mlp_norm(x)))
        return x.transpose(1, 2).unflatten(2, side)
