"""Probabilities that do not flicker: what a face showed a moment ago still counts a little."""

import math
from typing import Any

import numpy as np

from posterv2.errors import UsageError

TIME_CONSTANT = 0.3
"""Seconds in which 63 % of a change gets through; expressions last half a second to four (Ekman 2003)."""

_FORGOTTEN = 10  # time constants after which what a track showed weighs less than 1/20,000


class Smoother:
    """Exponential smoothing of each track's probabilities over time, the same at every frame rate.

    With dt seconds since the track's last answer, p moves to the new answer by the share 1 - exp(-dt / time_constant).
    A track's first answer stands as it is, and so does the first one after 10 time constants without; tracks that were
    not seen for that long are forgotten, so memory holds those in the picture alone.
    """

    def __init__(self, time_constant: float = TIME_CONSTANT) -> None:
        """
        Args:
            time_constant: in seconds; 0 leaves every answer as it is.

        Raises:
            UsageError: a time constant below 0, or none at all.
        """
        if not 0 <= time_constant < math.inf:
            raise UsageError(
                f"the time constant of smoothing is 0 (none) or more, in seconds, such as {TIME_CONSTANT}; "
                f"got {time_constant}"
            )
        self.time_constant = float(time_constant)
        self._answers: dict[int, tuple[float, np.ndarray]] = {}  # the one seen longest ago first

    def __call__(self, track: int, time: float, probabilities: np.ndarray) -> np.ndarray:
        """The smoothed probabilities of a track.

        Args:
            track: its id.
            time: of the frame, in seconds; rising from call to call.
            probabilities: (C,), of the classes, that sum to 1.

        Returns:
            (C,), float64, sum to 1 as well.
        """
        answer = np.asarray(probabilities, np.float64)
        if not self.time_constant:
            return answer
        while self._answers:
            oldest = next(iter(self._answers))
            if time - self._answers[oldest][0] <= _FORGOTTEN * self.time_constant:
                break
            del self._answers[oldest]
        if track in self._answers:
            seen, before = self._answers.pop(track)
            answer = before - math.expm1(-max(0.0, time - seen) / self.time_constant) * (answer - before)
        self._answers[track] = time, answer
        return answer

    def to_state(self) -> dict[str, Any]:
        """Plain JSON values for `from_state`."""
        answers = [[track, seen, answer.tolist()] for track, (seen, answer) in self._answers.items()]
        return {"time_constant": self.time_constant, "answers": answers}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Smoother":
        """A smoother that goes on exactly where `to_state` was called."""
        smoother = cls(state["time_constant"])
        smoother._answers = {track: (seen, np.array(answer)) for track, seen, answer in state["answers"]}
        return smoother
