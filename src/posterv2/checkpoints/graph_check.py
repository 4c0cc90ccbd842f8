"""What an ONNX file asks a runtime to do, read from its bytes alone: no runtime, and not `onnx`, is there yet."""

import mmap
from collections.abc import Iterator
from pathlib import Path

from posterv2.errors import WeightsError, cut

OPERATIONS = frozenset(
    (
        *("Add", "BatchNormalization", "Cast", "Concat", "Conv", "DequantizeLinear", "Gelu", "Identity"),
        *("LayerNormalization", "MatMul", "MaxPool", "Mul", "PRelu", "Pad", "QuantizeLinear", "Relu", "Reshape"),
        *("Sigmoid", "Slice", "Softmax", "Squeeze", "Transpose", "Unsqueeze"),
    )
)
"""All that our graphs are made of, in float16 and int8 too: no loops, and no tensors of a size that a number says."""

# The numbers of protobuf's fields in onnx.proto.
_MODEL_GRAPH, _MODEL_FUNCTION = 7, 25
_GRAPH_NODE, _GRAPH_SPARSE = 1, 15
_NODE_OPERATION, _NODE_DOMAIN = 4, 7

_SIZES = {1: 8, 5: 4}  # bytes of the wire types that have a fixed size


def expect_operations(path: Path, source: str) -> None:
    """Refuse a graph with other operations than ours: a few bytes of some of them take all the memory there is.

    Raises:
        WeightsError: there are some; or the file is no ONNX file, or cannot be opened. `source` names it.
    """
    try:
        with path.open("rb") as file:  # mapped: the numbers, nearly all of it, are passed over
            model = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        strange = sorted(set(_operations(model)) - OPERATIONS)
    except OSError as error:
        raise WeightsError(f"{source}: {error.strerror or error}") from error
    except ValueError as error:
        raise WeightsError(f"{source}: not an ONNX file that can be read: {error}") from error
    if strange:
        raise WeightsError(
            f"{source}: it asks for {cut(', '.join(strange), 300)}, which no graph of posterv2 has; "
            "export it again with posterv2"
        )


def _operations(model: memoryview) -> Iterator[str]:
    for number, graph in _fields(model):
        if number == _MODEL_FUNCTION:
            yield "functions of its own"
        if number != _MODEL_GRAPH:
            continue
        for number, node in _fields(graph):
            if number == _GRAPH_SPARSE:
                yield "sparse numbers"
            if number == _GRAPH_NODE:
                for number, word in _fields(node):
                    if number == _NODE_OPERATION or (number == _NODE_DOMAIN and bytes(word) not in (b"", b"ai.onnx")):
                        yield bytes(word).decode("utf-8", "backslashreplace")


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The number and the content of each field of a message that has a length: messages, words and lists.

    Raises:
        ValueError: it is no message.
    """
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        if tag >= 2**32 or kind not in (0, 1, 2, 5):
            raise ValueError(f"there is no field {tag} at byte {place}")
        if kind == 0:
            _, place = _varint(message, place)
            continue
        size = _SIZES.get(kind)
        if size is None:
            size, place = _varint(message, place)
        if size > len(message) - place:
            raise ValueError("it ends too early")
        if kind == 2:
            yield tag >> 3, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """The whole number at a place, and the place behind it."""
    value = 0
    for shift, byte in enumerate(message[place : place + 10]):
        value |= (byte & 127) << 7 * shift
        if byte < 128:
            return value, place + shift + 1
    raise ValueError("it ends too early")
