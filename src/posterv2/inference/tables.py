"""Results as a pandas table, with the columns of the rows that are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from posterv2.errors import require
from posterv2.inference.results import Result

if TYPE_CHECKING:
    from pandas import DataFrame

_TYPES = {
    "source": "string",
    "frame": "int64",
    "time": "float64",
    "track": "Int64",
    "x": "Int64",
    "y": "Int64",
    "width": "Int64",
    "height": "Int64",
    "score": "float64",
    "expression": "string",
    "probability": "float64",
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
    rows = [row for result in results for row in _rows(result)]
    if names is None:
        names = list(dict.fromkeys(name for row in rows for name in row if name.startswith("p_")))
    else:
        names = [f"p_{name}" for name in names]
    types = {**_TYPES, **dict.fromkeys(names, "float64")}
    return pandas.DataFrame(rows, columns=list(types)).astype(types)


def _rows(result: Result) -> list[dict[str, object]]:
    place: dict[str, object] = {"source": result.source, "frame": result.frame, "time": result.time}
    rows = []
    for face in result.faces:
        box = dict(zip(("x", "y", "width", "height"), face.box, strict=True))
        answer = {"score": face.score, "expression": face.expression, "probability": face.probability}
        shares = {f"p_{name}": share for name, share in face.probabilities.items()}
        rows.append({**place, "track": face.track, **box, **answer, **shares})
    return rows or [place]
