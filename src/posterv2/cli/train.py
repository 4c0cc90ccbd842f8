"""`posterv2 train`: a recipe and a data set in, a run folder with weights and curves out."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posterv2.cli import console
from posterv2.errors import require

if TYPE_CHECKING:
    from posterv2.training.history import Epoch
    from posterv2.training.loop import Meter


def _show_settings(asked: bool) -> None:
    if not asked:
        return
    from posterv2.training.config import recipes, settings

    console.result(console.table(("setting", "default", "what it does"), settings()))
    console.result(f"recipes: {', '.join(recipes())}\n")
    raise typer.Exit


def train(
    recipe: Annotated[str, typer.Argument(help="What to train, and how: rafdb, ferplus, ferplus-nano.")],
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="[SETTING=VALUE]...", help="Settings that differ from the recipe.")
    ] = None,
    *,
    data: Annotated[Path, typer.Option(metavar="DIR", help="The data set: a folder or a zip.")],
    out: Annotated[Path, typer.Option(metavar="RUN", help="The run's folder, new or empty.")],
    dataset: Annotated[
        str | None, typer.Option(metavar="LAYOUT", help="ferplus or folders; by default found by itself.")
    ] = None,
    init: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights to begin the whole network with, of the same labels.")
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
    device: Annotated[str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda or mps.")] = "auto",
    _settings: Annotated[
        bool,
        typer.Option("--settings", callback=_show_settings, is_eager=True, help="Show all settings and leave."),
    ] = False,
) -> None:
    """Train a network by a recipe.

    \b
    Examples:
      posterv2 train ferplus-nano --data ferplus.zip --out runs/nano
      posterv2 train ferplus --data ferplus.zip --out runs/quick epochs=2 lr=1e-3 model=posterv2-nano batch_size=64
      posterv2 train rafdb --data RAF-DB --out runs/rafdb --dataset folders --backbone ir50.pth
    """
    require("torch", "torch")
    from posterv2.training.config import load_config
    from posterv2.training.run import Progress, Start, train

    config = load_config(recipe, changes or ())
    with ExitStack() as stack:
        show = _Show(stack, config.epochs)
        progress = Progress(console.warning, show.start, show.step, show.epoch)
        epochs = train(config, data, out, dataset, device, Start(init, backbone, landmarks), progress)
    best = max(epochs, key=lambda epoch: epoch.valid_accuracy)
    rows = [
        ("best", str(best.epoch), f"{best.valid_accuracy:.2%}", f"{best.valid_mean_class_accuracy:.2%}"),
        ("last", str(len(epochs)), f"{epochs[-1].valid_accuracy:.2%}", f"{epochs[-1].valid_mean_class_accuracy:.2%}"),
    ]
    table = [(str(out / f"{name}.safetensors"), *rest) for name, *rest in rows]
    console.result(console.table(("weights", "epoch", "accuracy", "mean class accuracy"), table, right=("epoch",)))


class _Show:
    """The progress line while steps run, and one line after each epoch."""

    def __init__(self, stack: ExitStack, epochs: int) -> None:
        self.stack, self.epochs = stack, epochs
        self.begun = 0.0

    def start(self, steps: int) -> None:
        """Begin the bar over all steps of the run."""
        self.advance = self.stack.enter_context(console.progress("Training", steps))

    def step(self, epoch: int, meter: Meter) -> None:
        """Say where the epoch stands."""
        if meter.steps == 1:
            self.begun = time.monotonic()
            rate = ""
        else:
            rate = f"{meter.faces * (meter.steps - 1) / meter.steps / (time.monotonic() - self.begun):.0f} faces/s"
        self.advance(f"epoch {epoch}/{self.epochs}  loss {meter.loss:.4f}  accuracy {meter.accuracy:.1%}  {rate}")

    def epoch(self, epoch: Epoch) -> None:
        """Say what the epoch came to."""
        console.note(
            f"epoch {epoch.epoch}/{self.epochs}: loss {epoch.train_loss:.4f}, accuracy {epoch.train_accuracy:.2%}; "
            f"validation loss {epoch.valid_loss:.4f}, accuracy {epoch.valid_accuracy:.2%}; {epoch.seconds:.0f} s"
        )
