"""From named weights to an ONNX graph of the network, without torch: what ONNX Runtime and OpenVINO run.

The graph gives the logits of `models/poster.py` for less work. What does not depend on the face stands in it worked out
(`models/shortcuts.py`), and the encoder's last block answers for the class token alone, which is all that is read.
Batch norms are melted into the convolutions before them, but for float16, which holds both exactly as they are.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from posterv2.checkpoints.graph_builder import GraphBuilder
from posterv2.checkpoints.graph_layers import GraphLayers
from posterv2.checkpoints.header import KEY, WeightsHeader
from posterv2.models.shortcuts import can_compose, composed_bias, composed_convolutions, relative_position_bias

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 20
"""The version of ONNX's operators; the first one with GELU."""

LAST_BLOCK = "last_block"
"""The value that enters the encoder's last block, (B, N, D). One token is left behind it, and little work."""


def graph_of(header: WeightsHeader, tensors: Mapping[str, np.ndarray], source: str, half: bool = False) -> "ModelProto":
    """The graph "faces" (B, 3, S, S) -> "logits" (B, C), B free, float32 both, with `header` in its metadata.

    Args:
        header: its config is that of the network.
        tensors: the network's state under its own names, floating-point numbers of any precision.
        source: names them in errors.
        half: store what float16 holds exactly as float16; all computing stays in float32.

    Raises:
        WeightsError: an entry is missing, unexpected or of another shape.
    """
    return _Network(header, GraphBuilder(tensors, source, half)).model()


