"""Frames: what pictures, videos and cameras all become."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posterv2.preprocessing import read_image

if TYPE_CHECKING:
    from posterv2.inference.sources import Source


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


def frames_of(
    source: Source, fps: float | None = None, start: float | None = None, end: float | None = None, first: int = 0
) -> Iterator[Frame]:
    """The frames of a picture (one), a video or a camera (until it is closed), in their order.

    Args:
        fps, start, end, first: as `VideoReader` takes them; a camera heeds `fps` and `end`, a picture none.

    Raises:
        ImageError: a picture that cannot be read.
        VideoError: a video or camera that cannot be read, or not to its end; all frames before that come first.
        UsageError: settings that cannot be.
        MissingExtraError: a video, where the extra `video` is not installed.
    """
    if source.kind == "picture":
        yield Frame(source.name, 0, None, read_image(source.path, source.name))
    elif source.kind == "video":
        from posterv2.inference.video import VideoReader

        yield from VideoReader(source.path, fps, start, end, first=first, name=source.name)
    else:
        from posterv2.inference.camera import CameraReader

        with closing(CameraReader(source.camera, fps, end)) as frames:
            yield from frames
