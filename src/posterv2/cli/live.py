"""`posterv2 live`: a camera's faces with their expressions, as they come."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posterv2.cli import console, options
from posterv2.errors import UsageError

if TYPE_CHECKING:
    from posterv2.inference.frames import Frame
    from posterv2.inference.live import Tally
    from posterv2.inference.results import Result


def live(
    camera: Annotated[int, typer.Option(metavar="N", min=0, help="The camera's number.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw into FILE.mp4, FILE.jpg (the newest frame) or a folder; no window."),
    ] = None,
    rows: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep a row for each face in FILE, a .csv.")] = None,
    seconds: Annotated[float | None, typer.Option(metavar="S", help="End after S seconds.")] = None,
    smooth: options.Smooth = 0.3,
    uncertain_below: options.UncertainBelow = 0.0,
    weights: options.Weights = None,
    labels: options.Labels = None,
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    precision: options.Precision = "fp32",
    detector: options.Detector = "mtcnn",
) -> None:
    """Show a camera's faces with the names of their expressions, as they come.

    Each time the newest frame is worked on, and those that came in the meantime are dropped. Ctrl-C ends it, and so do
    q, Escape and the button of the window; what was written is whole.

    \b
    Examples:
      posterv2 live
      posterv2 live --camera 1 --rows faces.csv
      posterv2 live --out newest.jpg --seconds 60
    """
    if seconds is not None and not seconds > 0:
        raise UsageError(f"--seconds takes a number above 0, got {seconds:g}")
    if rows is not None:
        console.check_output("--rows", rows)
        if rows.suffix.lower() != ".csv":
            raise UsageError(f"--rows keeps a camera's rows in a .csv file, got {rows}")
    from posterv2.inference.camera import CameraReader
    from posterv2.inference.drawing import draw
    from posterv2.inference.live import Tally, run_live
    from posterv2.inference.liverows import LiveRows
    from posterv2.inference.pipeline import FramePredictor
    from posterv2.inference.predictor import load
    from posterv2.inference.views import open_view
    from posterv2.training.stop import stop_wished

    predictor = load(weights, labels, device, detector, uncertain_below, None, engine, precision)
    predict = FramePredictor(predictor, smooth)
    with ExitStack() as stack:
        view = stack.enter_context(closing(open_view(out)))
        frames = stack.enter_context(closing(CameraReader(camera, end=seconds)))
        kept = None if rows is None else stack.enter_context(closing(LiveRows(rows, predictor.labels.names)))
        stop = stack.enter_context(stop_wished())

        def show(frame: Frame, result: Result) -> None:
            if kept is not None:
                kept.write(result)
            view.show(draw(frame.image, result.faces), frame.index, frame.time or 0.0)

        tally = Tally()
        try:
            run_live(frames, predict, show, lambda: stop() or view.closed, tally)
        finally:
            _sum_up(tally, out, rows)


def _sum_up(tally: Tally, out: Path | None, rows: Path | None) -> None:
    frames = tally.shown + tally.dropped
    console.note(f"{tally.shown} of {frames} frame(s) shown, {tally.dropped} dropped for newer ones")
    if tally.shown:
        console.note(
            f"from camera to shown: {tally.latency * 1000:.0f} ms on average, {tally.longest * 1000:.0f} at most"
        )
    for what, place in (("drawn in", out), ("rows in", rows)):
        if place is not None and tally.shown:
            console.note(f"{what} {place}")
