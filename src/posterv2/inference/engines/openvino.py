"""OpenVINO on the CPU: the fastest engine on the x86-64 processors that were tried."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from posterv2.checkpoints.graph import LAST_BLOCK
from posterv2.checkpoints.graph_check import OPENVINO_OPERATIONS, expect_operations
from posterv2.checkpoints.header import KEY, WeightsHeader
from posterv2.errors import PosterError, UsageError, WeightsError, cut, require
from posterv2.inference.classifier import expect_pixels
from posterv2.inference.engines.graphs import Port, expect_ports, graph_file, graph_kind
from posterv2.inference.engines.precision import Precision
from posterv2.labels import LabelSet

if TYPE_CHECKING:
    import openvino

_TYPES = {"fp32": "f32", "bf16": "bf16"}


class OpenvinoClassifier:
    """A graph with our header in its metadata, or an OpenVINO file of ours, run by OpenVINO."""

    def __init__(
        self,
        weights: str | Path,
        labels: LabelSet | None = None,
        precision: Precision = "fp32",
        threads: int = 0,
    ) -> None:
        """Load an embedded model, an ONNX or OpenVINO file, or the graph of any other weight file.

        0 `threads` is one a core.

        Raises:
            MissingExtraError: OpenVINO is not installed.
            UsageError: the processor has no bfloat16.
            WeightsError: the file is missing, is none that OpenVINO runs, holds no header of ours, or one that the
                graph disagrees with.
            LabelsError: as from `graphs.graph_file`.
        """
        self._name, self._running = str(weights), Lock()  # a request takes one batch at a time
        core = shared_core()
        if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise UsageError("this processor has no bfloat16 arithmetic; take precision fp32")
        try:
            with graph_file(weights, labels) as path:
                model = _read(path)
            operations = {node.get_type_name() for node in model.get_ordered_ops()}
            expect_operations(operations, OPENVINO_OPERATIONS, self._name)
            self._header = WeightsHeader.from_metadata(_metadata(model), self._name)
            expect_ports(self._header, _ports(model.inputs), _ports(model.outputs), "f32", self._name)
            model = _with_preprocessing(model, self._header)
            cut_up = _cut(model) if precision == "bf16" else None
            if cut_up is None:
                self._parts = [_compiled(core, model, precision, threads)]
            else:  # one token is left behind the cut, where float32 costs next to nothing and keeps the logits closer
                self._parts = [
                    _compiled(core, cut_up[0], precision, threads),
                    _compiled(core, cut_up[1], "fp32", threads),
                ]
        except PosterError:
            raise
        except Exception as error:  # OpenVINO's errors share no base but this; names that are no text are another's
            raise WeightsError(f"{self._name}: OpenVINO cannot run this file: {_reason(error)}") from error
        self._header.expect_labels(labels, self._name)

    @property
    def header(self) -> WeightsHeader:
        """From the graph's metadata."""
        return self._header

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """(B, S, S, 3) uint8 to (B, C) float32.

        Raises:
            UsageError: as from `classifier.expect_pixels`.
            WeightsError: the graph cannot do it after all.
        """
        expect_pixels(pixels, self._header)
        values = pixels
        try:
            with self._running:
                for part in self._parts:
                    values = part.infer([values])[0]
        except RuntimeError as error:
            raise WeightsError(f"{self._name}: OpenVINO cannot run this graph: {_reason(error)}") from error
        expected = (len(pixels), self._header.config.classes)
        if values.shape != expected:
            raise WeightsError(f"{self._name}: the graph gave logits {values.shape}, its header says {expected}")
        return values


@cache
def shared_core() -> openvino.Core:
    """The one of this process: each sets a stack for signals, and of two the later gives back the other's, freed one.

    Raises:
        MissingExtraError: OpenVINO is not installed.
    """
    return require("openvino", "openvino").Core()


def _read(path: Path) -> openvino.Model:
    """The graph of a file by the one reader for its kind: the core would try all it has, which talk on stderr."""
    from openvino.frontend import FrontEndManager

    reader = FrontEndManager().load_by_framework("ir" if graph_kind(path) == "openvino" else "onnx")
    return reader.convert(reader.load(path))


def _metadata(model: openvino.Model) -> dict[str, str]:
    """What an ONNX file has in its metadata, and OpenVINO's own files in the place where they keep that."""
    place = ["framework", KEY]
    return {KEY: str(model.get_rt_info(place).astype(str))} if model.has_rt_info(place) else {}


def _ports(outputs: list[Any]) -> list[Port]:
    return [
        Port(
            tuple(sorted(output.get_names())),
            tuple(None if side.is_dynamic else side.get_length() for side in output.partial_shape),
            output.element_type.get_type_name(),
        )
        for output in outputs
    ]


def _with_preprocessing(model: openvino.Model, header: WeightsHeader) -> openvino.Model:
    """Let the graph take uint8 (B, S, S, 3) itself."""
    from openvino import Layout, Type
    from openvino.preprocess import PrePostProcessor

    steps = PrePostProcessor(model)
    faces = steps.input()
    faces.tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
    faces.model().set_layout(Layout("NCHW"))
    mean, std = ([255 * value for value in values] for values in (header.preprocessing.mean, header.preprocessing.std))
    faces.preprocess().convert_element_type(Type.f32).mean(mean).scale(std)
    return steps.build()


def _cut(model: openvino.Model) -> tuple[openvino.Model, openvino.Model] | None:
    """The graph up to the encoder's last block, and the rest; None where it has no such place."""
    from openvino import Model
    from openvino import opset15 as opset

    outputs = (output for node in model.get_ordered_ops() for output in node.outputs())
    place = next((output for output in outputs if LAST_BLOCK in output.get_names()), None)
    if place is None:
        return None
    readers = place.get_target_inputs()
    tokens = opset.parameter(place.partial_shape, place.element_type)
    for reader in readers:
        reader.replace_source_output(tokens.output(0))
    rest = Model(model.get_results(), [tokens])  # pyright: ignore[reportGeneralTypeIssues] - its stubs are off
    return Model([opset.result(place)], model.get_parameters()), rest  # pyright: ignore[reportGeneralTypeIssues]


def _compiled(core: openvino.Core, model: openvino.Model, precision: Precision, threads: int) -> openvino.InferRequest:
    settings = {
        "INFERENCE_PRECISION_HINT": _TYPES[precision],
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # several processes of one thread would all take the first core
    }
    return core.compile_model(model, "CPU", settings).create_infer_request()


def _reason(error: Exception) -> str:
    """The last line of what OpenVINO says; those before it name places in its own code."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return cut(lines[-1] if lines else repr(error), 300)
