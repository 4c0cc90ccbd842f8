"""When each face began and ceased to show an expression."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from posterv2.errors import UsageError
from posterv2.inference.results import UNCERTAIN, Result
from posterv2.inference.rows import csv_line

SHORTEST = 0.5
"""Seconds that an event lasts at least; expressions that are meant to be seen do (Ekman 2003)."""

BRIDGE = 0.5
"""Seconds that an expression may be away in the midst of its event."""

COLUMNS = (
    "source", "track", "expression", "onset", "offset", "duration", "peak", "peak_time", "mean_probability",
)  # fmt: skip

_NEAR = 1e-6  # seconds; times are sums and written with six decimals

Sighting = tuple[int, str, float]
"""A track, its expression, and how probable that is."""


@dataclass(frozen=True)
class Event:
    """One face showing one expression for a while.

    Attributes:
        source: the video.
        track: the face's number in it.
        expression: a class of the label contract.
        onset: seconds from the video's begin to the first frame that shows it.
        offset: seconds to the last one.
        peak: its highest probability, 0..1.
        peak_time: seconds to the frame of the peak, the first of several.
        mean_probability: over the frames that show it, 0..1.
    """

    source: str
    track: int
    expression: str
    onset: float
    offset: float
    peak: float
    peak_time: float
    mean_probability: float

    @property
    def duration(self) -> float:
        """Seconds from onset to offset."""
        return self.offset - self.onset


@dataclass
class _Run:
    """An event that has not ended, and what the track showed since it was last seen."""

    expression: str
    onset: float
    offset: float
    peak: float
    peak_time: float
    total: float
    frames: int = 1
    waiting: list[tuple[float, str, float]] = field(default_factory=list)

    @classmethod
    def begun(cls, time: float, expression: str, probability: float) -> "_Run":
        return cls(expression, time, time, probability, time, probability)

    def show(self, time: float, expression: str, probability: float) -> None:
        if expression != self.expression:
            self.waiting.append((time, expression, probability))
            return
        self.waiting.clear()
        self.offset = time
        self.total += probability
        self.frames += 1
        if probability > self.peak:
            self.peak, self.peak_time = probability, time

    def next(self) -> "_Run | None":
        """The run that begins with what came after this one."""
        if not self.waiting:
            return None
        run = _Run.begun(*self.waiting[0])
        for shown in self.waiting[1:]:
            run.show(*shown)
        return run


class Events:
    """Finds events in frames that come one after the other; memory holds the faces of the last seconds alone.

    A track is in one event at a time. Its event goes on while no more than `bridge` seconds lie between two frames
    that show the expression, whatever lies between them: another expression, `uncertain`, or no face. Frames that are
    further apart than `bridge` break nothing as long as each of them shows the expression. Another expression's event
    begins with its first frame after the last one of the event before it.
    """

    def __init__(self, shortest: float = SHORTEST, bridge: float = BRIDGE) -> None:
        """
        Args:
            shortest: seconds from onset to offset; what is shorter is no event.
            bridge: seconds.

        Raises:
            UsageError: one of them is below 0 or no number.
        """
        for name, value in (("shortest event", shortest), ("gap to bridge", bridge)):
            if not 0 <= value < math.inf:
                raise UsageError(f"the {name} is 0 or more, in seconds, such as 0.5; got {value}")
        self.shortest = float(shortest)
        self.bridge = float(bridge)
        self._source: str | None = None
        self._before: float | None = None
        self._runs: dict[int, _Run] = {}

    def add(self, result: Result) -> list[Event]:
        """The events that ended before this frame. A picture, which has no time, has no events."""
        tracked = [(face.track, face.expression, face.probability) for face in result.faces if face.track is not None]
        return self.add_frame(result.source, result.time, tracked)

    def add_frame(self, source: str, time: float | None, sightings: Iterable[Sighting]) -> list[Event]:
        """The same for a frame of which only this is known.

        Args:
            source: the video; with another one than the last frame's, all events of that one end.
            time: in seconds; rising within a video. None for a picture.
            sightings: of the faces in it, each track once.
        """
        ended = [] if source == self._source else self.finish()
        self._source = source
        if time is None:
            return ended
        for track in list(self._runs):
            run: _Run | None = self._runs[track]
            while run is not None and run.offset != self._before and time - run.offset > self.bridge + _NEAR:
                ended += self._event(track, run)
                run = run.next()
            if run is None:
                del self._runs[track]
            else:
                self._runs[track] = run
        for track, expression, probability in sightings:
            if expression == UNCERTAIN:
                continue
            if track in self._runs:
                self._runs[track].show(time, expression, probability)
            else:
                self._runs[track] = _Run.begun(time, expression, probability)
        self._before = time
        return ended

    def finish(self) -> list[Event]:
        """The events that were still going on; nothing more comes of their video."""
        ended = []
        for track, begun in self._runs.items():
            run: _Run | None = begun
            while run is not None:
                ended += self._event(track, run)
                run = run.next()
        self._runs.clear()
        self._source = self._before = None
        return ended

    def to_state(self) -> dict[str, Any]:
        """Plain JSON values for `from_state`."""
        return {
            "shortest": self.shortest,
            "bridge": self.bridge,
            "source": self._source,
            "before": self._before,
            "runs": [[track, asdict(run)] for track, run in self._runs.items()],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Events":
        """One that goes on exactly where `to_state` was called."""
        events = cls(state["shortest"], state["bridge"])
        events._source, events._before = state["source"], state["before"]
        events._runs = {track: _Run(**run) for track, run in state["runs"]}
        for run in events._runs.values():
            run.waiting = [(time, expression, probability) for time, expression, probability in run.waiting]
        return events

    def _event(self, track: int, run: _Run) -> list[Event]:
        if run.offset - run.onset < self.shortest - _NEAR:
            return []
        mean = run.total / run.frames
        source = self._source or ""
        return [Event(source, track, run.expression, run.onset, run.offset, run.peak, run.peak_time, mean)]


def events_in(rows: Iterable[Mapping[str, Any]], shortest: float = SHORTEST, bridge: float = BRIDGE) -> Iterator[Event]:
    """The events of rows that were kept, as they end.

    Args:
        rows: in their order, with at least the columns `source, frame, time, track, expression, probability`; of a CSV
            file by `csv.DictReader`, or with numbers and None.
        shortest, bridge: as of `Events`.

    Raises:
        UsageError: as from `Events`; or rows without one of these columns.
    """
    events = Events(shortest, bridge)
    try:
        for (source, _), frame in groupby(rows, key=lambda row: (row["source"], row["frame"])):
            faces = list(frame)
            time = faces[0]["time"]
            sightings = [
                (int(row["track"]), row["expression"], float(row["probability"]))
                for row in faces
                if row["track"] not in (None, "")
            ]
            yield from events.add_frame(source, None if time in (None, "") else float(time), sightings)
    except KeyError as error:
        raise UsageError(
            f"the rows have no column {error}; events need those that posterv2 predict writes for a video"
        ) from error
    yield from events.finish()


def to_csv(events: Iterable[Event]) -> str:
    """A header and one line an event, with `COLUMNS`; times in seconds."""
    lines = (csv_line(getattr(event, column) for column in COLUMNS) for event in events)
    return csv_line(COLUMNS) + "".join(lines)
