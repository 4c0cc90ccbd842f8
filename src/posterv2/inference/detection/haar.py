"""OpenCV's cascade: always there, for upright faces that look ahead."""

import math

import cv2
import numpy as np
from cv2.data import haarcascades

from posterv2.inference.detection.detector import Detection, clipped

SEARCH_SIDE = 1024
"""Faces are searched in a copy shrunk to this longest side, in pixels; so a photo's size costs no time."""

SMALLEST_FACE = 24
"""In pixels of that copy: 24 px in a photo up to 1024 px wide, 141 px in one 6000 px wide."""


class HaarDetector:
    """OpenCV's cascade `haarcascade_frontalface_alt2` (Lienhart et al. 2003): offline, upright faces that look ahead.

    One detector serves one thread at a time.
    """

    def __init__(self) -> None:
        self._cascade = cv2.CascadeClassifier(haarcascades + "haarcascade_frontalface_alt2.xml")

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces of `image`, (H, W, 3) uint8 RGB, from left to right."""
        height, width = image.shape[:2]
        scale = min(1.0, SEARCH_SIDE / max(height, width))
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if scale < 1:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        boxes, _, sums = self._cascade.detectMultiScale3(
            grey,
            scaleFactor=1.1,
            minNeighbors=5,
            minSize=(SMALLEST_FACE, SMALLEST_FACE),
            outputRejectLevels=True,
        )
        found = []
        for box, total in zip(boxes, sums, strict=True):
            x, y, side_x, side_y = (value / scale for value in box)
            box = clipped(x, y, x + side_x, y + side_y, width, height)
            found.append(Detection(box, _score(float(total))))
        return sorted(found, key=lambda face: face.box)


def _score(total: float) -> float:
    """The sum of the cascade's last stage as 0..1.

    The stage lets pass what sums to 53.8. Real faces (FER2013Valid) sum to 55.0 (5th percentile) to 57.6 (95th),
    single false windows in photos without a face to 54.3..55.2; so 55 becomes one half.
    """
    return 1 / (1 + math.exp(-2 * (total - 55.0)))
