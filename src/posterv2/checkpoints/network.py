"""A network by name or from any weight file: ours, or a published one."""

from collections.abc import Sequence
from pathlib import Path

from posterv2.checkpoints import catalog, format
from posterv2.checkpoints.header import WeightsHeader
from posterv2.checkpoints.kind import kind_of
from posterv2.checkpoints.published import open_published
from posterv2.errors import WeightsError
from posterv2.labels import LabelSet, label_set
from posterv2.models.poster import PosterNetwork

Labels = str | Sequence[str] | LabelSet


def open_weights(name_or_file: str | Path, labels: Labels | None = None) -> tuple[PosterNetwork, WeightsHeader]:
    """The network (B, 3, S, S) -> (B, C) of an embedded model or of a file, on the CPU and in eval mode.

    What kind of file it is shows in its content, whatever its name. `labels` says which class is which: an id such
    as `rafdb`, or names in index order. A published file needs it; one that carries its labels accepts no others.

    Raises:
        LabelsError: labels are missing, of another number, or not those in the file.
        UnsafeWeightsError: the file asks for code to be run; nothing of it was.
        WeightsError: the file is missing, broken, of another network, or holds a graph without a torch network.
    """
    path = catalog.located(name_or_file, ".safetensors")
    kind = kind_of(path)
    if kind in ("onnx", "openvino"):
        raise WeightsError(f"{path}: a graph holds no torch network; give the file it was made of")
    if kind != "safetensors":
        return open_published(path, labels)
    network, header = format.load(path)
    header.expect_labels(None if labels is None else label_set(labels), str(path))
    return network, header
