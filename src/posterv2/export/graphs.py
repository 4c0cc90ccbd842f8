"""The two kinds of files: how each is rounded, written and opened again."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from posterv2.checkpoints.graph import LAST_BLOCK, OPSET
from posterv2.checkpoints.header import KEY, WeightsHeader
from posterv2.export.quantised import quantise
from posterv2.inference.classifier import Classifier
from posterv2.inference.engines.onnxruntime import OnnxClassifier
from posterv2.inference.engines.openvino import OpenvinoClassifier, shared_core

if TYPE_CHECKING:
    import openvino

Runtime = Literal["onnx", "openvino"]


class Graph(Protocol):
    """A network as one kind of file holds it."""

    suffix: str
    others: tuple[str, ...]  # suffixes of the files beside it
    form: str
    runtime: str

    def quantise(self, faces: np.ndarray) -> None:
        """Round it to int8 by what happens on these faces, (N, 3, S, S) float32; the last block and the head stay."""
        ...

    def write(self, path: Path, header: WeightsHeader) -> None:
        """Write it with `header` in its metadata; what else its kind needs goes beside it."""
        ...

    def open(self, path: Path) -> Classifier:
        """What was written, in its runtime."""
        ...


class OnnxGraph:
    """One `.onnx` file."""

    suffix, others, form = ".onnx", (), f"ONNX, opset {OPSET}"

    def __init__(self, graph: bytes, half: bool) -> None:
        from onnx import load_model_from_string

        self.runtime = f"onnxruntime {version('onnxruntime')}"
        self._model = load_model_from_string(graph)

    def quantise(self, faces: np.ndarray) -> None:
        """As `Graph` says."""
        reached, behind = {LAST_BLOCK}, []
        for node in self._model.graph.node:
            if reached & set(node.input):
                reached.update(node.output)
                behind.append(node.name)
        self._model = quantise(self._model, [{"faces": face[None]} for face in faces], behind)

    def write(self, path: Path, header: WeightsHeader) -> None:
        """As `Graph` says."""
        from onnx import checker, helper

        helper.set_model_props(self._model, {KEY: header.to_json()})
        checker.check_model(self._model)
        path.write_bytes(self._model.SerializeToString())

    def open(self, path: Path) -> Classifier:
        """As `Graph` says."""
        return OnnxClassifier(path)


class OpenvinoGraph:
    """An `.xml` file with the graph and a `.bin` file with its numbers beside it."""

    suffix, others, form = ".xml", (".bin",), "OpenVINO"

    def __init__(self, graph: bytes, half: bool) -> None:
        core = shared_core()
        self.runtime, self._half = f"openvino {version('openvino')}", half
        self._model: openvino.Model = core.read_model(graph)

    def quantise(self, faces: np.ndarray) -> None:
        """As `Graph` says."""
        reached, behind = set(), []
        for node in self._model.get_ordered_ops():
            names = {name for output in node.outputs() for name in output.get_names()}
            if LAST_BLOCK in names or any(
                source.get_source_output().get_node().get_friendly_name() in reached for source in node.inputs()
            ):
                reached.add(node.get_friendly_name())
                behind.append(node.get_friendly_name())
        self._model = quantise(self._model, [face[None] for face in faces], behind)

    def write(self, path: Path, header: WeightsHeader) -> None:
        """As `Graph` says."""
        from openvino import save_model

        self._model.set_rt_info(header.to_json(), ["framework", KEY])
        named = path.with_suffix(self.suffix)  # OpenVINO writes to no other spelling of it
        save_model(self._model, named, compress_to_fp16=self._half)
        named.replace(path)

    def open(self, path: Path) -> Classifier:
        """As `Graph` says."""
        return OpenvinoClassifier(path)


GRAPHS: dict[Runtime, type[OnnxGraph] | type[OpenvinoGraph]] = {"onnx": OnnxGraph, "openvino": OpenvinoGraph}
