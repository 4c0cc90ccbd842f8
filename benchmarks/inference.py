"""Faces a second of each engine and precision, beside the published forward pass written straightforwardly.

    python benchmarks/inference.py [ferplus.zip] [--batch 1 8 32] [--json OUT] [--device cuda]

All take turns within one run, and medians of their times are compared: the ratio is what counts, for machines differ
and are shared. Faces go in as uint8 pixels of the input's size and come out as logits. `agreement` is the share of
faces with the straightforward pass' answer and `of_norm` the difference of all logits as a share of their norm, on 64
faces that the int8 file was not calibrated on, views of one portrait. With FERPlus' zip they are real faces of its
validation split, and the trained model is judged on all 3,191 of them, `accuracy` too. The published size has no
trained weights here: its answers mean nothing, and `of_norm` is what counts.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from straightforward import Straightforward

from posterv2.checkpoints.catalog import DEFAULT
from posterv2.checkpoints.format import save
from posterv2.checkpoints.graph import graph_of
from posterv2.checkpoints.header import WeightsHeader
from posterv2.checkpoints.tensors import opened_tensors
from posterv2.data.dataset import open_split
from posterv2.errors import PosterError
from posterv2.export.agreement import Agreement
from posterv2.export.faces import real_faces
from posterv2.export.graphs import OpenvinoGraph
from posterv2.inference.classifier import Classifier
from posterv2.inference.engines.choice import open_classifier
from posterv2.inference.engines.measure import medians
from posterv2.inference.engines.openvino import OpenvinoClassifier
from posterv2.inference.engines.torch import LeanTorchClassifier, TorchClassifier
from posterv2.labels import LABEL_SETS
from posterv2.models.poster import build
from posterv2.preprocessing import Preprocessing

CALIBRATED, JUDGED = 128, 64  # faces
MODELS = ("posterv2", DEFAULT)
Engine = tuple[str, str]  # and its precision
STRAIGHTFORWARD: Engine = ("straightforward", "fp32")


@dataclass(frozen=True)
class Row:
    """One engine in one precision at one batch size."""

    model: str
    engine: str
    precision: str
    batch: int
    faces_per_second: float
    speedup: float
    agreement: float
    of_norm: float
    accuracy: float | None


class StraightforwardClassifier(TorchClassifier):
    """What everything is compared with."""

    def __init__(self, weights: str, device: str) -> None:
        super().__init__(weights, device=device)
        self.straightforward = Straightforward(self.network)

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """As published: whole faces as floats go to the device."""
        faces = torch.from_numpy(self.header.preprocessing.normalise(pixels)).to(self.device)
        with torch.inference_mode():
            return self.straightforward(faces).float().cpu().numpy()


def weights_of(model: str, folder: Path) -> str:
    """The embedded model's name, or a file with start values of the published network."""
    if model == DEFAULT:
        return model
    path = folder / f"{model}.safetensors"
    torch.manual_seed(0)
    network = build(model, 8)
    save(path, network, WeightsHeader(model, network.config, LABEL_SETS["ferplus"], Preprocessing()))
    return str(path)


@dataclass(frozen=True, eq=False)
class Faces:
    """What int8 is calibrated on, and what all answers are compared on: (N, S, S, 3), uint8; the latter's classes."""

    calibration: np.ndarray
    judged: np.ndarray
    targets: np.ndarray | None

    @classmethod
    def of(cls, data: Path | None, header: WeightsHeader) -> "Faces":
        """Faces of the data set, or else views of a portrait."""
        pixels = header.preprocessing.pixels
        if data is None:
            faces = real_faces(header.preprocessing, CALIBRATED + JUDGED)
            return cls(faces[:CALIBRATED], faces[CALIBRATED:], None)
        split = open_split(data, "ferplus", "valid").relabel(header.labels)
        order = np.random.default_rng(0).permutation(len(split))
        judged = order if header.metrics else order[CALIBRATED : CALIBRATED + JUDGED]
        calibration, others = (
            np.stack([pixels(split.image(int(index))) for index in chosen]) for chosen in (order[:CALIBRATED], judged)
        )
        return cls(calibration, others, split.targets[judged] if header.metrics else None)


