"""Pictures of all kinds as the bytes of files, as a service takes them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image

from posterv2.errors import ImageError, PosterError, UsageError
from posterv2.inference.predictor import Source, name_of, pixels_of

Picture = Source | bytes
"""A path, the bytes of a file, a Pillow picture, or an RGB array (H, W, 3), uint8."""

Failed = Callable[[str, PosterError], None]
"""Is told the name of a picture that has no result, and why."""


def raised(name: str, error: PosterError) -> NoReturn:
    """What is `Failed` to those who want no picture left out."""
    raise error


@dataclass(frozen=True)
class Sent:
    """A picture as it goes out.

    Attributes:
        name: what its result is called.
        data: the bytes of a picture file.
        pixels: where it came as pixels.
    """

    name: str
    data: bytes
    pixels: np.ndarray | None = None

    @property
    def file_name(self) -> str:
        """The name without its folders; a path need not be text."""
        return Path(self.name).name.encode(errors="replace").decode()

    @classmethod
    def of(cls, picture: Picture, kind: str) -> Sent:
        """A picture as the bytes of a file; what is none yet becomes one of this kind."""
        name = _name(picture)
        if isinstance(picture, bytes):
            return cls(name, picture)
        if isinstance(picture, str | Path):
            try:
                return cls(name, Path(picture).read_bytes())
            except (OSError, ValueError) as error:  # a path with a NUL byte is a ValueError
                raise ImageError(f"{name}: {getattr(error, 'strerror', None) or error}") from error
        pixels, file = pixels_of(picture), io.BytesIO()
        # Level 1: a network that is near carries more bytes sooner than a processor saves them.
        Image.fromarray(pixels).save(file, kind, compress_level=1, quality=95)
        return cls(name, file.getvalue(), pixels)


def sendable(pictures: Iterable[Picture], kind: str, failed: Failed) -> Iterator[Sent]:
    """Those that can be sent, in their order; `failed` is told of the others. What is no file yet becomes a `kind`."""
    for picture in pictures:
        try:
            yield Sent.of(picture, kind)
        except ImageError as error:
            failed(_name(picture), error)


def _name(picture: Picture) -> str:
    return "picture" if isinstance(picture, bytes) else name_of(picture)


def check_token(token: str | None) -> None:
    """Refuse what no header of a request can hold.

    Raises:
        UsageError: it has other signs than printable ASCII.
    """
    if token is not None and not (token.isascii() and token.isprintable()):
        raise UsageError("a token is of printable ASCII characters, and this one is not")
