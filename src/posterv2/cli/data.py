"""`posterv2 data`: look into data sets before training on them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posterv2.cli import console, options
from posterv2.errors import UsageError

if TYPE_CHECKING:
    from posterv2.data.doctor import Checkup, Labels

_SHOWN = 10  # cases of a finding
_SIDES = (0, 32, 48, 64, 96, 128, 224, 448, 10**9)  # pixels
_BAR = 40  # characters

app = typer.Typer(help="Look into data sets before training on them.", no_args_is_help=True)


@app.callback()
def _data() -> None:
    """Look into data sets before training on them."""


@app.command()
def check(
    data: Annotated[
        Path, typer.Argument(metavar="DIR", help="The data set: a folder, a zip as it is, or one CSV file.")
    ],
    dataset: options.Dataset = None,
    manifest: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write each picture's class and hash as JSON into FILE.")
    ] = None,
) -> None:
    """Read every label and every picture, count them, and say what is wrong and what to do about it.

    The exit code is 1 where a training on it would fail, or teach or measure something wrong.

    \b
    Examples:
      posterv2 data check RAF-DB/
      posterv2 data check AffectNet/ --dataset affectnet7 --manifest affectnet.json
    """
    if manifest is not None and (manifest.is_dir() or not manifest.absolute().parent.is_dir()):
        raise UsageError(f"--manifest needs a file in a folder that is there, got {manifest}")
    from posterv2.data import doctor
    from posterv2.data.manifest import write_manifest

    labels = doctor.read_labels(data, dataset)
    with console.progress("Pictures", len(labels)) as advance:
        checkup = doctor.check(labels, advance)
    console.result("\n".join([*_counts(data, labels), *_sizes(checkup), *_findings(checkup)]))
    if manifest is not None:
        entries = {name: [picture.entry for picture in split] for name, split in checkup.pictures.items()}
        whole = write_manifest(manifest, data.name, labels.dataset, entries)
        console.note(f"wrote {manifest}, with the hash {whole}")
    if checkup.spoilt:
        raise typer.Exit(1)


def _counts(data: Path, labels: Labels) -> Iterator[str]:
    """How many pictures each class has in each split."""
    yield f"{data}: read as {labels.dataset}, {len(labels):,} pictures\n"
    readings = labels.readings
    counts = {split: reading.split.counts() for split, reading in readings.items()}
    names = next(iter(counts.values()))
    rows = [(name, *(f"{counts[split][name]:,}" for split in readings)) for name in names]
    rows.append(("all", *(f"{len(reading.split):,}" for reading in readings.values())))
    if any(reading.left_out for reading in readings.values()):
        rows.append(("(left out)", *(f"{len(reading.left_out):,}" for reading in readings.values())))
    yield console.table(("class", *readings), rows, right=tuple(readings))


def _sizes(checkup: Checkup) -> Iterator[str]:
    """How large the pictures are, as bars."""
    sides = [min(picture.size) for split in checkup.pictures.values() for picture in split if picture.error is None]
    bins = [(low, high, sum(low <= side < high for side in sides)) for low, high in pairwise(_SIDES)]
    rows = [
        (
            f"{low} to {high - 1}" if high < _SIDES[-1] else f"{low} or more",
            f"{count:,}",
            "#" * -(-_BAR * count // len(sides)),
        )
        for low, high, count in bins
        if count
    ]
    yield console.table(("shorter side", "pictures", ""), rows, right=("shorter side", "pictures"))


def _findings(checkup: Checkup) -> Iterator[str]:
    """What is wrong, by name, and what to do."""
    for finding in checkup.findings:
        yield f"{'WRONG' if finding.spoils else 'note'}: {finding.title}: {len(finding.cases):,}"
        yield from (f"    {console.visible(case)}" for case in finding.cases[:_SHOWN])
        if len(finding.cases) > _SHOWN:
            yield f"    and {len(finding.cases) - _SHOWN:,} more"
        yield f"  do: {finding.advice}\n"
    spoiling = sum(finding.spoils for finding in checkup.findings)
    yield "Nothing here would spoil a training.\n" if not spoiling else f"{spoiling} of these would spoil a training.\n"
