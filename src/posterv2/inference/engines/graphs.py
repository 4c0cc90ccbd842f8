"""The graph that a runtime opens: a file as it is, or one made of a weight file's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from posterv2.checkpoints import catalog
from posterv2.checkpoints.graph_check import expect_onnx
from posterv2.checkpoints.header import WeightsHeader
from posterv2.checkpoints.kind import kind_of
from posterv2.errors import OutputError, WeightsError, cut
from posterv2.files import opened_whole
from posterv2.labels import LabelSet

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True)
class Port:
    """An input or an output of a graph, as its runtime tells of it: names, sides with None for a free one, and type."""

    names: tuple[str, ...]
    shape: tuple[int | None, ...]
    type: str

    def __str__(self) -> str:
        sides = ", ".join("?" if side is None else str(side) for side in self.shape)
        return f"{' = '.join(self.names)} ({sides}) {self.type}"


GraphKind = Literal["onnx", "openvino"] | None
"""None stands for weights, from which a graph is made."""


def graph_kind(path: Path) -> GraphKind:
    """Which kind of graph a file holds by its content; where that says nothing, is meant to hold by its name.

    Raises:
        WeightsError: the file is missing, empty or cannot be opened.
    """
    kind = kind_of(path)
    if kind in ("onnx", "openvino"):
        return kind
    return "onnx" if kind == "other" and path.suffix.lower() == ".onnx" else None


@contextmanager
def graph_file(weights: str | Path, labels: LabelSet | None) -> Iterator[Path]:
    """An ONNX or OpenVINO file as it is, or for other weights an ONNX file that is gone after the block.

    A file, because a runtime that is given bytes keeps them beside its own copy of all numbers.

    Raises:
        MissingExtraError, LabelsError, WeightsError: as from `checkpoints.tensors.opened_tensors`; or the numbers do
            not fit the network; or an ONNX file is refused by `checkpoints.graph_check.expect_onnx`.
        OutputError: the system's folder for temporary files is full, or there is none.
    """
    path = catalog.located(weights, ".onnx")
    kind = graph_kind(path)
    if kind == "onnx" and str(weights) not in catalog.EMBEDDED:  # whose start does not wait for onnx
        expect_onnx(path, str(weights))
    if kind is not None:
        yield path
        return
    from posterv2.checkpoints.graph import graph_of
    from posterv2.checkpoints.tensors import opened_tensors

    with opened_tensors(weights, labels) as (header, tensors):
        model = graph_of(header, tensors, str(weights))
    del tensors  # a published file's are a whole network
    try:
        place = TemporaryDirectory()
    except OSError as error:
        raise OutputError(
            f"there is no folder for temporary files, where a graph is made: {error.strerror or error}; set TMPDIR"
        ) from error
    with place as folder:
        path = Path(folder, "graph.onnx")
        with opened_whole(path) as file:
            file.writelines(_parts(model))
        del model
        yield path


def _parts(model: ModelProto) -> Iterator[bytes]:
    """An ONNX file in parts, with the numbers taken out of `model`: in one piece it takes twice its size more.

    protobuf reads messages that stand one after another as one that has all their entries.
    """
    from onnx import GraphProto, ModelProto

    tensors = list(model.graph.initializer)
    del model.graph.initializer[:]
    yield model.SerializeToString()
    for tensor in tensors:
        yield ModelProto(graph=GraphProto(initializer=[tensor])).SerializeToString()


def expect_ports(
    header: WeightsHeader, inputs: Sequence[Port], outputs: Sequence[Port], float32: str, source: str
) -> None:
    """Refuse a graph that is not "faces" (B, 3, S, S) -> "logits" (B, C), B free, of the type that is called `float32`.

    Raises:
        WeightsError: the message shows what it is instead.
    """
    side, classes = header.config.image_size, header.config.classes
    for what, ports, name, shape in (
        ("input", inputs, "faces", (3, side, side)),
        ("output", outputs, "logits", (classes,)),
    ):
        fits = (
            len(ports) == 1 and name in ports[0].names and ports[0].shape == (None, *shape) and ports[0].type == float32
        )
        if not fits:
            got = cut("; ".join(map(str, ports)), 300) or "none"
            wanted = f"one {what} {name!r} of (B, {', '.join(map(str, shape))}), float32 and with B free"
            raise WeightsError(f"{source}: by its header the graph must have {wanted}; got {got}")
