"""The encoder over all levels' tokens, a plain vision transformer (section 3.3)."""

import torch
from torch import nn
from torch.nn import functional as F

from posterv2.models.layers import Mlp


class SelfAttention(nn.Module):
    """Multi-head self-attention: (B, N, C) -> (B, N, C)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.projection = nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = self._parts(x)
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.projection(attended.transpose(1, 2).flatten(2))

    def weights(self, x: torch.Tensor) -> torch.Tensor:
        """The share of each value in each token's answer: (B, heads, N, N), rows sum to 1.

        `forward` mixes by them without writing them down.
        """
        query, key, _ = self._parts(x)
        return (query @ key.transpose(2, 3) / query.shape[3] ** 0.5).softmax(dim=3)

    def _parts(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Query, key and value, (B, heads, N, head_dim) each."""
        return self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)


class EncoderBlock(nn.Module):
    """Pre-norm block: self-attention, then MLP, each with a residual."""

    def __init__(self, dim: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim, eps=1e-6)
        self.attention = SelfAttention(dim, heads)
        self.mlp_norm = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, mlp_ratio * dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.attention_norm(x))
        return x + self.mlp(self.mlp_norm(x))


class Encoder(nn.Module):
    """Tokens (B, N, C) -> the class token after all blocks (B, C)."""

    def __init__(self, tokens: int, dim: int, depth: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.class_token = nn.Parameter(torch.empty(1, 1, dim))
        self.position_embedding = nn.Parameter(torch.empty(1, 1 + tokens, dim))
        self.blocks = nn.Sequential(*(EncoderBlock(dim, heads, mlp_ratio) for _ in range(depth)))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        nn.init.trunc_normal_(self.class_token, std=0.02)
        nn.init.trunc_normal_(self.position_embedding, std=0.02)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.norm(self.blocks(self.placed(tokens)))[:, 0]

    def placed(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, N, C) -> (B, 1 + N, C): the class token in front, and to each the embedding of its position."""
        class_token = self.class_token.expand(tokens.shape[0], -1, -1)
        return torch.cat((class_token, tokens), dim=1) + self.position_embedding


class TokenGate(nn.Module):
    """Squeeze-and-excitation of the class token: (B, C) -> (B, C)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(dim, dim)
        self.linear2 = nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.linear2(self.linear1(x).relu()).sigmoid()
