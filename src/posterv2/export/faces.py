"""Real faces to try an exported file on."""

from pathlib import Path

import numpy as np

from posterv2.preprocessing import Preprocessing, read_image, turned_square

_PORTRAIT = Path(__file__).with_name("face.jpg")  # NASA's portrait of Eileen Collins, in the public domain
_MIDDLE, _SIDE = (67.0, 66.0), 78.0  # of the face in it, in pixels


def real_faces(preprocessing: Preprocessing, count: int) -> np.ndarray:
    """A portrait seen in `count` ways: moved, turned, larger and smaller, mirrored, darker and brighter.

    Returns:
        (count, S, S, 3), uint8, the same ones each time.
    """
    portrait, draw = read_image(_PORTRAIT), np.random.default_rng(0)
    views = []
    for _ in range(count):
        across, down = draw.uniform(-6, 6, 2)
        middle = _MIDDLE[0] + across, _MIDDLE[1] + down
        side = round(_SIDE * draw.uniform(0.85, 1.2))
        view = turned_square(portrait, middle, side, draw.uniform(-15, 15), side)
        view = np.clip(view * draw.uniform(0.6, 1.3), 0, 255).astype(np.uint8)
        views.append(preprocessing.pixels(np.ascontiguousarray(view[:, ::-1]) if draw.random() < 0.5 else view))
    return np.stack(views)
