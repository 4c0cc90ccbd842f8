"""What `posterv2 predict` says of its results: a table for people to read, and what it comes to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from posterv2.cli import console

if TYPE_CHECKING:
    from posterv2.inference.results import Result


@dataclass
class Tally:
    """How much there was."""

    pictures: int = 0
    frames: int = 0
    faces: int = 0
    empty: int = 0  # pictures without a face

    def add(self, result: Result) -> None:
        """Count a picture or a frame."""
        is_picture = result.time is None
        self.pictures += is_picture
        self.frames += not is_picture
        self.faces += len(result.faces)
        self.empty += is_picture and not result.faces

    def __str__(self) -> str:
        places = {"picture(s)": self.pictures, "frame(s)": self.frames}
        said = " and ".join(f"{number:,} {what}" for what, number in places.items() if number) or "no picture"
        return f"{self.faces:,} face(s) of {said}"


@dataclass
class _Track:
    """A face of a video: when it was seen, and how often and how surely it showed what."""

    begin: float
    end: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)


class Table:
    """A line for each face of a picture, and for each face of a video one about all its frames."""

    def __init__(self) -> None:
        self._pictures: list[tuple[str, ...]] = []
        self._videos: dict[str, dict[int, _Track]] = {}

    def add(self, result: Result) -> None:
        """Take a picture or a frame."""
        if result.time is not None:
            self._frame(result, result.time)
            return
        for number, face in enumerate(result.faces, start=1):
            box = ", ".join(map(str, face.box))
            answer = face.expression if face.choices is None else " or ".join(face.choices)
            self._pictures.append((result.source, str(number), box, answer, f"{face.probability:.1%}"))
        if not result.faces:
            self._pictures.append((result.source, "", "", "no face", ""))

    def text(self, plain: bool) -> str:
        """The lines, those of pictures first; `plain` for a file."""
        tables = []
        if self._pictures or not self._videos:
            columns = "source", "face", "box (x, y, width, height)", "expression", "probability"
            tables.append(console.table(columns, self._pictures, right=("face", "probability"), plain=plain))
        if self._videos:
            columns = "source", "track", "from", "to", "frames", "mostly", "of its frames", "mean probability"
            rows = [row for source, tracks in self._videos.items() for row in _rows(source, tracks)]
            right = "track", "from", "to", "frames", "of its frames", "mean probability"
            tables.append(console.table(columns, rows, right=right, plain=plain))
        return "\n".join(tables)

    def _frame(self, result: Result, time: float) -> None:
        tracks = self._videos.setdefault(result.source, {})
        for face in result.faces:
            track = tracks.setdefault(face.track or 0, _Track(time))
            track.end = time
            track.answers[face.expression] += 1
            track.sums[face.expression] += face.probability  # pyright: ignore[reportArgumentType]  # counts may be floats


def _rows(source: str, tracks: dict[int, _Track]) -> list[tuple[str, ...]]:
    if not tracks:
        return [(source, "", "", "", "", "no face", "", "")]
    rows = []
    for number, track in sorted(tracks.items()):
        [(answer, count)] = track.answers.most_common(1)
        frames = track.answers.total()
        times = f"{track.begin:.2f} s", f"{track.end:.2f} s"
        shares = f"{count / frames:.0%}", f"{track.sums[answer] / count:.1%}"
        rows.append((source, f"#{number}", *times, f"{frames:,}", answer, *shares))
    return rows
