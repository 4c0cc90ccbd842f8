"""A camera's newest frame and no other: what it gives while one is worked on is dropped, never queued.

So a frame is at most one camera period old when work on it begins, and is shown one such period plus the time of
the work after it was taken: less than two frame times, where a frame time is that of the slower, camera or work.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

from posterv2.inference.frames import Frame
from posterv2.inference.results import Result

_WAIT = 0.05  # seconds until a waiting loop looks whether it shall stop
_LEAVE = 1.0  # seconds that a camera has to notice that nobody reads it any more


@dataclass
class Tally:
    """What became of a camera's frames.

    Attributes:
        shown: how many were worked on and shown.
        dropped: how many were overtaken by a newer one and never worked on.
        latency: mean seconds from a frame's arrival to its being shown.
        longest: the longest of those.
    """

    shown: int = 0
    dropped: int = 0
    latency: float = 0.0
    longest: float = 0.0

    def add(self, latency: float) -> None:
        """Count a frame that was shown `latency` seconds after it came."""
        self.shown += 1
        self.latency += (latency - self.latency) / self.shown
        self.longest = max(self.longest, latency)


class Newest:
    """The newest of `frames`, which a thread reads as fast as they come. To be closed."""

    def __init__(self, frames: Iterable[Frame], clock: Callable[[], float] = time.monotonic) -> None:
        self.dropped = 0  # frames that a newer one has overtaken
        self._frames, self._clock = frames, clock
        self._slot: tuple[Frame, float] | None = None
        self._changed = threading.Condition()
        self._closed = self._ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()

    def take(self, seconds: float) -> tuple[Frame, float] | None:
        """The newest frame that was not taken yet and when it came, or None where none comes within `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._slot is not None or self._ended, seconds)
            slot, self._slot = self._slot, None
            return slot

    def finished(self) -> bool:
        """Whether the last frame was taken and no other will come.

        Raises:
            what the camera raised instead of another frame.
        """
        with self._changed:
            if self._ended and self._slot is None and self._error is not None:
                raise self._error
            return self._ended and self._slot is None

    def close(self) -> None:
        """Let the camera go."""
        with self._changed:
            self._closed = True
        self._thread.join(_LEAVE)

    def _read(self) -> None:
        frames = iter(self._frames)
        try:
            for frame in frames:
                with self._changed:
                    if self._closed:
                        return
                    self.dropped += self._slot is not None
                    self._slot = frame, self._clock()
                    self._changed.notify_all()
        except BaseException as error:  # it belongs to whoever takes the frames
            self._error = error
        finally:
            if isinstance(frames, Generator):
                frames.close()  # in the thread that reads: a camera is not let go in the midst of a picture
            with self._changed:
                self._ended = True
                self._changed.notify_all()


def run_live(
    frames: Iterable[Frame],
    predict: Callable[[Frame], Result],
    show: Callable[[Frame, Result], None],
    stopped: Callable[[], bool],
    tally: Tally,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Work on the newest frame again and again, until there are no more frames or `stopped` says so.

    Args:
        frames: of a camera; they are read in a thread of their own.
        predict: a frame's result.
        show: called with each frame that was worked on.
        stopped: asked before each frame, and while none comes.
        tally: kept up to date, so that it tells how far things came when they end badly too.
        clock: seconds.

    Raises:
        VideoError: what the camera raised, after its last frame was shown.
    """
    newest = Newest(frames, clock)
    try:
        while not stopped() and not newest.finished():
            taken = newest.take(_WAIT)
            if taken is not None:
                frame, came = taken
                show(frame, predict(frame))
                tally.add(clock() - came)
                tally.dropped = newest.dropped
    finally:
        newest.close()
        tally.dropped = newest.dropped
