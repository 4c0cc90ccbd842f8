"""`posterv2 calibrate`: probabilities that mean what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from posterv2.cli import console, options
from posterv2.errors import UsageError

if TYPE_CHECKING:
    from posterv2.evaluation.answers import Answers


def calibrate(
    data: options.Data,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write the weights with their calibration into FILE."),
    ] = None,
    method: Annotated[
        Literal["temperature", "vector"],
        typer.Option(help="One temperature, or a scale and a bias for each class."),
    ] = "temperature",
    dataset: options.Dataset = None,
    split: options.Split = None,
    weights: options.Weights = None,
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    precision: options.Precision = "fp32",
) -> None:
    """Fit how sure a model is to how often it is right, on faces that it did not learn from.

    What it brings is measured on each half of the faces with what the other half taught. With --out, all of them teach,
    and `posterv2 predict --weights FILE` answers with calibrated probabilities.

    \b
    Examples:
      posterv2 calibrate --data ferplus.zip
      posterv2 calibrate --data RAF-DB/ --split test --weights mine.safetensors -o calibrated.safetensors
    """
    from posterv2.checkpoints import catalog
    from posterv2.checkpoints.rewriting import with_header
    from posterv2.data.dataset import open_split
    from posterv2.evaluation.calibrate import cross_fitted, fit, logits_of
    from posterv2.inference.engines.choice import open_classifier

    if out is not None:
        console.check_output("-o", out, (".safetensors", ".onnx"))
        source = catalog.located(weights or catalog.DEFAULT, out.suffix)
        if source.suffix.lower() != out.suffix.lower():
            raise UsageError(f"-o {out} has to end as {source} does, for it holds the same numbers")
    classifier = open_classifier(weights, None, device, engine, precision)
    faces = open_split(data, dataset, split, classifier.header.labels)
    with console.progress("Faces", len(faces)) as advance:
        logits = logits_of(classifier, faces, advance)
    answers, checks = cross_fitted(logits, method)
    before, after = _figures(logits.answers()), _figures(answers)
    rows = [(title, before[key], after[key]) for key, title in _FIGURES.items()]
    console.result(
        f"{classifier.header.name} on {data}, split {faces.name}: {len(faces):,} faces, by halves\n\n"
        + console.table(
            ("", "uncalibrated", f"calibrated, {method}"), rows, right=("uncalibrated", f"calibrated, {method}")
        )
        + "\n"
        + console.table(
            ("sets asked to hold the right class", "do", "classes in one"),
            [(f"{check.asked:.0%}", f"{check.held:.2%}", f"{check.size:.2f}") for check in checks],
            right=("do", "classes in one"),
        )
    )
    if out is not None:
        fitted_on = f"{len(faces):,} faces of {data.name}, split {faces.name}, by {method}"
        with_header(
            catalog.located(weights or catalog.DEFAULT, out.suffix),
            out,
            replace(classifier.header, calibration=fit(logits, method, fitted_on)),
        )
        console.note(f"wrote {out}")


_FIGURES = {
    "accuracy": "accuracy",
    "nll": "NLL",
    "brier": "Brier score",
    "ece": "ECE, 15 equal-mass bins",
}


def _figures(answers: Answers) -> dict[str, str]:
    from posterv2.evaluation.intervals import figures

    single = figures(answers).single
    return {key: f"{single[key][0]:.2%}" if key == "accuracy" else f"{single[key][0]:.4f}" for key in _FIGURES}
