"""`posterv2 benchmark`: which engine is the fastest here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, get_args

import typer

from posterv2.cli import console, options
from posterv2.errors import MissingExtraError

if TYPE_CHECKING:
    from posterv2.inference.engines.measure import Speed

_FACES = 32


def benchmark(
    batch: Annotated[
        list[int] | None, typer.Option(metavar="N", min=1, max=4096, help="Faces at once; may be repeated.")
    ] = None,
    weights: options.Weights = None,
    labels: options.Labels = None,
    device: options.Device = "cpu",
) -> None:
    """Time every engine that is installed, and show which one `--engine auto` takes.

    All take turns, and the medians count. Faces go in as pixels and come out as logits. `same answers` is the share of
    32 views of a face that get the answer of the first engine.

    \b
    Examples:
      posterv2 benchmark
      posterv2 benchmark --batch 1 --batch 64 --weights raf-db.pth --labels rafdb
    """
    from posterv2.checkpoints import catalog
    from posterv2.export.faces import real_faces
    from posterv2.inference.engines.choice import automatic
    from posterv2.inference.engines.graphs import graph_kind
    from posterv2.inference.engines.measure import opened, speeds
    from posterv2.inference.engines.precision import Precision
    from posterv2.labels import label_set

    batches = sorted(set(batch or (1, 8)))
    classifiers, failed = {}, []
    for engine, precision, found in opened(weights, None if labels is None else label_set(labels), device):
        if isinstance(found, Exception):
            failed.append((engine, precision, found))
        else:
            classifiers[engine, precision] = found
    if not classifiers:
        raise failed[0][2]
    pixels = real_faces(next(iter(classifiers.values())).header.preprocessing, _FACES)
    with console.progress("Batch sizes", len(batches)) as advance:
        measured = list(speeds(classifiers, pixels, batches, advance))
    console.result(_table(measured, batches))
    for engine, precision, error in failed:
        if isinstance(error, MissingExtraError):
            console.note(f"{engine}: {error}")
        else:
            console.detail(f"{engine}, {precision}: {error}")
    kind = graph_kind(catalog.located(weights or catalog.DEFAULT, ".onnx"))
    taken, in_bf16 = (automatic(kind, precision, device) for precision in get_args(Precision))
    console.note(f"--engine auto takes {taken}, with --precision bf16 {in_bf16}")


def _table(measured: list[Speed], batches: list[int]) -> str:
    rows: dict[tuple[str, str], list[str]] = {}
    slowest = {batch: max(each.seconds for each in measured if each.batch == batch) for batch in batches}
    for speed in sorted(measured, key=lambda speed: speed.batch):
        row = rows.setdefault((speed.engine, speed.precision), [f"{speed.same_answers:.1%}"])
        row.append(f"{speed.faces_per_second:,.0f} ({slowest[speed.batch] / speed.seconds:.1f}x)")
    heads = [f"faces/s, {batch} at once" for batch in batches]
    columns = ("engine", "precision", "same answers", *heads)
    return console.table(columns, [(*name, *row) for name, row in rows.items()], right=columns[2:])
