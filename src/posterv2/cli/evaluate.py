"""`posterv2 evaluate`: how often a model is right on a labelled data set."""

from __future__ import annotations

from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from posterv2.cli import console, options

if TYPE_CHECKING:
    from posterv2.evaluation.evaluate import Evaluation
    from posterv2.evaluation.groups import Attribute


def evaluate(
    data: options.Data,
    dataset: options.Dataset = None,
    split: options.Split = None,
    weights: options.Weights = None,
    labels: options.Labels = None,
    device: options.Device = "auto",
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
) -> None:
    """Measure a model on a labelled data set; pictures are taken as face crops.

    Classes are matched by name. Without --weights the embedded model is measured. Intervals are 95 % bootstrap ones.

    \b
    Examples:
      posterv2 evaluate --data ferplus.zip --json result.json
      posterv2 evaluate --data my-faces/ --split test --as-shipped
      posterv2 evaluate --data RAF-DB/ --dataset rafdb --weights raf-db.pth --labels rafdb
    """
    if json is not None:
        console.check_output("--json", json)
    from posterv2.data.dataset import open_split
    from posterv2.evaluation.evaluate import evaluate as measure
    from posterv2.evaluation.groups import read_attributes
    from posterv2.inference.classifier import open_classifier
    from posterv2.inference.detection.factory import open_detector

    classifier = open_classifier(weights, labels, device)
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
    console.result(_as_text(evaluation))
    for note in evaluation.notes():
        console.warning(note) if note.startswith("the classes stand") else console.note(note)
    if json is not None:
        console.note(f"wrote {json}")


def _write(evaluation: Evaluation, path: Path) -> None:
    from json import dumps

    from posterv2.files import write_whole

    write_whole(path, dumps(evaluation.to_dict(), ensure_ascii=False, allow_nan=False) + "\n")


def _as_text(evaluation: Evaluation) -> str:
    matrix, names = evaluation.confusion_matrix, evaluation.labels.names
    values = evaluation.to_dict()
    columns = ["", "value", "95 % interval"]
    sets = [values]
    if isinstance(shipped := values["as_shipped"], dict):
        columns += ["as shipped", "95 % interval"]
        sets.append(shipped)
    rows = [[title] + [text for each in sets for text in _with_interval(each, key)] for key, title in _FIGURES.items()]
    per_class = []
    for name, own in values["per_class"].items():
        spread = " .. ".join(_share(end) for end in own["intervals"]["recall"])
        shares = (_share(own[key]) for key in ("precision", "recall", "f1"))
        per_class.append((name, f"{own['samples']:,}", *shares, spread))
    length = next(n for n in count(4) if len({name[:n] for name in names}) == len(names))
    heads = [name[:length] for name in names]  # eight whole names are too wide for a usual terminal
    counts = [(name, *map(str, row)) for name, row in zip(names, matrix, strict=True)]
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
    columns = (attribute.name, "faces", "accuracy", "95 % interval", "mean class accuracy", "95 % interval")
    rows = []
    for group in attribute.groups:
        cells = [group.name, f"{group.samples:,}" + (" (few)" if group.few else "")]
        for key in ("accuracy", "mean_class_accuracy"):
            value, (low, high) = group.values[key]
            cells += [f"{value:.2%}", f"{low:.2%} .. {high:.2%}"]
        rows.append(cells)
    return console.table(columns, rows, right=columns[1:])


_FIGURES = {
    "accuracy": "accuracy",
    "mean_class_accuracy": "mean class accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "kappa": "Cohen's kappa",
    "top2_accuracy": "top-2 accuracy",
    "nll": "NLL",
    "brier": "Brier score",
    "ece": "ECE, 15 equal-mass bins",
}
_PLAIN = ("kappa", "nll", "brier", "ece")  # told as numbers, not as shares


def _with_interval(values: dict[str, Any], key: str) -> tuple[str, str]:
    form = _number if key in _PLAIN else _share
    return form(values[key]), " .. ".join(form(end) for end in values["intervals"][key])


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
