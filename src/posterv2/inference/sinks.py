"""Results as text: JSON and CSV."""

import json
from collections.abc import Sequence

from posterv2.inference.results import Result
from posterv2.inference.rows import columns_of, csv_line, rows_of


def to_json(results: Sequence[Result]) -> str:
    """A list with one object a picture, as `Result.to_dict` gives it; each on a line of its own."""
    lines = [json.dumps(result.to_dict(), ensure_ascii=False) for result in results]
    return "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"


def to_csv(results: Sequence[Result], names: Sequence[str]) -> str:
    """The rows of `results`, in their order, under their columns; one column `p_<name>` for each class of `names`."""
    rows = [row for result in results for row in rows_of(result, names)]
    return "".join(map(csv_line, [columns_of(names), *(row.values() for row in rows)]))
