"""Files on local disks and in object stores, by the same names: whatever fsspec opens."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from posterv2.errors import ImageError, OutputError, UsageError, first_line, require
from posterv2.files import write_whole

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


class Place:
    """A folder or file: a path, or an address such as `s3://bucket/faces`.

    Attributes:
        name: as the user wrote it.
        files: the file system that it lies on.
        path: what that calls it.
        local: it lies on this machine.
    """

    def __init__(self, name: str) -> None:
        """Find its file system.

        Raises:
            UsageError: nothing that is installed opens such addresses.
            MissingExtraError: the extra `batch` is not installed.
        """
        core = require("fsspec.core", "batch")
        try:
            found: tuple[AbstractFileSystem, str] = core.url_to_fs(name)
        except (ImportError, ValueError) as error:
            raise UsageError(f"{name}: no file system here opens this: {first_line(error)}") from error
        self.name, (self.files, self.path) = name, found
        protocols: str | Sequence[str] = self.files.protocol
        self.local = "file" in ([protocols] if isinstance(protocols, str) else protocols)

    def named(self, path: str) -> str:
        """A path on this file system as a user would write it: below `name` it begins with that."""
        if path == self.path or path.startswith(self.path.rstrip("/") + "/"):
            return self.name.rstrip("/") + path[len(self.path.rstrip("/")) :]
        return path if self.local else str(self.files.unstrip_protocol(path))

    def exists(self) -> bool:
        """Whether something is there."""
        return bool(_told(self.name, self.files.exists, self.path))

    def is_folder(self) -> bool:
        """Whether files may lie below it."""
        return bool(_told(self.name, self.files.isdir, self.path))

    def below(self) -> list[str]:
        """The paths of all files below, sorted; hidden ones and those in hidden folders are left out."""
        paths: list[str] = _told(self.name, self.files.find, self.path)
        start = len(self.path)
        return sorted(path for path in paths if not any(part.startswith(".") for part in path[start:].split("/")))

    def matching(self) -> list[str]:
        """The paths of the files that fit its pattern, sorted."""
        paths: list[str] = _told(self.name, self.files.glob, self.path)
        return sorted(path for path in paths if not self.files.isdir(path))

    def child(self, name: str) -> Place:
        """A file in this folder."""
        return Place(f"{self.name.rstrip('/')}/{name}")

    def children(self) -> list[str]:
        """The names of what lies in this folder."""
        self.files.invalidate_cache()
        paths: list[str] = _told(self.name, self.files.ls, self.path, detail=False)
        return sorted(os.path.basename(path.rstrip("/")) for path in paths)

    def make_folder(self) -> None:
        """Make the folder, where there are folders.

        Raises:
            OutputError: it cannot be made.
        """
        try:
            self.files.makedirs(self.path, exist_ok=True)
        except Exception as error:  # file systems raise many kinds
            raise OutputError(f"{self.name}: cannot be written: {_reason(error)}") from error

    def size(self) -> int:
        """Bytes of the file; 0 where its file system does not say.

        Raises:
            ImageError: it is not there.
        """
        return _told(self.name, self.files.size, self.path) or 0

    def read(self, most: int | None = None) -> bytes:
        """The file, or the first `most` bytes of a larger one: one request of an object store.

        Raises:
            ImageError: it cannot be read.
        """
        if most is not None and self.local:  # where room for `most` is taken before a byte is read; the size is at hand
            most = min(most, self.size())
        return _told(self.name, self.files.cat_file, self.path, end=most)

    def write(self, content: bytes) -> None:
        """Write the file so that it is there whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        if self.local:
            write_whole(Path(self.path), content)
            return
        try:
            self.files.pipe_file(self.path, content)  # object stores show what was put when all of it is there
        except Exception as error:  # file systems raise many kinds
            raise OutputError(f"{self.name}: cannot be written: {_reason(error)}") from error

    @contextmanager
    def as_file(self) -> Iterator[Path]:
        """The file on this machine; one from elsewhere is copied, for as long as the block lasts.

        Raises:
            ImageError: it cannot be read.
        """
        if self.local:
            yield Path(self.path)
            return
        with TemporaryDirectory() as folder:
            copy = Path(folder, os.path.basename(self.path))
            _told(self.name, self.files.get_file, self.path, str(copy))
            yield copy

    def opened(self) -> Any:
        """The file, to read parts of it.

        Raises:
            ImageError: it cannot be read.
        """
        return _told(self.name, self.files.open, self.path, "rb")


def _told(name: str, ask: Any, *arguments: Any, **more: Any) -> Any:
    """What a file system answers, its own errors as ours."""
    try:
        return ask(*arguments, **more)
    except Exception as error:  # file systems raise many kinds
        raise ImageError(f"{name}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return os.strerror(errno.ENOENT)  # of an object store too
    return getattr(error, "strerror", None) or first_line(error)
