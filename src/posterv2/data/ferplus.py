"""FERPlus: faces of 48 x 48 with ten annotators' votes (Barsoum et al., ICMI 2016), from its folders or a zip of them.

    FER2013Train/label.csv    file name, box, votes: neutral, happiness, surprise, sadness, anger, disgust, fear,
    FER2013Train/*.png        contempt, unknown, not-a-face
    FER2013Valid/...          any of the three splits may be absent
    FER2013Test/...

The box spans the whole picture in this data set and is not read.
"""

import numpy as np

from posterv2.data import tables
from posterv2.data.reading import Reading, Rows
from posterv2.data.store import Store
from posterv2.errors import DatasetError
from posterv2.labels import LABEL_SETS

LAYOUT = "FER2013Train|FER2013Valid|FER2013Test/label.csv with the pictures beside it"

_FOLDERS = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}
_VOTES = 10


def splits(store: Store) -> list[str]:
    """The splits that are there: those with a `label.csv`."""
    return [name for name, folder in _FOLDERS.items() if f"{folder}/label.csv" in store.names(folder)]


def read(store: Store, split: str) -> Reading:
    """Read one split by the majority rule.

    Votes of 1 are dropped; a face stays if one expression holds more than half of the votes left, where unknown
    and not-a-face count among the votes. `distributions` are the votes left, over the eight expressions.

    Raises:
        DatasetError: no face is left.
    """
    labels, folder, found = LABEL_SETS["ferplus"], _FOLDERS[split], Rows(store)
    shares: list[np.ndarray] = []
    for line, row in tables.rows(store, f"{folder}/label.csv"):
        votes = _votes(row)
        if votes is None:
            found.refuse(
                f"{folder}/label.csv, line {line}", f"expected a file name, a box and {_VOTES} votes, got {row}"
            )
            continue
        source, top = f"{folder}/{row[0]}", int(votes.argmax())
        if 2 * votes[top] <= votes.sum() or top >= len(labels):
            found.leave_out(source)
        elif found.take(source, top, "label.csv"):
            shares.append(votes[: len(labels)] / votes[: len(labels)].sum())
    if not found.sources and not found.faults:
        raise DatasetError(
            f"{store.path}/{folder}/label.csv: no face is left by the majority rule ({len(found.left_out)} rows)"
        )
    return found.reading(split, labels, "ferplus", np.array(shares, np.float32))


def _votes(row: list[str]) -> np.ndarray | None:
    """The ten votes of a row, those of 1 dropped; None where the row is none."""
    if len(row) != 2 + _VOTES or not all(cell.strip().isdecimal() and len(cell) < 6 for cell in row[2:]):
        return None
    votes = np.array([int(cell) for cell in row[2:]])
    return np.where(votes > 1, votes, 0)
