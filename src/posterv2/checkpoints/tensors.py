"""A weight file's header and numbers, without torch where they are ours."""

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from posterv2.checkpoints import catalog
from posterv2.checkpoints.header import WeightsHeader, read_header
from posterv2.checkpoints.kind import kind_of
from posterv2.errors import WeightsError, require
from posterv2.labels import LabelSet


def open_tensors(
    name_or_file: str | Path, labels: LabelSet | None = None
) -> tuple[WeightsHeader, dict[str, np.ndarray]]:
    """The header and the network's state by its names, of an embedded model or of a file that a torch network fits.

    Raises:
        MissingExtraError: a published file needs torch to be read, which is not installed.
        LabelsError, UnsafeWeightsError, WeightsError: as from `network.open_weights`; whether all numbers are there
            and fit is left to who uses them.
    """
    path = catalog.located(name_or_file, ".safetensors")
    if kind_of(path) != "safetensors":
        require("torch", "torch")
        from posterv2.checkpoints.network import open_weights

        network, header = open_weights(path, labels)
        return header, {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    header = read_header(path)
    header.expect_labels(labels, str(path))
    try:
        return header, load_file(path)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise WeightsError(f"{path}: cannot be read: {error}") from error
