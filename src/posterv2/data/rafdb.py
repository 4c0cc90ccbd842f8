"""RAF-DB: aligned faces of 100 x 100 and one list of labels (Li et al., CVPR 2017), as distributed or flat.

    EmoLabel/list_patition_label.txt   rows such as `train_00001.jpg 5`; labels 1..7 in RAF-DB's order
    Image/aligned/*_aligned.jpg        a row's first word, train_ or test_, says which split it is in

or, with the list beside them or in EmoLabel, `train/*` and `valid/*` (or `val`, `test`), where the folder says it.
Pictures may be called with `_aligned` or without. All of it may lie in a folder `basic`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

from posterv2.data.reading import Reading, Rows
from posterv2.data.sniff import ENDINGS
from posterv2.data.store import Store
from posterv2.errors import DatasetError
from posterv2.labels import LABEL_SETS

LAYOUT = "EmoLabel/list_patition_label.txt and Image/aligned/, or that list beside train/ and valid/ with pictures"

_LISTS = ("list_patition_label.txt", "list_partition_label.txt")
_ALIGNED = "Image/aligned"
_FOLDERS = ("EmoLabel/", "", "basic/EmoLabel/", "basic/")
_FLAT = ("train", "valid", "val", "test")


def splits(store: Store) -> list[str]:
    """The splits that are there: those with a row in the list, or with a folder of pictures beside it."""
    found = _List.find(store)
    if found is None:
        return []
    return found.flat or [split for split in ("train", "test") if any(_home(row) == split for _, row in found.rows())]


def read(store: Store, split: str) -> Reading:
    """Read one split by the list.

    Raises:
        DatasetError: there is no picture with a label, or the archive of pictures is not unpacked.
    """
    found, labels, rows = _List.find(store), LABEL_SETS["rafdb"], Rows(store)
    assert found is not None, "splits() says whether this reader fits"
    folder = f"{found.root}{_ALIGNED}"
    if not found.flat and not store.has(f"{folder}/") and store.has(f"{folder}.zip"):
        raise DatasetError(f"{store.path}/{folder}.zip: this archive is part of RAF-DB; unpack it into {folder}/")
    for line, row in found.rows():
        home = found.home(row)
        if home is None or len(row) != 2 or not row[1].isdecimal() or not 1 <= int(row[1]) <= len(labels):
            if home in (split, None):
                text = f"expected a name such as train_00001.jpg and a label from 1 to 7, got {' '.join(row)!r}"
                rows.refuse(f"{found.name}, line {line}", text)
        elif split in (found.places(row[0]) or [home]):
            rows.take(found.picture(split, row[0]), int(row[1]) - 1, f"{found.name}, line {line}")
    return rows.reading(split, labels, "rafdb")


@dataclass(frozen=True)
class _List:
    """The list of labels, and where the pictures lie.

    Attributes:
        root: what everything lies in: nothing, or `basic/`.
        name: the list.
        flat: the splits with a folder of pictures of their own; none where all lie in `Image/aligned`.
    """

    store: Store
    root: str
    name: str
    flat: list[str]

    @classmethod
    def find(cls, store: Store) -> Self | None:
        """What there is of RAF-DB; None where pictures or list lie otherwise."""
        names = (f"{folder}{name}" for folder in _FOLDERS for name in _LISTS)
        name = next((name for name in names if store.has(name)), None)
        if name is None:
            return None
        root = "basic/" if name.startswith("basic/") else ""
        flat = [split for split in _FLAT if _holds_pictures(store, f"{root}{split}")]
        return cls(store, root, name, flat) if flat or store.names(f"{root}Image") else None

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The line number and the words of each row."""
        text = self.store.read(self.name).decode("utf-8-sig", errors="replace")
        return ((line, row.split()) for line, row in enumerate(text.splitlines(), start=1) if row.strip())

    def home(self, row: list[str]) -> str | None:
        """The split that a row's picture is called by: empty where that has no folder, None where it says none."""
        said = _home(row)
        if said is None or not self.flat:
            return said
        return next((split for split in self.flat if (split == "train") == (said == "train")), "")

    def places(self, file: str) -> list[str]:
        """The flat splits whose folder holds this picture."""
        return [split for split in self.flat if self.store.has(self.picture(split, file))]

    def picture(self, split: str, file: str) -> str:
        """Where this row's picture lies, or should lie."""
        folder = f"{self.root}{split}" if self.flat else f"{self.root}{_ALIGNED}"
        path = PurePosixPath(file)
        aligned, bare = f"{folder}/{path.stem}_aligned{path.suffix}", f"{folder}/{path.name}"
        return bare if self.store.has(bare) else aligned


def _home(row: list[str]) -> str | None:
    return next((split for split in ("train", "test") if row[0].startswith(f"{split}_")), None)


def _holds_pictures(store: Store, folder: str) -> bool:
    """Whether pictures lie directly in `folder`."""
    inside = (PurePosixPath(name) for name in store.names(folder))
    return any(path.suffix.lower() in ENDINGS and str(path.parent) == folder for path in inside)
