"""Results as text: JSON and CSV."""

import csv
import io
import json
from collections.abc import Sequence

from posterv2.inference.results import Result

FACE_COLUMNS = ("source", "face", "x", "y", "width", "height", "score", "expression", "probability")
"""What stands before the `p_<name>` columns; faces count from 1, from left to right."""


def to_json(results: Sequence[Result]) -> str:
    """A list with one object a picture, as `Result.to_dict` gives it; each on a line of its own."""
    lines = [json.dumps(result.to_dict(), ensure_ascii=False) for result in results]
    return "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"


def to_csv(results: Sequence[Result], names: Sequence[str]) -> str:
    """One row a face; a picture without a face has one row with only its source.

    Args:
        results: in the order of the rows.
        names: the classes, one column `p_<name>` each.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*FACE_COLUMNS, *(f"p_{name}" for name in names)))
    for result in results:
        for number, face in enumerate(result.faces, start=1):
            shares = (face.score, face.probability, *(face.probabilities[name] for name in names))
            score, probability, *columns = (f"{share:.6f}" for share in shares)
            writer.writerow((result.source, number, *face.box, score, face.expression, probability, *columns))
        if not result.faces:
            writer.writerow((result.source, *[""] * (len(FACE_COLUMNS) - 1 + len(names))))
    return text.getvalue()
