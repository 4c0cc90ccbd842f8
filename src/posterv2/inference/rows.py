"""Results as rows, one a face: the one definition of their columns."""

import csv
import io
from collections.abc import Iterable, Sequence

from posterv2.inference.results import Result

COLUMNS = ("source", "frame", "time", "track", "x", "y", "width", "height", "score", "expression", "probability")
"""What stands before the `p_<name>` columns."""

Row = dict[str, str | int | float | None]
"""A value for each column; None where there is no face, no track or no time."""

_DIGITS = 6


def columns_of(names: Sequence[str]) -> tuple[str, ...]:
    """All columns for the classes `names`."""
    return (*COLUMNS, *(f"p_{name}" for name in names))


def rows_of(result: Result, names: Sequence[str]) -> list[Row]:
    """A row a face, from left to right; one with empty face columns where there is none. Floats have six decimals."""
    time = None if result.time is None else round(result.time, _DIGITS)
    empty: Row = dict.fromkeys(columns_of(names)) | {"source": result.source, "frame": result.frame, "time": time}
    rows: list[Row] = []
    for face in result.faces:
        answer = face.score, face.expression, face.probability, *(face.probabilities[name] for name in names)
        rounded = [value if isinstance(value, str) else round(value, _DIGITS) for value in answer]
        values = (face.track, *face.box, *rounded)
        rows.append(empty | dict(zip(columns_of(names)[3:], values, strict=True)))
    return rows or [empty]


def csv_line(values: Iterable[str | int | float | None]) -> str:
    """One line of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(
        f"{value:.{_DIGITS}f}" if isinstance(value, float) else value for value in values
    )
    return text.getvalue()
