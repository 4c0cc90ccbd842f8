"""Reading a video: frames as they are decoded, never more than a few in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from posterv2.errors import UsageError
from posterv2.inference.decoding import MissedError, Place, check_size, decoded, duration_of, find, opened, rate_of
from posterv2.inference.frames import Frame
from posterv2.inference.thinning import Thinning

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from posterv2.inference.decoding import Numbered


class VideoReader:
    """The frames of a video file, from its begin each time they are asked for.

    for frame in VideoReader("clip.mp4", fps=5): ...

    Attributes:
        name: what `Frame.source` says.
        rate: frames a second that come, on average.
        duration: seconds of the whole video; None where the file does not say.
        expected: how many frames will come, about; None where the file does not say.
    """

    def __init__(
        self,
        path: str | Path,
        fps: float | None = None,
        start: float | None = None,
        end: float | None = None,
        *,
        first: int = 0,
        name: str | None = None,
    ) -> None:
        """Look into the file.

        Args:
            path: told by its content, whatever it is called.
            fps: frames a second that are looked at, chosen by their times; all without, or where there are fewer.
            start: seconds; the first frame is the first one at this time or behind it.
            end: seconds; frames at this time or behind it are left out.
            first: no frame before this number; a run that goes on gives the number behind its last one.
            name: what the video is called in frames and errors, by default its path.

        Raises:
            VideoError: missing, empty, no video, of an unknown codec, or over `MAX_PIXELS`.
            UsageError: settings that cannot be.
            MissingExtraError: the extra `video` is not installed.
        """
        if first < 0:
            raise UsageError(f"frames are counted from 0, got {first}")
        self._path, self._thinning, self._first = Path(path), Thinning(fps, start, end), first
        self.name = name or str(path)
        with opened(self._path, self.name) as (container, stream):
            rate = float(rate_of(container, stream))
            self._source_rate, self.rate = rate, min(rate, fps or rate)
            self.duration = duration_of(container, stream)
        self.expected = None
        if self.duration is not None:
            begin = max(start or 0, first / rate)
            seconds = min(self.duration, math.inf if end is None else end) - begin
            self.expected = max(0, round(seconds * self.rate))

    def __iter__(self) -> Iterator[Frame]:
        """Frames with numbers counted over all frames of the video, and times in seconds from its first frame.

        Raises:
            VideoError: the video is broken or ends too early; it is raised behind the last frame that could be decoded.
        """
        place = None
        if self._first or self._thinning.start:
            place = find(self._path, self.name, self._first, self._thinning.begun)
        before = None if place is None else place.before
        matrix = None
        for number, time, frame in self._numbered(place):
            if matrix is None:
                # Asked for once a video: a frame that is asked is part of a cycle, and stays until these are collected.
                matrix = _display_matrix(frame)
            if self._thinning.over(time):
                return
            if number >= self._first and self._thinning.chosen(time, before, self._source_rate):
                check_size(frame.width, frame.height, self.name)
                yield Frame(self.name, number, time, _upright(frame, matrix))
            before = time

    def _numbered(self, place: Place | None) -> Iterator[Numbered]:
        try:
            yield from decoded(self._path, self.name, place)
        except MissedError:
            yield from decoded(self._path, self.name)


def _display_matrix(frame: VideoFrame) -> list[list[int]]:
    """How the camera was held, (3, 3): a point of the frame goes to (a x + c y, b x + d y) on the screen."""
    data = frame.side_data.get("DISPLAYMATRIX")
    return [[1, 0, 0], [0, 1, 0], [0, 0, 1]] if data is None else np.frombuffer(data, np.int32).reshape(3, 3).tolist()


def _upright(frame: VideoFrame, matrix: list[list[int]]) -> np.ndarray:
    """The frame's pixels, turned and mirrored as the camera noted."""
    (a, b, _), (c, d, _), _ = matrix
    image = frame.to_ndarray(format="rgb24")
    across, down = a, d
    if abs(a) < abs(c):
        image, across, down = image.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(image[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])
