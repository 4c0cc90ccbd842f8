"""What a reader gives: a split, and what was wrong with the labels it was read from."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from posterv2.data.split import Split
from posterv2.data.store import Store
from posterv2.errors import DatasetError
from posterv2.labels import LabelSet


class FaultKind(StrEnum):
    """What can be wrong with a row of labels, in words for one or many."""

    ROW = "wrong rows in a label list"
    MISSING = "pictures that a label list names and that are missing"


ADVICE = {
    FaultKind.ROW: "mend the list, or fetch it anew",
    FaultKind.MISSING: "unpack the data set again, or take their rows out of the list",
}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        name: the picture in its store, or the list and the line.
        text: what is wrong with it, with the value got.
    """

    kind: FaultKind
    name: str
    text: str


@dataclass(frozen=True)
class Reading:
    """One split as its labels have it.

    Attributes:
        split: the pictures that are there and have a class.
        left_out: pictures whose label is none of the classes, such as FERPlus' unknown faces.
        faults: the rows that could not be taken.
    """

    split: Split
    left_out: Sequence[str] = ()
    faults: Sequence[Fault] = ()

    def faultless(self) -> Split:
        """The split.

        Raises:
            DatasetError: there are faults; the message has the first, and how many there are.
        """
        if self.faults:
            rows = len(self.split) + len(self.left_out) + len(self.faults)
            raise _error(self.split.store, self.faults, rows)
        return self.split


class Rows:
    """The rows of a label list, taken one by one; those that cannot be are kept as faults."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.sources: list[str] = []
        self.targets: list[int] = []
        self.left_out: list[str] = []
        self.faults: list[Fault] = []

    def add(self, source: str, target: int) -> None:
        """A picture that is there, with its class."""
        self.sources.append(source)
        self.targets.append(target)

    def take(self, source: str, target: int, row: str) -> bool:
        """A picture with its class; False, and a fault, where the picture is missing. `row` says who names it."""
        if self.store.has(source):
            self.add(source, target)
            return True
        self.faults.append(Fault(FaultKind.MISSING, source, f"{row} names this picture and it is missing"))
        return False

    def leave_out(self, source: str) -> None:
        """A picture whose label is none of the classes."""
        self.left_out.append(source)

    def refuse(self, row: str, text: str) -> None:
        """A row that cannot be taken; `row` is the list and the line."""
        self.faults.append(Fault(FaultKind.ROW, row, text))

    def reading(self, name: str, labels: LabelSet, dataset: str, distributions: np.ndarray | None = None) -> Reading:
        """All of it as one split.

        Raises:
            DatasetError: no picture could be taken.
        """
        rows = len(self.sources) + len(self.left_out) + len(self.faults)
        if not self.sources:
            if self.faults:
                raise _error(self.store, self.faults, rows)
            raise DatasetError(
                f"{self.store.path}: no picture with a class in {name!r} ({rows} rows, {len(self.left_out)} of them "
                "with a label that is left out)"
            )
        targets = np.array(self.targets, np.int64)
        split = Split(name, labels, tuple(self.sources), targets, distributions, self.store, dataset)
        return Reading(split, tuple(self.left_out), tuple(self.faults))


def _error(store: Store, faults: Sequence[Fault], rows: int) -> DatasetError:
    first = faults[0]
    alike = sum(fault.kind == first.kind for fault in faults)
    return DatasetError(
        f"{store.path}/{first.name}: {first.text} ({alike} of {rows} are); {ADVICE[first.kind]}; "
        "`posterv2 data check` lists them"
    )
