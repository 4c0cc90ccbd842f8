"""FER2013 (Goodfellow et al., 2013): all pictures in one CSV, `fer2013.csv` or `icml_face_data.csv`.

emotion,pixels,Usage          0..6 in FER2013's order; 48 x 48 grey values, row by row, with spaces between
0,70 80 82 72 ...,Training    Training, PublicTest and PrivateTest are the splits train, valid and test
"""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from posterv2.data import tables
from posterv2.data.reading import Reading, Rows
from posterv2.data.store import Store
from posterv2.labels import LABEL_SETS

LAYOUT = "one CSV with the columns emotion, pixels, Usage"

_USAGES = {"Training": "train", "PublicTest": "valid", "PrivateTest": "test"}
_SIDE = 48  # pixels
_GREY = {str(value): value for value in range(256)}  # twice as fast as int(), for 66 million of them


class PixelStore(Store):
    """Pictures that are held in memory: PGM files, by names of their own."""

    def __init__(self, path: Path, pictures: Mapping[str, bytes]) -> None:
        super().__init__(path)
        self._pictures = pictures

    def _list(self, folder: str) -> Iterable[str]:
        return (name for name in self._pictures if name.startswith(f"{folder}/"))

    def _open(self, name: str) -> IO[bytes]:
        return io.BytesIO(self._pictures[name])

    def _size(self, name: str) -> int:
        return len(self._pictures[name])


def splits(store: Store) -> list[str]:
    """The splits that have rows."""
    name = _table(store)
    if name is None:
        return []
    content = store.read(name)  # 290 MB: parsing it for this would take seconds
    return [split for usage, split in _USAGES.items() if usage.encode() in content]


def read(store: Store, split: str) -> Reading:
    """Read one split; its pictures are taken into memory, 2.3 kB each, and called by their line in the CSV.

    Raises:
        DatasetError: the CSV cannot be read, or no row of the split is right.
    """
    name = _table(store)
    assert name is not None, "splits() says whether this reader fits"
    pictures: dict[str, bytes] = {}
    rows = Rows(PixelStore(store.path / name, pictures))
    columns: list[int] = []
    for line, row in tables.rows(store, name):
        if not columns:
            columns = _columns(row) or []
            continue
        place, whole = f"line {line}", len(row) > max(columns)
        emotion, pixels, usage = (row[column].strip() if whole else "" for column in columns)
        if whole and usage in _USAGES and _USAGES[usage] != split:
            continue
        source, picture = f"{split}/line-{line}.pgm", _picture(pixels)
        if usage not in _USAGES:
            rows.refuse(place, f"expected a Usage of {', '.join(_USAGES)}, got {usage!r}")
        elif not emotion.isdecimal() or int(emotion) >= len(LABEL_SETS["fer2013"]):
            rows.refuse(place, f"expected an emotion from 0 to 6, got {emotion!r}")
        elif picture is None:
            got = f"{len(pixels.split())} words beginning with {pixels[:20]!r}"
            rows.refuse(place, f"expected {_SIDE * _SIDE} grey values from 0 to 255, got {got}")
        else:
            pictures[source] = picture
            rows.add(source, int(emotion))
    return rows.reading(split, LABEL_SETS["fer2013"], "fer2013")


def _table(store: Store) -> str | None:
    """The CSV with the pictures, at the top or in a folder `fer2013`."""
    names = [*tables.top_tables(store), *tables.top_tables(store, "fer2013")]
    return next((name for name in names if _columns(tables.first_row(store, name))), None)


def _columns(header: list[str]) -> list[int] | None:
    """Where emotion, pixels and Usage stand."""
    found = [tables.column(header, (name,)) for name in ("emotion", "pixels", "usage")]
    return None if None in found else [index for index in found if index is not None]


def _picture(pixels: str) -> bytes | None:
    """The grey values as a PGM file; None where they are none."""
    try:
        values = bytes(map(_GREY.__getitem__, pixels.split()))
    except KeyError:
        return None
    return b"P5 %d %d 255\n" % (_SIDE, _SIDE) + values if len(values) == _SIDE * _SIDE else None
