"""The graph that a runtime opens: a file as it is, or one made of a weight file's numbers."""

from pathlib import Path

from posterv2.checkpoints import catalog
from posterv2.checkpoints.kind import kind_of
from posterv2.labels import LabelSet


def graph_for(weights: str | Path, labels: LabelSet | None) -> Path | bytes:
    """The path of an ONNX or OpenVINO file, or the bytes of an ONNX graph of any other weights, their header in it.

    Raises:
        MissingExtraError, LabelsError, WeightsError: as from `checkpoints.tensors.open_tensors`; or the numbers do not
            fit the network.
    """
    path = catalog.located(weights, ".onnx")
    if kind_of(path) in ("onnx", "openvino"):
        return path
    from posterv2.checkpoints.graph import graph_of
    from posterv2.checkpoints.tensors import open_tensors

    header, tensors = open_tensors(weights, labels)
    return graph_of(header, tensors, str(weights)).SerializeToString()
