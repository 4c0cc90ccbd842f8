"""YuNet, for those who have its file: OpenCV's own detector class runs it."""

from pathlib import Path

import cv2
import numpy as np

from posterv2.errors import WeightsError, cut
from posterv2.inference.detection.detector import Detection, clipped

SEARCH_SIDE = 1280
"""Faces are searched in a copy shrunk to this longest side, in pixels: YuNet knows faces of about 10 to 300 pixels."""

LEAST_SCORE = 0.7
"""Below it a box is no face. OpenCV's samples ask for 0.9, which misses small and turned faces."""


class YuNetDetector:
    """YuNet (Wu et al. 2023) from a file such as `face_detection_yunet_2023mar.onnx`: faces with five landmarks.

    One detector serves one thread at a time.
    """

    def __init__(self, path: str | Path) -> None:
        """Load the file.

        Raises:
            WeightsError: it is missing, or is no YuNet that OpenCV runs.
        """
        if not Path(path).is_file():
            raise WeightsError(f"{path}: there is no such file; give the path of a YuNet .onnx file")
        self._path = path
        try:
            self._network = cv2.FaceDetectorYN.create(str(path), "", (320, 320), score_threshold=LEAST_SCORE)
            self.detect(np.zeros((320, 320, 3), np.uint8))
        except cv2.error as error:
            reason = cut(" ".join(str(error).split()), 200)
            raise WeightsError(f"{path}: OpenCV cannot run this file as YuNet: {reason}") from error

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces of `image`, (H, W, 3) uint8 RGB, from left to right."""
        height, width = image.shape[:2]
        scale = min(1.0, SEARCH_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        copy = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        if scale < 1:
            copy = cv2.resize(copy, size, interpolation=cv2.INTER_AREA)
        self._network.setInputSize(size)
        _, rows = self._network.detect(copy)
        found = []
        for row in [] if rows is None else rows / np.array([scale] * 14 + [1]):
            x, y, side_x, side_y, *points, score = map(float, row)
            box = clipped(x, y, x + side_x, y + side_y, width, height)
            first, second, third, fourth, fifth = zip(points[::2], points[1::2], strict=True)
            # It names the person's right eye first, which is the left one in the picture, as here.
            found.append(Detection(box, min(1.0, score), (first, second, third, fourth, fifth)))
        return sorted(found, key=lambda face: face.box)
