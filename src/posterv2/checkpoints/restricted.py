"""The one place that reads torch's own weight files, `.pth`, both the zip form and the one before torch 1.6.

They are pickles, and unpickling runs whatever a file says. Here they are read as data by `unpickling`, and every
storage comes to the CPU, wherever it lay. The numbers take no more memory than the file's own size; what else a
pickle can make is bounded by the limits of `unpickling`.
"""

import io
import sys
import zipfile
from pathlib import Path
from typing import IO

import torch

from posterv2.checkpoints.kind import kind_of
from posterv2.checkpoints.unpickling import read_pickle
from posterv2.errors import UnsafeWeightsError, WeightsError, cut

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_LONGEST_REASON = 400  # reasons hold words of the file


def load(path: str | Path) -> dict[str | int, object]:
    """What a torch file holds: dictionaries, lists, tuples, numbers, strings and tensors on the CPU.

    The published training curves, which are objects of the training script's own classes, come as placeholders.

    Raises:
        UnsafeWeightsError: the file asks for an object outside the allow-list; nothing of it was run.
        WeightsError: the file is missing, cut off, broken, or no torch file.
    """
    kind = kind_of(path)
    if kind in ("safetensors", "onnx"):
        raise WeightsError(f"{path}: it is a file of kind {kind}, not one of torch.save")
    try:
        with open(path, "rb") as file:
            content = _read_zip(file) if kind == "zip" else _read_legacy(file)
    except UnsafeWeightsError as error:
        raise UnsafeWeightsError(f"{path}: {cut(str(error), _LONGEST_REASON)}") from None
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # a broken file can fail anywhere in the readers below
        raise WeightsError(
            f"{path}: no torch weight file, or a broken or incomplete one ({cut(str(error), _LONGEST_REASON)}); "
            "compare its size with the source's, or fetch it again"
        ) from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: it holds a {type(content).__name__}, not a dictionary of weights")
    return content


def _values(buffer: bytearray, dtype: torch.dtype) -> torch.Tensor:
    return torch.frombuffer(buffer, dtype=dtype) if buffer else torch.empty(0, dtype=dtype)


def _read_zip(file: IO[bytes]) -> object:
    size = file.seek(0, 2)
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
            raise WeightsError("its entries are compressed, which torch.save never does")
        if sum(entry.file_size for entry in entries.values()) > size:
            raise WeightsError("its entries overlap: together they are larger than the file")
        roots = [name.removesuffix("/data.pkl") for name in entries if name.count("/") == 1 and "/data.pkl" in name]
        if len(roots) != 1:
            raise WeightsError("it is a zip file, but not one of torch.save")
        root = roots[0]
        if f"{root}/constants.pkl" in entries:
            raise WeightsError("it is a TorchScript program; save its state_dict() with torch.save instead")
        if f"{root}/byteorder" in entries and archive.read(f"{root}/byteorder").decode() != sys.byteorder:
            raise WeightsError(f"its numbers are not {sys.byteorder}-endian, as this machine's are")
        buffers: dict[str, bytearray] = {}

        def storages(key: str, dtype: torch.dtype, count: int) -> torch.Tensor:
            if key not in buffers:
                buffers[key] = bytearray(archive.read(f"{root}/data/{key}"))
            if len(buffers[key]) != count * dtype.itemsize:
                raise WeightsError(f"storage {key} holds {len(buffers[key])} bytes, not {count} of {dtype}")
            return _values(buffers[key], dtype)

        return read_pickle(io.BytesIO(archive.read(f"{root}/data.pkl")), storages)


def _read_legacy(file: io.BufferedReader) -> object:
    buffers: dict[str, tuple[bytearray, int]] = {}
    room = file.seek(0, 2)
    file.seek(0)

    def storages(key: str, dtype: torch.dtype, count: int) -> torch.Tensor:
        nonlocal room
        if key not in buffers:
            room -= count * dtype.itemsize
            if count < 0 or room < 0:
                raise WeightsError(f"storage {key} of {count} values does not fit into the file")
            buffers[key] = bytearray(count * dtype.itemsize), count
        return _values(buffers[key][0], dtype)

    def no_storages(key: str, dtype: torch.dtype, count: int) -> torch.Tensor:
        raise WeightsError(f"storage {key} stands where none can be")

    if read_pickle(file, no_storages) != _LEGACY_MAGIC:
        raise WeightsError("it is a pickle, but not one of torch.save")
    if read_pickle(file, no_storages) != _LEGACY_PROTOCOL:
        raise WeightsError("its form is of a version of torch that nobody knows")
    system = read_pickle(file, no_storages)
    if not isinstance(system, dict) or system.get("little_endian") is not (sys.byteorder == "little"):
        raise WeightsError(f"its numbers are not {sys.byteorder}-endian, as this machine's are")
    result = read_pickle(file, storages)
    keys = read_pickle(file, no_storages)
    # Words alone may be hashed: what is nested may be too deep for it, or without end.
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or set(keys) != buffers.keys():
        raise WeightsError("the list of its storages is not that of its tensors")
    for key in keys:
        buffer, count = buffers[key]
        if int.from_bytes(file.read(8), "little") != count:
            raise WeightsError(f"storage {key} does not hold the {count} values that its tensors need")
        if file.readinto(buffer) != len(buffer):
            raise WeightsError(f"it is cut off within storage {key}")
    return result
