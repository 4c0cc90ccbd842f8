"""`posterv2 robustness`: how often a model is right on corrupted faces, and whether it knows when it is not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from posterv2.cli import console, options


def robustness(
    data: options.Data,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the table as Markdown into FILE too.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw accuracy over strength into FILE, a .png.")
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the split's first face under each corruption, a .png or .jpg."),
    ] = None,
    dataset: options.Dataset = None,
    split: options.Split = None,
    uncertain_below: options.UncertainBelow = 0.5,
    weights: options.Weights = None,
    labels: options.Labels = None,
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    precision: options.Precision = "fp32",
) -> None:
    """Measure a model on faces that are rotated, dark, blurred, small, noisy, covered and more, at five strengths each.

    Pictures are taken as face crops. Beside each accuracy stands how sure the answers are, and how many are
    `uncertain`. What is left to chance depends on a face's place in the split alone, so the table can be made again.

    \b
    Examples:
      posterv2 robustness --data ferplus.zip -o robustness.md --plot robustness.png
      posterv2 robustness --data my-faces/ --split test --weights mine.safetensors --sheet face.jpg
    """
    if output is not None:
        console.check_output("-o", output, (".md",))
    if plot is not None:
        console.check_output("--plot", plot, (".png",))
    if sheet is not None:
        console.check_output("--sheet", sheet, (".png", ".jpg"))
    from shlex import join

    from posterv2.data.dataset import open_split
    from posterv2.errors import require
    from posterv2.evaluation.robustness import VIEWS
    from posterv2.evaluation.robustness import robustness as measure
    from posterv2.evaluation.robustness_pictures import draw_corrupted, draw_robustness
    from posterv2.files import write_whole
    from posterv2.inference.engines.choice import open_classifier

    if plot is not None:  # told now, not after minutes
        require("matplotlib", "plot")
    classifier = open_classifier(weights, labels, device, engine, precision)
    faces = open_split(data, dataset, split, classifier.header.labels)
    with console.progress("Views", len(faces) * VIEWS) as advance:
        found = measure(classifier, faces, uncertain_below, advance)
    console.result(f"{found.title}\n\n{console.table(found.columns, found.rows(), right=found.columns[2:])}")
    if output is not None:
        write_whole(output, found.markdown(join(["posterv2", *sys.argv[1:]])))
    if plot is not None:
        draw_robustness(plot, found)
    if sheet is not None:
        draw_corrupted(sheet, classifier, faces.image(0), uncertain_below)
    for path in (output, plot, sheet):
        if path is not None:
            console.note(f"wrote {path}")
