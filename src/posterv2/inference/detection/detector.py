"""What every detector gives. Any object with a `detect` method like `FaceDetector`'s will do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from posterv2.preprocessing import Box, Landmarks


@dataclass(frozen=True)
class Detection:
    """A face that was found.

    Attributes:
        box: x, y, width, height in pixels, clipped to the picture.
        score: how sure the detector is, 0..1.
        landmarks: where eyes, nose and mouth are, from detectors that tell; points may lie outside the picture.
    """

    box: Box
    score: float
    landmarks: Landmarks | None = None


class FaceDetector(Protocol):
    """Finds the faces of a picture. One detector serves one thread at a time."""

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces of `image`, (H, W, 3) uint8 RGB, from left to right."""
        ...


@runtime_checkable
class FaceFollower(Protocol):
    """What a detector may be able to do too: look again for faces of the frame before, which is far cheaper."""

    def follow(self, image: np.ndarray, detections: Sequence[Detection]) -> list[Detection | None]:
        """Where each face of the frame before is in `image`, (H, W, 3) uint8 RGB; None for one that is lost.

        It finds no new faces, and none that has moved by much more than a tenth of its size; so now and then a frame
        is searched with `detect`.
        """
        ...


def clipped(left: float, top: float, right: float, bottom: float, width: int, height: int) -> Box:
    """The box between two corners in whole pixels, inside a picture of `width` x `height`."""
    x, y = min(max(0, round(left)), width - 1), min(max(0, round(top)), height - 1)
    return x, y, max(1, min(width, round(right)) - x), max(1, min(height, round(bottom)) - y)


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes of x, y, width, height: 0..1."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(0.0, wide) * max(0.0, high)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)
