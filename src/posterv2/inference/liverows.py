"""A camera's rows: on the disk as they come, and with nothing to go on from, for a camera does not come again."""

from collections.abc import Sequence
from pathlib import Path

from posterv2.errors import OutputError
from posterv2.inference.results import Result
from posterv2.inference.rows import columns_of, csv_line, rows_of


class LiveRows:
    """A CSV file that grows by whole lines, so that another program can follow it; to be closed."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        """Begin the file, which replaces what was there, with its header.

        Raises:
            OutputError: it cannot be written.
        """
        self._path, self._names = path, names
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
        self._add(csv_line(columns_of(names)))

    def write(self, result: Result) -> None:
        """Add the rows of a frame.

        Raises:
            OutputError: they cannot be written; the lines before are there.
        """
        self._add("".join(csv_line(row.values()) for row in rows_of(result, self._names)))

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def _add(self, lines: str) -> None:
        try:
            self._file.write(lines.encode())
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be written: {error.strerror}") from error