def int8_of(weights: str, calibration: np.ndarray, folder: Path) -> Classifier:
    """The weights as an OpenVINO file in int8."""
    with opened_tensors(weights) as (header, tensors):
        graph = OpenvinoGraph(graph_of(header, tensors, weights).SerializeToString(), half=False)
    graph.quantise(header.preprocessing.normalise(calibration))
    path = folder / f"{header.name}-int8.xml"
    graph.write(path, header)
    return OpenvinoClassifier(path)


def on_cpu(weights: str, faces: Faces, folder: Path) -> Iterator[tuple[Engine, Callable[[], Classifier]]]:
    """All that runs on the CPU."""
    for engine in ("onnxruntime", "openvino", "torch"):
        for precision in ("fp32", "bf16"):
            if (engine, precision) != ("onnxruntime", "bf16"):
                yield (engine, precision), partial(open_classifier, weights, None, "cpu", engine, precision)
    yield ("openvino", "int8"), partial(int8_of, weights, faces.calibration, folder)


def on_gpu(weights: str, device: str) -> Iterator[tuple[Engine, Callable[[], Classifier]]]:
    """All that runs on a GPU."""
    for precision in ("fp32", "bf16"):
        yield ("torch", precision), partial(LeanTorchClassifier, weights, None, device, precision)
    yield ("torch-compiled", "bf16"), partial(LeanTorchClassifier, weights, None, device, "bf16", True)


def measured(model: str, options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """The rows of one model."""
    weights, device = weights_of(model, folder), options.device
    classifiers: dict[Engine, Classifier] = {STRAIGHTFORWARD: StraightforwardClassifier(weights, device)}
    faces = Faces.of(options.data, classifiers[STRAIGHTFORWARD].header)
    for engine, opening in on_cpu(weights, faces, folder) if device == "cpu" else on_gpu(weights, device):
        try:
            classifiers[engine] = opening()
        except PosterError as error:  # a processor without bfloat16, an engine that is not installed
            print(f"{' '.join(engine)}: {error}")
    logits = {engine: answered(each, faces.judged) for engine, each in classifiers.items()}
    for batch in options.batch:
        some = np.resize(faces.judged, (batch, *faces.judged.shape[1:]))
        seconds = medians({engine: partial(each.logits, some) for engine, each in classifiers.items()}, options.rounds)
        for engine, each in seconds.items():
            agreement, speedup = Agreement.of(logits[STRAIGHTFORWARD], logits[engine]), seconds[STRAIGHTFORWARD] / each
            right = None if faces.targets is None else float((logits[engine].argmax(axis=1) == faces.targets).mean())
            yield Row(model, *engine, batch, batch / each, speedup, agreement.same_answers, agreement.of_norm, right)


def answered(classifier: Classifier, faces: np.ndarray) -> np.ndarray:
    """The logits of any number of faces."""
    return np.concatenate([classifier.logits(faces[start : start + 64]) for start in range(0, len(faces), 64)])


def matrix_rate(device: str, kind: torch.dtype) -> float:
    """Multiply-adds a second of a large matrix product."""
    side = 8192 if device != "cpu" else 2048
    matrix = torch.randn(side, side, device=device).to(kind)

    def job() -> None:
        torch.mm(matrix, matrix)
        if device != "cpu":
            torch.cuda.synchronize()

    return side**3 / medians({"product": job})["product"]


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="FERPlus as a zip, for faces")
    parser.add_argument("--model", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[Row] = []
    rates = {kind: matrix_rate(options.device, getattr(torch, kind)) / 1e9 for kind in ("float32", "bfloat16")}
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs, torch {torch.__version__}")
    print(", ".join(f"{rate:,.0f} G multiply-adds/s in {kind}" for kind, rate in rates.items()))
    with tempfile.TemporaryDirectory() as folder:
        for model in options.model:
            print(f"\n| {model} | precision | batch | faces/s | speedup | same answers | of norm | accuracy |")
            print("|---|---|---|---|---|---|---|---|")
            for row in measured(model, options, Path(folder)):
                rows.append(row)
                figures = f"{row.faces_per_second:,.1f} | {row.speedup:.2f} | {row.agreement:.2%} | {row.of_norm:.2g}"
                figures += " |" if row.accuracy is None else f" | {row.accuracy:.2%}"
                print(f"| {row.engine} | {row.precision} | {row.batch} | {figures} |", flush=True)
    if options.json is not None:
        values = {"multiply_adds_per_second": rates, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    main()
