"""What other libraries take as a picture, as ours: they follow OpenCV, so their arrays are BGR."""

import base64
import binascii
from pathlib import Path
from typing import IO

import numpy as np

from posterv2.errors import ImageError, cut
from posterv2.preprocessing import read_image

Picture = str | Path | np.ndarray | IO[bytes]
"""A path, a `data:image/...;base64,` text, an open binary file, or an array uint8: BGR (H, W, 3), or grey (H, W)."""


def rgb_of(picture: Picture) -> np.ndarray:
    """The picture as (H, W, 3), uint8, RGB.

    Raises:
        ImageError: it cannot be read, is an address, or an array of another shape or type.
    """
    if isinstance(picture, np.ndarray):
        return _from_array(picture)
    if isinstance(picture, str | Path):
        text = str(picture)
        if text.startswith("data:image/"):
            return read_image(_decoded(text), "the base64 picture")
        if text.lower().startswith(("http://", "https://")):
            raise ImageError(f"{cut(text)}: posterv2 works offline and fetches no address; give the file or its bytes")
        return read_image(picture)
    if isinstance(data := _read(picture), bytes):
        return read_image(data, "the open file")
    raise ImageError(
        f"a picture is a path, base64 text, a file opened in binary mode or an array, got {type(picture).__name__}"
    )


def _from_array(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8 and array.size:
        if array.ndim == 2:
            return np.repeat(array[:, :, None], 3, axis=2)
        if array.ndim == 3 and array.shape[2] == 3:
            return np.ascontiguousarray(array[:, :, ::-1])
    raise ImageError(
        "an array must be BGR (height, width, 3) or grey (height, width) and of type uint8, as cv2.imread gives it; "
        f"got shape {array.shape} and type {array.dtype}"
    )


def _decoded(text: str) -> bytes:
    head, _, data = text.partition(",")
    if not head.endswith(";base64"):
        raise ImageError(f"a picture as text must begin with data:image/...;base64, and it begins with {cut(text)!r}")
    try:
        return base64.b64decode(data)
    except binascii.Error as error:
        raise ImageError(f"the base64 picture is broken: {error}") from error


def _read(picture: object) -> object:
    read = getattr(picture, "read", None)
    return read() if callable(read) else None
