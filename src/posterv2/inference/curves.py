"""From rows to what a timeline shows: for each track its probabilities over time, thinned to what a screen can show."""

import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from posterv2.errors import UsageError, shown
from posterv2.inference.results import UNCERTAIN, Result

POINTS = 800
"""The most points that a track is shown with: about one a pixel. Of more frames, means are shown."""

_GAP = 3  # times the usual step between two points: a longer one is a gap, whatever frames have no row

Row = Result | Mapping[str, object]
"""A result, or a row of the table that is kept: `source, frame, time, track, expression, probability, p_<name>...`."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One track of one source.

    Attributes:
        track: its number; None where faces were not tracked.
        points: (P,) which of the source's points it has; the others are gaps.
        shares: (P, C) float32, the mean probabilities of its frames at each of them.
        uncertain: (P,) bool, where most of those frames' answers were `uncertain`.
        runs: the points without gaps, as slices of the above.
        frames: how many frames it was seen in.
    """

    track: int | None
    points: np.ndarray
    shares: np.ndarray
    uncertain: np.ndarray
    runs: list[slice]
    frames: int

    @property
    def name(self) -> str:
        """`#3`, or `face` for one without a number."""
        return "face" if self.track is None else f"#{self.track}"


@dataclass(frozen=True, eq=False)
class Curves:
    """All tracks of one source.

    Attributes:
        source: the path as it stands in the rows.
        times: (N,) float64, seconds, of each point: the mean of its frames.
        step: seconds from one point to the next, usually.
        frames: how many frames the source has rows for.
        merged: how many frames make a point.
        curves: the tracks, in the order of their numbers.
    """

    source: str
    times: np.ndarray
    step: float
    frames: int
    merged: int
    curves: list[Curve]

    @property
    def span(self) -> tuple[float, float]:
        """Where the time axis begins and ends, in seconds: half a step before the first point and after the last."""
        return float(self.times[0] - self.step / 2), float(self.times[-1] + self.step / 2)


@dataclass
class _Seen:
    """What was read of one track so far."""

    times: array = field(default_factory=lambda: array("d"))
    shares: array = field(default_factory=lambda: array("f"))
    uncertain: array = field(default_factory=lambda: array("b"))


class Timeline:
    """Collects rows as they come, a few dozen bytes for each, for `draw_timeline` and `timeline_html`.

    Attributes:
        names: the classes, in the order of the rows; empty as long as there was no face.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.names: tuple[str, ...] = ()
        self._times: dict[str, array] = {}
        self._tracks: dict[str, dict[int | None, _Seen]] = {}
        self._rows = 0
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Add a frame's result, or one row of one; a row without a face counts as a frame all the same.

        Raises:
            UsageError: it has no time or no such values, or other classes than the rows before.
        """
        self._rows += 1
        if isinstance(row, Result):
            self._frame(row.source, row.time)
            for face in row.faces:
                self._face(row.source, row.time, face.track, face.expression, face.probabilities)
            return
        source, time, track = str(row.get("source")), self._number(row, "time"), self._number(row, "track")
        shares = {key[2:]: self._number(row, key) for key in row if key.startswith("p_")}
        self._frame(source, time)
        known = {name: share for name, share in shares.items() if share is not None}
        if known:
            if len(known) < len(shares) or not all(0 <= share <= 1 for share in known.values()):
                raise UsageError(f"row {self._rows}: each p_<name> has to be from 0 to 1, got {shares}")
            self._face(source, time, None if track is None else int(track), row.get("expression"), known)

    def curves(self) -> list[Curves]:
        """What was collected, a source each, in the order of their coming.

        Raises:
            UsageError: one track has two faces at one time.
        """
        return [self._thinned(source) for source in self._times]

    def _frame(self, source: str, time: float | None) -> None:
        if time is None:
            raise UsageError(f"row {self._rows}: {source} has no time; a timeline is for rows of videos")
        times = self._times.setdefault(source, array("d"))
        self._tracks.setdefault(source, {})
        if not times or times[-1] != time:
            times.append(time)

    def _face(
        self, source: str, time: float | None, track: int | None, answer: object, shares: Mapping[str, float]
    ) -> None:
        self.names = self.names or tuple(shares)
        if tuple(shares) != self.names:
            raise UsageError(
                f"row {self._rows}: the classes have to be those of the rows before, {', '.join(self.names)}; "
                f"got {', '.join(shares)}"
            )
        seen = self._tracks[source].setdefault(track, _Seen())
        seen.times.append(time or 0.0)
        seen.shares.extend(shares.values())
        seen.uncertain.append(answer == UNCERTAIN)

    def _number(self, row: Mapping[str, object], key: str) -> float | None:
        value = row.get(key)
        if value is None or value == "":
            return None
        try:
            number = float(value)  # pyright: ignore[reportArgumentType]  # what is no number is refused below
        except (TypeError, ValueError):
            number = math.inf
        if math.isinf(number):
            raise UsageError(f"row {self._rows}: {key} has to be a number, got {shown(value)}")
        return None if math.isnan(number) else number  # a table's way to say that there is none

    def _thinned(self, source: str) -> Curves:
        frames = np.unique(np.frombuffer(self._times[source]))
        merged = -(-len(frames) // POINTS)
        starts = np.arange(0, len(frames), merged)
        times = np.add.reduceat(frames, starts) / np.diff(np.append(starts, len(frames)))
        step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
        tracks = self._tracks[source]
        order = sorted(tracks, key=lambda track: -1 if track is None else track)
        curves = [self._curve(source, track, tracks[track], frames, merged, times, step) for track in order]
        return Curves(source, times, step, len(frames), merged, curves)

    def _curve(
        self,
        source: str,
        track: int | None,
        seen: _Seen,
        frames: np.ndarray,
        merged: int,
        times: np.ndarray,
        step: float,
    ) -> Curve:
        own = np.frombuffer(seen.times)
        order = np.argsort(own, kind="stable")
        own = own[order]
        if (twice := own[:-1][np.diff(own) == 0]).size:
            whose = "faces without a track" if track is None else f"faces of track {track}"
            raise UsageError(f"{source}: there are two {whose} at {twice[0]:.3f} s; a timeline needs tracks")
        shares = np.frombuffer(seen.shares, np.float32).reshape(len(own), -1)[order]
        points, first, count = np.unique(np.searchsorted(frames, own) // merged, return_index=True, return_counts=True)
        means = np.add.reduceat(shares, first, axis=0) / count[:, None]
        uncertain = 2 * np.add.reduceat(np.frombuffer(seen.uncertain, np.int8)[order].astype(int), first) > count
        breaks = np.flatnonzero((np.diff(points) > 1) | (np.diff(times[points]) > _GAP * step)) + 1
        edges = [0, *breaks.tolist(), len(points)]
        runs = [slice(start, end) for start, end in pairwise(edges)]
        return Curve(track, points, means, uncertain, runs, len(own))
