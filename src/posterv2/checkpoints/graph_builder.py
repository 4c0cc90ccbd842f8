"""An ONNX graph in the making: nodes that name themselves, and weights that are asked for by name and shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from posterv2 import __version__
from posterv2.errors import WeightsError, cut

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_IR_VERSION = 9  # of the file; opset 20 came with it
_LARGEST = 2**31 - 2**24  # bytes of numbers: protobuf writes no more than 2 GiB, and the nodes need room
_COUNTER = "num_batches_tracked"  # batch norms count their batches in training; nothing reads it


class GraphBuilder:
    """Collects nodes and numbers; what it hands out are names of values.

    Args:
        tensors: the weights by their names, as files hold them.
        source: names them in errors.
        half: store what float16 holds exactly as float16, with a cast back to float32 in front of its use.
    """

    def __init__(self, tensors: Mapping[str, np.ndarray], source: str, half: bool) -> None:
        from onnx import ModelProto

        self._tensors, self._source, self.half = tensors, source, half
        self._asked: set[str] = set()
        self._casts: list[NodeProto] = []
        self._nodes: list[NodeProto] = []
        self._numbers: set[str] = set()
        self._bytes = 0
        self._model = ModelProto()  # the numbers go there at once: protobuf copies what is put together later

    def add(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """A node; its result, which has the node's name."""
        from onnx import helper

        name = name or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def weight(self, name: str, *shape: int) -> np.ndarray:
        """The weights of that name, in float32.

        Raises:
            WeightsError: they are missing, of another shape, or no floating-point numbers.
        """
        self._asked.add(name)
        tensor = self._tensors.get(name)
        if tensor is None:
            raise self._misfit(f"missing {name}")
        if tensor.shape != shape:
            raise self._misfit(f"{name} is {_words(tensor.shape)}, needed is {_words(shape)}")
        if tensor.dtype.kind != "f":
            raise self._misfit(f"{name} holds {tensor.dtype}, needed is float32")
        return tensor.astype(np.float32, copy=False)

    def stored(self, name: str, *shape: int) -> str:
        """The weights of that name as a constant."""
        return self.number(name, self.weight(name, *shape))

    def number(self, name: str, values: np.ndarray) -> str:
        """A constant, put there once under its name.

        Raises:
            WeightsError: as from `expect_room`.
        """
        from onnx import TensorProto, helper, numpy_helper

        if name in self._numbers:
            return name
        stored = name
        if self.half and values.ndim and values.dtype == np.float32:
            with np.errstate(over="ignore"):
                small = values.astype(np.float16)
            if np.array_equal(small, values):
                values, stored = small, f"{name}.half"
                self._casts.append(
                    helper.make_node("Cast", [stored], [name], name=f"{name}.cast", to=TensorProto.FLOAT)
                )
        self._numbers.add(name)
        self.expect_room(values.nbytes)
        self._bytes += values.nbytes
        tensor = numpy_helper.from_array(np.ascontiguousarray(values), stored)
        self._model.graph.initializer.add().CopyFrom(tensor)
        return name

    def expect_room(self, size: int) -> None:
        """Refuse numbers of `size` bytes for which the graph has no room, which may be before they are worked out.

        Raises:
            WeightsError: with the numbers so far they are more than a graph can hold.
        """
        if self._bytes + size > _LARGEST:
            raise WeightsError(f"{self._source}: its network is over the 2 GB of a graph; take the engine torch")

    def whole(self, *values: int) -> str:
        """A constant list of whole numbers, such as a shape."""
        return self.number(f"whole_{'_'.join(map(str, values))}", np.asarray(values, np.int64))

    def model(
        self, result: str, shapes: tuple[Sequence[int], Sequence[int]], opset: int, metadata: Mapping[str, str]
    ) -> ModelProto:
        """The whole graph, "faces" (B, *shapes[0]) -> "logits" (B, *shapes[1]).

        Raises:
            WeightsError: there are weights that nothing asked for.
        """
        from onnx import TensorProto, helper

        left = [name for name in self._tensors if name not in self._asked and name.rpartition(".")[2] != _COUNTER]
        if left:
            raise self._misfit(f"unexpected {', '.join(map(cut, left[:8]))}")
        self.add("Identity", result, name="logits")
        model, graph = self._model, self._model.graph
        for values, name, shape in zip((graph.input, graph.output), ("faces", "logits"), shapes, strict=True):
            values.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape]))
        graph.name, model.producer_name, model.producer_version = "posterv2", "posterv2", __version__
        graph.node.extend([*self._casts, *self._nodes])
        model.ir_version = _IR_VERSION
        model.opset_import.append(helper.make_opsetid("", opset))
        helper.set_model_props(model, dict(metadata))
        return model

    def _misfit(self, what: str) -> WeightsError:
        return WeightsError(f"{self._source} does not fit the network: {what}")


def _words(shape: Sequence[int]) -> str:
    return cut(" x ".join(map(str, shape))) or "one number"
