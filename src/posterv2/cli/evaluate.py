"""`posterv2 evaluate`: how often a model is right on a labelled data set."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posterv2.cli import console, options
from posterv2.cli.data import DATASETS

if TYPE_CHECKING:
    from posterv2.evaluation.evaluate import Evaluation


def evaluate(
    data: Annotated[Path, typer.Option(metavar="DIR", help="The data set: a folder, a zip as it is, or one CSV file.")],
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"{DATASETS}; found by itself if not given.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="train, valid, val or test; by default the one beside train.")
    ] = None,
    weights: options.Weights = None,
    labels: options.Labels = None,
    device: options.Device = "auto",
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all numbers as JSON into FILE too.")] = None,
) -> None:
    """Measure a model on a labelled data set; pictures are taken as face crops.

    Classes are matched by name. Without --weights the embedded model is measured.

    \b
    Examples:
      posterv2 evaluate --data ferplus.zip --json result.json
      posterv2 evaluate --data my-faces/ --split test
      posterv2 evaluate --data RAF-DB/ --dataset rafdb --weights raf-db.pth --labels rafdb
    """
    if json is not None:
        console.check_output("--json", json)
    from posterv2.data.dataset import open_split
    from posterv2.evaluation.evaluate import evaluate as measure
    from posterv2.inference.classifier import open_classifier

    classifier = open_classifier(weights, labels, device)
    faces = open_split(data, dataset, split, classifier.header.labels)
    with console.progress("Faces", len(faces)) as advance:
        evaluation = measure(classifier, faces, advance)
    if missing := set(evaluation.labels.names) - {name for name, count in faces.counts().items() if count}:
        console.note(f"no faces of {', '.join(sorted(missing))}: left out of the mean class accuracy")
    if json is not None:
        _write(evaluation, json)
    console.result(_as_text(evaluation))
    if json is not None:
        console.note(f"wrote {json}")


def _write(evaluation: Evaluation, path: Path) -> None:
    from json import dumps

    from posterv2.files import write_whole

    write_whole(path, dumps(evaluation.to_dict(), ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def _as_text(evaluation: Evaluation) -> str:
    from posterv2.evaluation import metrics

    matrix, names = evaluation.confusion_matrix, evaluation.labels.names
    shares = zip(metrics.precision(matrix), metrics.recall(matrix), metrics.f1(matrix), strict=True)
    per_class = [
        (name, f"{samples:,}", *("-" if share != share else f"{share:.1%}" for share in row))  # NaN is not itself
        for name, samples, row in zip(names, matrix.sum(axis=1), shares, strict=True)
    ]
    length = next(n for n in count(4) if len({name[:n] for name in names}) == len(names))
    heads = [name[:length] for name in names]  # eight whole names are too wide for a usual terminal
    counts = [(name, *map(str, row)) for name, row in zip(names, matrix, strict=True)]
    return "\n".join(
        (
            f"{evaluation.weights} on {evaluation.data}, split {evaluation.split}: {matrix.sum():,} faces",
            f"accuracy             {metrics.accuracy(matrix):7.2%}",
            f"mean class accuracy  {metrics.mean_class_accuracy(matrix):7.2%}\n",
            console.table(
                ("class", "faces", "precision", "recall", "F1"), per_class, right=("faces", "precision", "recall", "F1")
            ),
            "Confusion matrix: rows are true, columns predicted.\n",
            console.table(("", *heads), counts, right=heads),
        )
    )
