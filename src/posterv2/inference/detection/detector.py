"""What every detector gives. Any object with a `detect` method like `FaceDetector`'s will do."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from posterv2.preprocessing import Box

Point = tuple[float, float]
"""x, y in pixels of the picture, from its top left corner."""

Landmarks = tuple[Point, Point, Point, Point, Point]
"""Both eyes, the tip of the nose, both corners of the mouth; the one further left in an upright face first."""


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


def clipped(left: float, top: float, right: float, bottom: float, width: int, height: int) -> Box:
    """The box between two corners in whole pixels, inside a picture of `width` x `height`."""
    x, y = min(max(0, round(left)), width - 1), min(max(0, round(top)), height - 1)
    return x, y, max(1, min(width, round(right)) - x), max(1, min(height, round(bottom)) - y)
