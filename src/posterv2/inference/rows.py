"""Results as rows, a face each, written as they come."""

import csv
from collections.abc import Sequence
from pathlib import Path

from posterv2.errors import OutputError
from posterv2.inference.results import Result

COLUMNS = ("source", "frame", "time", "track", "x", "y", "width", "height", "score", "expression", "probability")
"""What stands before the `p_<name>` columns. `time` is in seconds, the box in pixels, the shares in 0..1."""


def row_columns(names: Sequence[str]) -> list[str]:
    """The columns of rows with a `p_<name>` for each class."""
    return [*COLUMNS, *(f"p_{name}" for name in names)]


def rows_of(result: Result, names: Sequence[str]) -> list[list[object]]:
    """A row for each face, from left to right; one with None in all columns of a face where there is none."""
    place = [result.source, result.frame, result.time]
    rows = [
        [
            *place,
            face.track,
            *face.box,
            face.score,
            face.expression,
            face.probability,
            *map(face.probabilities.get, names),
        ]
        for face in result.faces
    ]
    return rows or [[*place, *[None] * (len(COLUMNS) - len(place) + len(names))]]


class CsvRows:
    """A CSV file that grows by whole lines; to be closed."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        """Begin the file with its header.

        Raises:
            OutputError: it cannot be written.
        """
        self._path, self._names = path, names
        try:
            self._file = path.open("w", encoding="utf-8", errors="backslashreplace", newline="", buffering=1)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._write(row_columns(names))

    def write(self, result: Result) -> None:
        """Add the rows of a result.

        Raises:
            OutputError: they cannot be written; the lines before are there.
        """
        for row in rows_of(result, self._names):
            self._write([f"{value:.6f}" if isinstance(value, float) else value for value in row])

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def _write(self, row: Sequence[object]) -> None:
        try:
            self._writer.writerow(row)
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be written: {error.strerror}") from error
