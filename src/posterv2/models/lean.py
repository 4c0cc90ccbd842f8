"""The network for answering alone: the logits of `PosterNetwork` for less work, in float32 or bfloat16."""

import copy
from itertools import pairwise
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from posterv2.models.encoder import EncoderBlock
from posterv2.models.fusion import CrossAttention
from posterv2.models.poster import PosterNetwork
from posterv2.models.shortcuts import can_compose, composed_bias, composed_convolutions


class LeanNetwork(nn.Module):
    """Normalised faces (B, 3, S, S), or only the pixels that are looked at, -> logits (B, C); float32 both.

    Batch norms are in the convolutions before them, maps lie channels last, what does not depend on the face is worked
    out, and the encoder's last block answers for the class token alone.

    Args:
        network: is left as it is.
        precision: of all in front of the encoder's last block. One token is left behind that, where float32 costs next
            to nothing and keeps the logits closer.
    """

    def __init__(self, network: PosterNetwork, precision: torch.dtype = torch.float32) -> None:
        super().__init__()
        network = copy.deepcopy(network).eval().requires_grad_(False)
        for module in list(network.modules()):
            _fold_batch_norms(module)
            if isinstance(module, CrossAttention):
                _fix_bias(module)
        encoder, sides = network.encoder, network.config.windows
        if can_compose(sides[0]):
            embedding = cast(nn.Sequential, network.token_embeddings[0])
            network.token_embeddings[0] = ComposedEmbedding(embedding, sides[1])
        blocks = [cast(EncoderBlock, block) for block in encoder.blocks]
        last = ClassTokenBlock(blocks[-1]) if blocks else nn.Identity()
        self.head = nn.ModuleList((last, encoder.norm, network.gate, network.classifier))
        encoder.blocks = nn.Sequential(*blocks[:-1])
        del encoder.norm, network.gate, network.classifier
        self.body = network.to(dtype=precision, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.precision = precision

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        encoder = self.body.encoder
        x = encoder.blocks(encoder.placed(self.body.tokens(x.to(self.precision)))).float()
        last, norm, gate, classifier = self.head
        return classifier(gate(norm(last(x))[:, 0]))


class ComposedEmbedding(nn.Module):
    """The two strided convolutions of the first level's token embedding as one: (B, C, h, w) -> (B, D, h/4, w/4)."""

    def __init__(self, embedding: nn.Sequential, side: int) -> None:
        super().__init__()
        first, second = (cast(nn.Conv2d, layer) for layer in embedding)
        arrays = [parameter.detach().numpy() for layer in (first, second) for parameter in layer.parameters()]
        first_weight, first_bias, second_weight, second_bias = arrays
        bias = composed_bias(first_bias, second_weight, second_bias, side)
        self.weight = nn.Parameter(
            torch.from_numpy(composed_convolutions(first_weight, second_weight)), requires_grad=False
        )
        self.bias = nn.Parameter(torch.from_numpy(bias), False)  # (D, h/4, w/4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.weight, stride=4, padding=3) + self.bias


class ClassTokenBlock(nn.Module):
    """An encoder block that answers for the first token alone: (B, N, C) -> (B, 1, C)."""

    def __init__(self, block: EncoderBlock) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        attention, first = self.block.attention, x[:, :1]
        normed = self.block.attention_norm(x)
        dim, heads = x.shape[2], attention.heads
        weights = attention.qkv.weight.unflatten(0, (3, heads, -1))  # (3, heads, head_dim, C)
        query_bias, _, value_bias = attention.qkv.bias.unflatten(0, (3, -1))  # the keys' adds the same to all scores
        query = F.linear(normed[:, 0], attention.qkv.weight[:dim], query_bias).unflatten(1, (heads, -1))
        # One query: it goes through the keys' weights to the tokens, and the tokens' mean through the values' weights.
        asked = torch.einsum("bhd,hdc->bhc", query, weights[1]) * weights.shape[2] ** -0.5
        mean = (asked @ normed.transpose(1, 2)).softmax(dim=2) @ normed  # (B, heads, C)
        value = torch.einsum("bhc,hdc->bhd", mean, weights[2]).flatten(1) + value_bias
        first = first + attention.projection(value)[:, None]
        return first + self.block.mlp(self.block.mlp_norm(first))


def _fold_batch_norms(module: nn.Module) -> None:
    """Melt each batch norm that follows a convolution among a module's children into that convolution."""
    children = list(module.named_children())
    for (name, layer), (norm_name, norm) in pairwise(children):
        if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            setattr(module, name, fuse_conv_bn_eval(layer, norm))
            setattr(module, norm_name, nn.Identity())


def _fix_bias(attention: CrossAttention) -> None:
    """Look the position bias up once, and not for each batch."""
    attention.position_bias = nn.Parameter(attention.bias().contiguous(), requires_grad=False)
    attention.position_index = None
