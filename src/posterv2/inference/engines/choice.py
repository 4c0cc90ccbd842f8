"""Which engine runs which weights: the one that is asked for, or the fastest that is installed."""

import ctypes
import platform
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from posterv2.checkpoints import catalog
from posterv2.errors import UsageError, require
from posterv2.inference.classifier import Classifier
from posterv2.inference.engines.graphs import GraphKind, graph_kind
from posterv2.inference.engines.onnxruntime import OnnxClassifier
from posterv2.inference.engines.openvino import OpenvinoClassifier
from posterv2.inference.engines.precision import Precision
from posterv2.inference.engines.torch import LeanTorchClassifier
from posterv2.labels import LabelSet, label_set

Engine = Literal["auto", "onnxruntime", "openvino", "torch", "torch-compiled"]
"""What can be asked for; `auto` is the fastest one installed, as `fastest` says."""

DEVICES = ("auto", "cpu", "cuda", "mps")


def open_classifier(
    weights: str | Path | None = None,
    labels: str | Sequence[str] | LabelSet | None = None,
    device: str | None = None,
    engine: Engine = "auto",
    precision: Precision = "fp32",
    threads: int = 0,
) -> Classifier:
    """The classifier for an embedded model's name (the default one without `weights`) or for a weight file.

    Args:
        weights: an embedded model's name or the path of a weight file, published ones included.
        labels: the classes of a published file, which carries none; a file that carries its labels only accepts
            the same ones.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`. A GPU is torch's; `auto` takes it for weight files.
        engine: what runs the network.
        precision: its arithmetic.
        threads: of the processor; 0 is one a core.

    Raises:
        UsageError: a device that is not there, or settings that no engine can follow together.
        WeightsError: a file that is missing, broken, unsafe, or of another network.
        LabelsError: labels are missing, or are not those in the file.
        MissingExtraError: the engine, or what the file needs to be read, is not installed.
    """
    weights, device = catalog.DEFAULT if weights is None else weights, device or "auto"
    _check("device", device.partition(":")[0], DEVICES)
    _check("engine", engine, get_args(Engine))
    _check("precision", precision, get_args(Precision))
    asked = None if labels is None else label_set(labels)
    kind = graph_kind(catalog.located(weights, ".onnx"))
    if engine == "auto":
        engine = automatic(kind, precision, device)
    if engine in ("torch", "torch-compiled"):
        if kind is not None and str(weights) not in catalog.EMBEDDED:
            raise UsageError(
                f"{weights}: ONNX and OpenVINO files run on the cpu and not in torch, got device {device!r} and engine "
                f"{engine!r}; give the .safetensors file"
            )
        if threads:
            require("torch", "torch").set_num_threads(threads)
        return LeanTorchClassifier(weights, asked, device, precision, compiled=engine == "torch-compiled")
    if device not in ("auto", "cpu"):
        raise UsageError(f"the engine {engine} runs on the cpu, got device {device!r}; a GPU needs the engine torch")
    if engine == "openvino":
        return OpenvinoClassifier(weights, asked, precision, threads)
    if precision != "fp32":
        raise UsageError(
            f"ONNX Runtime has no {precision} here; the engines openvino and torch have it, which come with "
            "posterv2[openvino] and posterv2[torch]"
        )
    if kind == "openvino":
        raise UsageError(
            f"{weights}: an OpenVINO file runs in the engine openvino alone, which comes with posterv2[openvino]"
        )
    return OnnxClassifier(weights, asked, threads)


def automatic(kind: GraphKind, precision: Precision, device: str) -> Engine:
    """The engine that `auto` stands for: torch on a GPU, for weights where `device` leaves it open, or `fastest`."""
    on_gpu = device not in ("auto", "cpu") or (device == "auto" and kind is None and _gpu())
    return "torch" if on_gpu else fastest(kind, precision)


def fastest(kind: GraphKind, precision: Precision) -> Engine:
    """The first engine for a kind of graph, or for weights, that is installed, in the order of their speed on the CPU.

    `posterv2 benchmark` measures that order; docs/performance.md holds what it was on which processor. Other
    processors than x86-64 were not tried, so ONNX Runtime, which every installation has, goes first there.
    """
    for engine in _by_speed(kind, precision):
        if _installed(engine):
            return engine
    return "onnxruntime"


def _by_speed(kind: GraphKind, precision: Precision) -> Iterator[Engine]:
    if precision == "fp32" and kind != "openvino" and platform.machine().lower() not in ("x86_64", "amd64"):
        yield "onnxruntime"
    yield "openvino"
    if precision == "fp32":
        yield "onnxruntime"
    elif kind is None:
        yield "torch"


def _installed(engine: Engine) -> bool:
    """Whether it can be imported, which a folder that is only called so, and a broken installation, cannot."""
    spec = find_spec(engine)
    if spec is None or spec.origin is None:
        return False
    try:
        import_module(engine)
    except Exception:  # a library that lacks another one's file may say so in any way
        return False
    return True


def _gpu() -> bool:
    """Whether torch has a GPU here; torch, which is slow to import, is not asked where no driver is."""
    if find_spec("torch") is None:
        return False
    if platform.system() == "Darwin":
        there = platform.machine() == "arm64"
    else:
        try:
            there = bool(ctypes.CDLL("nvcuda.dll" if platform.system() == "Windows" else "libcuda.so.1"))
        except OSError:
            there = False
    if not there:
        return False
    from posterv2.models.device import choose_device

    return choose_device("auto").type != "cpu"


def _check(what: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise UsageError(f"there is no {what} {value!r}; choose one of {', '.join(choices)}")
