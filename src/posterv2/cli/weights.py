"""`posterv2 weights`: which weights there are, what is in their files, and ours from published ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Annotated

import typer

from posterv2.checkpoints.catalog import FOLDER, Addable
from posterv2.cli import console

_EPILOG = """\b
Examples:
  posterv2 weights list
  posterv2 weights inspect posterv2-nano
  posterv2 weights convert raf-db.pth raf-db.safetensors --labels rafdb
"""

app = typer.Typer(
    help="Show which weights there are, look into their files, and make ours from published ones.",
    epilog=_EPILOG,
    no_args_is_help=True,
)
Row = tuple[str, str]


@app.command(name="list")
def list_(
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar=FOLDER,
            exists=True,
            file_okay=False,
            help="Say which of the published files lie in DIR.",
        ),
    ] = None,
) -> None:
    """Show the models inside posterv2, and the published files that you can add, with the page where each is.

    Nothing is fetched. A published file is found by its name where it lies in the folder that the environment variable
    POSTERV2_WEIGHTS names, under its authors' name for it or as `convert` made it: NAME.safetensors.

    \b
    Examples:
      posterv2 weights list
      posterv2 weights list --folder /models
      POSTERV2_WEIGHTS=/models posterv2 predict photo.jpg --weights rafdb --labels rafdb
    """
    from posterv2.checkpoints.catalog import ADDABLE, EMBEDDED

    inside = ("embedded", "classes", "MB", "parameters", "accuracy", "mean class accuracy", "licence")
    columns = ("you can add", "trained on", "classes", "published accuracy", "file")
    rows = [_addable(name, entry) for name, entry in ADDABLE.items()]
    if folder is not None:
        columns = (*columns, f"in {folder}")
        rows = [(*row, _lies(row[0], folder)) for row in rows]
    console.result(
        console.table(inside, [_embedded(name) for name in EMBEDDED], right=inside[2:6])
        + "\n"
        + console.table(columns, rows, right=("published accuracy",))
        + "\n"
        + "".join(f"Licence of {line}\n" for line in _shared({name: each.licence for name, each in ADDABLE.items()}))
        + "".join(f"Page of {line}\n" for line in _shared({name: each.page for name, each in ADDABLE.items()}))
    )


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


def _embedded(name: str) -> Sequence[str]:
    from posterv2.checkpoints.catalog import embedded
    from posterv2.checkpoints.header import open_numbers, read_header

    path = embedded(name, ".safetensors")
    header = read_header(path)
    with open_numbers(path) as file:
        sizes = {part: file.get_slice(part).get_shape() for part in file.keys()}  # noqa: SIM118
    shares = [f"{header.metrics[metric]:.2%}" for metric in ("accuracy", "mean_class_accuracy")]
    megabytes, parameters = f"{path.stat().st_size / 1e6:.1f}", f"{_parameters(sizes.items()):,}"
    return name, str(header.labels), megabytes, parameters, *shares, header.licence


def _addable(name: str, entry: Addable) -> Sequence[str]:
    from posterv2.labels import LABEL_SETS

    classes = "none: a backbone" if entry.labels is None else str(LABEL_SETS[entry.labels])
    published = "-" if entry.accuracy is None else f"{entry.accuracy:.2%}"
    return name, entry.trained_on, classes, published, entry.file


def _shared(values: dict[str, str]) -> list[str]:
    """A line for each value, with the names that share it."""
    names = {value: [name for name, each in values.items() if each == value] for value in values.values()}
    return [f"{', '.join(each)}: {value}" for value, each in names.items()]


def _lies(name: str, folder: Path) -> str:
    from posterv2.checkpoints.catalog import added

    found = added(name, folder)
    return "no" if found is None else f"{found.name}, {found.stat().st_size / 1e6:.1f} MB"


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
