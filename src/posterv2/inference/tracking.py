"""Which face of a frame is which face of the frames before.

A face's motion is a Kalman filter (Kalman 1960) whose velocity fades, as in Singer's model (1970):
faces that cross are expected where they were going, and one that was not seen for a while not too far away.
What a face looks like, as a few grey pixels, decides where the motion alone cannot: when two met and turned back, or
when somebody else comes in where somebody left. All lengths are in sides of the face, so that near and far faces, and
small and large pictures, are alike; all times are in seconds, so that frame rates and thinned frames are alike.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from posterv2.inference.detection.detector import Detection, overlap
from posterv2.preprocessing import Box

GAP = 2.0
"""Seconds that a face may be missed in without losing its id."""

_SPEED = 2.0  # standard deviation of a face's velocity along one axis, in sides a second
_FADING = 0.7  # seconds in which a velocity fades to 1/e
_BOX = 0.12  # standard deviation of a box's centre, in sides
_MET = 0.2  # the same where two faces meet, whose boxes are drawn together
_SIZE = 0.12  # of the logarithm of its side
_RESIZING = 0.3  # of the change of that logarithm, per square root of a second
_NEW = 12.0  # cost above which a detection is a new face: -2 log of how rarely one comes in, in a square side
_LOOK_SIDE = 6  # pixels
_LOOK_SAME = 0.3  # distance of two looks that tells nothing; the same face's are mostly below 0.1, others' above 0.4
_LOOK_WEIGHT = 25.0  # cost of a distance that is larger by 1
_LOOK_MOST = 8.0  # what a look can count for or against: a face that turns looks unlike itself
_LOOK_NEWS = 0.15  # share of a new look in the one that is kept
_MEETING = 0.1  # overlap of two boxes, as a share of their union, from which on a look may be another face's

_Place = tuple[float, float, float]  # a face's centre and side, in pixels


@dataclass
class _Track:
    """What is known of a face: centre and side in pixels, velocity in pixels a second, and how sure all that is.

    `place`, `both` and `speed` are the covariance of centre and velocity along either axis, in sides and seconds;
    `size` is the variance of the logarithm of the side.
    """

    id: int
    seen: float
    x: float
    y: float
    side: float
    vx: float = 0.0
    vy: float = 0.0
    place: float = _BOX**2
    both: float = 0.0
    speed: float = _SPEED**2
    size: float = _SIZE**2
    look: list[float] | None = None

    def move(self, seconds: float) -> None:
        """Expect it `seconds` later."""
        kept = math.exp(-seconds / _FADING)
        reach = _FADING * (1 - kept)
        self.x += self.vx * reach
        self.y += self.vy * reach
        self.vx *= kept
        self.vy *= kept
        lost = _SPEED**2 * (1 - kept * kept)
        self.place += 2 * self.both * reach + self.speed * reach * reach
        self.place += (_SPEED * _FADING) ** 2 * (2 * seconds / _FADING - 3 + 4 * kept - kept * kept)
        self.both = self.both * kept + self.speed * reach * kept + (_SPEED * reach) ** 2 / _FADING
        self.speed = self.speed * kept * kept + lost
        self.size += _RESIZING**2 * seconds

    def cost(self, place: _Place, noise: float) -> float:
        """-2 log of how likely it is seen there, without the parts that are the same for all."""
        x, y, side = place
        spread, size = self.place + noise**2, self.size + _SIZE**2
        away = ((x - self.x) ** 2 + (y - self.y) ** 2) / self.side**2
        resized = math.log(side / self.side)
        return away / spread + 2 * math.log(spread) + resized * resized / size + math.log(size / (2 * _SIZE**2))

    def correct(self, place: _Place, noise: float, time: float) -> None:
        """It was seen there."""
        x, y, side = place
        spread, size = self.place + noise**2, self.size + _SIZE**2
        gain, drive = self.place / spread, self.both / spread
        dx, dy = x - self.x, y - self.y
        self.x, self.y = self.x + gain * dx, self.y + gain * dy
        self.vx, self.vy = self.vx + drive * dx, self.vy + drive * dy
        self.speed -= drive * self.both
        self.both *= 1 - gain
        self.place *= 1 - gain
        self.side *= math.exp(self.size / size * math.log(side / self.side))
        self.size *= 1 - self.size / size
        self.seen = time

    @property
    def box(self) -> tuple[float, float, float, float]:
        return self.x - self.side / 2, self.y - self.side / 2, self.side, self.side


class Tracker:
    """Gives the faces of the frames of one video ids that stay, from 1 in the order of their coming.

    What it answers depends on the calls before alone; memory holds the faces of the last `GAP` seconds.
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next = 1
        self._time: float | None = None

    def update(self, detections: Sequence[Detection], time: float, image: np.ndarray | None = None) -> list[int]:
        """The id of each detection, in their order; no id twice.

        Args:
            detections: the faces of one frame; a frame without any is one too.
            time: of the frame, in seconds; one before the last frame's counts as that one's.
            image: the frame, (H, W, 3) uint8 RGB. Without it only the motion decides.
        """
        before = time if self._time is None else self._time
        time = max(time, before)
        # A face that is in every frame looked at is there, however far apart these are.
        self._tracks = [track for track in self._tracks if track.seen == before or time - track.seen <= GAP]
        for track in self._tracks:
            track.move(time - before)
        self._time = time
        expected = [track.box for track in self._tracks]
        near = [[overlap(detection.box, box) > _MEETING for box in expected] for detection in detections]
        noises = [_MET if sum(tracks) > 1 else _BOX for tracks in near]
        places = [_place(detection.box) for detection in detections]
        looks = [None if image is None else _look(image, detection.box) for detection in detections]
        seen = list(zip(places, noises, looks, strict=True))
        costs = [
            [track.cost(place, noise) + _unlike(track.look, look) - _NEW for place, noise, look in seen]
            for track in self._tracks
        ]
        matches = _cheapest_first(costs)
        ids = []
        for column, (place, noise, look) in enumerate(seen):
            if column in matches:
                track = self._tracks[matches[column]]
                track.correct(place, noise, time)
            else:
                track = _Track(self._next, time, *place)
                self._tracks.append(track)
                self._next += 1
            others = sum(close for row, close in enumerate(near[column]) if row != matches.get(column))
            if track.look is None:
                track.look = look
            elif look is not None and not others:
                track.look = _mixed(track.look, look)
            ids.append(track.id)
        return ids

    def to_state(self) -> dict[str, Any]:
        """Plain JSON values for `from_state`."""
        return {"next": self._next, "time": self._time, "tracks": [asdict(track) for track in self._tracks]}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Tracker":
        """A tracker that goes on exactly where `to_state` was called."""
        tracker = cls()
        tracker._next, tracker._time = state["next"], state["time"]
        tracker._tracks = [_Track(**track) for track in state["tracks"]]
        return tracker


