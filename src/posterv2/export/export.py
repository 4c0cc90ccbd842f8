"""From weights to a file for another runtime, which is only there if it answers as the network does."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from posterv2 import __version__
from posterv2.checkpoints.graph import graph_of
from posterv2.checkpoints.header import WeightsHeader
from posterv2.data.split import Split
from posterv2.errors import UsageError
from posterv2.evaluation.calibrate import logits_of
from posterv2.export.agreement import BATCHES, FilePrecision, compare
from posterv2.export.faces import real_faces
from posterv2.export.graphs import GRAPHS, Runtime
from posterv2.export.quantised import judged, parted, quantiser
from posterv2.files import whole_with_others
from posterv2.inference.engines.torch import TorchClassifier
from posterv2.labels import LabelSet


def export(
    weights: str | Path,
    out: Path,
    runtime: Runtime,
    precision: FilePrecision = "fp32",
    calibration: Split | None = None,
    labels: LabelSet | None = None,
    advance: Callable[[str], None] = lambda words: None,
) -> WeightsHeader:
    """Write the network as a graph "faces" (B, 3, S, S) -> "logits" (B, C), B from 1 up, with its header inside.

    The file is run in its runtime, at batches of 1, 3 and 64 faces, and compared with the network in torch; what came
    of that stands in the header under `training`, `export`.

    Args:
        weights: an embedded model's name or the path of a weight file, published ones included.
        out: ends in `.onnx` or, for OpenVINO, in `.xml`; that one gets a `.bin` beside it.
        runtime: the kind of file.
        precision: of its numbers.
        calibration: labelled faces, which int8 needs: some to choose its steps on, the others to measure it on.
        labels: the classes of a published file.
        advance: called after each face that is measured on, by the network and by the file, with words, none.

    Returns:
        The header that is in the file.

    Raises:
        UsageError: the ending, or faces without int8, or int8 without faces; or a `.bin` is there without its `.xml`.
        MissingExtraError: torch, OpenVINO or NNCF is needed and not installed.
        DatasetError: too few faces, or one that cannot be read.
        WeightsError, LabelsError: as `posterv2.load_network` raises them; or the file disagrees with the network.
        OutputError: `out` cannot be written. Nothing is written after any error.
    """
    kind = GRAPHS[runtime]
    if out.suffix.lower() != kind.suffix:
        raise UsageError(f"a file of this kind ends in {kind.suffix}, got {out}")
    if (calibration is None) == (precision == "int8"):
        raise UsageError("int8 needs faces to calibrate on, and nothing else does")
    if not os.path.lexists(out):  # what belongs to an older file of that name is replaced with it
        for other in (out.with_suffix(suffix) for suffix in kind.others):
            if os.path.lexists(other):
                raise UsageError(
                    f"{other} would be overwritten, and without {out.name} it is another's; move it away, or name "
                    "another file to write"
                )
    if calibration is not None:
        quantiser()  # what is missing is missed before any work
    network = TorchClassifier(weights, labels, "cpu")
    header, half = network.header, precision == "fp16"
    graph = kind(graph_of(header, _numbers(network, half), str(weights), half).SerializeToString(), half)
    chosen, held_out = parted(calibration.relabel(header.labels)) if calibration is not None else (None, None)
    if chosen is not None:
        pixels = [header.preprocessing.pixels(chosen.image(index)) for index in range(len(chosen))]
        graph.quantise(header.preprocessing.normalise(np.stack(pixels)))
    with whole_with_others(out) as draft:
        graph.write(draft, header)
        file = graph.open(draft)
        agreement = compare(network, file, real_faces(header.preprocessing, max(BATCHES)), precision, out)
        record: dict[str, object] = {
            "form": graph.form,
            "precision": precision,
            "checked": f"in {graph.runtime}, at batches of {', '.join(map(str, BATCHES))} real faces",
            "difference": agreement.difference,
            "of_norm": agreement.of_norm,
        }
        if chosen is not None and held_out is not None:
            cost = judged(logits_of(network, held_out, advance), logits_of(file, held_out, advance), out)
            record |= {
                "calibrated_on": f"{len(chosen):,} faces of split {chosen.name}",
                "held_out": cost.faces,
                "accuracy": cost.accuracy,
                "accuracy_change": cost.change,
                "same_answers": cost.agreement.same_answers,
                "held_out_of_norm": cost.agreement.of_norm,
            }
        header = replace(header, version=__version__, training=header.training | {"export": record})
        graph.write(draft, header)
    return header


def _numbers(network: TorchClassifier, half: bool) -> dict[str, np.ndarray]:
    from posterv2.checkpoints.format import stored

    state = network.network.state_dict()
    return {name: stored(name, tensor, half).numpy() for name, tensor in state.items()}
