"""Any CSV with a column of paths and a column of labels, or one such file a split.

path,label,split        labels are words; numbers only where their order is named
a/1.jpg,happy,train     paths begin where the CSV lies
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from posterv2.data import tables
from posterv2.data.folders import labels_of_words, numbering
from posterv2.data.reading import Reading, Rows
from posterv2.data.split import SPLIT_OF, SPLITS
from posterv2.data.store import Store
from posterv2.errors import DatasetError
from posterv2.labels import LabelSet, canonical

_PATHS = ("path", "file", "filename", "file_name", "filepath", "image", "image_path", "pth", "subdirectory_filepath")
_LABELS = ("label", "expression", "emotion", "class")
_SPLIT = ("split", "usage", "subset")


@dataclass(frozen=True)
class Csv:
    """The reader.

    Attributes:
        order: what numbers in the column of labels mean; None: nobody says, so there may be none.
    """

    order: LabelSet | None = None
    LAYOUT = "a CSV with the columns path and label, and split if it has several; or train.csv, valid.csv, test.csv"

    def splits(self, store: Store) -> list[str]:
        """The splits that rows are in.

        Raises:
            DatasetError: several CSV files, and their names do not say which split they are.
        """
        there = {row.split for row in _rows(store)}
        return [split for split in SPLITS if split in there]

    def read(self, store: Store, split: str) -> Reading:
        """Read one split. Which class is which index is told by the rows of all splits together, as by class folders.

        Raises:
            DatasetError: labels that are numbers of no named order, or no row of the split is right.
            LabelsError: words that make no label set.
        """
        everything = list(_rows(store))
        labels = self.order or _labels(store, everything)
        numbers = {} if self.order is None else numbering(self.order)
        rows = Rows(store)
        for row in everything:
            if row.split not in (split, None):
                continue
            name = numbers.get(row.label, canonical(row.label))
            if row.split is None:
                rows.refuse(row.place, f"expected a split such as {', '.join(SPLITS[:-1])}, got {row.said!r}")
            elif row.source is None:
                rows.refuse(row.place, f"the path must lie in the CSV's folder, without .. in it, got {row.path!r}")
            elif name not in labels.names:
                rows.refuse(row.place, f"the label {row.label!r} is none of {labels}")
            else:
                rows.take(row.source, labels.names.index(name), row.place)
        return rows.reading(split, labels, "csv")


@dataclass(frozen=True)
class _Row:
    place: str
    path: str
    source: str | None  # None where the path leads out of the folder
    label: str
    said: str
    split: str | None  # None where `said` is no split


def _rows(store: Store) -> Iterator[_Row]:
    """The rows of all the files."""
    for name in _files(store):
        lines = tables.rows(store, name)
        _, header = next(lines)
        columns = [_column(store, name, header, names) for names in (_PATHS, _LABELS, _SPLIT)]
        for line, row in lines:
            cells = ["" if column is None or column >= len(row) else row[column].strip() for column in columns]
            path, label, said = cells
            split = _stem_split(name) or "all" if columns[2] is None else SPLIT_OF.get(said.lower())
            yield _Row(f"{name}, line {line}", path, tables.inside(store, path), label, said, split)


def _files(store: Store) -> list[str]:
    """The CSV files to read: those called by a split, else the only one."""
    fitting = [name for name in tables.top_tables(store) if _fits(tables.first_row(store, name))]
    named = [name for name in fitting if _stem_split(name)]
    if not named and len(fitting) > 1:
        raise DatasetError(
            f"{store.path}: several CSV files with paths and labels: {', '.join(fitting)}; give one of them as the "
            "data set, or call them train.csv, valid.csv, test.csv"
        )
    return named or fitting


def _fits(header: list[str]) -> bool:
    return tables.column(header, _PATHS) is not None and tables.column(header, _LABELS) is not None


def _column(store: Store, name: str, header: list[str], names: tuple[str, ...]) -> int | None:
    """The one column that is called so."""
    if len(found := [cell for cell in header if cell.strip().lower() in names]) > 1:
        raise DatasetError(f"{store.path}/{name}: the columns {', '.join(found)} mean the same; leave one of them")
    return tables.column(header, names)


def _stem_split(name: str) -> str | None:
    return SPLIT_OF.get(PurePosixPath(name).stem.lower())


def _labels(store: Store, rows: list[_Row]) -> LabelSet:
    """The label set that the words tell; empty ones are left to be refused."""
    words = {row.label for row in rows if row.label}
    if numbers := sorted(word for word in words if word.isdecimal()):
        raise DatasetError(
            f"{store.path}: the labels {', '.join(numbers[:10])} are numbers, and no number says which class it is. "
            "Write words, such as happiness, or name the order: --dataset csv:affectnet8, csv:rafdb (from 1) or "
            "csv:a,list,of,names"
        )
    return labels_of_words(words)
