"""Cameras: none is there in a test, so OpenCV's capture is played by a list."""

import cv2
import numpy as np
import pytest

from posterv2.errors import VideoError
from posterv2.inference.camera import CameraReader
from posterv2.inference.frames import Frame

RED = np.full((4, 6, 3), (0, 0, 255), np.uint8)  # OpenCV's order is BGR


class Capture:
    """A camera that gives `count` pictures, one every tenth of a second of the clock it moves."""

    count = 5
    now = 100.0

    def __init__(self, number: int) -> None:
        self.left, self.open = self.count, number == 0

    def isOpened(self) -> bool:  # noqa: N802
        return self.open

    def get(self, key: int) -> float:
        return 10.0 if key == cv2.CAP_PROP_FPS else 0.0

    def read(self) -> tuple[bool, np.ndarray | None]:
        Capture.now += 0.1
        self.left -= 1
        return self.left >= 0, RED if self.left >= 0 else None

    def release(self) -> None:
        self.open = False


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    monkeypatch.setattr("posterv2.inference.camera.time.monotonic", lambda: Capture.now)


def test_frames_come_with_times_until_the_camera_is_gone() -> None:
    frames: list[Frame] = []
    with pytest.raises(VideoError, match="camera:0: the camera gives no more pictures"):
        frames.extend(CameraReader(0))
    assert [(frame.source, frame.index) for frame in frames] == [("camera:0", number) for number in range(5)]
    assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert frames[0].image[0, 0].tolist() == [255, 0, 0]


def test_fps_and_end() -> None:
    assert [frame.index for frame in CameraReader(0, fps=5, end=0.35)] == [0, 2]


def test_it_ends_when_it_is_closed() -> None:
    camera = CameraReader(0)
    indices: list[int] = []
    for frame in camera:
        indices.append(frame.index)
        if frame.index == 2:
            camera.close()
    assert indices == [0, 1, 2]


def test_no_camera(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.undo()  # OpenCV's own
    with pytest.raises(VideoError, match="camera:99: there is no such camera"):
        CameraReader(99)
    assert capfd.readouterr().err == ""
