"""`posterv2 evaluate`: how often a model is right on a labelled data set."""

from __future__ import annotations

import sys
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from posterv2.cli import console, options

if TYPE_CHECKING:
    from posterv2.checkpoints.header import WeightsHeader
    from posterv2.data.split import Split
    from posterv2.evaluation.evaluate import Evaluation
    from posterv2.evaluation.groups import Attribute


def evaluate(
    data: options.Data,
    dataset: options.Dataset = None,
    split: options.Split = None,
    weights: options.Weights = None,
    labels: options.Labels = None,
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    precision: options.Precision = "fp32",
    strangers: Annotated[
        Literal["refuse", "ignore", "count"],
        typer.Option(help="What becomes of classes that only the weights or only the data know."),
    ] = "refuse",
    as_shipped: Annotated[
        bool, typer.Option("--as-shipped", help="Put the pictures through detection and alignment as well.")
    ] = False,
    detector: options.Detector = "mtcnn",
    groups: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A CSV with `source` and attributes: figures for each group as well."),
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all numbers as JSON into FILE too.")] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a report to read into FILE, a .html or .md.")
    ] = None,
) -> None:
    """Measure a model on a labelled data set; pictures are taken as face crops.

    Classes are matched by name. Without --weights the embedded model is measured. Intervals are 95 % bootstrap ones.

    \b
    Examples:
      posterv2 evaluate --data ferplus.zip --json result.json --report report.html
      posterv2 evaluate --data my-faces/ --split test --as-shipped
      posterv2 evaluate --data RAF-DB/ --dataset rafdb --weights raf-db.pth --labels rafdb
    """
    if json is not None:
        console.check_output("--json", json)
    if report is not None:
        console.check_output("--report", report, (".html", ".md"))
    from posterv2.data.dataset import open_split
    from posterv2.evaluation.evaluate import evaluate as measure
    from posterv2.evaluation.groups import read_attributes
    from posterv2.inference.detection.factory import open_detector
    from posterv2.inference.engines.choice import open_classifier

    classifier = open_classifier(weights, labels, device, engine, precision)
    own = classifier.header.labels if strangers == "refuse" else None
    faces = open_split(data, dataset, split, own)
    with console.progress("Faces", len(faces) * (1 + as_shipped)) as advance:
        evaluation = measure(
            classifier,
            faces,
            advance,
            strangers=strangers,
            detector=open_detector(detector) if as_shipped else None,
            labels_named=labels is not None,
            groups=None if groups is None else partial(read_attributes, groups),
        )
    if json is not None:
        _write(evaluation, json)
    if report is not None:
        _report(evaluation, classifier.header, faces, report)
    console.result(_as_text(evaluation))
    for note in evaluation.notes():
        console.warning(note) if note == evaluation.gravest else console.note(note)
    for path in (json, report):
        if path is not None:
            console.note(f"wrote {path}")


def _write(evaluation: Evaluation, path: Path) -> None:
    from json import dumps

    from posterv2.files import write_whole

    write_whole(path, dumps(evaluation.to_dict(), ensure_ascii=False, allow_nan=False) + "\n")


def _report(evaluation: Evaluation, header: WeightsHeader, faces: Split, path: Path) -> None:
    from shlex import join

    from posterv2.evaluation.report import as_html, report
    from posterv2.evaluation.report_markdown import write_markdown
    from posterv2.files import write_whole

    found = report(evaluation, header, faces, join(["posterv2", *sys.argv[1:]]))
    if path.suffix.lower() == ".md":
        write_markdown(found, path)
    else:
        write_whole(path, as_html(found))


def _as_text(evaluation: Evaluation) -> str:
    from posterv2.evaluation.intervals import interval
    from posterv2.evaluation.wording import TITLES, in_words, share

    names, samples = evaluation.labels.names, evaluation.answers.confusion_matrix.sum(axis=1)
    columns = ["", "value", "95 % interval"]
    sets = [(evaluation.figures, evaluation.replicates)]
    if evaluation.shipped_figures is not None:
        columns += ["as shipped", "95 % interval"]
        sets.append(evaluation.shipped_figures)
    rows = []
    for key, title in TITLES.items():
        cells = (in_words(key, float(each.single[key][0]), interval(drawn.single[key])) for each, drawn in sets)
        rows.append([title, *(text for pair in cells for text in pair)])
    per_class = []
    for index, name in enumerate(names):
        shares = [share(float(evaluation.figures.per_class[key][0, index])) for key in ("precision", "recall", "f1")]
        ends = " .. ".join(map(share, interval(evaluation.replicates.per_class["recall"][:, index])))
        per_class.append((name, f"{samples[index]:,}", *shares, ends))
    length = next(n for n in count(4) if len({name[:n] for name in names}) == len(names))
    heads = [name[:length] for name in names]  # eight whole names are too wide for a usual terminal
    counts = [(name, *map(str, row)) for name, row in zip(names, evaluation.confusion_matrix, strict=True)]
    classes = ("class", "faces", "precision", "recall", "F1", "95 % interval of recall")
    return "\n".join(
        (
            f"{evaluation.weights} on {evaluation.data}, split {evaluation.split}: {len(evaluation.answers):,} faces\n",
            console.table(columns, rows, right=columns[1:]),
            console.table(classes, per_class, right=classes[1:]),
            *(_of_groups(attribute) for attribute in evaluation.attributes),
            "Confusion matrix: rows are true, columns predicted.\n",
            console.table(("", *heads), counts, right=heads),
        )
    )


def _of_groups(attribute: Attribute) -> str:
    from posterv2.evaluation.wording import in_words

    columns = (attribute.name, "faces", "accuracy", "95 % interval", "mean class accuracy", "95 % interval")
    rows = []
    for group in attribute.groups:
        cells = [group.name, f"{group.samples:,}" + " (few)" * group.few]
        for key in ("accuracy", "mean_class_accuracy"):
            cells += in_words(key, *group.values[key])
        rows.append(cells)
    return console.table(columns, rows, right=columns[1:])
