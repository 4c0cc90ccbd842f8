"""MTCNN, the default detector: three small networks, each looks more closely at what the one before let pass."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from posterv2.errors import UsageError
from posterv2.inference.detection.detector import Detection, clipped
from posterv2.inference.detection.mtcnn_graphs import NETWORKS, graph
from posterv2.inference.detection.windows import (
    moved,
    patch,
    smaller,
    squared,
    suppressed,
    turned,
    turned_copy,
    without_nested,
)
from posterv2.preprocessing import Box, roll_of

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SMALLEST_FACE = 40
"""In pixels of the photo, from forehead to chin."""

FULL_SEARCH = 24_000_000
"""A photo with more pixels is searched in a copy with so many, and the smallest face that is found grows with it."""

ANGLES = (0.0, -40.0, 40.0)
"""The networks know faces that are tilted by up to 20 degrees; so the search is done in turned copies too."""

_LONGEST = 10  # times its width: a longer picture is searched upright only, for a turned strip needs a huge copy
_CELL, _STRIDE = 12, 2  # P-Net looks at windows of 12 pixels a side, 2 pixels apart
_STEP = 0.709  # from one level of the pyramid to the next: half the pixels
_ROWS = 128  # of a level that P-Net gets at once, so that memory is flat
_BATCHES = {"rnet": 256, "onet": 64}
_SIDES = {"rnet": 24, "onet": 48}
_OVERLAP_IN_LEVEL, _OVERLAP = 0.5, 0.7  # from which the weaker of two windows goes
_THREADS = 2  # more help little: the networks are small
_AGAIN_MARGIN = -0.05  # share of a found face's box that is added on each side before O-Net looks again
_NO_ROLL = ((0.0, 0.0), (1.0, 0.0), (0.5, 0.5), (0.0, 1.0), (1.0, 1.0))  # landmarks of an upright face


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


# What each network must say at least, looser than usual (0.6, 0.7, 0.7), because O-Net looks again and is strict then.
# Chosen by recall and false boxes in benchmarks/detection.py.
_LEAST = {"pnet": _logit(0.5), "rnet": _logit(0.6), "onet": _logit(0.5), "again": _logit(0.85), "follow": _logit(0.3)}


class MtcnnDetector:
    """Multitask cascaded convolutional networks (Zhang et al. 2016), run by ONNX Runtime: faces with five landmarks.

    One detector serves one thread at a time.

    Args:
        smallest_face: faces are found from this height in pixels on, forehead to chin; half of it takes four times as
            long.

    Raises:
        UsageError: a smallest face under 12 pixels, the least that the networks see.
        WeightsError: the networks' numbers cannot be read, as `mtcnn_weights.read_arrays` raises it.
    """

    def __init__(self, smallest_face: int = SMALLEST_FACE, threads: int = 0) -> None:
        if smallest_face < _CELL:
            raise UsageError(f"the smallest face has at least {_CELL} pixels, got {smallest_face}")
        self._smallest = smallest_face * 0.75  # of the windows: faces little larger than these are often missed
        self._sessions = {network: _session(network, threads or _THREADS) for network in NETWORKS}

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces of `image`, (H, W, 3) uint8 RGB, from left to right."""
        long = max(image.shape[:2]) > _LONGEST * min(image.shape[:2])
        scale = _CELL / self._smallest * min(1.0, math.sqrt(FULL_SEARCH / (image.shape[0] * image.shape[1])))
        small = smaller(image, scale)
        proposed = [self._proposed(image, small, angle) for angle in (ANGLES[:1] if long else ANGLES)]
        windows = np.concatenate(proposed)
        boxes, logits, _ = self._looked(image, windows, "rnet")
        boxes, logits = boxes[logits > _LEAST["rnet"]], logits[logits > _LEAST["rnet"]]
        windows = squared(boxes[suppressed(boxes, logits, _OVERLAP)])
        boxes, logits, points = self._looked(image, windows, "onet")
        kept = np.flatnonzero(logits > _LEAST["onet"])
        kept = kept[without_nested(boxes[kept], logits[kept], _OVERLAP)]
        # Once more, turned as the landmarks say: a face is seen better then, and what is none seldom passes again.
        boxes, logits, points = self._looked(image, _around(boxes[kept], points[kept]), "onet")
        kept = np.flatnonzero(logits > _LEAST["again"])
        kept = kept[without_nested(boxes[kept], logits[kept], _OVERLAP)]
        found = [_detection(image, boxes[index], float(logits[index]), points[index]) for index in kept]
        return sorted(found, key=lambda face: face.box)

    def follow(self, image: np.ndarray, detections: Sequence[Detection]) -> list[Detection | None]:
        """Where faces of the frame before are in `image`; None for one that is not seen there any more.

        Only O-Net looks, and only around where the faces were; so new faces are not found.
        """
        boxes = np.array([_row(face.box) for face in detections]).reshape(-1, 5)
        known = [face.landmarks or _NO_ROLL for face in detections]
        windows = _around(boxes, np.array(known).reshape(-1, 5, 2))
        boxes, logits, points = self._looked(image, windows, "onet")
        return [
            _detection(image, box, float(logit), five) if logit > _LEAST["follow"] else None
            for box, logit, five in zip(boxes, logits, points, strict=True)
        ]

    def _proposed(self, image: np.ndarray, small: np.ndarray, angle: float) -> np.ndarray:
        """Square windows (N, 5) that P-Net takes for faces turned by `angle`, found in `small` and smaller copies."""
        copy, back = turned_copy(image, small, angle)
        side = _CELL * max(image.shape[:2]) / max(small.shape[:2])
        boxes, logits = [np.empty((0, 5))], [np.empty(0)]
        while min(copy.shape[:2]) >= _CELL:
            places, sizes, found = self._scanned(copy)
            middles = places / (copy.shape[1], copy.shape[0]) @ back[:, :2].T + back[:, 2]
            level = np.c_[middles, sizes * side, np.full(len(found), angle)]
            kept = suppressed(level, found, _OVERLAP_IN_LEVEL)
            boxes.append(level[kept])
            logits.append(found[kept])
            size = round(copy.shape[1] * _STEP), round(copy.shape[0] * _STEP)
            copy, side = cv2.resize(copy, size, interpolation=cv2.INTER_AREA), side / _STEP
        every, found = np.concatenate(boxes), np.concatenate(logits)
        return squared(every[suppressed(every, found, _OVERLAP)])

    def _scanned(self, level: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """P-Net over one level: middles (N, 2) in its pixels, width and height (N, 2) in cells, logits (N,)."""
        parts = [np.empty((0, 7))]
        for top in range(0, level.shape[0] - _CELL + 1, _ROWS):
            band = level[top : top + _ROWS + _CELL - _STRIDE]
            if band.shape[0] < _CELL:
                continue
            # What lies beside a turned picture is black, and no face.
            bright = np.flatnonzero(cv2.reduce(band, 0, cv2.REDUCE_MAX)[0].any(axis=1))
            if not bright.size:
                continue
            left = max(0, bright[0] - _CELL) // _STRIDE * _STRIDE
            band = np.ascontiguousarray(band[:, left : max(left + _CELL, bright[-1] + _CELL)])
            if band.shape[1] < _CELL:
                continue
            numbers = np.asarray(self._sessions["pnet"].run(None, {"pixels": band[None]})[0])[0]
            rows, columns = np.nonzero(numbers[0, : _ROWS // _STRIDE] > _LEAST["pnet"])
            places = np.stack([columns * _STRIDE + left, rows * _STRIDE + top], axis=1)
            parts.append(np.c_[places, numbers[:, rows, columns].T])
        found = np.concatenate(parts)
        low, high = found[:, 3:5], found[:, 5:7] + 1
        return found[:, :2] + (low + high) / 2 * _CELL, high - low, found[:, 2]

    def _looked(
        self, image: np.ndarray, windows: np.ndarray, network: str
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What `rnet` or `onet` sees in windows (N, 5): better boxes (N, 5), logits (N,), landmarks (N, P, 2)."""
        side, batch = _SIDES[network], _BATCHES[network]
        parts = [np.empty((0, 15 if network == "onet" else 5), np.float32)]
        for start in range(0, len(windows), batch):
            pixels = np.stack([patch(image, window, side) for window in windows[start : start + batch]])
            parts.append(np.asarray(self._sessions[network].run(None, {"pixels": pixels})[0]))
        numbers = np.concatenate(parts)
        points = numbers[:, 5:].reshape(len(numbers), 2, (numbers.shape[1] - 5) // 2).transpose(0, 2, 1)
        return moved(windows, numbers[:, 1:5]), numbers[:, 0], turned(windows, points)


def _session(network: str, threads: int) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(threads, _THREADS, os.cpu_count() or 1)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # it would take the cores from others
    options.enable_mem_pattern = False  # one would be kept for each size of picture: 70 MB more a detector
    options.log_severity_level = 3  # errors; they are raised as well
    return onnxruntime.InferenceSession(graph(network), options, providers=["CPUExecutionProvider"])


def _row(box: Box) -> tuple[float, ...]:
    x, y, width, height = box
    return x + width / 2, y + height / 2, width, height, 0.0


def _around(boxes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Square windows (N, 5) around faces, a little tighter than their boxes and turned as their landmarks (N, 5, 2)."""
    rolls = [roll_of(five) for five in points]
    return squared(np.c_[boxes[:, :4], np.array(rolls)], _AGAIN_MARGIN)


def _detection(image: np.ndarray, box: np.ndarray, logit: float, points: np.ndarray) -> Detection:
    (x, y), (width, height) = box[:2], box[2:4]
    inside = clipped(
        x - width / 2, y - height / 2, x + width / 2, y + height / 2, width=image.shape[1], height=image.shape[0]
    )
    first, second, third, fourth, fifth = ((float(across), float(down)) for across, down in points)
    return Detection(inside, float(1 / (1 + np.exp(-logit))), (first, second, third, fourth, fifth))
