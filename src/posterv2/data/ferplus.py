"""FERPlus: faces of 48 x 48 with ten annotators' votes (Barsoum et al., ICMI 2016), from its folders or a zip of them.

    FER2013Train/label.csv    file name, box, votes: neutral, happiness, surprise, sadness, anger, disgust, fear,
    FER2013Train/*.png        contempt, unknown, not-a-face
    FER2013Valid/...          any of the three splits may be absent
    FER2013Test/...

or, where the folders hold pictures only, with the votes of all of them in one file beside:

    fer2013new.csv            Usage (Training, PublicTest, PrivateTest), Image name, the ten votes

The box spans the whole picture in this data set and is not read.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np

from posterv2.data import tables
from posterv2.data.reading import Reading, Rows
from posterv2.data.split import SPLIT_OF
from posterv2.data.store import Store
from posterv2.errors import DatasetError
from posterv2.labels import LABEL_SETS

LAYOUT = "FER2013Train|FER2013Valid|FER2013Test/ with label.csv and the pictures in it, or fer2013new.csv beside them"

_FOLDERS = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}
_ALL = "fer2013new.csv"
_VOTES = 10


def splits(store: Store) -> list[str]:
    """The splits that are there: those with a `label.csv`, or with pictures beside the file of all votes."""
    return [name for name, folder in _FOLDERS.items() if store.names(folder) and store.has(_list(store, folder))]


def read(store: Store, split: str) -> Reading:
    """Read one split by the majority rule.

    Votes of 1 are dropped; a face stays if one expression holds more than half of the votes left, where unknown
    and not-a-face count among the votes. `distributions` are the votes left, over the eight expressions.

    Raises:
        DatasetError: no face is left.
    """
    labels, folder, found = LABEL_SETS["ferplus"], _FOLDERS[split], Rows(store)
    list_ = _list(store, folder)
    shares: list[np.ndarray] = []
    for line, row in _rows(store, split):
        votes = _votes(row)
        if votes is None:
            found.refuse(f"{list_}, line {line}", f"expected a file name, a box and {_VOTES} votes, got {row}")
            continue
        source, top = f"{folder}/{row[0]}", int(votes.argmax())
        if 2 * votes[top] <= votes.sum() or top >= len(labels):
            found.leave_out(source)
        elif found.take(source, top, PurePosixPath(list_).name):
            shares.append(votes[: len(labels)] / votes[: len(labels)].sum())
    if not found.sources and not found.faults:
        raise DatasetError(f"{store.path}/{list_}: no face is left by the majority rule ({len(found.left_out)} rows)")
    return found.reading(split, labels, "ferplus", np.array(shares, np.float32))


def _list(store: Store, folder: str) -> str:
    """The file with the votes of a split's pictures."""
    own = f"{folder}/label.csv"
    return own if store.has(own) else _ALL


def _rows(store: Store, split: str) -> Iterator[tuple[int, list[str]]]:
    """The line and the cells of each picture of a split: file name, box, votes; in the file of all votes is no box."""
    list_ = _list(store, _FOLDERS[split])
    for line, row in tables.rows(store, list_):
        if list_ != _ALL:
            yield line, row
        elif SPLIT_OF.get(row[0].strip().lower()) == split and row[1:2] != [""]:  # where there is no face, no name
            yield line, [*row[1:2], "", *row[2:]]


def _votes(row: list[str]) -> np.ndarray | None:
    """The ten votes of a row, those of 1 dropped; None where the row is none."""
    if len(row) != 2 + _VOTES or not all(cell.strip().isdecimal() and len(cell) < 6 for cell in row[2:]):
        return None
    votes = np.array([int(cell) for cell in row[2:]])
    return np.where(votes > 1, votes, 0)
