"""Files that are written whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EISDIR
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import BinaryIO

from posterv2.errors import OutputError

DRAFT = ".draft"
"""How names end of files that are still being written."""


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A place to write beside `path`, which becomes `path` when the block ends well and is removed when it does not.

    Raises:
        OutputError: the folder is missing, full or not writable; what stood under that name before is still there.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise OutputError(f"{path}: cannot be written: there is no folder {path.parent}")
    draft = path.with_name(f".{secrets.token_hex(6)}{DRAFT}")  # short: the name itself may be as long as names can be
    try:
        yield draft
        os.replace(draft, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def whole_with_others(path: str | Path) -> Iterator[Path]:
    """As `whole`, for a file with others beside it: all that the block leaves beside the yielded path is moved.

    Raises:
        OutputError: as from `whole`.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise OutputError(f"{path}: cannot be written: there is no folder {path.parent}")
    try:
        with TemporaryDirectory(prefix=".", suffix=DRAFT, dir=path.parent) as folder:
            yield Path(folder, path.name)
            _exchange(Path(folder), path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def _exchange(folder: Path, path: Path) -> None:
    """Move all that lies in `folder` beside `path`, which goes first and comes last: no other's numbers are its own.

    Raises:
        OSError: a move failed, and those before it were taken back; or a folder has a file's name.
    """
    files = sorted(folder.iterdir(), key=lambda file: file.name == path.name)
    replaced, moves = Path(mkdtemp(dir=folder)), list[tuple[Path, Path]]()
    for target in (path.with_name(file.name) for file in reversed(files)):
        if target.is_dir() and not target.is_symlink():
            raise IsADirectoryError(EISDIR, f"{target.name} is a folder")
        if os.path.lexists(target):
            moves.append((target, replaced / target.name))
    moves += [(file, path.with_name(file.name)) for file in files]
    done = 0
    try:
        for source, target in moves:
            os.replace(source, target)
            done += 1
    except OSError:
        for source, target in reversed(moves[:done]):
            os.replace(target, source)
        raise


def drafts(folder: Path) -> list[Path]:
    """What is being written in a folder, or was by a process that has been killed."""
    return list(folder.glob(f".*{DRAFT}"))


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that it is there whole or not at all; text is written as UTF-8.

    Raises:
        OutputError: as from `whole`.
    """
    with opened_whole(path) as file:
        file.write(encoded(content) if isinstance(content, str) else content)


@contextmanager
def opened_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write piece by piece, there whole when the block ends well and not at all when it does not.

    Raises:
        OutputError: as from `whole`.
    """
    if path.exists() and not path.is_file():  # /dev/null and pipes are written to, never replaced
        try:
            with path.open("wb") as file:
                yield file
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
        return
    with whole(os.path.realpath(path)) as draft, draft.open("wb") as file:
        yield file


def encoded(text: str) -> bytes:
    """Text as UTF-8; bytes of file names that are no text are written out."""
    return text.encode("utf-8", "backslashreplace")
