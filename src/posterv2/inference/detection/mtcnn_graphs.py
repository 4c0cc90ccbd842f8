"""The three networks of MTCNN as graphs for ONNX Runtime, kept in the user's cache folder.

Zhang et al. 2016, "Joint face detection and alignment using multitask cascaded convolutional networks", figure 2. All
networks take uint8 pixels (B, H, W, 3), RGB, and scale them to -1..1 inside the first convolution. They give numbers:
channel 0 is the logit of being a face, 1 to 4 move the left, top, right and bottom side by shares of the window's side;
of O-Net 5 to 9 are x and 10 to 14 y of the five landmarks, in shares of the window from its top left corner.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from posterv2.errors import OutputError
from posterv2.files import write_whole
from posterv2.inference.detection.mtcnn_weights import SHA256, Arrays, read_arrays

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

NETWORKS = ("pnet", "rnet", "onet")
_EDITION = 1  # of the graphs below: another number asks for new files in the cache
_POOLS = {"pnet": {"conv1": 2}, "rnet": {"conv1": 3, "conv2": 3}, "onet": {"conv1": 3, "conv2": 3, "conv3": 2}}
"""Which convolutions are followed by maximum pooling with stride 2, and over how many pixels a side."""


def graph(network: str) -> bytes:
    """The serialised ONNX graph of `pnet`, `rnet` or `onet`, from the cache, or assembled and put there.

    A damaged file in the cache is replaced; where nothing can be written the graph is assembled each time.

    Raises:
        WeightsError: the numbers cannot be read, as from `read_arrays`.
    """
    path = _cache() / f"mtcnn-{network}-{SHA256[network][:8]}-{_EDITION}"
    try:
        seal, data = path.read_bytes().split(b"\n", 1)
        if seal == _seal(data):
            return data
    except (OSError, ValueError):
        pass
    data = assemble(read_arrays(network), _POOLS[network]).SerializeToString(deterministic=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, _seal(data) + b"\n" + data)
    except (OSError, OutputError):
        pass  # a cache saves time and nothing else
    return data


def _seal(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def _cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("posterv2")


def assemble(arrays: Arrays, pools: Mapping[str, int]) -> ModelProto:
    """One network: convolutions with PReLU and maximum pooling, perhaps a dense layer, and all heads as one layer."""
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[NodeProto] = []
    constants: list[TensorProto] = []
    last = "pixels"

    def add(kind: str, *inputs: str | np.ndarray, outputs: int = 1, **attributes: Any) -> list[str]:
        """Add a node; without named inputs it takes what the one before gave."""
        nonlocal last
        names = [f"{kind}{len(nodes)}.{number}" for number in range(outputs)]
        sources = [each for each in inputs if isinstance(each, str)] or [last]
        for value in (each for each in inputs if not isinstance(each, str)):
            sources.append(f"constant{len(constants)}")
            constants.append(numpy_helper.from_array(np.ascontiguousarray(value), sources[-1]))
        nodes.append(helper.make_node(kind, sources, names, **attributes))
        last = names[0]
        return names

    add("Transpose", perm=[0, 3, 1, 2])
    add("Cast", to=TensorProto.FLOAT)
    order = np.arange(3)  # of the channels that the next convolution gets
    for name in [name for name in arrays if name.startswith("conv") and "." not in name]:
        kernel, bias = arrays[name].transpose(3, 2, 0, 1)[:, order], arrays[f"{name}.bias"]
        slope = arrays[f"{name}.slope"]
        if not constants:  # the first sees (pixel - 127.5) / 128
            kernel, bias = kernel / 128, bias - kernel.sum(axis=(1, 2, 3)) * np.float32(127.5 / 128)
        order = np.arange(len(slope))
        if name not in pools:
            add("Conv", kernel, bias)
            add("PRelu", slope[:, None, None])
            continue
        # Pooled first, because PReLU is slow: where it rises the maximum is the same, and where its slope a is
        # negative it is max(x, a * x), so the convolution gives a * x too.
        order = np.argsort(slope < 0, kind="stable")
        kernel, bias, slope = kernel[order], bias[order], slope[order]
        falls = slope < 0
        scaled = kernel[falls] * slope[falls, None, None, None], bias[falls] * slope[falls]
        add("Conv", np.concatenate([kernel, scaled[0]]), np.concatenate([bias, scaled[1]]))
        # The networks were trained with windows that hang over the right and the lower border.
        add("MaxPool", kernel_shape=[pools[name]] * 2, strides=[2, 2], ceil_mode=1)
        sizes = np.array([(~falls).sum(), falls.sum(), falls.sum()], np.int64)
        rising, *falling = add("Split", sizes, outputs=3, axis=1)
        add("Concat", *add("PRelu", rising, slope[~falls, None, None]), *add("Max", *falling), axis=1)
    if "dense" in arrays:
        add("Flatten")
        add("Gemm", _by_channel(arrays["dense"], len(order)), arrays["dense.bias"])
        add("PRelu", arrays["dense.slope"])
        add("Gemm", *_heads(arrays))
        sizes = ["B", len(_heads(arrays)[1])]
    else:
        kernel, bias = _heads(arrays)
        add("Conv", kernel.transpose(3, 2, 0, 1), bias)
        sizes = ["B", len(bias), None, None]
    nodes[-1].output[0] = "numbers"
    inside = helper.make_graph(
        nodes,
        "mtcnn",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["B", None, None, 3])],
        [helper.make_tensor_value_info("numbers", TensorProto.FLOAT, sizes)],
        constants,
    )
    return helper.make_model(inside, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _by_channel(dense: np.ndarray, channels: int) -> np.ndarray:
    """A dense kernel (W * H * C, out), which takes maps flattened by column, row, channel, for (C * H * W) ones."""
    side = int((len(dense) / channels) ** 0.5)
    maps = dense.reshape(side, side, channels, -1)
    return maps.transpose(2, 1, 0, 3).reshape(dense.shape)


def _heads(arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """All heads side by side; softmax over "no face" and "face" depends on the difference of the two alone."""
    heads = [(arrays["face"][..., 1:] - arrays["face"][..., :1], arrays["face.bias"][1:] - arrays["face.bias"][:1])]
    heads += [(arrays[name], arrays[f"{name}.bias"]) for name in ("box", "points") if name in arrays]
    kernels, biases = zip(*heads, strict=True)
    return np.concatenate(kernels, axis=-1), np.concatenate(biases)
