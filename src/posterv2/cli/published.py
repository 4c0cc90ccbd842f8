"""The published command lines: what was typed there, answered with what to type here."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posterv2.errors import PosterError, UsageError, require
from posterv2.labels import LABEL_SETS

if TYPE_CHECKING:
    from posterv2.training.config import TrainConfig

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
    changes: Sequence[str],
    options: Mapping[str, object],
    resume: Path | None,
    data_type: str | None,
    lr: str | None,
    batch_size: str | None,
    epochs: str | None,
    gpu: str | None,
    evaluate: Path | None,
) -> None:
    """Refuse published options, and a file to `--resume`, with the command that does here what they did there.

    Args:
        changes: settings as they are given here; they stay in the command.
        options: our own options by name, None where they were not given; these stay too.

    Raises:
        UsageError: one of them was given; the message holds the command. Or a value in it cannot be.
    """
    from posterv2.training.config import load_config

    settings = {"lr": lr, "batch_size": batch_size, "epochs": epochs}
    if not (data_type or gpu or evaluate or any(settings.values()) or (resume is not None and resume.is_file())):
        return
    if data_type is not None and data_type not in _RECIPES:
        raise UsageError(f"there was no data type {data_type!r} in the published code: {', '.join(_RECIPES)}")
    recipe = recipe or _RECIPES[data_type or "RAF-DB"]
    gpus = (gpu or "").split(",")
    given = {"--data": "DIR", **{name: str(value) for name, value in options.items() if value is not None}}
    if gpu:
        given["--device"] = f"cuda:{gpus[0]}"
    start = "posterv2"
    if evaluate is not None:
        labels = ["--labels", recipe] if recipe in LABEL_SETS else []
        kept = _flat(given, "--device", "--dataset")
        words = ["evaluate", "--data", given["--data"], "--weights", str(evaluate), *labels, *kept]
    elif resume is not None and resume.is_dir():
        words = ["train", "--resume", str(resume)]
    else:
        if len(gpus) > 1:
            start = f"CUDA_VISIBLE_DEVICES={shlex.quote(gpu or '')} torchrun --nproc-per-node {len(gpus)} -m posterv2"
            del given["--device"]
        changed = [*changes, *(f"{name}={value}" for name, value in settings.items() if value is not None)]
        config = load_config(recipe, changed)
        if resume is not None:
            given["--init"] = str(resume)
            if left := _left(config, resume):
                changed = [*(word for word in changed if word.partition("=")[0] not in left), *left.values()]
        words = ["train", recipe, *changed, "--data", given["--data"], "--out", given.get("--out", "RUN")]
        words += ["selection=published", *_flat(given, "--device", "--dataset", "--init", "--backbone", "--landmarks")]
    raise UsageError(f"that is how the published code was called; here it is: {start} {shlex.join(words)}")


def _flat(given: Mapping[str, str], *names: str) -> list[str]:
    return [word for name in names if name in given for word in (name, given[name])]


def _left(config: TrainConfig, file: Path) -> dict[str, str]:
    """The settings for the epochs that a published file has left; none where it does not say how many it had."""
    try:
        require("torch", "torch")
        from posterv2.checkpoints.published import read_published

        done = read_published(file).epoch or 0
    except PosterError:  # --init tells what is wrong with the file
        return {}
    if not 0 < done < config.epochs or config.schedule != "exponential":
        return {}
    return {
        "lr": f"lr={config.lr * config.lr_decay**done:.4g}",
        "epochs": f"epochs={config.epochs - done}",
    }
