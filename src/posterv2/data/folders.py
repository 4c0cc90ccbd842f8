"""Class folders: `<split>/<class>/*`, where a class is a word or a number."""

from pathlib import PurePosixPath

import numpy as np

from posterv2.data.split import Split
from posterv2.data.store import Store
from posterv2.errors import DatasetError
from posterv2.labels import LABEL_SETS, Expression, LabelSet, canonical, label_set

LAYOUT = "train|valid|val|test/<class>/ with the pictures in it"

_SPLITS = ("train", "valid", "val", "test")
_ENDINGS = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
_NUMBERED = {
    frozenset(range(1, 8)): LABEL_SETS["rafdb"],
    frozenset(range(7)): LABEL_SETS["affectnet7"],
    frozenset(range(8)): LABEL_SETS["affectnet8"],
}


def splits(store: Store) -> list[str]:
    """The splits that are there: those with a class folder."""
    return [split for split in _SPLITS if _classes(store, split)]


def read(store: Store, split: str) -> Split:
    """Read one split. Which class is which index is told by the class folders of all splits together.

    Numbers are RAF-DB's order if they are 1..7, AffectNet's if they are 0..6 or 0..7. Expressions by word give
    the seven basic ones (and contempt where it has a folder), other words a set of their own; both in
    alphabetical order.

    Raises:
        DatasetError: numbers of no known order, numbers beside words, or no picture at all.
        LabelsError: words that make no label set.
    """
    found = sorted({folder for name in splits(store) for folder in _classes(store, name)})
    labels, index_of = _labels(store, found)
    pictures = [
        (str(path), index_of[path.parts[1]])
        for path in map(PurePosixPath, sorted(store.names(split)))
        if len(path.parts) > 2 and path.suffix.lower() in _ENDINGS
    ]
    if not pictures:
        raise DatasetError(
            f"{store.path}/{split}: no picture in its class folders ({', '.join(_classes(store, split))}); "
            f"pictures end in {', '.join(sorted(_ENDINGS))}"
        )
    sources, targets = zip(*pictures, strict=True)
    return Split(split, labels, sources, np.array(targets, np.int64), None, store, "folders")


def _classes(store: Store, split: str) -> list[str]:
    """The folders of a split, sorted."""
    parts = (name.split("/") for name in store.names(split) if name.endswith("/"))
    return sorted(part[1] for part in parts if len(part) == 3)


def _labels(store: Store, folders: list[str]) -> tuple[LabelSet, dict[str, int]]:
    """The label set of class folders, and each folder's index in it."""
    numbers = {int(folder) for folder in folders if folder.isdecimal()}
    if not numbers:
        words = {canonical(folder) for folder in folders}
        if words <= set(Expression):
            words |= set(Expression) - {Expression.CONTEMPT}
        labels = label_set(sorted(words))
        return labels, {folder: labels.index(folder) for folder in folders}
    labels = _NUMBERED.get(frozenset(numbers))
    if labels is None or not all(folder.isdecimal() for folder in folders):
        known = "; ".join(f"{min(keys)}..{max(keys)} is {labels}" for keys, labels in _NUMBERED.items())
        raise DatasetError(
            f"{store.path}: the class folders {', '.join(folders)} are no numbering that is known: {known}. "
            "Give the folders words, such as happiness, or make empty ones for the missing numbers"
        )
    return labels, {folder: int(folder) - min(numbers) for folder in folders}
