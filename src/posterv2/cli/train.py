"""`posterv2 train`: a recipe and a data set in, a run folder with weights and curves out."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posterv2.cli import console, options, published
from posterv2.errors import UsageError, require

if TYPE_CHECKING:
    from posterv2.training.history import Epoch
    from posterv2.training.loop import Meter
    from posterv2.training.plan import Plan


def _show_settings(asked: bool) -> None:
    if not asked:
        return
    from posterv2.training.config import recipes, settings

    console.result(console.table(("setting", "default", "what it does"), settings()))
    console.result(f"recipes: {', '.join(recipes())}\n")
    raise typer.Exit


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="What to train, and how: rafdb, affectnet7, ferplus, custom, ...")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="[SETTING=VALUE]...", help="Settings that differ from the recipe.")
    ] = None,
    *,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="The data set: a folder or a zip.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="RUN", help="The run's folder, new or empty.")] = None,
    dataset: options.Dataset = None,
    init: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights to begin the whole network with: a file or an embedded model."),
    ] = None,
    backbone: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights to begin the image stream with: ir50.pth.")
    ] = None,
    landmarks: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Weights to begin the landmark stream with: mobilefacenet_model_best.pth.tar."
        ),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Learn from this network too, as `distillation` says; may be given often."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="DEVICE", help="auto, cpu, cuda or mps; by default auto.")
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Copy each saved state there too, such as s3://bucket/run; a lost run comes back."
        ),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with this run; nothing else is needed.")
    ] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", metavar="RUN.JSON", help="Do the run of this card again, into --out.")
    ] = None,
    _settings: Annotated[
        bool,
        typer.Option("--settings", callback=_show_settings, is_eager=True, help="Show all settings and leave."),
    ] = False,
    data_type: published.DataType = None,
    lr: published.LearningRate = None,
    batch_size: published.BatchSize = None,
    epochs: published.Epochs = None,
    gpu: published.Gpu = None,
    evaluate: published.Evaluate = None,
) -> None:
    """Train a network by a recipe.

    \b
    Examples:
      posterv2 train ferplus-nano --data ferplus.zip --out runs/nano
      posterv2 train ferplus --data ferplus.zip --out runs/quick epochs=2 lr=1e-3 model=posterv2-nano batch_size=64
      posterv2 train rafdb --data RAF-DB --out runs/rafdb --backbone ir50.pth --landmarks mobilefacenet.pth.tar
      posterv2 train custom --data faces --out runs/mine --init posterv2-nano
      posterv2 train ferplus-nano --data ferplus.zip --out runs/taught --teacher runs/a/best.safetensors
      posterv2 train rafdb --resume runs/rafdb
      posterv2 train --from runs/nano/run.json --out runs/again
      torchrun --nproc-per-node 4 -m posterv2 train rafdb --data RAF-DB --out runs/four
    """
    chosen = {"--data": data, "--out": out, "--dataset": dataset, "--init": init}
    chosen |= {"--backbone": backbone, "--landmarks": landmarks, "--device": device}
    published.answer(recipe, changes or (), chosen, resume, data_type, lr, batch_size, epochs, gpu, evaluate)
    require("torch", "torch")
    from posterv2.training.config import load_config
    from posterv2.training.plan import CARD, Plan, Start
    from posterv2.training.run import Progress
    from posterv2.training.run import resume as go_on
    from posterv2.training.run import train as run

    if out is not None and out.parts and out.parts[0].endswith(":"):  # Path has taken one of the slashes
        raise UsageError("--out is a folder of this machine; --mirror s3://... copies the run to an address")
    given = init or backbone or landmarks or teacher or dataset or device
    if resume is not None:
        plan = Plan.from_card(resume / CARD)
        if recipe not in (None, plan.config.recipe) or changes or data or out or from_ or given or mirror:
            raise UsageError(
                f"--resume goes on with the recipe, data and settings of {resume / CARD}; give nothing beside it"
            )
        out = resume
    elif out is None and (recipe or from_):
        raise UsageError("a run needs a folder: give --out RUN")
    elif out is None:
        raise UsageError("a run needs a recipe, data and a folder: posterv2 train RECIPE --data DIR --out RUN")
    elif from_ is not None:
        if recipe or changes or given:
            raise UsageError("--from takes recipe, settings, files and device from the card; give no others")
        plan = Plan.from_card(from_)
        plan = replace(plan, data=data or plan.data, mirror=mirror)
    elif recipe is None or data is None:
        raise UsageError("a run needs a recipe and data: posterv2 train RECIPE --data DIR --out RUN")
    else:
        plan = Plan(
            load_config(recipe, changes or ()),
            data,
            dataset,
            device or "auto",
            Start(init, backbone, landmarks),
            tuple(teacher or ()),
            mirror,
        )
    with ExitStack() as stack:
        show = _Show(stack, plan.config.epochs, plan.config.batch_size)
        progress = Progress(console.warning, show.start, show.step, show.epoch)
        done = go_on(out, progress) if resume else run(plan, out, progress)
    if os.environ.get("RANK", "0") == "0":
        _sum_up(out, plan, done)


def _sum_up(out: Path, plan: Plan, epochs: list[Epoch]) -> None:
    import json

    from posterv2.training.history import best_of
    from posterv2.training.plan import CARD

    best = best_of(epochs)
    rows = [
        (str(out / f"{name}.safetensors"), str(epoch.epoch), *map("{:.2%}".format, _figures(epoch)))
        for name, epoch in (("best", best), ("last", epochs[-1]))
    ]
    console.result(console.table(("weights", "epoch", "accuracy", "mean class accuracy"), rows, right=("epoch",)))
    result = json.loads((out / CARD).read_text())["result"]
    console.note(
        f"best.safetensors on {result['split']!r}: accuracy {result['accuracy']:.2%}, mean class accuracy "
        f"{result['mean_class_accuracy']:.2%}; {result['note']}"
    )


def _figures(epoch: Epoch) -> tuple[float, float]:
    return epoch.valid_accuracy, epoch.valid_mean_class_accuracy


class _Show:
    """The progress line while steps run, and one line after each epoch."""

    def __init__(self, stack: ExitStack, epochs: int, batch_size: int) -> None:
        self.stack, self.epochs, self.batch_size = stack, epochs, batch_size
        self.begun, self.first = 0.0, 0

    def start(self, steps: int, done: int) -> None:
        """Begin the bar over the steps of the run that are left."""
        self.advance = self.stack.enter_context(console.progress("", steps - done))

    def step(self, epoch: int, meter: Meter) -> None:
        """Say where the epoch stands; the rate leaves the first step out, which warms up."""
        now = time.monotonic()
        if not self.first:
            self.begun, self.first = now, meter.steps
        done = (meter.steps - self.first) * self.batch_size
        rate = f"{done / (now - self.begun):.0f} faces/s" if done else ""
        self.advance(f"epoch {epoch}/{self.epochs}  loss {meter.loss:.4f}  accuracy {meter.accuracy:.1%}  {rate}")

    def epoch(self, epoch: Epoch) -> None:
        """Say what the epoch came to."""
        self.first = 0
        console.note(
            f"epoch {epoch.epoch}/{self.epochs}: loss {epoch.train_loss:.4f}, accuracy {epoch.train_accuracy:.2%}; "
            f"validation loss {epoch.valid_loss:.4f}, accuracy {epoch.valid_accuracy:.2%}; {epoch.seconds:.0f} s"
        )
