"""Which pictures a user means by files and folders."""

import os
from pathlib import Path

from posterv2.errors import ImageError
from posterv2.preprocessing import SUFFIXES


def pictures_in(folder: Path, skipped: Path | None = None) -> list[Path]:
    """The pictures in `folder` and in the folders below it, sorted; hidden ones and those in `skipped` are left out.

    Raises:
        ImageError: there is none.
    """
    found: list[Path] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (skipped is None or not _same(Path(parent, name), skipped))
        )
        pictures = sorted(name for name in files if Path(name).suffix.lower() in SUFFIXES)
        found += [Path(parent, name) for name in pictures if not name.startswith(".")]
    if not found:
        raise ImageError(f"{folder}: no pictures in this folder; looked for {', '.join(sorted(SUFFIXES))}")
    return found


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
