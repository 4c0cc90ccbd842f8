"""YuNet's file is not here; what is around it is: errors, scales, the order of what it says."""

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from posterv2.errors import WeightsError
from posterv2.inference.detection.yunet import SEARCH_SIDE, YuNetDetector
from tests.tiny_graph import write_tiny_graph


class Network:
    """Says that a face fills the middle of whatever it gets, as OpenCV's class says it."""

    def __init__(self) -> None:
        self.size = (0, 0)

    def setInputSize(self, size: tuple[int, int]) -> None:  # noqa: N802
        self.size = size

    def detect(self, image: np.ndarray) -> tuple[int, np.ndarray | None]:
        width, height = self.size
        assert image.shape == (height, width, 3)
        if not image.any():
            return 1, None
        assert image[0, 0].tolist() == [3, 2, 1]  # BGR
        points = [0.4, 0.4, 0.6, 0.4, 0.5, 0.5, 0.4, 0.6, 0.6, 0.6]
        row = np.array([0.25, 0.25, 0.5, 0.5, *points] * np.array([width, height] * 7))
        second = row - [width * 0.3, 0, 0, 0, *[0] * 10]
        return 1, np.stack([np.r_[row, 0.9], np.r_[second, 0.8]]).astype(np.float32)


@pytest.fixture
def detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> YuNetDetector:
    monkeypatch.setattr(cv2, "FaceDetectorYN", SimpleNamespace(create=lambda *args, **named: Network()))
    (tmp_path / "yunet.onnx").touch()
    return YuNetDetector(tmp_path / "yunet.onnx")


@pytest.mark.parametrize(("width", "height"), [(400, 200), (SEARCH_SIDE * 4, SEARCH_SIDE * 2)])
def test_faces_in_pixels_of_the_picture(detector: YuNetDetector, width: int, height: int):
    left, right = detector.detect(np.full((height, width, 3), (1, 2, 3), np.uint8))
    assert right.box == (width // 4, height // 4, width // 2, height // 2)
    assert left.box[0] == 0  # it began outside
    assert right.score == pytest.approx(0.9)
    assert right.landmarks is not None
    np.testing.assert_allclose(
        np.array(right.landmarks) / (width, height),
        [(0.4, 0.4), (0.6, 0.4), (0.5, 0.5), (0.4, 0.6), (0.6, 0.6)],
        atol=1e-4,
    )


def test_no_face(detector: YuNetDetector):
    assert detector.detect(np.zeros((100, 100, 3), np.uint8)) == []


def test_files_that_are_no_yunet(tmp_path: Path):
    with pytest.raises(WeightsError, match=r"gone\.onnx: there is no such file"):
        YuNetDetector(tmp_path / "gone.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    for path in (tmp_path / "text.onnx", write_tiny_graph(tmp_path / "other.onnx")):
        with pytest.raises(WeightsError, match=rf"{path.name}: OpenCV cannot run this file as YuNet: .*"):
            YuNetDetector(path)
