"""What both kinds of timeline show, picture and page: which tracks, their areas, names and events; the time axis."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from posterv2.errors import UsageError
from posterv2.inference.curves import Curve, Curves
from posterv2.labels import Expression

MOST_TRACKS = 40
"""What there is room for, in all sources together: of each those tracks are shown that were seen longest."""

_NAMED = 0.08  # of the time axis: how long an expression has to last for its name to be written into its area
_TICKS = 9  # at most
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds


@dataclass(frozen=True)
class Event:
    """An expression from its onset to its offset, in seconds."""

    source: str
    track: int | None
    expression: str
    onset: float
    offset: float


def read_events(events: Iterable[Mapping[str, object]], sources: Sequence[Curves]) -> list[Event]:
    """Rows as events.

    Raises:
        UsageError: a value is missing or is none, or a row does not say which of several sources it is of.
    """
    only = sources[0].source if len(sources) == 1 else None
    read = []
    for number, row in enumerate(events, start=1):
        source, track = row.get("source", only), row.get("track")
        try:
            read.append(
                Event(
                    str(source),
                    None if track in (None, "") else int(str(track)),
                    str(row["expression"]),
                    float(str(row["onset"])),
                    float(str(row["offset"])),
                )
            )
        except (KeyError, ValueError) as error:
            raise UsageError(
                f"event {number} needs a track, an expression, and onset and offset in seconds, got {dict(row)}"
            ) from error
        if source is None:
            raise UsageError(
                f"event {number} needs a source, because there are {len(sources)} of them; got {dict(row)}"
            )
    return read


def events_of(events: Sequence[Event], curves: Curves, curve: Curve) -> list[Event]:
    """The events of one track, inside the time that is shown."""
    begin, end = curves.span
    return [
        event
        for event in events
        if event.track == curve.track and event.source == curves.source and event.offset >= begin and event.onset <= end
    ]


def stacked(names: Sequence[str]) -> list[int]:
    """The classes from below to above: `neutral` on top, so that expressions rise from the ground."""
    return sorted(range(len(names)), key=lambda index: names[index] == Expression.NEUTRAL)


def shown(sources: Sequence[Curves]) -> list[tuple[Curves, list[Curve], list[str]]]:
    """Of each source the tracks that there is room for, in the order of their numbers, and what a reader has to know.

    Raises:
        UsageError: there are more than `MOST_TRACKS` sources.
    """
    if len(sources) > MOST_TRACKS:
        raise UsageError(f"a timeline has room for {MOST_TRACKS} sources, got {len(sources)}; draw one for each")
    most = MOST_TRACKS // max(1, len(sources))
    shown = []
    for curves in sources:
        longest = sorted(curves.curves, key=lambda curve: -curve.frames)[:most]
        kept = [curve for curve in curves.curves if curve in longest]
        shown.append((curves, kept, _notes(curves, len(curves.curves) - len(kept))))
    return shown


def _notes(curves: Curves, hidden: int) -> list[str]:
    notes = [] if curves.curves else [f"no face in {curves.frames:,} frames"]
    if curves.merged > 1:
        notes.append(
            f"{curves.frames:,} frames shown as {len(curves.times)} points, each the mean of {curves.merged} frames "
            f"({curves.step:.2g} s)"
        )
    if hidden:
        notes.append(f"{hidden} tracks that were seen for a shorter time are not shown")
    return notes


def outline(curves: Curves, curve: Curve, run: slice) -> tuple[np.ndarray, np.ndarray]:
    """A run without gaps as times (P + 2,) and shares (P + 2, C): each frame stands for half a step on both sides."""
    times, half = curves.times[curve.points[run]], curves.step / 2
    times = np.concatenate([times[:1] - half, times, times[-1:] + half])
    return times, np.concatenate([curve.shares[run][:1], curve.shares[run], curve.shares[run][-1:]])


def named_places(curves: Curves, curve: Curve, order: Sequence[int]) -> list[tuple[float, float, int, float]]:
    """Where a name fits into its area: the time, the height from 0 to 1, the class's index, and how long it lasts."""
    begin, end = curves.span
    places = []
    for run in curve.runs:
        best = curve.shares[run].argmax(axis=1)
        edges = [0, *(np.flatnonzero(np.diff(best)) + 1).tolist(), len(best)]
        for start, stop in pairwise(edges):
            times = curves.times[curve.points[run][start:stop]]
            shares = curve.shares[run][start:stop].mean(axis=0)
            index = int(best[start])
            if times[-1] - times[0] >= _NAMED * (end - begin) and shares[index] >= 0.3:
                below = sum(float(shares[other]) for other in order[: order.index(index)])
                middle, length = float(times[0] + times[-1]) / 2, float(times[-1] - times[0])
                places.append((middle, below + float(shares[index]) / 2, index, length))
    return places


def ticks(curves: Curves) -> list[float]:
    """Round times along the axis, in seconds."""
    begin, end = curves.span
    rough = (end - begin) / _TICKS
    step = next((step for step in _STEPS if step >= rough), 0) or 3600 * math.ceil(rough / 3600)
    return [number * step for number in range(math.ceil(begin / step), math.floor(end / step) + 1)]


def clock(seconds: float) -> str:
    """`7.5 s`, `1:05` or `1:02:03`."""
    if abs(seconds) < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
