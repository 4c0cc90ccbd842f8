"""What a graph from elsewhere may ask of a runtime: operations that ours have, on numbers that fit into memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from posterv2.errors import WeightsError, cut, first_line

if TYPE_CHECKING:
    from onnx import ModelProto

_ARITHMETIC = frozenset(("Add", "Gelu", "MatMul", "MaxPool", "PRelu", "Relu", "Sigmoid", "Softmax"))
_LAYOUT = frozenset(("Concat", "Identity", "Pad", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"))

ONNX_OPERATIONS = frozenset(
    _ARITHMETIC
    | _LAYOUT
    | {"BatchNormalization", "Cast", "Conv", "DequantizeLinear", "LayerNormalization", "Mul", "QuantizeLinear"}
)
"""All that our graphs are made of, in float16 and int8 too: no loops, no tensors of a size that only a number says."""

OPENVINO_OPERATIONS = frozenset(
    _ARITHMETIC
    | _LAYOUT
    | {"BatchNormInference", "Convolution", "Divide", "FakeQuantize", "GroupConvolution", "MVN", "Multiply", "Subtract"}
    | {"Broadcast", "Constant", "Convert", "Parameter", "Range", "Result", "ShapeOf", "VariadicSplit"}
)
"""The same as OpenVINO calls it once it has read it; none of it looks up places by number."""

LARGEST = 2**29
"""Numbers that an ONNX file may hold and work out for one face, 2 GB as float32; the published size has 75 million."""


def expect_operations(operations: Iterable[str], known: frozenset[str], source: str) -> None:
    """Refuse what none of our graphs has: some operations take all the memory there is, or end the process.

    Raises:
        WeightsError: the message names them; `source` names the file.
    """
    strange = sorted(set(operations) - known)
    if strange:
        raise WeightsError(
            f"{source}: it asks for {cut(', '.join(strange), 300)}, which no graph of posterv2 has; "
            "export it again with posterv2"
        )


def expect_onnx(path: Path, source: str) -> None:
    """Refuse an ONNX file that no runtime should open: some bytes of it may ask for all the memory there is.

    Raises:
        WeightsError: it cannot be read, has operations that ours lack, or more numbers than `LARGEST`, or does not
            say how many; `source` names it.
    """
    import onnx

    try:
        model = onnx.load(path, "protobuf", load_external_data=False)
    except OSError as error:
        raise WeightsError(f"{source}: {error.strerror or error}") from error
    except Exception as error:  # protobuf's own, which is onnx's library and not ours
        raise WeightsError(f"{source}: not an ONNX file that can be read: {first_line(error)}") from error
    expect_operations(_operations(model), ONNX_OPERATIONS, source)
    try:
        numbers = _numbers(model)
    except Exception as error:  # a broken graph can fail anywhere in onnx
        raise WeightsError(f"{source}: its graph does not fit together: {first_line(error)}") from error
    if numbers > LARGEST:
        raise WeightsError(
            f"{source}: its graph has {numbers:,} numbers for one face, allowed are {LARGEST:,}; for a network of that "
            "size give the .safetensors file"
        )


def _operations(model: ModelProto) -> Iterator[str]:
    if model.functions:
        yield "functions of its own"
    if model.graph.sparse_initializer:
        yield "sparse numbers"
    for node in model.graph.node:
        # Words that are no text come as bytes.
        yield str(node.op_type) if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"


def _numbers(model: ModelProto) -> int:
    """How many there are in the graph's constants and, for one face, in the results of its nodes.

    Raises:
        ValueError, onnx.shape_inference.InferenceError: it has a shape that cannot be told, or none that fits.
    """
    from onnx import shape_inference

    graph = model.graph
    del graph.value_info[:]  # what the file says of its shapes would be believed where nothing else is known
    for port in graph.output:
        port.type.tensor_type.ClearField("shape")
    for port in graph.input:
        for batch in port.type.tensor_type.shape.dim[:1]:
            batch.dim_value = 1
    for tensor in graph.initializer:
        if len(tensor.raw_data) > 1024:  # weights, which would be copied three times; shapes are shorter
            tensor.ClearField("raw_data")
    inferred = shape_inference.infer_shapes(model, strict_mode=True).graph
    shapes = {tensor.name: list(tensor.dims) for tensor in graph.initializer} | {
        value.name: [side.dim_value if side.HasField("dim_value") else -1 for side in value.type.tensor_type.shape.dim]
        for value in (*inferred.value_info, *inferred.output)
        if value.type.tensor_type.HasField("shape")
    }
    names = [*(tensor.name for tensor in graph.initializer), *(name for node in graph.node for name in node.output)]
    for name in names:
        if min(shapes.get(name, [-1]), default=0) < 0:
            raise ValueError(f"it does not say how large {name!r} is")
    return sum(math.prod(shapes[name]) for name in names)
