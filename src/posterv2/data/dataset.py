"""Open a data set: find its layout and its split."""

from pathlib import Path
from typing import Protocol

from posterv2.data import ferplus, folders
from posterv2.data.split import Split
from posterv2.data.store import Store, listing, open_store
from posterv2.errors import DatasetError, UsageError
from posterv2.labels import LabelSet

__all__ = ["READERS", "Split", "Store", "open_split"]


class Reader(Protocol):
    """One layout: a module with these names."""

    @property
    def LAYOUT(self) -> str: ...  # noqa: N802 - a module's constant

    def splits(self, store: Store) -> list[str]:
        """The names of the splits that are there; none where the layout is another one."""
        ...

    def read(self, store: Store, split: str) -> Split: ...


READERS: dict[str, Reader] = {"ferplus": ferplus, "folders": folders}


def open_split(
    path: str | Path, dataset: str | None = None, split: str | None = None, labels: LabelSet | None = None
) -> Split:
    """Open one split of the data set at `path`, a folder or a zip.

    Args:
        dataset: the layout, one of `READERS`; by default the one that fits.
        split: `train`, `valid`, `val` or `test`, where `valid` and `val` are one name if only one is there;
            by default the one evaluation split (not `train`) there is.
        labels: the label set to have it in, matched by name; by default the data set's own.

    Raises:
        UsageError: there is no such layout.
        DatasetError: nothing there, no layout that fits, no such split, or several to choose from.
        LabelsError: `labels` lacks a class that has pictures.
    """
    if dataset is not None and dataset not in READERS:
        raise UsageError(f"there is no data set {dataset!r}; choose one of {', '.join(READERS)}")
    store = open_store(path)
    readers = READERS if dataset is None else {dataset: READERS[dataset]}
    reader = next((reader for reader in readers.values() if reader.splits(store)), None)
    if reader is None:
        known = "; ".join(f"{name}: {reader.LAYOUT}" for name, reader in readers.items())
        raise DatasetError(f"{path}: no data set is laid out there as it must be ({known}); found {listing(store)}")
    found = reader.read(store, _choose(path, reader.splits(store), split))
    return found if labels is None else found.relabel(labels)


def _choose(path: str | Path, there: list[str], split: str | None) -> str:
    """The split that `split` means among those that are there."""
    if split is None:
        fitting = [name for name in there if name != "train"]
        if len(fitting) == 1:
            return fitting[0]
        reason = "several splits" if fitting else "no split"
        raise DatasetError(f"{path}: {reason} to evaluate on; there is {', '.join(there)}; name one with --split")
    for name in (split, {"valid": "val", "val": "valid"}.get(split)):
        if name in there:
            return name
    raise DatasetError(f"{path}: there is no split {split!r}; there is {', '.join(there)}")
