"""AffectNet (Mollahosseini et al., 2019), as distributed: by CSV lists, or by one small file a picture.

    Manually_Annotated_file_lists/training.csv, validation.csv     or beside the pictures; columns
    Automatically_annotated_file_list/automatically_annotated.csv  subDirectory_filePath, ..., expression, ...
    Manually_Annotated_Images/689/*.jpg                            or beside the lists

    train_set/annotations/0_exp.npy, train_set/images/0.jpg        and val_set; the form since 2021

Expressions are 0..7; 8, 9 and 10 (none, uncertain, no face) are left out. The set with seven classes is the one
with eight, without contempt.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

import numpy as np

from posterv2.data import tables
from posterv2.data.reading import Reading, Rows
from posterv2.data.store import Store
from posterv2.errors import cut
from posterv2.labels import LABEL_SETS, Expression

_LISTS = {
    "train": ("training", "train", "automatically_annotated"),  # the automatic labels only where there are no others
    "valid": ("validation", "valid", "val"),
    "test": ("test",),
}
_FOLDERS = {"train_set": "train", "train": "train", "val_set": "val", "val": "val", "valid": "valid", "test": "test"}
_PATH, _EXPRESSION = ("subdirectory_filepath",), ("expression",)
_COLUMNS = 9  # of a list without a header: the path is the first, the expression the seventh
_CONTEMPT = LABEL_SETS["affectnet8"].names.index(Expression.CONTEMPT)
_LEFT_OUT = (8, 9, 10)
_TRIED = 100  # rows that tell where a list's pictures lie


@dataclass(frozen=True)
class AffectNet:
    """The reader.

    Attributes:
        contempt: whether contempt is one of the classes; None: where it has pictures in any split.
    """

    contempt: bool | None = None
    LAYOUT = (
        "training.csv and validation.csv with subDirectory_filePath and expression, or train_set/annotations/*_exp.npy"
    )

    def splits(self, store: Store) -> list[str]:
        """The splits that are there: those with a list or with annotations."""
        return list(_lists(store) or _folders(store))

    def read(self, store: Store, split: str) -> Reading:
        """Read one split.

        Raises:
            DatasetError: a list cannot be read, or no picture with a class is left.
        """
        contempt = self.contempt
        if contempt is None:
            contempt = any(text == str(_CONTEMPT) for name in self.splits(store) for _, _, text in _rows(store, name))
        labels = LABEL_SETS["affectnet8" if contempt else "affectnet7"]
        rows = Rows(store)
        for place, source, text in _rows(store, split):
            expression = int(text) if text.isdecimal() else -1
            if source is None:
                rows.refuse(place, f"expected a path in the data set's folder and an expression, got {text!r}")
            elif 0 <= expression < len(labels):
                rows.take(source, expression, place)
            elif expression in (_CONTEMPT, *_LEFT_OUT):
                rows.leave_out(source)
            else:
                rows.refuse(place, f"expected an expression from 0 to 10, got {text!r}")
        return rows.reading(split, labels, labels.id)


def _rows(store: Store, split: str) -> Iterator[tuple[str, str | None, str]]:
    """Who says it, a picture, and its expression, for all of a split; None and the row where it names no picture."""
    lists = _lists(store)
    return _listed(store, lists[split]) if lists else _annotated(store, _folders(store)[split])


def _lists(store: Store) -> dict[str, str]:
    """The list of each split that has one."""
    folders = [name.rstrip("/") for name in sorted(store.names("")) if name.lower().endswith(("_list/", "_lists/"))]
    found = [name for folder in ("", *folders) for name in tables.top_tables(store, folder)]
    named = {PurePosixPath(name).stem.lower(): name for name in reversed(found)}
    lists: dict[str, str] = {}
    for split, stems in _LISTS.items():
        fitting = (named[stem] for stem in stems if stem in named)
        name = next((name for name in fitting if _columns(tables.first_row(store, name))), None)
        if name is not None:
            lists[split] = name
    return lists


def _columns(first: list[str]) -> tuple[int, int] | None:
    """Where the path and the expression stand, told by the first row; None where it is no list of AffectNet."""
    path, expression = tables.column(first, _PATH), tables.column(first, _EXPRESSION)
    if path is not None and expression is not None:
        return path, expression
    return (0, 6) if len(first) == _COLUMNS and first[6].strip().isdecimal() else None


def _listed(store: Store, name: str) -> Iterator[tuple[str, str | None, str]]:
    first = tables.first_row(store, name)
    path, expression = _columns(first) or (0, 6)
    header = tables.column(first, _PATH) is not None
    base = _base(
        store, name, [row[path] for _, row in islice(tables.rows(store, name), header, _TRIED) if len(row) > path]
    )
    for line, row in islice(tables.rows(store, name), header, None):
        whole = len(row) > max(path, expression)
        source = tables.inside(store, row[path], base) if whole else None
        said = cut(",".join(row)) if source is None else row[expression].strip()
        yield f"{name}, line {line}", source, said


def _base(store: Store, name: str, paths: list[str]) -> str:
    """The folder that a list's paths begin in: where the first pictures are; the list's own where none is found."""
    kind = "automatically" if "automatically" in name.lower() else "manually"
    tops = [top.rstrip("/") for top in sorted(store.names("")) if top.endswith("/") and top.lower().startswith(kind)]
    deeper = [sub.rstrip("/") for top in tops for sub in sorted(store.names(top)) if sub.endswith("/")]
    beside = str(PurePosixPath(name).parent)
    bases = [*tops, *(sub for sub in deeper if sub.count("/") == 1), "" if beside == "." else beside, ""]
    for base in bases:
        if any(
            source is not None and store.has(source) for source in (tables.inside(store, path, base) for path in paths)
        ):
            return base
    return tops[0] if tops else ""


def _folders(store: Store) -> dict[str, str]:
    """The folder of each split that has annotations."""
    return {
        split: folder
        for folder, split in _FOLDERS.items()
        if any(name.endswith("_exp.npy") for name in store.names(f"{folder}/annotations"))
    }


def _annotated(store: Store, folder: str) -> Iterator[tuple[str, str | None, str]]:
    for name in sorted(store.names(f"{folder}/annotations")):
        if not name.endswith("_exp.npy"):
            continue
        stem = f"{folder}/images/{PurePosixPath(name).name.removesuffix('_exp.npy')}"
        there = (f"{stem}{ending}" for ending in (".jpg", ".jpeg", ".png") if store.has(f"{stem}{ending}"))
        yield name, next(there, f"{stem}.jpg"), _expression(store, name)


def _expression(store: Store, name: str) -> str:
    """The one value of an annotation as text, whether it is a number or a string; what is wrong where it is none."""
    try:
        value = np.lib.format.read_array(io.BytesIO(store.read(name)), allow_pickle=False)
        return str(value.item()).strip() if value.size == 1 else f"{value.size} values"
    except Exception as error:  # numpy raises many kinds for broken files
        return f"no number: {error}"
