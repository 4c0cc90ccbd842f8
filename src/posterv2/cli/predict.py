"""`posterv2 predict`: photos, folders and videos in, named expressions out."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from posterv2.cli import console, options
from posterv2.cli.outputs import Format, Wanted, opened
from posterv2.cli.results import Tally
from posterv2.errors import PosterError, StoppedError

if TYPE_CHECKING:
    from posterv2.inference.sources import Source


def predict(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Pictures, videos, folders, patterns, camera:0, addresses, or - for a list of them on stdin.",
        ),
    ],
    format: Annotated[
        Format | None,
        typer.Option(help="How the result is written; by default as FILE's ending says, else a table."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the result to FILE, not to stdout."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a stopped run that wrote FILE: .csv, .jsonl or .parquet.")
    ] = False,
    draw: Annotated[
        Path | None,
        typer.Option(metavar="PLACE", help="Draw boxes, names and bars: into a folder, or one source into a file."),
    ] = None,
    blur: Annotated[
        bool, typer.Option("--blur", help="Make the found faces unknowable in what --draw and --sheet write.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all faces on one page, a .png or .jpg.")
    ] = None,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write when each face of a video showed what, a .csv.")
    ] = None,
    timeline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw each face of a video over time, a .png or .html.")
    ] = None,
    aligned: Annotated[bool, typer.Option("--aligned", help="Each picture is a face crop already.")] = False,
    fps: Annotated[float | None, typer.Option(metavar="N", help="Look at N frames a second of videos.")] = None,
    start: Annotated[float | None, typer.Option(metavar="S", help="Begin S seconds into videos.")] = None,
    end: Annotated[float | None, typer.Option(metavar="S", help="End S seconds into videos.")] = None,
    smooth: options.Smooth = 0.3,
    uncertain_below: options.UncertainBelow = 0.0,
    coverage: Annotated[
        float | None,
        typer.Option(metavar="P", help="Name all classes that hold the right one with probability P: JSON and table."),
    ] = None,
    allow_urls: Annotated[bool, typer.Option("--allow-urls", help="Fetch sources that are addresses.")] = False,
    weights: options.Weights = None,
    labels: options.Labels = None,
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    precision: options.Precision = "fp32",
    detector: options.Detector = "mtcnn",
) -> None:
    """Find the faces in pictures and videos and name their expressions.

    \b
    Examples:
      posterv2 predict photo.jpg
      posterv2 predict photos/ -o faces.csv --draw drawn/ --blur
      posterv2 predict clip.mp4 -o rows.csv --draw out.mp4 --events events.csv --timeline timeline.html
      posterv2 predict clips/ -o rows.parquet --fps 5 --resume
      posterv2 predict face.png --aligned --format json
      posterv2 predict photo.jpg --weights raf-db.pth --labels rafdb
    """
    wanted = Wanted(output, format or Format.of(output), resume, draw, blur, sheet, events, timeline)
    wanted.check()
    from posterv2.checkpoints import catalog
    from posterv2.inference.predictor import load
    from posterv2.inference.sources import find_sources
    from posterv2.inference.steps import Viewing, expected, steps
    from posterv2.training.stop import stopped_at_once

    failures: list[PosterError] = []

    def failed(source: object, error: PosterError) -> None:
        console.error(str(error))
        failures.append(error)

    viewing = Viewing(aligned, fps, start, end, smooth)
    with ExitStack() as stack:
        stack.enter_context(stopped_at_once())  # drafts and downloads are removed, whoever stops it
        downloads = Path(stack.enter_context(TemporaryDirectory())) if allow_urls else None
        found = _once(find_sources(sources, failed, skipped=draw, downloads=downloads))
        wanted.check_sources(found, viewing)
        total = expected(found, viewing)
        predictor = load(weights, labels, device, detector, uncertain_below, coverage, engine, precision)
        settings = {
            "weights": catalog.digest(weights or catalog.DEFAULT),
            "detector": detector,
            "uncertain_below": uncertain_below,
        }
        settings |= {"precision": precision}
        try:
            with opened(wanted, found, viewing, predictor.labels.names, settings, failed) as outputs:
                run = stack.enter_context(closing(steps(predictor, found, viewing, failed, outputs.state)))
                with console.progress("Looked at", total) as advance:
                    outputs.go_on(advance)
                    if outputs.state is not None and outputs.state.get("failed"):
                        failed(output, PosterError(f"{output}: not all could be done before this run went on"))
                    for step in run:
                        outputs.add(step, failures)
                        advance(Path(step.frame.source).name)
        except KeyboardInterrupt:
            if not wanted.keeps_rows:
                raise
            raise StoppedError(f"stopped; to go on with {output}, give the same command with --resume") from None
    _sum_up(outputs.tally, wanted)
    if failures:  # a missing part is the one thing that all lack, or one failure among others
        codes = {error.exit_code for error in failures}
        raise typer.Exit(codes.pop() if len(codes) == 1 else 1)


def _once(sources: list[Source]) -> list[Source]:
    """The sources without videos that were there before: one name has one face #1."""
    for name, count in Counter(source.name for source in sources if source.kind != "picture").items():
        if count > 1:
            console.warning(f"{name} is named {count} times; it is looked at once")
    return list({number if each.kind == "picture" else each.name: each for number, each in enumerate(sources)}.values())


def _sum_up(tally: Tally, wanted: Wanted) -> None:
    if wanted.output is not None:
        console.note(f"written to {wanted.output}: {tally}")
    if wanted.draw is not None and (tally.pictures or tally.frames):
        console.note(f"drawn in {wanted.draw}: {tally}")
    for path in (wanted.sheet, wanted.events, wanted.timeline):
        if path is not None:
            console.note(f"written to {path}")
    if tally.empty:
        console.note(
            f"no face in {tally.empty} picture(s): faces in profile and very small ones are missed; "
            "face crops need --aligned"
        )
