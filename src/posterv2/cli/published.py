"""The published command lines: what was typed there, answered with what to type here."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from posterv2.errors import UsageError

DataType = Annotated[str | None, typer.Option("--data_type", hidden=True)]
LearningRate = Annotated[str | None, typer.Option("--lr", "--learning-rate", hidden=True)]
BatchSize = Annotated[str | None, typer.Option("-b", "--batch-size", hidden=True)]
Epochs = Annotated[str | None, typer.Option("--epochs", hidden=True)]
Gpu = Annotated[str | None, typer.Option("--gpu", hidden=True)]
Evaluate = Annotated[Path | None, typer.Option("--evaluate", "-e", hidden=True)]

_RECIPES = {"RAF-DB": "rafdb", "AffectNet-7": "affectnet7", "AffectNet-8": "affectnet8", "CAER-S": "caers"}
"""The published `--data_type`, whose default is RAF-DB; the script for eight classes had one data set."""


def answer(
    recipe: str | None,
    data: Path | None,
    out: Path | None,
    resume: Path | None,
    data_type: str | None,
    lr: str | None,
    batch_size: str | None,
    epochs: str | None,
    gpu: str | None,
    evaluate: Path | None,
) -> None:
    """Refuse published options with the command that does here what they did there.

    Raises:
        UsageError: one of them was given; the message holds the command.
    """
    settings = {"lr": lr, "batch_size": batch_size, "epochs": epochs}
    if not (data_type or gpu or evaluate or any(settings.values())):
        return
    if data_type is not None and data_type not in _RECIPES:
        raise UsageError(f"there was no data type {data_type!r} in the published code: {', '.join(_RECIPES)}")
    recipe = recipe or _RECIPES[data_type or "RAF-DB"]
    device = [] if gpu is None else ["--device", f"cuda:{gpu}"]
    if evaluate is not None:
        words = ["evaluate", "--data", str(data or "DIR"), "--weights", str(evaluate), "--labels", recipe, *device]
    else:
        words = ["train", recipe, *(f"{name}={value}" for name, value in settings.items() if value is not None)]
        words += ["--data", str(data or "DIR"), "--out", str(out or "RUN"), "selection=published", *device]
        if resume is not None:
            words += ["--init", str(resume)]
    raise UsageError(f"that is how the published code was called; here it is: posterv2 {shlex.join(words)}")