def _cheapest_first(costs: Sequence[Sequence[float]]) -> dict[int, int]:
    """The row of each column that has one: of the pairs that cost less than 0, the cheapest that is free, and so on."""
    matches: dict[int, int] = {}
    pairs = sorted((cost, row, column) for row, line in enumerate(costs) for column, cost in enumerate(line))
    for cost, row, column in pairs:
        if cost < 0 and column not in matches and row not in matches.values():
            matches[column] = row
    return matches


def _place(box: Box) -> _Place:
    x, y, width, height = box
    return x + width / 2, y + height / 2, math.sqrt(width * height)


def _look(image: np.ndarray, box: Box) -> list[float]:
    """A few grey pixels of mean 0 and length 1, so that light and contrast do not matter."""
    x, y, width, height = box
    grey = cv2.cvtColor(image[y : y + height, x : x + width], cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_LOOK_SIDE, _LOOK_SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
    small -= small.mean()
    return (small / max(float(np.linalg.norm(small)), 1e-6)).ravel().tolist()


def _mixed(kept: list[float], look: list[float]) -> list[float]:
    mixed = [(1 - _LOOK_NEWS) * old + _LOOK_NEWS * new for old, new in zip(kept, look, strict=True)]
    length = max(math.hypot(*mixed), 1e-6)
    return [value / length for value in mixed]


def _unlike(kept: list[float] | None, look: list[float] | None) -> float:
    """What a look adds to the cost: -2 log of how much likelier it is the same face's than another one's."""
    if kept is None or look is None:
        return 0.0
    distance = 1 - sum(old * new for old, new in zip(kept, look, strict=True))
    return max(-_LOOK_MOST, min(_LOOK_MOST, _LOOK_WEIGHT * (distance - _LOOK_SAME)))
