"""A detector by its name or its file."""

from pathlib import Path

import pytest

from posterv2.errors import UsageError, WeightsError
from posterv2.inference.detection.factory import NAMES, open_detector
from posterv2.inference.detection.haar import HaarDetector
from posterv2.inference.detection.mtcnn import MtcnnDetector


def test_names():
    assert isinstance(open_detector(), MtcnnDetector)
    assert isinstance(open_detector("haar"), HaarDetector)
    for name in NAMES:
        assert callable(open_detector(name).detect)
    with pytest.raises(UsageError, match=r"no detector 'dlib'; choose one of mtcnn, haar, or .*YuNet"):
        open_detector("dlib")


def test_a_path_is_a_yunet_file(tmp_path: Path):
    for path in (tmp_path / "none.onnx", str(tmp_path / "none.onnx")):
        with pytest.raises(WeightsError, match=r"none\.onnx: there is no such file"):
            open_detector(path)
