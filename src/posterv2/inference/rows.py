"""Results as rows, one a face: the one definition of their columns, for every format, written and read."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from posterv2.errors import UsageError, cut, require
from posterv2.files import encoded
from posterv2.inference.results import Result

COLUMNS = (
    "source", "frame", "time", "track", "x", "y", "width", "height", "score", "expression", "probability",
)  # fmt: skip
"""What stands before the `p_<name>` columns."""

TEXTS = frozenset(("source", "expression", "error", "weights"))
"""The columns that hold text."""

INTEGERS = frozenset(("frame", "track", "x", "y", "width", "height"))
"""The columns that hold whole numbers; those that are neither these nor texts hold floats."""

Row = dict[str, str | int | float | None]
"""A value for each column; None where there is no face, no track or no time."""

_DIGITS = 6
_CHUNK = 1024  # rows that are converted at once
_GROUP = 16 * _CHUNK  # rows in a row group of Parquet


class RowFormat(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"

    @staticmethod
    def of(path: Path) -> "RowFormat":
        """By the file's ending.

        Raises:
            UsageError: it is none of these.
        """
        ending = path.suffix.lower().removeprefix(".")
        if ending not in list(RowFormat):
            raise UsageError(f"rows are kept in files that end with .csv, .jsonl or .parquet, got {path}")
        return RowFormat(ending)


def columns_of(names: Sequence[str]) -> tuple[str, ...]:
    """All columns for the classes `names`."""
    return (*COLUMNS, *(f"p_{name}" for name in names))


def as_text(source: str) -> str:
    """How a source is called in rows: a path may hold bytes that are no text, and these are written out."""
    return source.encode("utf-8", "backslashreplace").decode()


def rows_of(result: Result, names: Sequence[str]) -> list[Row]:
    """A row a face, from left to right; one with empty face columns where there is none. Floats have six decimals."""
    time = None if result.time is None else round(result.time, _DIGITS)
    empty: Row = dict.fromkeys(columns_of(names)) | {
        "source": as_text(result.source),
        "frame": result.frame,
        "time": time,
    }
    rows: list[Row] = []
    for face in result.faces:
        x, y, width, height = face.box
        rows.append(
            empty
            | {"track": face.track, "x": x, "y": y, "width": width, "height": height}
            | {"score": round(face.score, _DIGITS), "expression": face.expression}
            | {"probability": round(face.probability, _DIGITS)}
            | {f"p_{name}": round(face.probabilities[name], _DIGITS) for name in names}
        )
    return rows or [empty]


def as_written(name: str) -> str:
    """A source's name as rows hold it: a path may hold bytes that are no text; they are written out."""
    return encoded(name).decode()


def head_of(names: Sequence[str], format: RowFormat) -> str:
    """What stands before the rows, as text: the columns in CSV, else nothing."""
    return csv_line(columns_of(names)) if format is RowFormat.CSV else ""


def lines_of(result: Result, names: Sequence[str], format: RowFormat) -> str:
    """The rows of a result as text; those of Parquet as the JSON lines that they are until the end."""
    rows = rows_of(result, names)
    return "".join(csv_line(row.values()) if format is RowFormat.CSV else json_line(row) for row in rows)


def csv_line(values: Iterable[str | int | float | None]) -> str:
    """One line of CSV; what holds a line break is quoted."""
    text = io.StringIO()
    # Only what a line may end with is quoted for it: "\\r" alone would else end a line when it is read.
    csv.writer(text, lineterminator="\r\n").writerow(
        f"{value:.{_DIGITS}f}" if isinstance(value, float) else value for value in values
    )
    return text.getvalue().removesuffix("\r\n") + "\n"


def json_line(row: Row) -> str:
    """One line of JSON: an object with the columns as keys."""
    return json.dumps(row, ensure_ascii=False) + "\n"


def read_rows(path: str | Path, format: RowFormat | None = None) -> Iterator[Row]:
    """The rows of a file as they were written, one after the other; `format` where its ending does not tell.

    Raises:
        UsageError: it is missing, or these are no rows of posterv2.
        MissingExtraError: it is Parquet, and the extra `video` is not installed.
    """
    path = Path(path)
    readers = {RowFormat.CSV: _read_csv, RowFormat.JSONL: _read_json, RowFormat.PARQUET: _read_parquet}
    try:
        for row in readers[format or RowFormat.of(path)](path):
            if tuple(row)[: len(COLUMNS)] != COLUMNS:
                raise ValueError(f"its columns are {cut(', '.join(map(str, row)))}")
            yield row
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise UsageError(
            f"{path}: not rows that posterv2 wrote: {getattr(error, 'strerror', None) or error}"
        ) from error


def to_parquet(rows: Iterable[Row], columns: Sequence[str], path: Path) -> None:
    """Write rows to a Parquet file, some at a time."""
    pyarrow, parquet = require("pyarrow", "video"), require("pyarrow.parquet", "video")
    schema = schema_of(columns)
    with parquet.ParquetWriter(path, schema) as writer:
        tables: list[Any] = []
        for chunk in _chunks(rows):
            tables.append(pyarrow.Table.from_pylist(chunk, schema))
            if len(tables) * _CHUNK >= _GROUP:
                writer.write_table(pyarrow.concat_tables(tables))
                tables = []
        if tables:
            writer.write_table(pyarrow.concat_tables(tables))


def schema_of(columns: Sequence[str]) -> Any:
    """The pyarrow schema of rows with these columns."""
    pyarrow = require("pyarrow", "video")
    types = [
        pyarrow.string() if column in TEXTS else pyarrow.int64() if column in INTEGERS else pyarrow.float64()
        for column in columns
    ]
    return pyarrow.schema(list(zip(columns, types, strict=True)))


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _read_csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, strict=True):
            yield {column: _value(column, text) for column, text in row.items()}


def _value(column: str, text: str) -> str | int | float | None:
    if text == "" and column != "source":
        return None
    return text if column in TEXTS else int(text) if column in INTEGERS else float(text)


def _read_json(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _read_parquet(path: Path) -> Iterator[Row]:
    with require("pyarrow.parquet", "video").ParquetFile(path) as file:
        for batch in file.iter_batches(_CHUNK):
            yield from batch.to_pylist()
