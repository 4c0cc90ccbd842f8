"""A camera through OpenCV, with OpenCV's part played by a test."""

import time

import cv2
import numpy as np
import pytest

from posterv2.errors import VideoError
from posterv2.inference.camera import CameraReader


class Device:
    """`cv2.VideoCapture` with two blue pictures in it, and then none."""

    opened = True
    released = False

    def __init__(self, index: int) -> None:
        self.left = 2
        Device.released = False

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.opened

    def get(self, setting: int) -> float:
        return 0.0

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return (True, np.full((4, 6, 3), (255, 0, 0), np.uint8)) if self.left >= 0 else (False, None)

    def release(self) -> None:
        Device.released = True


@pytest.fixture(autouse=True)
def device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Device)


def test_frames_are_rgb_and_an_unplugged_camera_says_so():
    frames = []
    reader = CameraReader(3)
    with pytest.raises(VideoError, match="camera:3: the camera gives no more pictures"):
        frames.extend(reader)
    reader.close()
    assert Device.released
    # `extend` keeps what came before the error.
    assert [(frame.source, frame.index) for frame in frames] == [("camera:3", 0), ("camera:3", 1)]
    assert frames[0].image.shape == (4, 6, 3)
    assert frames[0].image[0, 0].tolist() == [0, 0, 255]
    assert frames[0].time == 0
    assert frames[1].time >= 0


def test_the_end_comes_by_the_clock(monkeypatch: pytest.MonkeyPatch):
    clock = iter([10.0, 11.5, 12.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(Device, "read", lambda self: (True, np.zeros((4, 6, 3), np.uint8)))
    assert [frame.time for frame in CameraReader(0, end=2)] == [0, 1.5]


def test_no_camera(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Device, "opened", False)
    with pytest.raises(VideoError, match="camera:0: there is no such camera"):
        CameraReader(0)
