"""Open a data set: find its layout and its split."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from posterv2.data import fer2013, ferplus, rafdb
from posterv2.data.affectnet import AffectNet
from posterv2.data.folders import Folders
from posterv2.data.reading import Reading
from posterv2.data.split import Split
from posterv2.data.store import Store, TableStore, listing, open_store
from posterv2.data.table import Csv
from posterv2.errors import DatasetError, LabelsError, UsageError
from posterv2.labels import LABEL_SETS, Expression, LabelSet, label_set

__all__ = ["READERS", "Reader", "Split", "Store", "find_reader", "open_split"]


class Reader(Protocol):
    """One layout: a module, or an object, with these names."""

    @property
    def LAYOUT(self) -> str:  # noqa: N802 - a module's constant
        """What lies where, in words."""
        ...

    def splits(self, store: Store) -> list[str]:
        """The names of the splits that are there; none where the layout is another one."""
        ...

    def read(self, store: Store, split: str) -> Reading:
        """One of these splits, with what is wrong in its labels."""
        ...


READERS: Mapping[str, tuple[Reader, ...]] = {
    "ferplus": (ferplus,),
    "rafdb": (rafdb, Folders(LABEL_SETS["rafdb"])),
    "affectnet7": (AffectNet(contempt=False), Folders(LABEL_SETS["affectnet7"])),
    "affectnet8": (AffectNet(contempt=True), Folders(LABEL_SETS["affectnet8"])),
    "caers": (Folders(LABEL_SETS["caers"]),),
    "fer2013": (fer2013, Folders(LABEL_SETS["fer2013"])),
    "folders": (Folders(), Folders(divided=False)),
    "csv": (Csv(),),
}
"""What a data set may be called, and the layouts it may lie in."""

_EVALUATION = {"valid", "val", "test"}
_DEEPEST = 3  # folders, each the only one in the one before


def open_split(
    path: str | Path, dataset: str | None = None, split: str | None = None, labels: LabelSet | None = None
) -> Split:
    """Open one split of the data set at `path`: a folder, a zip, or one CSV file.

    Args:
        dataset: what it is, one of `READERS`, or `csv:ORDER` with a label set that says what its numbers mean; by
            default the layout tells.
        split: `train`, `valid`, `val` or `test`, where the last three are one name if only one of them is there;
            by default the one evaluation split (not `train`) there is.
        labels: the label set to have it in, matched by name; by default the data set's own. An AffectNet that is
            not named more closely has contempt where `labels` has it.

    Raises:
        UsageError: there is no such data set.
        DatasetError: nothing there, no layout that fits, a label list with faults, no such split, or several to
            choose from.
        LabelsError: class folders of no known order, or `labels` lacks a class that has pictures.
    """
    store, reader = find_reader(open_store(path), dataset, labels)
    chosen = _choose(path, reader.splits(store), split)
    try:
        found = reader.read(store, chosen).faultless()
    except LabelsError as error:
        raise error if labels is None else LabelsError(f"{error}. Asked for is {labels}") from None
    return found if labels is None else found.relabel(labels)


def find_reader(store: Store, dataset: str | None = None, labels: LabelSet | None = None) -> tuple[Store, Reader]:
    """The reader of a store's layout, and the store that holds it: that one, or its only folder, as many zips have it.

    Arguments and errors are those of `open_split`.
    """
    readers, stores = _readers(store, dataset, labels), [store]
    while len(stores) < _DEEPEST and (inner := stores[-1].inner()):
        stores.append(inner)
    for reader in readers.values():
        for place in stores:
            if reader.splits(place):
                return place, reader
    known = "; ".join(f"{name}: {reader.LAYOUT}" for name, reader in readers.items())
    raise DatasetError(f"{store.path}: no data set is laid out there as it must be ({known}); found {listing(store)}")


def _readers(store: Store, dataset: str | None, labels: LabelSet | None) -> dict[str, Reader]:
    """The readers to try, the most specific first."""
    name, colon, order = (dataset or "").partition(":")
    if colon and name == "csv":
        return {name: Csv(label_set(order))}
    if dataset is not None and dataset not in READERS:
        raise UsageError(f"there is no data set {dataset!r}; choose one of {', '.join(READERS)}, or csv:ORDER")
    if dataset is not None:
        return {dataset if not number else "class folders": reader for number, reader in enumerate(READERS[dataset])}
    if isinstance(store, TableStore):
        return {"fer2013": fer2013, "csv": Csv()}
    affectnet = AffectNet(None if labels is None else Expression.CONTEMPT in labels.names)
    specific = {"ferplus": ferplus, "rafdb": rafdb, "affectnet": affectnet, "fer2013": fer2013}
    return {**specific, "folders": Folders(), "csv": Csv(), "class folders": Folders(divided=False)}


def _choose(path: str | Path, there: list[str], split: str | None) -> str:
    """The split that `split` means among those that are there."""
    fitting = [name for name in there if name != "train"]
    for name in (split, {"valid": "val", "val": "valid"}.get(split or "")):
        if name in there:
            return str(name)
    if len(fitting) == 1 and (split is None or {split, *fitting} <= _EVALUATION):
        return fitting[0]
    if split is None:
        reason = "several splits" if fitting else "no split"
        raise DatasetError(f"{path}: {reason} to evaluate on; there is {', '.join(there)}; name one with --split")
    raise DatasetError(f"{path}: there is no split {split!r}; there is {', '.join(there)}")
