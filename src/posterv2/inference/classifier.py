"""From face crops to probabilities, through ONNX Runtime or torch; both answer alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from posterv2.calibration import softmax
from posterv2.checkpoints import catalog
from posterv2.checkpoints.header import WeightsHeader
from posterv2.checkpoints.kind import kind_of
from posterv2.errors import UsageError, WeightsError, cut, require
from posterv2.labels import LabelSet, label_set

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

DEVICES = ("auto", "cpu", "cuda", "mps")


class Classifier(Protocol):
    """A network with its header, whatever engine runs it."""

    @property
    def header(self) -> WeightsHeader:
        """The label contract, the preprocessing and the rest of what stands in the weight file."""
        ...

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        """(B, 3, S, S) float32, normalised, to (B, C) float32."""
        ...


class OnnxClassifier:
    """A graph with our header in its metadata, run by ONNX Runtime on the CPU."""

    def __init__(self, path: str | Path) -> None:
        """Load the graph.

        Raises:
            WeightsError: the file is missing, is no ONNX file that ONNX Runtime runs, holds no header of ours, or one
                that the graph disagrees with.
        """
        self._path, self._session = path, _open_session(path)
        metadata = self._session.get_modelmeta().custom_metadata_map
        self._header = WeightsHeader.from_metadata(metadata, str(path))
        side, classes = self._header.config.image_size, self._header.config.classes
        _expect("input", self._session.get_inputs(), "faces", [3, side, side], path)
        _expect("output", self._session.get_outputs(), "logits", [classes], path)

    @property
    def header(self) -> WeightsHeader:
        """From the graph's metadata."""
        return self._header

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        """(B, 3, S, S) float32, normalised, to (B, C) float32.

        Raises:
            WeightsError: the graph cannot do it after all.
        """
        try:
            logits = np.asarray(self._session.run(["logits"], {"faces": inputs})[0])
        except Exception as error:  # ONNX Runtime's errors share no base but this
            reason = cut(str(error).splitlines()[0], 300)
            raise WeightsError(f"{self._path}: ONNX Runtime cannot run this graph: {reason}") from error
        expected = (len(inputs), self._header.config.classes)
        if logits.shape != expected:
            raise WeightsError(f"{self._path}: the graph gave logits {logits.shape}, its header says {expected}")
        return logits


class TorchClassifier:
    """Any weight file that posterv2 reads, run by torch.

    Attributes:
        network: the torch module, in eval mode.
        device: where it runs.
    """

    def __init__(self, weights: str | Path, labels: LabelSet | None = None, device: str = "auto") -> None:
        """Load the weights and move the network to `device`: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.

        Raises:
            MissingExtraError: torch is not installed.
            UsageError: there is no such device here.
            WeightsError, LabelsError: as `posterv2.load_network` raises them.
        """
        require("torch", "torch")
        from posterv2.checkpoints.network import open_weights
        from posterv2.models.device import choose_device

        self.device = choose_device(device)
        network, self._header = open_weights(weights, labels)
        self.network = network.to(self.device).eval()

    @property
    def header(self) -> WeightsHeader:
        """From the weight file; for a published one, with the labels that the user named."""
        return self._header

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        """(B, 3, S, S) float32, normalised, to (B, C) float32."""
        import torch

        with torch.inference_mode():
            return self.network(torch.from_numpy(inputs).to(self.device)).float().cpu().numpy()


def open_classifier(
    weights: str | Path | None = None,
    labels: str | Sequence[str] | LabelSet | None = None,
    device: str | None = None,
) -> Classifier:
    """The classifier for an embedded model's name (the default one without `weights`) or for a weight file.

    ONNX Runtime runs the embedded models and ONNX files; torch runs every other file, and all that is not
    to run on the CPU. `labels` names the classes of a published file, which carries none; a file that carries
    its labels only accepts the same ones.

    Raises:
        UsageError: a device that is not there, or that the file's engine cannot use.
        WeightsError: a file that is missing, broken, unsafe, or of another network.
        LabelsError: labels are missing, or are not those in the file.
        MissingExtraError: the file needs torch, which is not installed.
    """
    device = device or "auto"
    if device.partition(":")[0] not in DEVICES:
        raise UsageError(f"there is no device {device!r}; choose one of {', '.join(DEVICES)}")
    asked = None if labels is None else label_set(labels)
    weights = catalog.DEFAULT if weights is None else weights
    on_cpu = device in ("auto", "cpu")
    path = catalog.located(weights, ".onnx")
    if kind_of(path) == "onnx" or path.suffix.lower() == ".onnx":
        if on_cpu:
            classifier = OnnxClassifier(path)
            classifier.header.expect_labels(asked, str(weights))
            return classifier
        if str(weights) not in catalog.EMBEDDED:
            raise UsageError(f"{weights}: ONNX files run on the cpu, got device {device!r}; give the .safetensors file")
    return TorchClassifier(weights, asked, device)


def probabilities(classifier: Classifier, faces: Sequence[np.ndarray], batch_size: int = 64) -> np.ndarray:
    """Every class's probability for each face crop, by the calibration that stands in the weight file.

    Arguments and errors are those of `face_logits`.

    Returns:
        (N, C), float32, rows in the order of `faces` and summing to 1.
    """
    logits, calibration = face_logits(classifier, faces, batch_size), classifier.header.calibration
    return softmax(logits if calibration is None else calibration(logits))


def face_logits(classifier: Classifier, faces: Sequence[np.ndarray], batch_size: int = 64) -> np.ndarray:
    """What the network says about each face crop, and about its mirror image if the header asks for that.

    Args:
        classifier: its header holds the preprocessing and the classes.
        faces: (H, W, 3) uint8 RGB each, of any size; the whole of each is used.
        batch_size: how many go through the network at once.

    Returns:
        (N, C), float32, rows in the order of `faces`.

    Raises:
        WeightsError: the network gave numbers that are not finite.
    """
    preprocessing = classifier.header.preprocessing
    parts: list[np.ndarray] = [np.empty((0, len(classifier.header.labels)), np.float32)]
    for start in range(0, len(faces), batch_size):
        pixels = np.stack([preprocessing.pixels(face) for face in faces[start : start + batch_size]])
        logits = classifier.logits(preprocessing.normalise(pixels))
        if preprocessing.mirror:
            logits = (logits + classifier.logits(preprocessing.normalise(pixels[:, :, ::-1]))) / 2
        if not np.isfinite(logits).all():
            raise WeightsError(f"{classifier.header.name}: the network gave numbers that are not finite")
        parts.append(logits)
    return np.concatenate(parts)


def _open_session(path: str | Path) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the detector needs the cores too
    options.log_severity_level = 3  # errors; they are raised as well
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base but this
        reason = cut(str(error).splitlines()[0], 300)
        raise WeightsError(f"{path}: ONNX Runtime cannot run this file: {reason}") from error


def _expect(what: str, nodes: Sequence[Any], name: str, shape: list[int], path: str | Path) -> None:
    """Refuse a graph whose input or output is not a free batch of `shape`, in float32."""
    fits = [node.name for node in nodes] == [name] and nodes[0].type == "tensor(float)"
    if not fits or nodes[0].shape[1:] != shape or isinstance(nodes[0].shape[0], int):
        got = cut("; ".join(f"{node.name} {node.shape} {node.type}" for node in nodes), 300) or "none"
        wanted = f"one {what} {name!r} of (B, {', '.join(map(str, shape))}), float32 and with B free"
        raise WeightsError(f"{path}: by its header the graph must have {wanted}; got {got}")
