"""Where results go as they come: each sink is a context, and what it writes is there when its block ends well."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np

from posterv2.errors import require
from posterv2.files import write_whole
from posterv2.inference.blurring import blurred
from posterv2.inference.contact_sheet import ContactSheet
from posterv2.inference.curves import Timeline
from posterv2.inference.events import Event, Events, to_csv
from posterv2.inference.results import Result
from posterv2.inference.timeline import draw_timeline
from posterv2.inference.timeline_page import timeline_html

Take = Callable[[Result], object]
"""Takes a result."""

Show = Callable[[np.ndarray, Result], object]
"""Takes a result with its picture or frame, (H, W, 3) uint8 RGB."""


@contextmanager
def json_document(write: Callable[[str], object]) -> Iterator[Take]:
    """A list with one object a picture or frame, as `Result.to_dict` gives it; each on a line of its own."""
    before = "[\n"

    def take(result: Result) -> None:
        nonlocal before
        write(before + json.dumps(result.to_dict(), ensure_ascii=False))
        before = ",\n"

    yield take
    write("[]\n" if before == "[\n" else "\n]\n")


@contextmanager
def event_table(path: Path) -> Iterator[Take]:
    """The events of videos as CSV."""
    events, found = Events(), list[Event]()
    yield lambda result: found.extend(events.add(result))
    write_whole(path, to_csv([*found, *events.finish()]))


@contextmanager
def timeline_picture(path: Path) -> Iterator[Take]:
    """The timeline of videos with its events: a page where `path` ends with .html, else a PNG.

    Raises:
        MissingExtraError: matplotlib is not installed, which a PNG needs.
    """
    page = path.suffix.lower() == ".html"
    if not page:
        require("matplotlib", "plot")  # now, and not when the videos are through
    timeline, events, found = Timeline(), Events(), list[Event]()
    reached: dict[str, float] = {}

    def take(result: Result) -> None:
        # A photo has no time, and a video that is named twice is shown once.
        if result.time is not None and result.time > reached.get(result.source, -1.0):
            reached[result.source] = result.time
            timeline.add(result)
            found.extend(events.add(result))

    yield take
    rows = [asdict(event) for event in [*found, *events.finish()]]
    if page:
        write_whole(path, timeline_html(timeline, rows))
    else:
        draw_timeline(path, timeline, rows)


@contextmanager
def contact_sheet(path: Path, blur: bool = False) -> Iterator[Show]:
    """The faces on one page, or some; of a track its surest look. With `blur` they are made unknowable."""
    sheet = ContactSheet(path)

    def show(image: np.ndarray, result: Result) -> None:
        sheet.add(blurred(image, [face.box for face in result.faces]) if blur else image, result)

    yield show
    sheet.save()
