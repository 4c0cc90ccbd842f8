"""The same report as Markdown, for a code host: its figures lie in a folder beside it."""

import os
from pathlib import Path
from urllib.parse import quote

from posterv2.evaluation.figures import class_bars, reliability, risk_against_coverage
from posterv2.evaluation.intervals import interval
from posterv2.evaluation.markdown import plain, table
from posterv2.evaluation.report import Report, Table, mistakes_say
from posterv2.evaluation.wording import share, visible
from posterv2.files import write_whole


def write_markdown(found: Report, path: Path) -> None:
    """Write the report to `path` and its figures to the folder `<name>-files` beside it.

    Raises:
        OutputError: they cannot be written.
    """
    folder = path.with_name(f"{path.stem}-files")
    folder.mkdir(exist_ok=True)
    evaluation = found.evaluation
    address = quote(os.fsencode(folder.name))
    pictures = {
        "reliability.svg": reliability(evaluation.answers).encode(),
        "risk.svg": risk_against_coverage(evaluation.answers).encode(),
        "classes.svg": class_bars(evaluation).encode(),
        **{f"mistake-{place:02}.jpg": mistake.jpeg for place, mistake in enumerate(found.mistakes, start=1)},
    }
    for name, data in pictures.items():
        write_whole(folder / name, data)
    faces: Table = [["face", "true", "said", "probability", "file"]]
    for place, mistake in enumerate(found.mistakes, start=1):
        picture = f"![]({address}/mistake-{place:02}.jpg)"
        faces.append(
            [picture, plain(mistake.true), plain(mistake.said), f"{mistake.probability:.0%}", plain(mistake.source)]
        )
    parts = [
        f"# {plain(found.title)}",
        plain(found.subtitle),
        *(f"> {plain(note)}" for note in evaluation.notes()),
        "## Summary",
        table([[plain(cell) for cell in row] for row in found.summary()]),
        "## Confusion matrix",
        "Rows are true, columns predicted.",
        table(_confusion(found)),
        "## How sure, and how right",
        f"![{plain(found.reliability_says())}]({address}/reliability.svg)",
        plain(found.reliability_says()),
        f"![{plain(found.risk_says())}]({address}/risk.svg)",
        plain(found.risk_says()),
        "## Class by class",
        table(_classes(found)),
        f"![Precision, recall and F1 of each class]({address}/classes.svg)",
    ]
    for name, rows in found.groups():
        parts += [f"## By {plain(name)}", table([[plain(cell) for cell in row] for row in rows])]
    parts += [
        "## The surest mistakes",
        plain(mistakes_say(found)),
        table(faces),
        "## What was measured",
        table([[plain(cell) for cell in row] for row in found.about()]),
        "## Again",
        f"    {visible(found.command)}",
    ]
    write_whole(path, "\n\n".join(parts) + "\n")


def _confusion(found: Report) -> Table:
    names = [plain(name) for name in found.evaluation.labels.names]
    rows = [
        [name, *(f"{count:,} ({share(part)})" for count, part in row)]
        for name, row in zip(names, found.confusion(), strict=True)
    ]
    return [["", *names], *rows]


def _classes(found: Report) -> Table:
    evaluation = found.evaluation
    rows: Table = [["class", "faces", "precision", "recall", "F1", "95 % interval of recall"]]
    samples = evaluation.answers.confusion_matrix.sum(axis=1)
    for index, name in enumerate(evaluation.labels.names):
        values = [share(float(evaluation.figures.per_class[key][0, index])) for key in ("precision", "recall", "f1")]
        ends = " .. ".join(map(share, interval(evaluation.replicates.per_class["recall"][:, index])))
        rows.append([plain(name), f"{samples[index]:,}", *values, ends])
    return rows
