"""Windows of a picture that may be turned: what a network looks at, and what it says about where a face is.

Windows and boxes are rows (N, 5): x and y of the middle, width and height in pixels of the picture, and the angle in
degrees by which they are turned clockwise. Places inside a window are shares of its sides from its top left corner.
"""

import cv2
import numpy as np

from posterv2.preprocessing import turned_square

_MOST_DETAIL = 4  # a patch is shrunk by averaging up to so many pixels a side; beyond that some are left out


def turned(windows: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Places (N, P, 2) inside windows (N, 5) as pixels of the picture, (N, P, 2)."""
    away = (places - 0.5) * windows[:, None, 2:4]
    angles = np.radians(windows[:, 4])[:, None]
    cosine, sine = np.cos(angles), np.sin(angles)
    across = away[..., 0] * cosine - away[..., 1] * sine
    down = away[..., 0] * sine + away[..., 1] * cosine
    return windows[:, None, :2] + np.stack([across, down], axis=-1)


def moved(windows: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Windows (N, 5) whose left, top, right and bottom side are moved by `shifts` (N, 4), in shares of the sides."""
    low, high = shifts[:, :2], shifts[:, 2:] + 1
    middles = turned(windows, ((low + high) / 2)[:, None])[:, 0]
    return np.c_[middles, windows[:, 2:4] * (high - low), windows[:, 4]]


def squared(boxes: np.ndarray, margin: float = 0.0) -> np.ndarray:
    """Squares around boxes (N, 5), as large as the longer side and a share of it on each side."""
    sides = boxes[:, 2:4].max(axis=1, initial=0) * (1 + 2 * margin)
    return np.c_[boxes[:, :2], sides, sides, boxes[:, 4]]


def suppressed(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
    """Which boxes (N, 5) stay, best first, when each takes away the weaker ones that it overlaps by more than that.

    Overlap is the shared area over the area of both together. Angles are left out of account.
    """
    corners = np.c_[boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, 2:4]]
    positive = (scores - scores.min(initial=0) + 1).astype(np.float32)
    return np.array(cv2.dnn.NMSBoxes(corners, positive, 0.0, overlap), int)  # pyright: ignore[reportCallIssue, reportArgumentType]


def without_nested(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
    """The same for few boxes with overlap over the smaller one's area, so that a nose inside a face goes."""
    low, high = boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2
    areas = boxes[:, 2] * boxes[:, 3]
    left, kept = np.argsort(-scores, kind="stable"), []
    while left.size:
        best, left = left[0], left[1:]
        kept.append(best)
        shared = (np.minimum(high[best], high[left]) - np.maximum(low[best], low[left])).clip(0).prod(axis=1)
        left = left[shared <= overlap * np.minimum(areas[best], areas[left])]
    return np.array(kept, int)


def patch(image: np.ndarray, window: np.ndarray, side: int) -> np.ndarray:
    """The pixels of one square window (5,), (side, side, 3), turned upright; black outside the picture."""
    x, y, width, _, angle = map(float, window)
    fine = side * int(min(max(width / side, 1), _MOST_DETAIL))
    pixels = turned_square(image, (x, y), width, angle, fine, cv2.BORDER_CONSTANT)
    return pixels if fine == side else cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)


def smaller(image: np.ndarray, scale: float) -> np.ndarray:
    """A resized copy, of 1 pixel a side at least."""
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def turned_copy(image: np.ndarray, small: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """A copy of `small` in which what is turned clockwise by `angle` stands upright, and the way back to `image`.

    Returns:
        The copy, as large as it must be to hold all of the picture, black beside it; and the (2, 3) matrix that takes
        places in it, as shares of its sides, to pixels of `image`, of which `small` is a resized copy.
    """
    height, width = image.shape[:2]
    if not angle:
        return small, np.array([[width, 0.0, 0.0], [0.0, height, 0.0]])
    sides = np.array([small.shape[1], small.shape[0]])
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    size = np.ceil(np.abs(turn) @ sides)
    start = sides / 2 - turn @ size / 2  # where the copy's top left corner lies in the small picture
    matrix = np.c_[turn, start + turn @ (0.5, 0.5) - 0.5]  # of the pixels' middles
    copy = cv2.warpAffine(small, matrix, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return copy, np.c_[turn * size, start] * (np.array([width, height]) / sides)[:, None]
