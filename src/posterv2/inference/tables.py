"""Results as a pandas table, with the columns of the rows that are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from posterv2.errors import require
from posterv2.inference.results import Result
from posterv2.inference.rows import row_columns, rows_of

if TYPE_CHECKING:
    from pandas import DataFrame

_TYPES = {
    **dict.fromkeys(("source", "expression"), "string"),
    **dict.fromkeys(("track", "x", "y", "width", "height"), "Int64"),  # may be missing, unlike int64
    "frame": "int64",
}


def to_pandas(results: Iterable[Result], names: Sequence[str] | None = None) -> DataFrame:
    """A row for each face, in the order of the results and from left to right; one without a face has one row too.

    Args:
        results: of pictures, of a video, of both.
        names: the classes, a column `p_<name>` each: `predictor.labels.names`; by default those of the faces.

    Returns:
        The columns `source, frame, time, track, x, y, width, height, score, expression, probability, p_<name>...`.
        `time` is in seconds, the box in pixels, score and probabilities lie in 0..1. Missing words and whole numbers
        are `pandas.NA`, other missing numbers NaN.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    pandas = require("pandas", "pandas")
    results = list(results)
    if names is None:
        names = list(dict.fromkeys(name for result in results for face in result.faces for name in face.probabilities))
    columns = row_columns(names)
    table = pandas.DataFrame([row for result in results for row in rows_of(result, names)], columns=columns)
    return table.astype({column: _TYPES.get(column, "float64") for column in columns})
