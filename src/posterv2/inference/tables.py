"""Results as a pandas table, with the columns of the rows that are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from posterv2.errors import UsageError, require
from posterv2.inference.results import Result
from posterv2.inference.rows import columns_of, rows_of

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
        UsageError: the results are of networks with different classes.
        MissingExtraError: pandas is not installed.
    """
    pandas = require("pandas", "pandas")
    results = list(results)
    shares = [face.probabilities for result in results for face in result.faces]
    names = list(dict.fromkeys(name for share in shares for name in share)) if names is None else names
    if lacking := [name for name in names if not all(name in share for share in shares)]:
        raise UsageError(
            f"not every face was asked for {lacking[0]!r}; make a table of one network's results at a time"
        )
    columns = columns_of(names)
    table = pandas.DataFrame([row for result in results for row in rows_of(result, names)], columns=list(columns))
    return table.astype({column: _TYPES.get(column, "float64") for column in columns})
