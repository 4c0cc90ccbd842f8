"""A weight file's header and numbers, without torch where they are ours."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from posterv2.checkpoints import catalog
from posterv2.checkpoints.header import WeightsHeader, open_numbers
from posterv2.checkpoints.kind import kind_of
from posterv2.errors import WeightsError, require
from posterv2.labels import LabelSet

_NUMPYS = frozenset(("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"))
"""The types of numbers that numpy has; bfloat16, which a network may have been saved in, is torch's."""


@contextmanager
def opened_tensors(
    name_or_file: str | Path, labels: LabelSet | None = None
) -> Iterator[tuple[WeightsHeader, Mapping[str, np.ndarray]]]:
    """The header and the network's state by its names, of an embedded model or of a file that a torch network fits.

    The numbers of our files are read one by one as they are asked for, as long as the block lasts: memory holds none.

    Raises:
        MissingExtraError: a published file, or one in bfloat16, needs torch to be read, which is not installed.
        LabelsError, UnsafeWeightsError, WeightsError: as from `network.open_weights`; whether all numbers are there
            and fit is left to who uses them.
    """
    path = catalog.located(name_or_file, ".safetensors")
    kind = kind_of(path)
    if kind == "safetensors":
        with open_numbers(path) as file:
            header = WeightsHeader.from_metadata(file.metadata(), str(path))
            header.expect_labels(labels, str(path))
            stored = _Stored(file, path)
            if stored.types <= _NUMPYS:
                yield header, stored
                return
    require("torch", "torch")
    if kind in ("zip", "other"):
        from posterv2.checkpoints.published import read_state

        state, header = read_state(path, labels)  # a network to hold it would take its memory once more
    else:
        from posterv2.checkpoints.network import open_weights

        network, header = open_weights(path, labels)
        state = network.state_dict()
    yield header, {name: tensor.float().numpy() for name, tensor in state.items()}


class _Stored(Mapping[str, np.ndarray]):
    def __init__(self, file: safe_open, path: Path) -> None:
        self._file, self._path = file, path
        self._types = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
        self.types = set(self._types.values())

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._types:
            raise KeyError(name)
        try:
            return self._file.get_tensor(name)
        except (SafetensorError, OSError, TypeError, ValueError) as error:
            raise WeightsError(f"{self._path}: {name} cannot be read: {error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)
