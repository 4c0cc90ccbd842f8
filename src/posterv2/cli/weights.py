"""`posterv2 weights`: look into weight files, and make ours from published ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path
from typing import Annotated

import typer

from posterv2.cli import console

_EPILOG = """\b
Examples:
  posterv2 weights inspect posterv2-nano
  posterv2 weights convert raf-db.pth raf-db.safetensors --labels rafdb
"""

app = typer.Typer(
    help="Look into weight files, and make ours from published ones.", epilog=_EPILOG, no_args_is_help=True
)
Row = tuple[str, str]


@app.command()
def inspect(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A weight file, or an embedded model's name.")],
) -> None:
    """Show what a weight file holds: network, labels in their order, preprocessing, metrics, licence, origin.

    A published file is read without running anything in it; the parts of it that no network needs are listed.

    \b
    Examples:
      posterv2 weights inspect posterv2-nano
      posterv2 weights inspect raf-db.pth
    """
    from posterv2.checkpoints import catalog
    from posterv2.checkpoints.kind import kind_of

    path = catalog.located(file, ".safetensors")
    readers = {"safetensors": _ours, "onnx": _onnx, "openvino": _openvino}
    rows = readers.get(kind_of(path), _published)(path)
    size = f"{path}, {path.stat().st_size / 1e6:.1f} MB"
    console.result(console.table(("what", "found"), [("file", size), *rows]))


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A published weight file.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The .safetensors file to write.")],
    labels: Annotated[
        str | None,
        typer.Option(metavar="SET", help="The classes of IN: rafdb, affectnet7, ... or a,list,of,names."),
    ] = None,
) -> None:
    """Make our weight file from a published one, and check that both give the same logits.

    A published file does not say which class is which, so its labels must be named.

    \b
    Examples:
      posterv2 weights convert raf-db.pth raf-db.safetensors --labels rafdb
    """
    from posterv2.errors import require

    require("torch", "torch")
    from posterv2.checkpoints.conversion import convert as write

    header = write(source, target, labels)
    console.note(f"wrote {target} with the labels {header.labels}; it gives the same logits as {source}")


def _ours(path: Path) -> Iterator[Row]:
    from posterv2.checkpoints.description import described
    from posterv2.checkpoints.header import WeightsHeader, open_numbers

    yield "kind", "posterv2 weights (safetensors)"
    with open_numbers(path) as file:
        yield from described(WeightsHeader.from_metadata(file.metadata(), str(path)))
        parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        sizes = {name: part.get_shape() for name, part in parts.items()}
        types = sorted({part.get_dtype() for part in parts.values() if part.get_dtype().startswith("F")})
    yield "parameters", f"{_parameters(sizes.items()):,}, stored as {', '.join(types)}"


def _onnx(path: Path) -> Iterator[Row]:
    from posterv2.checkpoints.description import described
    from posterv2.inference.engines.onnxruntime import OnnxClassifier

    yield "kind", "ONNX graph"
    yield from described(OnnxClassifier(path).header)


def _openvino(path: Path) -> Iterator[Row]:
    from posterv2.checkpoints.description import described
    from posterv2.inference.engines.openvino import OpenvinoClassifier

    yield "kind", "OpenVINO graph"
    yield from described(OpenvinoClassifier(path).header)


def _published(path: Path) -> Iterator[Row]:
    from posterv2.errors import require

    require("torch", "torch")
    from posterv2.checkpoints.names import PUBLISHED_DROPPED
    from posterv2.checkpoints.published import read_published

    file = read_published(path)
    best = "not stated" if file.best_accuracy is None else f"{file.best_accuracy:.2%}, by the file's own words"
    kept = _parameters((name, tensor.shape) for name, tensor in file.tensors.items() if name not in PUBLISHED_DROPPED)
    dropped = _parameters((name, file.tensors[name].shape) for name in file.dropped)
    yield "kind", "published POSTER V2 checkpoint"
    yield "weights", file.form
    yield "epoch", "not stated" if file.epoch is None else str(file.epoch)
    yield "best accuracy", best
    yield "classes", str(file.classes)
    fitting = [*file.fitting_labels, f"or {file.classes} names in index order"]
    yield "labels", f"none in it; name them with --labels: {', '.join(fitting)}"
    yield "parameters", f"{kept:,}"
    yield "not needed", f"{dropped:,} parameters, in {len(file.dropped)} entries:"
    for name in file.dropped:
        yield "", name


def _parameters(sizes: Iterable[tuple[str, Iterable[int]]]) -> int:
    from posterv2.checkpoints.names import is_parameter

    return sum(prod(shape) for name, shape in sizes if is_parameter(name))
