"""FERPlus: faces of 48 x 48 with ten annotators' votes (Barsoum et al., ICMI 2016), from its folders or a zip of them.

    FER2013Train/label.csv    file name, box, votes: neutral, happiness, surprise, sadness, anger, disgust, fear,
    FER2013Train/*.png        contempt, unknown, not-a-face
    FER2013Valid/...          any of the three splits may be absent
    FER2013Test/...

The box spans the whole picture in this data set and is not read.
"""

import csv
import io

import numpy as np

from posterv2.data.split import Split
from posterv2.data.store import Store
from posterv2.errors import DatasetError
from posterv2.labels import LABEL_SETS

LAYOUT = "FER2013Train|FER2013Valid|FER2013Test/label.csv with the pictures beside it"

_FOLDERS = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}
_VOTES = 10


def splits(store: Store) -> list[str]:
    """The splits that are there: those with a `label.csv`."""
    return [name for name, folder in _FOLDERS.items() if f"{folder}/label.csv" in store.names(folder)]


def read(store: Store, split: str) -> Split:
    """Read one split by the majority rule.

    Votes of 1 are dropped; a face stays if one expression holds more than half of the votes left, where unknown
    and not-a-face count among the votes. `distributions` are the votes left, over the eight expressions.

    Raises:
        DatasetError: a row that is none, a picture that is missing, or no face left.
    """
    labels, folder = LABEL_SETS["ferplus"], _FOLDERS[split]
    names, votes = _rows(store, f"{folder}/label.csv")
    votes = np.where(votes > 1, votes, 0)
    top = votes.argmax(axis=1)
    kept = (2 * votes.max(axis=1) > votes.sum(axis=1)) & (top < len(labels))
    sources = tuple(f"{folder}/{name}" for name, keep in zip(names, kept, strict=True) if keep)
    if not sources:
        raise DatasetError(f"{store.path}/{folder}/label.csv: no face is left by the majority rule ({len(names)} rows)")
    if missing := [source for source in sources if source not in store.names(folder)]:
        raise DatasetError(
            f"{store.path}/{missing[0]}: label.csv names this picture and it is missing "
            f"({len(missing)} of {len(sources)} are); unpack the data set again"
        )
    shares = votes[kept, : len(labels)].astype(np.float32)
    shares /= shares.sum(axis=1, keepdims=True)
    return Split(split, labels, sources, top[kept].astype(np.int64), shares, store, "ferplus")


def _rows(store: Store, name: str) -> tuple[list[str], np.ndarray]:
    """File names, and their votes (N, 10)."""
    names: list[str] = []
    votes: list[list[int]] = []
    text = store.read(name).decode("utf-8-sig", errors="replace")
    for number, row in enumerate(csv.reader(io.StringIO(text, newline="")), start=1):
        if not row:
            continue
        try:
            counts = [int(value) for value in row[2:]]
        except ValueError:
            counts = []
        if len(counts) != _VOTES or min(counts) < 0:
            raise DatasetError(
                f"{store.path}/{name}, line {number}: expected a file name, a box and {_VOTES} votes, got {row}"
            )
        names.append(row[0])
        votes.append(counts)
    return names, np.array(votes, np.int64).reshape(-1, _VOTES)
