"""`posterv2 report`: what evaluations say, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posterv2.cli import console

app = typer.Typer(help="Compare evaluations.", no_args_is_help=True)


@app.callback()
def _report() -> None:
    """Compare evaluations."""


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="A.json", help="What posterv2 evaluate --json wrote.")],
    second: Annotated[Path, typer.Argument(metavar="B.json", help="The same of other weights, on the same faces.")],
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all numbers as JSON into FILE too.")] = None,
) -> None:
    """Say whether two models differ on the same faces, or whether it could be chance.

    \b
    Examples:
      posterv2 report compare nano.json mine.json
    """
    if json is not None:
        console.check_output("--json", json)
    from posterv2.evaluation.compare import compare as measure
    from posterv2.evaluation.kept import read_evaluation

    one, other = read_evaluation(first), read_evaluation(second)
    found = measure(one, other)
    rows = [
        (name, f"{found.first[name]:.4f}", f"{found.second[name]:.4f}", f"{gain:+.4f}", f"{low:+.4f} .. {high:+.4f}")
        for name, (gain, (low, high)) in found.differences.items()
    ]
    columns = ("", "A", "B", "B less A", "95 % interval")
    console.result(
        f"A: {one.weights}, {first}\nB: {other.weights}, {second}\n{found.samples:,} faces; A alone is right on "
        f"{found.only_first:,}, B alone on {found.only_second:,}\n\n"
        f"{console.table(columns, rows, right=columns[1:])}\n{found.sentence}\n"
    )
    if json is not None:
        from json import dumps

        from posterv2.files import write_whole

        write_whole(json, dumps(found.to_dict(), ensure_ascii=False, allow_nan=False) + "\n")
        console.note(f"wrote {json}")
