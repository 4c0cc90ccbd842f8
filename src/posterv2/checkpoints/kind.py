"""What kind of weight file a file is, told by its first bytes and never by its name."""

from pathlib import Path
from typing import Literal

from posterv2.errors import WeightsError

Kind = Literal["safetensors", "onnx", "openvino", "zip", "other"]
"""`zip` is the form of torch since 1.6; `other` is left to the reader of torch's older form, which has no mark."""


def kind_of(path: str | Path) -> Kind:
    """The kind of the file at `path`.

    Raises:
        WeightsError: the file is missing, empty or cannot be opened.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(9)
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}") from error
    if not start:
        raise WeightsError(f"{path}: the file is empty")
    if start.startswith(b"PK\x03\x04"):
        return "zip"
    if start[8:] == b"{" and start[6:8] == b"\0\0":  # eight bytes of length, then the header's JSON
        return "safetensors"
    if len(start) > 1 and start[0] == 8 and start[1] < 32:  # protobuf's field 1, the version of ONNX
        return "onnx"
    if start.startswith(b"<?xml"):
        return "openvino"
    return "other"
