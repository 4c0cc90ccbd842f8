"""`posterv2 predict`: photos and folders in, named expressions out."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posterv2.cli import console, options
from posterv2.errors import ImageError, OutputError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from posterv2.inference.results import Result

_BATCH_PICTURES = 8
_BATCH_PIXELS = 25_000_000  # decoded pictures held at once; a larger one is alone
_DRAWN_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")  # other pictures are drawn as .png


class Format(StrEnum):
    """How the result is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def predict(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="Pictures, or folders of pictures.")],
    format: Annotated[
        Format | None,
        typer.Option(help="How the result is written; by default as FILE's ending says, else a table."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the result to FILE, not to stdout.")
    ] = None,
    draw: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each picture with boxes, names and bars into DIR.")
    ] = None,
    blur: Annotated[
        bool, typer.Option("--blur", help="Make the found faces unknowable in what --draw writes.")
    ] = False,
    aligned: Annotated[bool, typer.Option("--aligned", help="Each picture is a face crop already.")] = False,
    weights: options.Weights = None,
    labels: options.Labels = None,
    device: options.Device = "auto",
    detector: options.Detector = "mtcnn",
) -> None:
    """Find the faces in pictures and name their expressions.

    \b
    Examples:
      posterv2 predict photo.jpg
      posterv2 predict photos/ -o faces.csv --draw drawn/ --blur
      posterv2 predict face.png --aligned --format json
      posterv2 predict photo.jpg --weights raf-db.pth --labels rafdb
    """
    if blur and draw is None:
        raise UsageError("--blur changes what --draw writes; give --draw DIR too")
    if output is not None:
        console.check_output("-o", output)
    from posterv2.files import write_whole
    from posterv2.inference.predictor import load

    failed: list[Path] = []
    paths = _listed(photos, failed, draw)
    if output is not None and os.path.realpath(output) in map(os.path.realpath, paths):
        raise UsageError(f"-o {output} would overwrite one of the pictures; name another file")
    drawn = {} if draw is None else _drawn_paths(paths, draw)
    predictor = load(weights, labels, device, detector)
    results: list[Result] = []
    with console.progress("Pictures", len(paths)) as advance:
        for batch in _decoded(paths, failed, advance):
            found = predictor([pixels for _, pixels in batch], aligned)
            for (path, pixels), result in zip(batch, found, strict=True):
                results.append(replace(result, source=str(path), pixels=None))
                if path in drawn:
                    _draw(path, pixels, result, drawn[path], blur, failed)
                advance(path.name)
    text = _as_text(results, predictor.labels.names, format or _format_of(output), plain=output is not None)
    if output is None:
        console.result(text)
    else:
        write_whole(output, text)
    _sum_up(results, output, draw)
    if failed:
        raise typer.Exit(1)


def _listed(photos: Sequence[Path], failed: list[Path], draw: Path | None) -> list[Path]:
    """Files as they are, folders as the pictures in them; a folder without any is reported and joins `failed`."""
    from posterv2.inference.sources import pictures_in

    paths: list[Path] = []
    for photo in photos:
        try:
            # The drawings of an earlier call are no photos; os.path, because a name that is too long is no folder.
            paths += pictures_in(photo, skipped=draw) if os.path.isdir(photo) else [photo]
        except ImageError as error:
            console.error(str(error))
            failed.append(photo)
    return paths


def _decoded(
    paths: Sequence[Path], failed: list[Path], advance: Callable[[str], None]
) -> Iterator[list[tuple[Path, np.ndarray]]]:
    """Batches of pictures with their pixels; one that cannot be read is reported and joins `failed`."""
    from posterv2.preprocessing import read_image

    batch: list[tuple[Path, np.ndarray]] = []
    held = 0
    for path in paths:
        try:
            pixels = read_image(path)
        except ImageError as error:
            console.error(str(error))
            failed.append(path)
            advance(path.name)
        else:
            batch.append((path, pixels))
            held += pixels.shape[0] * pixels.shape[1]
        if len(batch) == _BATCH_PICTURES or held > _BATCH_PIXELS:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _drawn_paths(paths: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """Where each picture is drawn: under its own name in `folder`, with a number where another one has that name.

    Raises:
        UsageError: that would overwrite one of the pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = set(map(os.path.realpath, paths))
    drawn: dict[Path, Path] = {}
    taken: set[str] = set()
    for path in dict.fromkeys(paths):
        suffix = path.suffix if path.suffix.lower() in _DRAWN_SUFFIXES else ".png"
        name, number = f"{path.stem}{suffix}", 1
        while name.lower() in taken:
            number += 1
            name = f"{path.stem}-{number}{suffix}"
        taken.add(name.lower())
        drawn[path] = folder / name
        if os.path.realpath(drawn[path]) in sources:
            raise UsageError(f"--draw {folder} would overwrite {drawn[path]}; name another folder")
    return drawn


def _draw(source: Path, pixels: np.ndarray, result: Result, path: Path, blur: bool, failed: list[Path]) -> None:
    """Draw a picture; one that cannot be written is reported and joins `failed`."""
    from PIL import Image

    from posterv2.files import write_whole
    from posterv2.inference.blurring import blurred
    from posterv2.inference.drawing import draw

    picture = draw(blurred(pixels, [face.box for face in result.faces]) if blur else pixels, result.faces)
    data = io.BytesIO()
    try:
        picture.save(data, Image.registered_extensions()[path.suffix.lower()], quality=92)
        write_whole(path, data.getvalue())
    except (OSError, ValueError) as error:  # each format has its own limits
        console.error(f"{source}: cannot be drawn as {path.suffix}: {error}")
        failed.append(source)
    except OutputError as error:
        console.error(str(error))
        failed.append(source)
    else:
        console.detail(f"drew {path}")


def _format_of(output: Path | None) -> Format:
    endings = {".json": Format.JSON, ".csv": Format.CSV}
    return Format.TABLE if output is None else endings.get(output.suffix.lower(), Format.TABLE)


def _as_text(results: Sequence[Result], names: Sequence[str], format: Format, plain: bool) -> str:
    from posterv2.inference.sinks import to_csv, to_json

    if format is Format.JSON:
        return to_json(results)
    if format is Format.CSV:
        return to_csv(results, names)
    rows: list[tuple[str, ...]] = []
    for result in results:
        for number, face in enumerate(result.faces, start=1):
            box = ", ".join(map(str, face.box))
            rows.append((result.source, str(number), box, face.expression, f"{face.probability:.1%}"))
        if not result.faces:
            rows.append((result.source, "", "", "no face", ""))
    return console.table(
        ("source", "face", "box (x, y, width, height)", "expression", "probability"),
        rows,
        right=("face", "probability"),
        plain=plain,
    )


def _sum_up(results: Sequence[Result], output: Path | None, draw: Path | None) -> None:
    faces = sum(len(result.faces) for result in results)
    for what, place in (("written to", output), ("drawn in", draw)):
        if place:
            console.note(f"{what} {place}: {faces} face(s) of {len(results)} picture(s)")
    empty = sum(not result.faces for result in results)
    if empty:
        console.note(f"no face in {empty}: faces in profile and very small ones are missed; face crops need --aligned")
