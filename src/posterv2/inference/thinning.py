"""Which frames are looked at: those between two times, and so many a second."""

import math
from dataclasses import dataclass

from posterv2.errors import UsageError

_ROUNDING = 1e-6  # seconds: times are written with six decimals, and what is written can be given as start and end


@dataclass(frozen=True)
class Thinning:
    """Chooses frames by their times alone, so that a run which begins anywhere chooses the same ones.

    The time from `start` on is cut into slots of 1 / `fps` seconds, and the first frame in each is chosen.

    Attributes:
        fps: frames a second, at most; all without.
        start: seconds; earlier frames are left out.
        end: seconds; this one and later frames are left out.
    """

    fps: float | None = None
    start: float | None = None
    end: float | None = None

    def __post_init__(self) -> None:
        if self.fps is not None and not (self.fps > 0 and math.isfinite(self.fps)):
            raise UsageError(f"fps, the frames a second, must be above 0, got {self.fps}")
        if self.start is not None and not (self.start >= 0 and math.isfinite(self.start)):
            raise UsageError(f"the start must be 0 seconds or later, got {self.start}")
        if self.end is not None and not self.end > (self.start or 0):
            raise UsageError(f"the end must lie behind the start of {self.start or 0} seconds, got {self.end}")

    def over(self, time: float) -> bool:
        """Whether this time lies at the end or behind it."""
        return self.end is not None and time >= self.end - _ROUNDING

    def begun(self, time: float) -> bool:
        """Whether this time lies at the start or behind it."""
        return self.start is None or time >= self.start - _ROUNDING

    def chosen(self, time: float, before: float | None, rate: float) -> bool:
        """Whether the frame at `time` is looked at.

        Args:
            before: the time of the frame before it in the video; None for the first one.
            rate: frames a second of the video; stamps that are early by a quarter of a frame still count as in time.
        """
        if not self.begun(time) or self.over(time):
            return False
        if self.fps is None or before is None or not self.begun(before):
            return True
        return self._slot(time, rate) > self._slot(before, rate)

    def _slot(self, time: float, rate: float) -> int:
        return math.floor((time - (self.start or 0) + 0.25 / rate) * (self.fps or rate))
