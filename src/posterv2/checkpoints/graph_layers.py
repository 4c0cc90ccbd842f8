"""The layers of the network as nodes of a graph, as in `models/layers.py` and in torch."""

import numpy as np

from posterv2.checkpoints.graph_builder import GraphBuilder
from posterv2.models.config import PosterConfig


class GraphLayers:
    """Adds layers to `graph`, under the names of their weights; `x` and all results are names of values."""

    def __init__(self, config: PosterConfig, graph: GraphBuilder) -> None:
        self.config, self.graph, self.add = config, graph, graph.add

    def block(
        self,
        name: str,
        x: str,
        channels: int,
        out: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        active: bool = True,
    ) -> str:
        """Convolution, batch norm and, if `active`, the activation."""
        y = self.conv_norm(f"{name}.conv", f"{name}.bn", x, channels, out, kernel, stride, groups)
        return self.activation(f"{name}.activation", y, out) if active else y

    def conv(
        self, name: str, x: str, channels: int, out: int, kernel: int = 3, stride: int = 1, bias: bool = False
    ) -> str:
        """A convolution with padding that keeps the side, but for the stride."""
        weight = self.graph.weight(f"{name}.weight", out, channels, kernel, kernel)
        return self.convolved(name, x, weight, self.graph.weight(f"{name}.bias", out) if bias else None, stride)

    def conv_norm(
        self,
        name: str,
        norm: str,
        x: str,
        channels: int,
        out: int,
        kernel: int = 3,
        stride: int = 1,
        groups: int = 1,
    ) -> str:
        """A convolution without bias and the batch norm behind it, as one where the numbers may change."""
        weight = self.graph.weight(f"{name}.weight", out, channels // groups, kernel, kernel)
        if self.graph.half:
            return self.batch_norm(norm, self.convolved(name, x, weight, None, stride, groups), out)
        scale, shift = (each.astype(np.float32) for each in self.scale_and_shift(norm, out))
        return self.convolved(name, x, weight * scale[:, None, None, None], shift, stride, groups)

    def convolved(
        self, name: str, x: str, weight: np.ndarray, bias: np.ndarray | None, stride: int = 1, groups: int = 1
    ) -> str:
        """A convolution with weights (out, channels / groups, kernel, kernel)."""
        kernel, padding = weight.shape[2], weight.shape[2] // 2
        constants = [self.graph.number(f"{name}.weight", weight)]
        if bias is not None:
            constants.append(self.graph.number(f"{name}.bias", bias))
        sides = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [padding] * 4}
        return self.add("Conv", x, *constants, group=groups, **sides)

    def batch_norm(self, name: str, x: str, channels: int) -> str:
        """A batch norm as it is."""
        parts = "weight", "bias", "running_mean", "running_var"
        return self.add("BatchNormalization", x, *(self.graph.stored(f"{name}.{part}", channels) for part in parts))

    def scale_and_shift(self, norm: str, channels: int) -> tuple[np.ndarray, np.ndarray]:
        """What a batch norm does to each channel."""
        parts = "weight", "bias", "running_mean", "running_var"
        weight, bias, mean, variance = (
            self.graph.weight(f"{norm}.{part}", channels).astype(np.float64) for part in parts
        )
        scale = weight / np.sqrt(variance + 1e-5)
        return scale, bias - mean * scale

    def activation(self, name: str, x: str, channels: int) -> str:
        """PReLU with a slope for each channel, or ReLU."""
        if self.config.activation == "relu":
            return self.add("Relu", x)
        slope = self.graph.weight(f"{name}.weight", channels)
        return self.add("PRelu", x, self.graph.number(f"{name}.weight", slope[:, None, None]))

    def layer_norm(self, name: str, x: str, dim: int, epsilon: float) -> str:
        """Layer norm over the last axis."""
        weights = (self.graph.stored(f"{name}.{part}", dim) for part in ("weight", "bias"))
        return self.add("LayerNormalization", x, *weights, axis=-1, epsilon=epsilon)

    def linear(self, name: str, x: str, dim: int, out: int) -> str:
        """A linear layer on the last axis."""
        return self.linears(name, (x,), dim, out)[0]

    def linears(self, name: str, inputs: tuple[str, ...], dim: int, out: int) -> list[str]:
        """A linear layer whose outputs are several in one, each from its own input."""
        weight = self.graph.weight(f"{name}.weight", len(inputs) * out, dim)
        bias = self.graph.weight(f"{name}.bias", len(inputs) * out)
        parts = [slice(part * out, (part + 1) * out) for part in range(len(inputs))]
        return [
            self.matmul(f"{name}.{part.start}", x, weight[part].T, bias[part])
            for x, part in zip(inputs, parts, strict=True)
        ]

    def matmul(self, name: str, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """A product with constants, (..., dim, out), and their bias."""
        product = self.add("MatMul", x, self.graph.number(f"{name}.weight", weight))
        return self.add("Add", product, self.graph.number(f"{name}.bias", bias))

    def mlp(self, name: str, x: str, dim: int) -> str:
        """Two linear layers with GELU between."""
        hidden = self.config.mlp_ratio * dim
        return self.linear(f"{name}.fc2", self.add("Gelu", self.linear(f"{name}.fc1", x, dim, hidden)), hidden, dim)

    def scaled(self, query: str, head_dim: int) -> str:
        """Queries, so that their scores have the scale of one channel."""
        return self.add("Mul", query, self.graph.number(f"scale_{head_dim}", np.asarray(head_dim**-0.5, np.float32)))

    def heads(self, x: str, heads: int, perm: tuple[int, ...] = (0, 2, 1, 3)) -> str:
        """Tokens (B, N, D) -> (B, heads, N, D / heads), or another order of those."""
        return self.add("Transpose", self.add("Reshape", x, self.graph.whole(0, 0, heads, -1)), perm=perm)

    def merged(self, x: str, dim: int) -> str:
        """What `heads` gave -> tokens (B, N, D)."""
        return self.add("Reshape", self.add("Transpose", x, perm=[0, 2, 1, 3]), self.graph.whole(0, 0, dim))

    def flat(self, x: str, channels: int) -> str:
        """A map (B, C, h, w) -> tokens (B, h*w, C)."""
        return self.add("Transpose", self.add("Reshape", x, self.graph.whole(0, channels, -1)), perm=[0, 2, 1])

    def first(self, x: str) -> str:
        """The class token (B, 1, D) of tokens (B, N, D)."""
        return self.add("Slice", x, self.graph.whole(0), self.graph.whole(1), self.graph.whole(1))
