"""CSV files inside a store: their rows, their columns, and the pictures that they name."""

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePosixPath, PureWindowsPath

from posterv2.data.store import Store, is_table
from posterv2.errors import DatasetError


def rows(store: Store, name: str) -> Iterator[tuple[int, list[str]]]:
    """The line number and the cells of each row that is not empty.

    Raises:
        DatasetError: the file cannot be read, or is no CSV.
    """
    with store.open(name) as file:
        reader = csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline=""))
        try:
            for row in reader:
                if row:
                    yield reader.line_num, row
        except csv.Error as error:
            place = f"{store.path}/{name}, line {reader.line_num}"
            raise DatasetError(f"{place}: no CSV: {error}; save it as CSV again") from error


def first_row(store: Store, name: str) -> list[str]:
    """The first row of a CSV; none where the file is empty or no CSV."""
    try:
        return next(rows(store, name), (0, []))[1]
    except DatasetError:
        return []


def column(header: Sequence[str], names: Collection[str]) -> int | None:
    """The first column of `header` with one of `names`, in any case and with any spaces around it."""
    found = (index for index, cell in enumerate(header) if cell.strip().lower() in names)
    return next(found, None)


def top_tables(store: Store, folder: str = "") -> list[str]:
    """The CSV files directly in `folder`, sorted."""
    return sorted(
        name for name in store.names(folder) if is_table(name) and str(PurePosixPath(name).parent) == (folder or ".")
    )


def inside(store: Store, path: str, base: str = "") -> str | None:
    """The name in the store of a picture at `path` below `base`, or at a whole path; None where it leads out."""
    parts = PureWindowsPath(path.strip())  # it knows both kinds of slash, and drives
    if parts.anchor and parts.is_relative_to(here := PureWindowsPath(store.path.absolute())):
        base, parts = "", parts.relative_to(here)
    if not parts.parts or parts.anchor or ".." in parts.parts:
        return None
    return str(PurePosixPath(base, *parts.parts))