class _Network(GraphLayers):
    """The network part by part, under the names of its weights; `x` and all results are names of values."""

    def __init__(self, header: WeightsHeader, graph: GraphBuilder) -> None:
        super().__init__(header.config, graph)
        self.header = header

    def model(self) -> "ModelProto":
        config, add, whole = self.config, self.add, self.graph.whole
        dim, size, stride = config.embed_dim, config.image_size, config.pixel_stride
        x = "faces"
        if stride > 1:
            x = add("Slice", x, whole(0, 0), whole(size, size), whole(2, 3), whole(stride, stride))
        landmarks = self.landmark_stream(x)
        images = self.image_stream(x)
        tokens = [self.tokens(level, *maps) for level, maps in enumerate(zip(landmarks, images, strict=True))]
        x = self.encoder(add("Concat", *tokens, axis=1))
        gate = self.linear("gate.linear2", add("Relu", self.linear("gate.linear1", x, dim, dim)), dim, dim)
        logits = self.linear("classifier", add("Mul", x, add("Sigmoid", gate)), dim, config.classes)
        return self.graph.model(logits, ([3, size, size], [config.classes]), OPSET, {KEY: self.header.to_json()})

    def landmark_stream(self, x: str) -> list[str]:
        """MobileFaceNet without its head: the maps of the three levels."""
        width, name = self.config.width, "landmark_stream"
        x = self.block(f"{name}.stem", x, 3, width, kernel=3, stride=2)
        x = self.block(f"{name}.stem_depthwise", x, width, width, kernel=3, groups=width)
        channels, maps = width, []
        for stage, out, hidden in ((1, width, 2 * width), (2, 2 * width, 4 * width), (3, 2 * width, 8 * width)):
            x = self.landmark_unit(f"{name}.down{stage}", x, channels, out, hidden, stride=2)
            channels = out
            for unit in range(self.config.landmark_depths[stage - 1]):
                x = self.landmark_unit(f"{name}.stage{stage}.{unit}", x, out, out, 2 * out)
            maps.append(x)
        x = self.block(f"{name}.separable", x, channels, 8 * width)
        return [*maps[:2], self.conv("landmark_projection", x, 8 * width, 4 * width, bias=True)]

    def landmark_unit(self, name: str, x: str, channels: int, out: int, hidden: int, stride: int = 1) -> str:
        y = self.block(f"{name}.expand", x, channels, hidden)
        y = self.block(f"{name}.depthwise", y, hidden, hidden, kernel=3, stride=stride, groups=hidden)
        y = self.block(f"{name}.project", y, hidden, out, active=False)
        return self.add("Add", x, y) if stride == 1 else y

    def image_stream(self, x: str) -> list[str]:
        """The first three stages of IR-50: the maps of the three levels."""
        config, name = self.config, "image_stream"
        x = self.conv_norm(f"{name}.stem.0", f"{name}.stem.1", x, 3, config.width, stride=config.image_stem_stride)
        x = self.activation(f"{name}.stem.2", x, config.width)
        channels, maps = config.width, []
        for stage, (depth, out) in enumerate(zip(config.image_depths, config.widths, strict=True)):
            for unit in range(depth):
                stride = 1 if unit else 2 if stage else 2 // config.image_stem_stride
                x = self.image_unit(f"{name}.stages.{stage}.{unit}", x, channels, out, stride)
                channels = out
            maps.append(self.conv(f"image_projections.{stage}", x, out, out, stride=2, bias=True))
        return maps

    def image_unit(self, name: str, x: str, channels: int, out: int, stride: int) -> str:
        y = self.conv(f"{name}.residual.1", self.batch_norm(f"{name}.residual.0", x, channels), channels, out)
        y = self.activation(f"{name}.residual.2", y, out)
        y = self.conv_norm(f"{name}.residual.3", f"{name}.residual.4", y, out, out, stride=stride)
        if channels != out:
            x = self.conv_norm(f"{name}.shortcut.0", f"{name}.shortcut.1", x, channels, out, kernel=1, stride=stride)
        elif stride > 1:
            x = self.add("MaxPool", x, kernel_shape=[1, 1], strides=[stride, stride])
        return self.add("Add", y, x)

    def tokens(self, level: int, landmarks: str, image: str) -> str:
        """One level: its maps, fused (section 3.2), as tokens of the encoder; their bias comes with their places."""
        add, width, side = self.add, self.config.widths[level], self.config.windows[level]
        name, dim = f"token_embeddings.{level}", self.config.embed_dim
        x = self.fusion(f"fusions.{level}", self.flat(landmarks, width), self.flat(image, width), width, side)
        x = add("Reshape", add("Transpose", x, perm=[0, 2, 1]), self.graph.whole(0, width, side, side))
        if level == 0 and not can_compose(side):
            x = self.conv(f"{name}.1", self.conv(f"{name}.0", x, width, dim, stride=2, bias=True), dim, dim, stride=2)
        elif level == 0:
            self.graph.expect_room(4 * dim * width * 7 * 7)  # composing takes many times the memory of its parts
            weights = self.graph.weight(f"{name}.0.weight", dim, width, 3, 3), self.second_embedding()
            x = self.convolved(name, x, composed_convolutions(*weights), None, stride=4)
        else:
            x = self.conv(name, x, width, dim, kernel=3 if level == 1 else 1, stride=2 if level == 1 else 1)
        return self.flat(x, dim)

    def fusion(self, name: str, landmarks: str, image: str, width: int, side: int) -> str:
        """Cross-attention and MLP on tokens (B, N, W): queries are the landmarks' tokens as they are."""
        add, head_dim = self.add, self.config.head_dim
        heads = partial(self.heads, heads=width // head_dim)
        image = self.layer_norm(f"{name}.image_norm", image, width, 1e-5)
        key, value = self.linears(f"{name}.attention.key_value", (image, image), width, width)
        table = self.graph.weight(f"{name}.attention.position_bias", (2 * side - 1) ** 2, width // head_dim)
        bias = self.graph.number(f"{name}.attention.bias", relative_position_bias(table, side)[None])
        scores = add("MatMul", self.scaled(heads(landmarks), head_dim), heads(key, perm=(0, 2, 3, 1)))
        attended = add("MatMul", add("Softmax", add("Add", scores, bias), axis=-1), heads(value))
        attended = self.linear(f"{name}.attention.projection", self.merged(attended, width), width, width)
        x = add("Add", image, add("Mul", attended, self.graph.stored(f"{name}.attention_scale", width)))
        y = self.mlp(f"{name}.mlp", self.layer_norm(f"{name}.mlp_norm", x, width, 1e-5), width)
        return add("Add", x, add("Mul", y, self.graph.stored(f"{name}.mlp_scale", width)))

    def encoder(self, tokens: str) -> str:
        """Tokens (B, N, D) -> the class token after all blocks (B, D)."""
        add, dim, whole = self.add, self.config.embed_dim, self.graph.whole
        x = add("Pad", tokens, whole(0, 1, 0, 0, 0, 0))  # room for the class token, which comes with the places
        x = add("Add", x, self.graph.number("encoder.places", self.places()))
        for block in range(self.config.encoder_depth - 1):
            x = self.encoder_block(f"encoder.blocks.{block}", x)
        if self.config.encoder_depth:
            x = self.last_block(f"encoder.blocks.{self.config.encoder_depth - 1}", add("Identity", x, name=LAST_BLOCK))
        else:
            x = self.first(x)
        return add("Squeeze", self.layer_norm("encoder.norm", x, dim, 1e-6), whole(1))

    def places(self) -> np.ndarray:
        """All that is added to the tokens whatever the face: positions, the class token, the embeddings' biases."""
        dim, side = self.config.embed_dim, self.config.windows[2]
        weight, name = self.graph.weight, "token_embeddings"
        first, second = weight(f"{name}.0.0.bias", dim), weight(f"{name}.0.1.bias", dim)
        if not can_compose(self.config.windows[0]):
            first = np.zeros_like(first)  # it is where it was
        bias = composed_bias(first, self.second_embedding(), second, self.config.windows[1])
        levels = [
            bias.reshape(dim, -1).T,
            *(np.tile(weight(f"{name}.{level}.bias", dim), (side**2, 1)) for level in (1, 2)),
        ]
        start = np.concatenate([weight("encoder.class_token", 1, 1, dim)[0], *levels])
        return weight("encoder.position_embedding", 1, 1 + 3 * side**2, dim) + start

    def second_embedding(self) -> np.ndarray:
        return self.graph.weight("token_embeddings.0.1.weight", self.config.embed_dim, self.config.embed_dim, 3, 3)

    def encoder_block(self, name: str, x: str) -> str:
        dim, heads = self.config.embed_dim, self.config.encoder_heads
        normed = self.layer_norm(f"{name}.attention_norm", x, dim, 1e-6)
        query, key, value = self.linears(f"{name}.attention.qkv", (normed,) * 3, dim, dim)
        scores = self.add(
            "MatMul", self.scaled(self.heads(query, heads), dim // heads), self.heads(key, heads, (0, 2, 3, 1))
        )
        attended = self.add("MatMul", self.add("Softmax", scores, axis=-1), self.heads(value, heads))
        return self.after_attention(name, x, attended)

    def last_block(self, name: str, x: str) -> str:
        """(B, N, D) -> (B, 1, D): one token asks, so keys and values need not be made of all the others.

        Its query goes through the key weights to the tokens themselves, and their mean through the value weights. The
        bias of the keys adds the same to all scores, so it is gone.
        """
        add, dim, heads, whole = self.add, self.config.embed_dim, self.config.encoder_heads, self.graph.whole
        head_dim = dim // heads
        normed = self.layer_norm(f"{name}.attention_norm", x, dim, 1e-6)
        weight = self.graph.weight(f"{name}.attention.qkv.weight", 3 * dim, dim)
        bias = self.graph.weight(f"{name}.attention.qkv.bias", 3 * dim)
        query, key, value = (f"{name}.attention.{part}" for part in ("query", "key", "value"))
        asked = self.matmul(query, self.first(normed), weight[:dim].T, bias[:dim])
        by_key = self.graph.number(key, weight[dim : 2 * dim].reshape(heads, head_dim, dim))
        asked = add("MatMul", self.scaled(self.heads(asked, heads), head_dim), by_key)  # (B, heads, 1, D)
        scores = add("MatMul", add("Squeeze", asked, whole(2)), add("Transpose", normed, perm=[0, 2, 1]))
        mean = add("Unsqueeze", add("MatMul", add("Softmax", scores, axis=-1), normed), whole(2))  # (B, heads, 1, D)
        by_value = weight[2 * dim :].reshape(heads, head_dim, dim).transpose(0, 2, 1)
        attended = self.matmul(value, mean, by_value, bias[2 * dim :].reshape(heads, 1, head_dim))
        return self.after_attention(name, self.first(x), attended)

    def after_attention(self, name: str, x: str, attended: str) -> str:
        dim = self.config.embed_dim
        merged = self.merged(attended, dim)
        x = self.add("Add", x, self.linear(f"{name}.attention.projection", merged, dim, dim))
        return self.add("Add", x, self.mlp(f"{name}.mlp", self.layer_norm(f"{name}.mlp_norm", x, dim, 1e-6), dim))
