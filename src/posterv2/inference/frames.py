"""Frames: what pictures, videos and cameras all become."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Frame:
    """One picture, or one frame of a video or a camera.

    Attributes:
        source: what the user calls it: a path, an address or `camera:0`.
        index: the frame's number among all of its video, from 0; 0 for a picture.
        time: seconds from the video's first frame; None for a picture.
        image: (H, W, 3), uint8, RGB, upright.
    """

    source: str
    index: int
    time: float | None
    image: np.ndarray
