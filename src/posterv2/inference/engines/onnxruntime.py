"""ONNX Runtime on the CPU: what the base install runs with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from posterv2.checkpoints.header import WeightsHeader
from posterv2.errors import WeightsError, first_line
from posterv2.inference.classifier import expect_pixels
from posterv2.inference.engines.graphs import Port, expect_ports, graph_file
from posterv2.labels import LabelSet

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class OnnxClassifier:
    """A graph with our header in its metadata, run by ONNX Runtime in float32, or in int8 where the file says so."""

    def __init__(self, weights: str | Path, labels: LabelSet | None = None, threads: int = 0) -> None:
        """Load an embedded model, an ONNX file, or the graph of any other weight file; 0 `threads` is one a core.

        Raises:
            WeightsError: the file is missing, is none that ONNX Runtime runs, holds no header of ours, or one that the
                graph disagrees with.
            LabelsError, MissingExtraError: as from `graphs.graph_file`.
        """
        self._name = str(weights)
        with graph_file(weights, labels) as path:
            self._session = _open_session(path, self._name, threads)
        self._header = WeightsHeader.from_metadata(_metadata(self._session, self._name), self._name)
        self._header.expect_labels(labels, self._name)
        inputs, outputs = _ports(self._session.get_inputs()), _ports(self._session.get_outputs())
        expect_ports(self._header, inputs, outputs, "tensor(float)", self._name)

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
        try:
            faces = self._header.preprocessing.normalise(pixels)
            logits = np.asarray(self._session.run(["logits"], {"faces": faces})[0])
        except Exception as error:  # ONNX Runtime's errors share no base but this
            raise WeightsError(f"{self._name}: ONNX Runtime cannot run this graph: {first_line(error)}") from error
        expected = (len(pixels), self._header.config.classes)
        if logits.shape != expected:
            raise WeightsError(f"{self._name}: the graph gave logits {logits.shape}, its header says {expected}")
        return logits


def _open_session(path: Path, name: str, threads: int) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the detector needs the cores too
    options.add_session_config_entry("session.load_model_format", "ONNX")  # as it was checked, whatever its name
    options.log_severity_level = 3  # errors; they are raised as well
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base but this
        raise WeightsError(f"{name}: ONNX Runtime cannot run this file: {first_line(error)}") from error


def _metadata(session: InferenceSession, name: str) -> dict[str, str]:
    try:
        return session.get_modelmeta().custom_metadata_map
    except UnicodeDecodeError as error:
        raise WeightsError(f"{name}: its metadata are no text: {error}") from error


def _ports(nodes: Sequence[Any]) -> list[Port]:
    """Free sides have a name of their own here."""
    return [
        Port((node.name,), tuple(side if isinstance(side, int) else None for side in node.shape), node.type)
        for node in nodes
    ]
