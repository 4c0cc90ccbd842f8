"""Where a data set's bytes lie: a folder, or a zip that is read as it is."""

import os
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO

from posterv2.errors import DatasetError


class Store(ABC):
    """Files by name, under `path`. Names are relative and use `/`; works in forked and in spawned workers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._names: dict[str, frozenset[str]] = {}

    def names(self, folder: str) -> frozenset[str]:
        """All that lies in `folder` or deeper; folders end in `/`, hidden ones and hidden files are left out.

        Only the top is listed for the folder `""`: a path that was not meant may have the whole disk under it.

        Raises:
            DatasetError: the folder or the zip cannot be read.
        """
        if folder not in self._names:
            try:
                self._names[folder] = frozenset(self._list(folder))
            # Names that are no text are a UnicodeDecodeError, a newer zip's features a NotImplementedError.
            except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
                raise DatasetError(f"{self.path}: cannot be read: {error}") from error
        return self._names[folder]

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """One file, to read it bit by bit.

        Raises:
            DatasetError: as from `read`.
        """
        with self._naming(name), self._open(name) as file:
            yield file

    def read(self, name: str) -> bytes:
        """The bytes of one file.

        Raises:
            DatasetError: it cannot be read; the message names it.
        """
        with self.open(name) as file:
            return file.read()

    def size(self, name: str) -> int:
        """The length of one file in bytes, without reading it.

        Raises:
            DatasetError: as from `read`.
        """
        with self._naming(name):
            return self._size(name)

    def has(self, name: str) -> bool:
        """Whether there is such a file, told from the listing of its topmost folder: fast for many files."""
        top, slash, _ = name.partition("/")
        return name in self.names(top if slash else "")

    def inner(self) -> "Store | None":
        """The store of the only folder at the top, where there is one folder only."""
        folders = [name.rstrip("/") for name in self.names("") if name.endswith("/")]
        return self._within(folders[0]) if len(folders) == 1 else None

    @contextmanager
    def _naming(self, name: str) -> Iterator[None]:
        """What goes wrong inside becomes an error that names the file."""
        try:
            yield
        # In a zip, encrypted files are a RuntimeError, damaged ones a zlib.error, BadZipFile or EOFError.
        except (KeyError, OSError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise DatasetError(f"{self.path / name}: cannot be read: {error}") from error

    @abstractmethod
    def _list(self, folder: str) -> Iterable[str]: ...

    @abstractmethod
    def _open(self, name: str) -> IO[bytes]: ...

    @abstractmethod
    def _size(self, name: str) -> int: ...

    def _within(self, folder: str) -> "Store | None":
        """The store of a folder; None where the kind of store has none."""
        return None


class FolderStore(Store):
    """The files under a folder; links are followed."""

    def _list(self, folder: str) -> Iterator[str]:
        if not (self.path / folder).is_dir():
            return
        for place, folders, files in os.walk(self.path / folder, onerror=_refuse, followlinks=True):
            prefix = "" if Path(place) == self.path else Path(place).relative_to(self.path).as_posix() + "/"
            folders[:] = [name for name in folders if _visible(name)]
            yield from (f"{prefix}{name}/" for name in folders)
            yield from (f"{prefix}{name}" for name in files if _visible(name))
            if not folder:
                return

    def _open(self, name: str) -> IO[bytes]:
        return (self.path / name).open("rb")

    def _size(self, name: str) -> int:
        return (self.path / name).stat().st_size

    def _within(self, folder: str) -> Store | None:
        return FolderStore(self.path / folder)


class TableStore(FolderStore):
    """A CSV file that was named itself, and the folder that it lies in; at the top only the file is seen."""

    def __init__(self, file: Path) -> None:
        super().__init__(file.parent)
        self.file = file.name

    def names(self, folder: str) -> frozenset[str]:
        """As `Store.names`; the folder's other CSV files are not what was asked for."""
        found = super().names(folder)
        return found if folder else frozenset(name for name in found if name == self.file or not is_table(name))

    def _within(self, folder: str) -> Store | None:
        return None


class ZipStore(Store):
    """The files in a zip, which each process opens for itself when it first reads: nothing is unpacked to disk."""

    def __init__(self, file: Path, folder: str = "") -> None:
        super().__init__(file / folder)
        self.file, self.prefix = file, f"{folder}/" if folder else ""
        self._opened: tuple[int, zipfile.ZipFile] | None = None

    def __reduce__(self) -> tuple[type["ZipStore"], tuple[Path, str]]:
        return ZipStore, (self.file, self.prefix.rstrip("/"))  # an open file does not travel to a spawned worker

    def _archive(self) -> zipfile.ZipFile:
        # A forked worker shares its parent's file position, so it needs a file of its own.
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = os.getpid(), zipfile.ZipFile(self.file)
        return self._opened[1]

    def _list(self, folder: str) -> Iterator[str]:
        if folder:
            return (name for name in self._all if name.startswith(f"{folder}/") and name != f"{folder}/")
        return (name for name in self._all if "/" not in name[:-1])

    @cached_property
    def _all(self) -> frozenset[str]:
        names = self._archive().namelist()
        # A zip need not name its folders.
        parents = {name.rpartition("/")[0] for name in names}
        folders = {f"{folder}/" for parent in parents for folder in (parent, *map(str, PurePosixPath(parent).parents))}
        here = (name.removeprefix(self.prefix) for name in folders.union(names) if name.startswith(self.prefix))
        return frozenset(name for name in here if all(map(_visible, name.rstrip("/").split("/"))))

    def _open(self, name: str) -> IO[bytes]:
        return self._archive().open(self.prefix + name)

    def _size(self, name: str) -> int:
        return self._archive().getinfo(self.prefix + name).file_size

    def _within(self, folder: str) -> Store | None:
        return ZipStore(self.file, self.prefix + folder)

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self._all


def open_store(path: str | Path) -> Store:
    """The store of a folder, of a zip, or of a CSV file with what lies beside it.

    Raises:
        DatasetError: there is nothing at `path`, or a file that is neither.
    """
    path = Path(path)
    if path.is_dir():
        return FolderStore(path)
    if path.is_file():
        if zipfile.is_zipfile(path):
            return ZipStore(path)
        if is_table(path.name):
            return TableStore(path)
        raise DatasetError(f"{path}: a data set is a folder or a zip (or one CSV file), and this file is none of them")
    beside = f"; {path.parent} holds {listing(FolderStore(path.parent))}" if path.parent.is_dir() else ""
    raise DatasetError(f"{path}: there is no such folder or zip{beside}")


def listing(store: Store) -> str:
    """What lies at the top of a store, in words."""
    top = sorted(store.names(""))
    more = f" and {len(top) - 10} more" if len(top) > 10 else ""
    return (", ".join(top[:10]) + more) or "nothing"


def is_table(name: str) -> bool:
    """Whether a file is a CSV, by its ending."""
    return name.lower().endswith(".csv")


def _visible(name: str) -> bool:
    return bool(name) and not name.startswith(".") and name != "__MACOSX"


def _refuse(error: OSError) -> None:
    raise error
