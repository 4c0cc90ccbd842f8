"""Which pictures a user means by files and folders."""

import os
from pathlib import Path

from posterv2.errors import ImageError

SUFFIXES = frozenset(
    (".avif", ".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
"""The endings of the files that are taken from a folder; a file that is named itself is always tried."""


def pictures_in(folder: Path) -> list[Path]:
    """The pictures in `folder` and in the folders below it, sorted; hidden files and folders are left out.

    Raises:
        ImageError: there is none.
    """
    found: list[Path] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        pictures = sorted(name for name in files if Path(name).suffix.lower() in SUFFIXES)
        found += [Path(parent, name) for name in pictures if not name.startswith(".")]
    if not found:
        raise ImageError(f"{folder}: no pictures in this folder; looked for {', '.join(sorted(SUFFIXES))}")
    return found
