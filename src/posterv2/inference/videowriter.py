"""Writing a video that browsers play."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from posterv2.errors import OutputError, require
from posterv2.files import whole

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

_BASE = Fraction(1, 90_000)  # seconds: the time stamps of any usual rate come out as they went in
# Without frames that are decoded out of turn: uneven time stamps would make the file's duration come out wrong.
_QUALITY = {"preset": "veryfast", "crf": "20", "bf": "0"}


class VideoWriter:
    """An MP4 file with H.264 pictures, there whole when the block ends well, and not at all when it does not.

    with VideoWriter("drawn.mp4", reader.rate) as writer:
        writer.write(image, frame.time)
    """

    def __init__(self, path: str | Path, rate: float) -> None:
        """Prepare to write.

        Args:
            path: of the file, whatever its ending.
            rate: frames a second, on average.

        Raises:
            OutputError: the folder is missing.
            MissingExtraError: the extra `video` is not installed.
        """
        self._av = require("av", "video")
        self._path, self._rate = Path(path), Fraction(rate).limit_denominator(1001)
        self._step = max(1, round(1 / (self._rate * _BASE)))
        self._first = 0.0
        self._stamp: int | None = None  # of the last frame
        self._stream: VideoStream | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            draft = stack.enter_context(whole(self._path))
            try:
                self._container: OutputContainer = self._av.open(
                    f"file:{draft}", "w", format="mp4", options={"movflags": "+faststart"}
                )
            except (OSError, ValueError, self._av.FFmpegError) as error:
                raise self._failed(error) from error
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._finish(kind is None)
        except BaseException as failure:
            self._stack.__exit__(type(failure), failure, failure.__traceback__)
            raise
        try:
            self._stack.__exit__(kind, error, traceback)
        except OutputError:
            if error is None:  # else it is the block that failed, and its own error is told
                raise

    def write(self, image: np.ndarray, time: float | None = None) -> None:
        """Add a frame.

        Args:
            image: (H, W, 3), uint8, RGB. The first one gives the video's size, made even by repeating its border;
                others are resized to it.
            time: seconds, in the source's time; the video begins at the first one's. Without, the frame comes one
                frame's duration after the one before it.

        Raises:
            OutputError: the disk is full, or the pictures are larger than the codec can do.
        """
        height, width = image.shape[:2]
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base, frame.duration = self._next(time), _BASE, self._step
        try:
            if self._stream is None:
                self._stream = self._begin(frame.width, frame.height)
            self._container.mux(self._stream.encode(frame))
        except (OSError, ValueError, self._av.FFmpegError) as error:
            raise self._failed(error) from error

    def _begin(self, width: int, height: int) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=self._rate, options=_QUALITY)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = _BASE
        return stream

    def _next(self, time: float | None) -> int:
        """The frame's time stamp; they rise, whatever the times do."""
        if self._stamp is None:
            self._first, self._stamp = time or 0.0, 0
        elif time is None:
            self._stamp += self._step
        else:
            self._stamp = max(self._stamp + 1, round((time - self._first) / _BASE))
        return self._stamp

    def _finish(self, well: bool) -> None:
        try:
            with self._container:
                if well and self._stream is None:
                    raise OutputError(f"{self._path}: there is no frame to write")
                if well and self._stream is not None:
                    self._container.mux(self._stream.encode(None))
        except (OSError, ValueError, self._av.FFmpegError) as error:
            if well:
                raise self._failed(error) from error

    def _failed(self, error: Exception) -> OutputError:
        return OutputError(f"{self._path}: the video cannot be written: {getattr(error, 'strerror', None) or error}")
